"""Peaks: find the files of each TF and read BED, narrowPeak and broadPeak.

Coordinates are bp, 0-based, half-open; a summit is absolute.
"""

from __future__ import annotations

import io
import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pmntool.errors import InputError, PeakFormatError
from pmntool.text import is_name, read_bytes, read_lines

log = logging.getLogger("pmntool")

PEAK_SUFFIXES = (".narrowPeak", ".broadPeak", ".bed")
SHEET = ["tf", "path", "cell"]  # the columns of a sheet; the last may be missing
LARGEST = 2**40  # bp; no chromosome comes near, and sums of two stay far from an overflow
MOST_LINES = 20_000_000  # of one file
_NOT_DATA = (b"#", b"track ", b"track\t", b"browser ", b"browser\t")
_DATA = rb"^(?!#|(?:track|browser)[ \t])[^\t\n\0]+\t\d{1,18}\t\d{1,18}"


class Peaks(NamedTuple):
    """The peaks of one file, in the file's order; N rows."""

    chrom: np.ndarray  # object (N,): names
    start: np.ndarray  # int64 (N,), bp
    end: np.ndarray  # int64 (N,), bp
    summit: np.ndarray  # int64 (N,), bp, absolute: narrowPeak's summit where given, else the middle
    log10p: np.ndarray  # float64 (N,): −log10 p, NaN where not given


def find_peaks(paths: Sequence[Path]) -> dict[str, list[Path]]:
    """Return the peak files of each label, labels in alphabetical order.

    A folder gives its `<TF>.narrowPeak`, `.broadPeak` and `.bed` files, plain or `.gz`; a `.tsv` or `.txt` file is a
    sheet of tf, path and, where wanted, cell, a path being relative to the sheet. A label's name is the TF's, or
    `TF@cell` in a sheet with cells.

    Raises
    ------
    InputError
        A path is missing, a folder has no peaks, a name is no peak file's, or a sheet's line is wrong.
    """
    sources: dict[str, list[Path]] = {}
    for path in map(Path, paths):
        if path.is_dir():
            there = [file for file in sorted(path.iterdir()) if not file.name.startswith(".")]
            files = [file for file in there if _tf_name(file)]
            if not files:
                raise InputError(f"{path}: no peak file there; expected <TF>.narrowPeak, .broadPeak or .bed, or .gz")
            others = [file.name for file in there if not _tf_name(file)]
            if others:
                log.warning("%s: passed over, as no peak files by their names: %s", path, ", ".join(others[:10]))
            pairs = [(_tf_name(file), file) for file in files]
        elif path.suffix in (".tsv", ".txt"):
            pairs = _read_sheet(path)
        elif _tf_name(path):
            pairs = [(_tf_name(path), path)]
        else:
            lacking = "" if path.exists() else "no such file or folder; "
            raise InputError(
                f"{path}: {lacking}expected a folder, <TF>{'|'.join(PEAK_SUFFIXES)}[.gz], or a .tsv sheet of tf, path"
            )
        for tf, file in pairs:
            if not os.path.isfile(file):  # Path.is_file raises where a name is too long
                raise InputError(f"{file}: no such file" + (f" (named in {path})" if file != path else ""))
            if not is_name(tf):
                raise InputError(
                    f"{path}: {tf!r} is no name of a TF; expected text without tabs, outer blanks and the like"
                )
            if file not in sources.setdefault(tf, []):
                sources[tf].append(file)
    return dict(sorted(sources.items()))


