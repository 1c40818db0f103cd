"""Read a genome: FASTA to base codes, chromosome names and sizes.

Coordinates are 0-based and half-open. A base code is a uint8: 0 1 2 3 for A C G T in either case, 4 for
everything else (N, IUPAC letters, gaps).
"""

from __future__ import annotations

import hashlib
import logging
import mmap
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from pmntool.errors import GenomeError, MismatchError
from pmntool.fasta_index import why_unfit
from pmntool.text import read_lines

if TYPE_CHECKING:
    import pysam

log = logging.getLogger("pmntool")

N_CODE = 4
LONGEST = 2**31 - 1  # bp of a chromosome, as in BAM; pysam counts no further
MOST_PACKED = 1032  # times that gzip makes a file smaller
LOOK = 10_000  # bases that are looked at to tell DNA from protein
PIECE = 1 << 24  # bp that are read at a time for a checksum
_CODES = np.full(256, N_CODE, dtype=np.uint8)
for _code, _letters in enumerate((b"Aa", b"Cc", b"Gg", b"Tt")):
    _CODES[list(_letters)] = _code
_STRANGE = np.ones(256, dtype=bool)
_STRANGE[[*range(ord("A"), ord("Z") + 1), *range(ord("a"), ord("z") + 1), *b"*-."]] = False


def encode(sequence: bytes | str) -> np.ndarray:
    """Translate letters into base codes.

    Parameters
    ----------
    sequence
        DNA letters, ASCII, either case.

    Returns
    -------
    uint8, shape (len(sequence),).

    Examples
    --------
    >>> encode("ACGTacgtNR").tolist()
    [0, 1, 2, 3, 0, 1, 2, 3, 4, 4]
    """
    letters = sequence.encode("ascii") if isinstance(sequence, str) else sequence
    return _CODES[np.frombuffer(letters, dtype=np.uint8)]


def why_not_dna(letters: bytes) -> str | None:
    """Say why letters are no DNA, or None; those that only proteins have are no mistake where few."""
    if _STRANGE[np.frombuffer(letters, np.uint8)].any():
        return "holds blanks or signs that are no letters"
    head = letters[:LOOK].upper()
    if sum(map(b"EFILPQ".count, head)) > len(head) / 20:
        return f"begins with {head[:20].decode()}; expected DNA, not a protein"
    return None


