"""Open a FASTA by its index, plain or bgzip-compressed, or say what is wrong with it: the only home of pysam."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pmntool.chroms import LONGEST
from pmntool.errors import GenomeError
from pmntool.fasta_index import read_index, why_unfit

if TYPE_CHECKING:
    import pysam

Fetch = Callable[[str, int, int], np.ndarray]  # letters of a chromosome from here to there, uint8

log = logging.getLogger("pmntool")

MOST_PACKED = 1032  # times that gzip makes a file smaller
GZIP = b"\x1f\x8b"
STEP = 1 << 22  # bytes of a file looked at together


class Opened(NamedTuple):
    """An open FASTA."""

    fetch: Fetch
    index: Path
    block_index: Path | None  # of bgzip
    sizes: dict[str, int]  # chromosome name to length in bp, in the order of the file


def open_fasta(path: Path, closing: ExitStack) -> Opened:
    """Open a FASTA by the index beside it where that fits (`fasta_index`), else by one in a temporary folder.

    Nothing is written beside the file. `closing` closes it and removes a temporary index.

    Raises
    ------
    GenomeError
        The file is missing, empty, not FASTA, has ragged lines or duplicate names, or is gzip but not bgzip.
    """
    _check_head(path)
    import pysam

    pysam.set_verbosity(0)  # its library would print beside the error that we raise
    compressed = _starts_with(path, GZIP)
    found = _open_beside(path, compressed, closing) or _open_anew(path, compressed, closing)
    if problem := _why_not_these(path, found.sizes, compressed=compressed):
        raise GenomeError(f"{path}: {problem}")
    return found


def _open_beside(path: Path, compressed: bool, closing: ExitStack) -> Opened | None:
    """Open a FASTA by the index beside it; None, and said, where that cannot be used."""
    index, block_index = Path(f"{path}.fai"), Path(f"{path}.gzi") if compressed else None
    before = stamps(index, block_index)
    unfit = why_unfit(path, index, block_index)
    if not unfit:
        with suppress(OSError, ValueError, TypeError):
            found = _open(path, index, block_index, closing)
            if stamps(index, block_index) == before:
                return found
        unfit = "it changed while it was read, or is no index"
    if index.exists():
        log.warning("%s is not used: %s", index, unfit)
    return None


def _open_anew(path: Path, compressed: bool, closing: ExitStack) -> Opened:
    """Index a FASTA in a temporary folder and open it."""
    import pysam

    folder = Path(tempfile.mkdtemp(prefix="pmntool-"))
    closing.callback(shutil.rmtree, folder, ignore_errors=True)
    index, block_index = folder / "genome.fai", folder / "genome.gzi" if compressed else None
    log.info("indexing %s", path)
    try:
        if not compressed:
            _check_names(path)
        pysam.faidx(
            os.fsencode(path), "--fai-idx", str(index), *(["--gzi-idx", str(block_index)] if compressed else [])
        )
        return _open(path, index, block_index, closing)
    except (OSError, ValueError, pysam.SamtoolsError) as error:
        raise GenomeError(_why_not_fasta(path)) from error


def _open(path: Path, index: Path, block_index: Path | None, closing: ExitStack) -> Opened:
    import pysam

    blocks = str(block_index) if block_index else None
    file = closing.enter_context(
        pysam.FastaFile(str(path), filepath_index=str(index), filepath_index_compressed=blocks)
    )
    fetch = _blocks(file) if block_index else _plain(path, index, closing)
    return Opened(fetch, index, block_index, dict(zip(file.references, file.lengths, strict=True)))


def _blocks(file: pysam.FastaFile) -> Fetch:
    return lambda chrom, start, end: np.frombuffer(file.fetch(chrom, start, end).encode("latin-1"), dtype=np.uint8)


def _plain(path: Path, index: Path, closing: ExitStack) -> Fetch:
    """Read whole lines from where the index says that they stand, and cut their ends off; faster than pysam.

    A sequence whose lines end in blanks here and there misleads the index; it is a ValueError, or holds a blank.
    """
    lines = {name.decode("latin-1"): lines for name, lines in read_index(index)}
    file = closing.enter_context(path.open("rb"))

    def fetch(chrom: str, start: int, end: int) -> np.ndarray:
        _, offset, bases, width = lines[chrom]
        if bases < 1:
            raise ValueError("its first line has no base")
        first, last = start // bases, (end - 1) // bases
        block = np.empty((last - first + 1, width), dtype=np.uint8)
        skip = start % bases  # a line may be a whole chromosome
        file.seek(offset + first * width + skip)
        size = skip + file.readinto(block.reshape(-1)[skip : (last - first) * width + (end - 1) % bases + 1])
        if (block[: size // width, bases:] > ord(" ")).any():
            raise ValueError("a line goes on where the index lets it end")
        n_letters = size // width * bases + min(size % width, bases)
        letters = block[:, :bases].reshape(-1)[:n_letters]
        return letters[skip : end - first * bases]

    return fetch


def _check_head(path: Path) -> None:
    """Raise where one look at the file shows that it is no FASTA."""
    if path.exists() and not path.is_file():
        raise GenomeError(f"{path}: cannot be read by position; expected a file, not a folder or pipe")
    try:
        with open(path, "rb") as file:
            head = file.read(65536)
    except OSError as error:
        raise GenomeError(f"{path}: cannot be read ({_reason(error)})") from error
    if not head:
        raise GenomeError(f"{path}: the file is empty; expected FASTA")
    if head.startswith(GZIP):
        if head[12:16] != b"BC\x02\x00":
            raise GenomeError(
                f"{path}: gzip, but not bgzip, cannot be read by position; run `gunzip` on it, or `gunzip -c | bgzip`"
            )
    elif not head.lstrip().startswith(b">"):
        raise GenomeError(f"{path}, line 1: expected FASTA, '>' and a name; found {head[:40]!r}")


def stamps(*paths: Path | None) -> list[tuple[int, int, int]] | None:
    """Return what changes when a file is written again; None where one is not there."""
    try:
        found = [os.stat(path) for path in paths if path]
    except OSError:
        return None
    return [(stat.st_ino, stat.st_size, stat.st_mtime_ns) for stat in found]


def _why_not_these(path: Path, sizes: Mapping[str, int], *, compressed: bool) -> str | None:
    """Say why an index's chromosomes cannot be those of a file, or None."""
    if not sizes:
        return "no sequence found; expected FASTA, and where there is a .fai, its own"
    strange = [name for name in sizes if not (name and name.isascii() and name.isprintable())]
    if strange:
        return f"a chromosome is called {strange[0]!r}; expected printable ASCII"
    longest = max(sizes, key=lambda chrom: sizes[chrom])
    if sizes[longest] > LONGEST or min(sizes.values()) < 0:
        return f"a chromosome has {sizes[longest]} bp; expected at most {LONGEST}"
    if sum(sizes.values()) > path.stat().st_size * (MOST_PACKED if compressed else 1):
        return "is too small for the sequence that its .fai tells of; remove the .fai"
    return None