def read_peaks(path: Path | str) -> Peaks:
    """Read a peak file, plain or gzip-compressed.

    narrowPeak (10 columns) and broadPeak (9 columns) are known by their suffix; a file of any name with exactly 10
    columns is narrowPeak too, as ENCODE calls its narrowPeak files `.bed.gz`. Everything else is BED, of which the
    first three columns are used. Comments, `track` and `browser` lines, blank lines and one header line are
    passed over. Coordinates are not checked against any genome. A summit may stand on the peak's end, as it does in
    some of ENCODE's files, but not beyond.

    Raises
    ------
    PeakFormatError
        The file cannot be read, or a line is not what its format asks for.

    Notes
    -----
    Formats: https://genome.ucsc.edu/FAQ/FAQformat.html
    """
    path = Path(path)
    content = read_bytes(path, PeakFormatError, unpack=True).removeprefix(b"\xef\xbb\xbf")  # a byte order mark
    if content.count(b"\n") + content.count(b"\r") > MOST_LINES:
        raise PeakFormatError(f"{path}: more than {MOST_LINES} lines; expected peaks")
    form = _form_of(path, content.partition(b"\n")[0])
    if b"\r" in content or not form.fits(content):  # lines that are no data, or a mistake
        lines = _data_lines(content)
        if not lines:
            return Peaks(np.empty(0, object), *(np.empty(0, np.int64) for _ in range(3)), np.empty(0))
        form = _form_of(path, lines[0][1])
        text = b"\n".join(line for _, line in lines)
        if not form.fits(text):
            raise _first_mistake(path, lines, form)
    else:
        text = content
    columns = {0: str, 1: np.int64, 2: np.int64}
    columns |= ({7: np.float64} if form.scored else {}) | ({9: np.int64} if form.narrow else {})
    try:
        table = pd.read_csv(
            io.BytesIO(b"\n" + text),  # it would take a byte order mark from its beginning
            sep="\t", header=None, usecols=list(columns), dtype=columns,
            na_filter=False, quoting=3, index_col=False,
        )  # fmt: skip
        peaks = _to_peaks(table, narrow=form.narrow)
    except (ValueError, OverflowError, pd.errors.ParserError):
        peaks = None
    if peaks is None or len(peaks.start) != _count_lines(text):
        raise _first_mistake(path, _data_lines(content), form)
    return peaks


class _Form(NamedTuple):
    """What the lines of a file are to be."""

    least: int  # columns

    @property
    def narrow(self) -> bool:
        return self.least == 10

    @property
    def scored(self) -> bool:
        return self.least > 3

    def fits(self, text: bytes) -> bool:
        """Say whether every line is data of this form; pandas would take 1e3 for a whole number."""
        more = rb"(?:\t[^\t\n]*){6}\t-?\d{1,18}" if self.narrow else rb"(?:\t[^\t\n]*){%d}" % (self.least - 3)
        return len(re.findall(_DATA + more + rb"(?=[\t\n]|\Z)", text, re.MULTILINE)) == _count_lines(text)


def _form_of(path: Path, first: bytes) -> _Form:
    """Return the form that a file's name and its first line of data ask for."""
    suffix = Path(path.name.removesuffix(".gz")).suffix.lower()
    narrow = suffix == ".narrowpeak" or first.count(b"\t") == 9
    return _Form(10 if narrow else 9 if suffix == ".broadpeak" else 3)


def _count_lines(text: bytes) -> int:
    return text.count(b"\n") + (not text.endswith(b"\n"))


def _data_lines(content: bytes) -> list[tuple[int, bytes]]:
    """Return the lines that hold data, with their numbers, from 0."""
    lines = [
        (number, line)
        for number, line in enumerate(content.splitlines())
        if line and not line.startswith(_NOT_DATA) and not line.isspace()
    ]
    return lines[1:] if lines and _is_header(lines[0][1]) else lines


def by_chrom(peaks: Peaks) -> dict[str, np.ndarray]:
    """Return the row numbers of each chromosome's peaks: name to int64, in the file's order."""
    codes, names = pd.factorize(peaks.chrom)
    counts = np.bincount(codes, minlength=len(names))
    rows = np.split(np.argsort(codes, kind="stable"), np.cumsum(counts)[:-1]) if len(names) else []
    return dict(zip(names, rows, strict=True))