class Genome:
    """An indexed FASTA file, plain or bgzip-compressed.

    An index (`.fai`) beside the file is used where it fits (`fasta_index`); else one is made in a temporary folder,
    so that a read-only folder does, nothing is left beside the data, and no other process sees half an index. One
    handle belongs to one process and one thread.

    Parameters
    ----------
    path
        The FASTA file.

    Attributes
    ----------
    path : Path
    sizes : dict of chromosome name to length in bp, in the order of the file
    index, block_index : Path or None
        The `.fai` and, of bgzip, the `.gzi` in use; gone once the genome is closed where they are temporary.

    Raises
    ------
    GenomeError
        The file is missing, empty, not FASTA, has ragged lines or duplicate names, or is gzip but not bgzip.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._temporary: str | None = None
        _check_fasta(self.path)
        import pysam

        pysam.set_verbosity(0)  # its library would print beside the error that we raise
        index = Path(f"{self.path}.fai")
        compressed = _starts_with(self.path, b"\x1f\x8b")
        block_index = Path(f"{self.path}.gzi") if compressed else None
        before = _stamps(index, block_index)
        unfit = why_unfit(self.path, index, block_index)
        if not unfit:
            with suppress(OSError, ValueError):
                self._file = _open(self.path, index, block_index)
            if not hasattr(self, "_file") or _stamps(index, block_index) != before:
                self.close()
                unfit = "it changed while it was read, or is no index"
        if unfit:
            if index.exists():
                log.warning("%s is not used: %s", index, unfit)
            self._temporary = tempfile.mkdtemp(prefix="pmntool-")
            index = Path(self._temporary, "genome.fai")
            block_index = Path(self._temporary, "genome.gzi") if compressed else None
            log.info("indexing %s", self.path)
            try:
                if not compressed:
                    _check_names(self.path)
                arguments = ["--fai-idx", str(index)] + (["--gzi-idx", str(block_index)] if compressed else [])
                pysam.faidx(str(self.path), *arguments)
                self._file = _open(self.path, index, block_index)
            except (OSError, ValueError, pysam.SamtoolsError) as error:
                why = _why_not_fasta(self.path)
                self.close()
                raise GenomeError(why) from error
            except BaseException:  # a signal, while a large genome is indexed
                self.close()
                raise
        self.index, self.block_index = index, block_index
        self.sizes = dict(zip(self._file.references, self._file.lengths, strict=True))
        try:
            if problem := _why_not_these(self.path, self.sizes, compressed=compressed) or self._why_not_dna():
                raise GenomeError(f"{self.path}: {problem}")
        except GenomeError:
            self.close()
            raise
        log.debug("opened %s: %d chromosomes, %d bp", self.path, len(self.sizes), sum(self.sizes.values()))

    def codes(self, chrom: str, start: int, end: int) -> np.ndarray:
        """Return the base codes of `chrom` from `start` to `end` (bp).

        Returns
        -------
        uint8, shape (end - start,).

        Raises
        ------
        GenomeError
            The interval does not lie within the chromosome, or the file gave another number of bases.
        """
        if chrom not in self.sizes or not 0 <= start <= end <= self.sizes[chrom]:
            raise GenomeError(f"{self.path}: {chrom}:{start}-{end} is not within the genome")
        return encode(self._fetch(chrom, start, end))

    def codes_and_checksum(self, chrom: str) -> tuple[np.ndarray, str]:
        """Return a chromosome's base codes, and the MD5 of its upper-case letters as in the M5 tag of a SAM header."""
        letters = self._fetch(chrom, 0, self.sizes[chrom])
        return encode(letters), hashlib.md5(letters.upper(), usedforsecurity=False).hexdigest()

    def checksum(self, chrom: str) -> str:
        """Return the same MD5 without holding the chromosome in memory."""
        digest = hashlib.md5(usedforsecurity=False)
        for start in range(0, self.sizes[chrom], PIECE):
            digest.update(self._fetch(chrom, start, min(start + PIECE, self.sizes[chrom])).upper())
        return digest.hexdigest()

    def close(self) -> None:
        """Close the file and remove a temporary index."""
        if hasattr(self, "_file"):
            self._file.close()
        if self._temporary:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def _why_not_dna(self) -> str | None:
        """Say why the first bases are none, or None."""
        first = next(iter(self.sizes))
        why = why_not_dna(self._fetch(first, 0, min(self.sizes[first], LOOK)))
        return why and f"{first} {why}"

    def _fetch(self, chrom: str, start: int, end: int) -> bytes:
        try:
            letters = self._file.fetch(chrom, start, end).encode("ascii") if start < end else b""
        except UnicodeError as error:
            raise GenomeError(f"{self.path}: {chrom}:{start}-{end} holds bytes that are no letters") from error
        except (ValueError, KeyError, OSError) as error:
            raise GenomeError(f"{self.path}: {chrom}:{start}-{end} cannot be read; is the .fai its own?") from error
        if len(letters) != end - start:
            raise GenomeError(f"{self.path}: {chrom}:{start}-{end} gave {len(letters)} bases; is the .fai its own?")
        if _STRANGE[np.frombuffer(letters, np.uint8)].any():
            raise GenomeError(f"{self.path}: {chrom}:{start}-{end} holds blanks or signs that are no letters")
        return letters

    def __enter__(self) -> Genome:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        self.close()


def read_sizes(path: Path | str) -> dict[str, int]:
    """Read chromosome sizes from a `.fai` or `chrom.sizes` table: name, length (bp), anything.

    Raises
    ------
    GenomeError
        The file is missing or empty, or a line is not a name and a positive length.
    """
    path = Path(path)
    sizes: dict[str, int] = {}
    for number, line in enumerate(read_lines(path, GenomeError), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) < 2 or not fields[0] or not (fields[1].isascii() and fields[1].isdigit()) or len(fields[1]) > 15:
            raise GenomeError(f"{path}, line {number}: expected a name, a tab and a length in bp; found {line[:80]!r}")
        if int(fields[1]) > LONGEST:
            raise GenomeError(f"{path}, line {number}: {int(fields[1])} bp; expected at most {LONGEST}")
        if fields[0] in sizes:
            raise GenomeError(f"{path}, line {number}: chromosome {fields[0]!r} stands there twice")
        sizes[fields[0]] = int(fields[1])
    if not sizes:
        raise GenomeError(f"{path}: no chromosome found; expected lines of a name, a tab and a length in bp")
    return sizes


