"""Read a genome: FASTA to base codes.

Coordinates are 0-based and half-open. A base code is a uint8: 0 1 2 3 for A C G T in either case, 4 for
everything else (N, IUPAC letters, gaps).
"""

from __future__ import annotations

import hashlib
import logging
import string
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np

from pmntool.errors import GenomeError
from pmntool.fasta import open_fasta, stamps

log = logging.getLogger("pmntool")

N_CODE = 4
LOOK = 10_000  # bases that are looked at to tell DNA from protein
PIECE = 1 << 20  # bp that are read, and hashed, at a time: they stay in the processor's cache
HASHERS = 2  # chromosomes that are hashed at a time
_BASES = {letter: code for code, letters in enumerate((b"Aa", b"Cc", b"Gg", b"Tt")) for letter in letters}
_CODES = bytes(_BASES.get(letter, N_CODE) for letter in range(256))
_LETTERS = string.ascii_letters.encode() + b"*-."


def encode(sequence: bytes | str | np.ndarray) -> np.ndarray:
    """Translate letters into base codes.

    Parameters
    ----------
    sequence
        DNA letters, ASCII, either case; as an array uint8.

    Returns
    -------
    uint8, shape (len(sequence),), read-only.

    Examples
    --------
    >>> encode("ACGTacgtNR").tolist()
    [0, 1, 2, 3, 0, 1, 2, 3, 4, 4]
    """
    letters = sequence.encode("ascii") if isinstance(sequence, str) else bytes(sequence)
    return np.frombuffer(letters.translate(_CODES), dtype=np.uint8)


def why_not_dna(letters: bytes) -> str | None:
    """Say why letters are no DNA, or None; those that only proteins have are no mistake where few."""
    if letters.translate(None, _LETTERS):
        return "holds blanks or signs that are no letters"
    head = letters[:LOOK].upper()
    if sum(map(b"EFILPQ".count, head)) > len(head) / 20:
        return f"begins with {head[:20].decode()}; expected DNA, not a protein"
    return None


class Genome:
    """An indexed FASTA file, plain or bgzip-compressed.

    Its index may be temporary (`fasta.open_fasta`): a read-only folder does, nothing is left beside the data, and no
    other process sees half an index. One handle belongs to one process and one thread.

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
        self._stamps = stamps(self.path)
        with ExitStack() as closing:
            self._read, self.index, self.block_index, self.sizes = open_fasta(self.path, closing)
            if problem := self._why_not_dna():
                raise GenomeError(f"{self.path}: {problem}")
            self._threads, self._hashing = closing.enter_context(ThreadPoolExecutor(HASHERS)), []
            self._closing = closing.pop_all()
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

    def letters_and_checksum(self, chrom: str) -> tuple[np.ndarray, Future[str]]:
        """Return a chromosome's letters, uint8, and the MD5 of its upper-case letters as in the M5 tag of a SAM header.

        The MD5 of a long one is made beside, while the next are read; the letters of three are in memory at most.
        """
        letters = np.empty(self.sizes[chrom], dtype=np.uint8)
        for start, piece in self._pieces(chrom):
            letters[start : start + len(piece)] = piece
        checksum: Future[str] = Future()
        if len(letters) < PIECE:
            checksum.set_result(_md5([letters]))
        else:
            wait(self._hashing[: 1 - HASHERS][-1:])
            pieces = (letters[start : start + PIECE] for start in range(0, len(letters), PIECE))
            checksum = self._threads.submit(_md5, pieces)
            self._hashing.append(checksum)
        return letters, checksum

    def checksum(self, chrom: str) -> str:
        """Return the same MD5 without holding the chromosome in memory."""
        return _md5(piece for _, piece in self._pieces(chrom))

    def require_unchanged(self) -> None:
        """Raise where the file was written to since it was opened; another that took its name does no harm.

        Raises
        ------
        GenomeError
            What was read may be half of one sequence and half of another.
        """
        now = stamps(self.path)
        if now and self._stamps and now != self._stamps and now[0][0] == self._stamps[0][0]:  # the same inode
            raise GenomeError(f"{self.path}: was written to while it was read; run the command again, with --force")

    def close(self) -> None:
        """Close the file and remove a temporary index."""
        self._closing.close()

    def _why_not_dna(self) -> str | None:
        """Say why the first bases are none, or None."""
        first = next(iter(self.sizes))
        why = why_not_dna(self._fetch(first, 0, min(self.sizes[first], LOOK)).tobytes())
        return why and f"{first} {why}"

    def _pieces(self, chrom: str) -> Iterator[tuple[int, np.ndarray]]:
        """Yield where each piece of a chromosome begins, and its letters, uint8."""
        for start in range(0, self.sizes[chrom], PIECE):
            yield start, self._fetch(chrom, start, min(start + PIECE, self.sizes[chrom]))

    def _fetch(self, chrom: str, start: int, end: int) -> np.ndarray:
        place = f"{self.path}: {chrom}:{start}-{end}"
        try:
            letters = self._read(chrom, start, end) if start < end else np.empty(0, dtype=np.uint8)
        except (ValueError, KeyError, OSError) as error:
            raise GenomeError(f"{place} cannot be read; is the .fai its own, and no blank in its lines?") from error
        if len(letters) != end - start:
            raise GenomeError(f"{place} gave {len(letters)} bases; is the .fai its own?")
        if not ((letters & 0xDF) - 65 < 26).all() and letters.tobytes().translate(None, _LETTERS):  # 0xDF: capitals
            raise GenomeError(f"{place} holds blanks or signs that are no letters")
        return letters

    def __enter__(self) -> Genome:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        self.close()


def _md5(pieces: Iterable[np.ndarray]) -> str:
    """Return the MD5 of letters and `*-.`, uint8, in upper case; unlike with `bytes.upper`, other threads run."""
    digest = hashlib.md5(usedforsecurity=False)
    for piece in pieces:
        digest.update(piece & ~(piece >> 1 & 0x20))  # 0x20 makes a letter small, 0x40 tells letters from signs
    return digest.hexdigest()