def peak_windows(peaks: Peaks, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the intervals of `window` bp centered on the summits; they may pass a chromosome's ends.

    Returns
    -------
    start, end : int64, shape (N,), bp.
    """
    start = peaks.summit - window // 2
    return start, start + window


def _tf_name(path: Path) -> str | None:
    """Return the TF that a peak file's name says, or None for another file."""
    name = path.name.removesuffix(".gz")
    return next((name[: -len(s)] or None for s in PEAK_SUFFIXES if name.lower().endswith(s.lower())), None)


def _read_sheet(path: Path) -> list[tuple[str, Path]]:
    """Return a sheet's rows as label and path; the first line says whether the sheet has cells."""
    pairs: list[tuple[str, Path]] = []
    columns: list[str] = []
    for number, line in enumerate(read_lines(path, PeakFormatError), start=1):
        fields = [field.strip() for field in line.split("\t")]
        if not line.strip() or line.startswith("#"):
            continue
        if not columns:
            columns, first = SHEET[: 3 if len(fields) == 3 else 2], number
            if number == 1 and fields == columns:
                continue
        if len(fields) != len(columns) or not all(fields):
            wanted = f"{len(columns)} columns, {', '.join(columns)}, separated by tabs"
            like = f", as line {first} has" if number > first else ""
            raise PeakFormatError(f"{path}, line {number}: expected {wanted}{like}; found {line[:80]!r}")
        tf, file, *cell = fields
        label = "@".join([tf, *cell])
        if cell and label.count("@") > 1:
            raise PeakFormatError(f"{path}, line {number}: an @ in {label!r} that does not part tf and cell")
        pairs.append((label, path.parent / file))
    if not pairs:
        raise PeakFormatError(f"{path}: the sheet names no peak file")
    return pairs


def _is_header(line: bytes) -> bool:
    """Say whether a line names columns: where coordinates belong there is a word without a digit."""
    fields = line.split(b"\t")
    return len(fields) >= 3 and all(
        field.strip() and not any(c in b"0123456789" for c in field) for field in fields[1:3]
    )


def _to_peaks(table: pd.DataFrame, *, narrow: bool) -> Peaks | None:
    """Return the peaks of a parsed table, or None where a value breaks a rule."""
    start, end = table[1].to_numpy(), table[2].to_numpy()
    middle = (start + end) // 2
    offset = table[9].to_numpy() if narrow else np.full(len(start), -1)
    log10p = table[7].to_numpy() if 7 in table else np.full(len(start), -1.0)
    good = (start >= 0) & (end > start) & (end <= LARGEST) & (offset >= -1) & (offset <= end - start)
    good &= (log10p >= 0) | (log10p == -1)
    chrom = table[0].to_numpy(dtype=object)
    if not good.all() or "" in set(chrom):
        return None
    summit = np.where(offset >= 0, start + offset, middle)
    return Peaks(chrom, start, end, summit, np.where(log10p < 0, np.nan, log10p))


def _first_mistake(path: Path, lines: list[tuple[int, bytes]], form: _Form) -> PeakFormatError:
    """Return the error for the first line that the fast reader would not take."""
    for number, raw in lines:
        problem = _mistake(raw, form)
        if problem:
            return PeakFormatError(f"{path}, line {number + 1}: {problem}")
    return PeakFormatError(f"{path}: cannot be read as a table of tab-separated columns")


def _mistake(raw: bytes, form: _Form) -> str | None:
    """Say what is wrong with one line, or None."""
    try:
        fields = raw.decode("utf-8").split("\t")
    except UnicodeDecodeError:
        return f"not text: {raw[:20]!r}; is this a peak file?"
    if len(fields) < form.least:
        hint = "; columns are separated by tabs" if len(raw.split()) >= form.least else ""
        return f"expected at least {form.least} columns, found {len(fields)}{hint}"
    if not fields[0] or "\0" in fields[0]:
        return "the chromosome's name is empty or holds a NUL"
    values = []
    for name, text in zip(("start", "end"), fields[1:3], strict=True):
        if not re.fullmatch(r"-?[0-9]+", text):
            return f"{name} {text!r} is not a whole number"
        values.append(int(text[:30]))  # enough to be too large
    start, end = values
    if start < 0:
        return f"start {start} is negative"
    if end <= start:
        return f"end {end} is not after start {start}"
    if end > LARGEST or max(map(len, fields[1:3])) > 18:
        return f"end {end} is larger than any chromosome"
    if form.scored:
        try:
            valid = float(fields[7]) >= 0 or float(fields[7]) == -1
        except ValueError:
            valid = False
        if not valid:
            return f"column 8, −log10 p, is {fields[7]!r}; expected a number of at least 0, or -1 for not given"
    if form.narrow:
        if not re.fullmatch(r"-?[0-9]+", fields[9]):
            return f"column 10, the summit's offset, is {fields[9]!r}; expected a whole number, or -1 for not given"
        offset = int(fields[9][:30])
        if not -1 <= offset <= end - start:
            return f"the summit's offset {offset} lies outside the peak of {end - start} bp"
    return None
