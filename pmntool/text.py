"""Files of text, read whole but never more than fits in memory; a few words of messages; values of JSON."""

from __future__ import annotations

import csv
import difflib
import errno
import gzip
import json
import logging
import math
import os
import stat
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from pmntool.errors import InputError

log = logging.getLogger("pmntool")

MOST_BYTES = 1 << 29  # of one file, unpacked
PLAIN = {"sep": "\t", "index": False, "lineterminator": "\n", "quoting": csv.QUOTE_NONE}  # as bedtools writes and reads
MOST_NESTED = 32  # lists and objects of JSON within one another
_GZIP = b"\x1f\x8b"


def read_bytes(path: Path, error: type[InputError], *, unpack: bool = False) -> bytes:
    """Return a file's content, with `unpack` decompressed where it is gzip.

    Raises
    ------
    InputError
        As `error`: the file cannot be read, or holds more than `MOST_BYTES`.
    """
    try:
        with open(path, "rb") as file:
            packed = unpack and file.peek(2).startswith(_GZIP)
            content = (gzip.GzipFile(fileobj=file) if packed else file).read(MOST_BYTES + 1)
    except (OSError, EOFError, ValueError, zlib.error) as problem:  # a ValueError of a path that holds a NUL
        raise error(f"{path}: cannot be read ({getattr(problem, 'strerror', None) or problem})") from problem
    if len(content) > MOST_BYTES:
        raise error(f"{path}: holds more than {MOST_BYTES} bytes of text; expected a smaller file")
    log.debug("read %s: %d bytes", path, len(content))
    return content


def open_plain(path: Path) -> BinaryIO:
    """Open a file for reading; a pipe or device, which may never end, is an OSError, as a missing file is."""
    mode = os.stat(path).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError(errno.EINVAL, "it is no plain file", str(path))
    return open(path, "rb")


def read_plain(path: Path) -> bytes:
    """Return the content of a file as `open_plain` opens it."""
    with open_plain(path) as file:
        return file.read()


def read_lines(path: Path, error: type[InputError]) -> list[str]:
    """Return the lines of a UTF-8 file, less their ends (LF, CRLF or CR) and a byte order mark.

    Raises
    ------
    InputError
        As `error`: the file cannot be read, is too large, or is not text.
    """
    try:
        text = read_bytes(path, error).decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise error(f"{path}: is not text (byte {problem.start + 1}); expected UTF-8, unpacked") from problem
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def counted(number: int, noun: str) -> str:
    """Return a number of things in words for people.

    Examples
    --------
    >>> counted(1, "TF"), counted(12_000, "window")
    ('1 TF', '12,000 windows')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def as_bytes(number: float) -> str:
    """Return so many bytes in words for people.

    Examples
    --------
    >>> as_bytes(5_200), as_bytes(31_400_000), as_bytes(2.5e12)
    ('5.2 kB', '31.4 MB', '2,500.0 GB')
    """
    unit, size = next(((unit, size) for unit, size in (("GB", 1e9), ("MB", 1e6)) if number >= size), ("kB", 1e3))
    return f"{number / size:,.1f} {unit}"


def as_time(seconds: float) -> str:
    """Return a length of time in words for people.

    Examples
    --------
    >>> as_time(42.4), as_time(125), as_time(9000)
    ('42 s', '2 min', '2 h 30 min')
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def is_name(text: object) -> bool:
    """Say whether a TF may be called so: text, no blank around it, no tab or other control character.

    Examples
    --------
    >>> is_name("NF-κB (p65)/RELA"), is_name("a\\tb"), is_name("a "), is_name(""), is_name(3)
    (True, False, False, False, False)
    """
    return isinstance(text, str) and text.isprintable() and text.strip() == text != ""


def is_unicode(text: str) -> bool:
    """Say whether a text can be written as UTF-8; Python holds other bytes of a path as lone surrogates."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def shorten(names: Sequence[str], most: int = 8) -> str:
    """Return names for a message, the first few where there are many."""
    return ", ".join(names[:most]) + (f", … ({len(names)} in all)" if len(names) > most else "")


def suggest(unknown: Sequence[str], names: Sequence[str]) -> str:
    """Return what may have been meant by names that are not there, or what names there are.

    Examples
    --------
    >>> suggest(["REB1", "reb1"], ["Abf1", "Reb1"]), suggest(["CTCF"], ["Abf1", "Reb1"])
    ('did you mean Reb1?', 'it has Abf1, Reb1')
    """
    folded = {name.casefold(): name for name in names}
    near = [folded[word] for name in unknown for word in difflib.get_close_matches(name.casefold(), folded, n=1)]
    return f"did you mean {', '.join(dict.fromkeys(near))}?" if near else f"it has {shorten(names)}"


def is_count(value: object, least: int = 0) -> bool:
    """Say whether a value of JSON is a whole number that is no length or count beyond reason."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= 2**40


def is_text(value: object) -> bool:
    """Say whether a value of JSON is text."""
    return isinstance(value, str)


def is_number(value: object) -> bool:
    """Say whether a value of JSON is a number that a float holds."""
    return isinstance(value, int | float) and abs(value) <= sys.float_info.max


def is_measure(value: object) -> bool:
    """Say whether a value of JSON is a number, or the null that stands for NaN."""
    return value is None or is_number(value)


def misfit(value: Any, shape: Any, place: str = "") -> str | None:
    """Return the place of the first part of a value of JSON that has not the shape asked for, or None.

    Parameters
    ----------
    shape
        A function that says whether a value will do; `[shape]`, a list of such; `{str: shape}`, such under any names;
        `{"a": shape, …}`, an object that has at least these.

    Examples
    --------
    >>> misfit({"files": [{"size": 1}, {"size": "x"}]}, {"files": [{"size": is_count}]})
    'files.1.size'
    """
    if callable(shape):
        return None if shape(value) else place
    if not isinstance(value, type(shape)):
        return place
    if isinstance(shape, list):
        parts = [(i, part, shape[0]) for i, part in enumerate(value)]
    elif str in shape:
        parts = [(name, part, shape[str]) for name, part in value.items()]
    else:
        parts = [(name, value.get(name, ...), its) for name, its in shape.items()]
    found = (misfit(part, its, f"{place}.{name}".lstrip(".")) for name, part, its in parts)
    return next((where for where in found if where is not None), None)


def are_names(value: object) -> bool:
    """Say whether a value of JSON is a list of TFs' names, each once."""
    return isinstance(value, list) and all(map(is_name, value)) and 0 < len(value) == len(set(value))


def parse_json(content: bytes) -> Any:
    """Return what JSON holds.

    Raises
    ------
    ValueError
        It is no JSON, nested too deep, or holds NaN or a number that is too large.
    """
    try:
        value = json.loads(content, parse_float=_finite, parse_constant=_finite)
    except RecursionError as problem:
        raise ValueError("nested too deep") from problem
    inner = [value]
    for _ in range(MOST_NESTED):
        lists = [part.values() if isinstance(part, dict) else part for part in inner if isinstance(part, dict | list)]
        inner = [part for parts in lists for part in parts]
    if any(isinstance(part, dict | list) for part in inner):
        raise ValueError("nested too deep")
    return value


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is no number")
    return value