def holds_sizes_only(path: Path | str) -> bool:
    """Say whether the name is that of a size table rather than of a FASTA."""
    return str(path).endswith((".fai", ".sizes", ".genome", ".tsv", ".txt"))


def select_chroms(sizes: Mapping[str, int], chroms: Iterable[str], *, option: str) -> list[str]:
    """Return those names of `sizes` that `chroms` asks for, in the order of the genome.

    Raises
    ------
    MismatchError
        A name is not in the genome; `option` says where it was asked for.
    """
    asked = list(chroms)
    unknown = [chrom for chrom in asked if chrom not in sizes]
    if unknown:
        raise MismatchError(f"{option}: no chromosome {', '.join(unknown)} in the genome{name_hint(unknown, sizes)}")
    return [chrom for chrom in sizes if chrom in set(asked)]


def same_but_for_style(names: Iterable[str], sizes: Iterable[str]) -> tuple[str, str] | None:
    """Return the first of `names` that `sizes` has under another common form (chr1 / 1, chrM / MT), and that form."""
    known = set(sizes)
    return next(((name, form) for name in names for form in _aliases(name) if form in known), None)


def name_hint(names: Iterable[str], sizes: Iterable[str]) -> str:
    """Return what there is in place of `names`, and the likely cause where there is one: the tail of a message."""
    known = list(sizes)
    pair = same_but_for_style(names, known)
    cause = f": {pair[0]!r} here is {pair[1]!r} there" if pair else ""
    return f" (it has {', '.join(known[:6])}{', …' if len(known) > 6 else ''}{cause})"


def _aliases(name: str) -> list[str]:
    """Return other ways in which common genomes write a chromosome's name."""
    bare = name[3:] if name.lower().startswith("chr") else name
    other = {"M": "MT", "MT": "M"}.get(bare.upper(), bare)  # the mitochondrion
    return [form for form in (bare, other, f"chr{bare}", f"chr{other}", name.lower()) if form and form != name]


def _check_fasta(path: Path) -> None:
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
    if head.startswith(b"\x1f\x8b"):
        if head[12:16] != b"BC\x02\x00":
            raise GenomeError(
                f"{path}: gzip, but not bgzip, cannot be read by position; run `gunzip` on it, or `gunzip -c | bgzip`"
            )
    elif not head.lstrip().startswith(b">"):
        raise GenomeError(f"{path}, line 1: expected FASTA, '>' and a name; found {head[:40]!r}")


def _open(path: Path, index: Path, block_index: Path | None) -> pysam.FastaFile:
    import pysam

    return pysam.FastaFile(
        str(path), filepath_index=str(index), filepath_index_compressed=str(block_index) if block_index else None
    )


def _stamps(*paths: Path | None) -> list[tuple[int, int, int]] | None:
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
    if _starts_with(path, b"\x1f\x8b"):
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
                    f"{path}, line {number}: all lines of a sequence but the last must have one length; "
                    "`samtools faidx` has the same rule, `seqkit seq -w 60` mends the file"
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
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at = content.find(b">")
        while at >= 0:
            if at == 0 or content[at - 1 : at] == b"\n":
                content.seek(at + 1)
                names.append(next(iter(content.readline().split()), b""))
                if content[content.tell() : content.tell() + 1] == b">":
                    empty.append(names[-1].decode(errors="replace"))
            at = content.find(b">", at + 1)
    if b"" in names or len(set(names)) < len(names):
        raise GenomeError(_why_not_fasta(path))
    if empty:
        log.warning("%s: %s: no base, left out", path, ", ".join(empty[:10]))


def _starts_with(path: Path, magic: bytes) -> bool:
    with open(path, "rb") as file:
        return file.read(len(magic)) == magic


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