def _why_not_fasta(path: Path) -> str:
    """Return a message with the first line that breaks the index's rules."""
    if _starts_with(path, GZIP):
        return f"{path}: cannot be read as bgzip-compressed FASTA; is it complete?"
    names: set[bytes] = set()
    width, short, opened = None, False, 1
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            if line.startswith(b">"):
                name = line[1:].split()[0] if line[1:].split() else b""
                if not name or name in names:
                    problem = f"the name {name.decode(errors='replace')!r} stands there twice" if name else "no name"
                    return f"{path}, line {number}: {problem}; expected '>' and a name of its own"
                names.add(name)
                width, short, opened = None, False, number
            elif width is None:
                width = len(line)
            elif short or len(line) > width:
                return (
                    f"{path}, line {number}: all lines of a sequence but the last must have one length, blanks at "
                    "their ends included; `samtools faidx` has the same rule, `seqkit seq -w 60` mends the file"
                )
            else:
                short = len(line) < width
    if width is None:
        return f"{path}, line {opened}: the sequence has no bases"
    return f"{path}: cannot be indexed as FASTA; is {tempfile.gettempdir()}, where the index goes, full?"


def _check_names(path: Path) -> None:
    """Raise where a name is missing or stands there twice; name chromosomes without a base. An index says nothing."""
    names: list[bytes] = []
    empty: list[str] = []
    with open(path, "rb") as file:
        before = b"\n"
        while block := file.read(STEP):
            at = block.find(b">")
            while at >= 0:
                if (block[at - 1 : at] or before) == b"\n":
                    if (end := block.find(b"\n", at)) < 0:
                        block += file.readline()
                        end = len(block) - 1
                    names.append(next(iter(block[at + 1 : end + 1].split()), b""))
                    if (block[end + 1 : end + 2] or file.peek(1)[:1]) == b">":
                        empty.append(names[-1].decode(errors="replace"))
                at = block.find(b">", at + 1)
            before = block[-1:]
    if b"" in names or len(set(names)) < len(names):
        raise GenomeError(_why_not_fasta(path))
    if empty:
        log.warning("%s: %s: no base, left out", path, ", ".join(empty[:10]))


def _starts_with(path: Path, magic: bytes) -> bool:
    with open(path, "rb") as file:
        return file.read(len(magic)) == magic


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
