"""Tracks: one bigWig or bedGraph file per TF, for genome browsers, written and read.

Windows overlap and the entries of a track may not, so a window's probability stands on its central stride:
[start + (W − S) // 2, + S), bp, 0-based, half-open.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import logging
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from pmntool import bigwig
from pmntool.errors import InputError
from pmntool.intervals import tile
from pmntool.text import PLAIN, counted

if TYPE_CHECKING:
    from pmntool.regions import Region

log = logging.getLogger("pmntool")

SUFFIXES = {"bigwig": ".bw", "bedgraph": ".bedGraph.gz"}
BLOCK = 100_000  # lines of a bedGraph read or written at a time
COLUMNS = ("chrom", "start", "end", "value")
_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{i}" for port in ("com", "lpt") for i in range(1, 10))}


def check_options(kind: str, least: float | None) -> None:
    """Refuse a kind of track that there is not, and a smallest value that is no probability."""
    if kind not in SUFFIXES:
        raise InputError(f"--format {kind}: expected {' or '.join(SUFFIXES)}")
    if least is not None and not 0 <= least <= 1:
        raise InputError(f"--min-probability {least}: expected 0 to 1")


def central_stride(start: int, window: int, stride: int) -> int:
    """Return where the entry of the window that begins at `start` begins; it is `stride` bp long.

    Examples
    --------
    >>> central_stride(0, 200, 50)
    75
    """
    return start + (window - stride) // 2


def window_runs(
    sizes: Mapping[str, int], regions: Iterable[Region], window: int, stride: int
) -> Iterator[tuple[str, int, int]]:
    """Yield chromosome, first window and the one after the last, of the windows that belong to each region.

    A window belongs to the region in which its central stride begins.
    """
    margin = central_stride(0, window, stride)
    for chrom, start, end in regions:
        first = max(0, -((margin - start) // stride))  # ceil((start − margin) / stride)
        last = min(tile(sizes[chrom], window, stride), -((margin - end) // stride))
        if first < last:
            yield chrom, first, last


def warn_of_empty(sizes: Mapping[str, int], regions: Sequence[Region], window: int, stride: int) -> None:
    """Warn of regions to which no window belongs."""
    empty = [region for region in regions if not any(window_runs(sizes, [region], window, stride))]
    if empty:
        chrom, start, end = empty[0]
        log.warning(
            "%d of %s, first %s:%d-%d: no window has its center there, and no value is written; windows stand every "
            "%d bp, and regions should be as long",
            len(empty), counted(len(regions), "region"), chrom, start + 1, end, stride,
        )  # fmt: skip


def file_stems(tfs: Sequence[str]) -> dict[str, str]:
    """Return a file name, less its suffix, for each TF: safe on every file system, and never one name for two TFs.

    Letters, digits, dot, dash and underscore stand for themselves. A name with anything else, one that differs from
    another by case alone, and one that a system keeps for itself get a short checksum of the TF's name behind.

    Examples
    --------
    >>> file_stems(["CTCF", "A/B"])
    {'CTCF': 'CTCF', 'A/B': 'A_B-998d3e'}
    """
    folded = Counter(tf.casefold() for tf in tfs)
    stems = {}
    for tf in tfs:
        stem = re.sub(r"[^A-Za-z0-9._-]", "_", tf)[:100].lstrip(".-") or "_"
        alone = folded[tf.casefold()] == 1 and tf.casefold().split(".")[0] not in _RESERVED
        stems[tf] = stem if stem == tf and alone else f"{stem}-{hashlib.sha256(tf.encode()).hexdigest()[:6]}"
    return stems


def highest(path: Path, region: Region, n_bins: int) -> np.ndarray:
    """Return the highest value of a track in each of `n_bins` parts of a region, equal but for the last bp.

    A bigWig's own summaries are used where a part is long, so that a whole chromosome costs no more than a gene.

    Returns
    -------
    float64, shape (n_bins,); NaN where the track has no value.

    Raises
    ------
    InputError
        The file is missing, no bigWig or bedGraph, or bigWig cannot be read on this machine.
    """
    return (bigwig.highest if path.suffix == ".bw" else _highest_of_bedgraph)(path, region, n_bins)


def _highest_of_bedgraph(path: Path, region: Region, n_bins: int) -> np.ndarray:
    import pandas as pd

    chrom, begin, stop = region
    edges = begin + (stop - begin) * np.arange(n_bins + 1) // n_bins
    found = np.full(n_bins, np.nan)
    types = {"chrom": str, "start": np.int64, "end": np.int64, "value": np.float64}
    try:
        if not path.stat().st_size:  # which passes for gzip
            raise ValueError("empty")
        for rows in pd.read_csv(
            path.absolute(),  # pandas takes ~/ for a home
            sep="\t", names=COLUMNS, dtype=types, na_filter=False, quoting=csv.QUOTE_NONE, chunksize=BLOCK,
        ):  # fmt: skip
            rows = rows[(rows["chrom"] == chrom) & (rows["end"] > begin) & (rows["start"] < stop)]
            if (rows["start"].to_numpy()[1:] < rows["end"].to_numpy()[:-1]).any():
                raise ValueError("entries overlap, or are out of order")
            first = np.searchsorted(edges, rows["start"], side="right").clip(1) - 1
            count = np.searchsorted(edges, rows["end"]).clip(None, n_bins) - first
            bins = np.repeat(first - np.cumsum(count) + count, count) + np.arange(count.sum())
            np.fmax.at(found, bins, np.repeat(rows["value"], count))
    except (OSError, EOFError, ValueError, OverflowError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read as bedGraph ({getattr(error, 'strerror', None) or error})") from error
    return found


class Track:
    """The track of one TF, open for writing; use as a context manager.

    Parameters
    ----------
    path
        The file, in an existing folder.
    sizes
        Chromosome name to length in bp; entries must come in this order. Sorted by name (as by `sort -k1,1`), every
        reader of bigWig finds its way.
    stride
        Length of an entry, bp.
    kind
        "bigwig" or "bedgraph" (gzip-compressed).
    decimals
        Round values to so many; None writes them as they are.
    least
        Leave out entries with a value below; None keeps all.

    Attributes
    ----------
    entries : int
        How many have been written.

    Raises
    ------
    OutputError
        The file cannot be written, or bigWig cannot be written on this machine.
    """

    def __init__(
        self, path: Path, sizes: Mapping[str, int], *, stride: int, kind: str = "bigwig", decimals: int | None = None,
        least: float | None = None,
    ) -> None:  # fmt: skip
        self.entries = 0
        self._path, self._stride, self._decimals, self._least = path, stride, decimals, least
        self._file: bigwig.File = (bigwig.create if kind == "bigwig" else _BedGraph)(path, sizes)

    def write(self, chrom: str, start: int, values: np.ndarray) -> None:
        """Append consecutive entries.

        Parameters
        ----------
        start
            Where the first entry begins, bp.
        values
            float32, shape (n,): the entry after each is `stride` bp further on.
        """
        if self._decimals is not None:
            values = values.round(self._decimals)
        places = start + np.arange(len(values), dtype=np.int64) * self._stride
        kept = slice(None) if self._least is None else np.flatnonzero(values >= self._least)
        self._file.add(chrom, places[kept], values[kept], self._stride)
        self.entries += len(places[kept])

    def close(self) -> None:
        """Finish the file and read it back: header and covered bases must be what was written.

        Raises
        ------
        OutputError
            The file could not be finished.
        """
        self._file.close()
        self._file.check(self.entries * self._stride, self._path)

    def __enter__(self) -> Track:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        if error is None:
            self.close()
        else:
            self._file.abandon()


class _BedGraph:
    def __init__(self, path: Path, sizes: Mapping[str, int]) -> None:
        self._raw = open(path, "wb")  # noqa: SIM115  (closed with the track)
        self._file = gzip.GzipFile(filename="", mode="wb", fileobj=self._raw, compresslevel=6, mtime=0)
        self._waiting: list[tuple[np.ndarray, ...]] = []  # columns of entries
        self._n_waiting = 0

    def add(self, chrom: str, start: np.ndarray, values: np.ndarray, stride: int) -> None:
        self._waiting.append((np.full(len(start), chrom, object), start, start + stride, values))
        self._n_waiting += len(start)
        if self._n_waiting >= BLOCK:
            self._write()

    def _write(self) -> None:
        """Write what waits, many short chromosomes together."""
        import pandas as pd  # which bigWig does without

        if not self._waiting:
            return
        *places, values = map(np.concatenate, zip(*self._waiting, strict=True))
        digits = values.astype(str).astype(object)  # pandas 2 would write float32 with the digits of float64
        table = pd.DataFrame(dict(zip(COLUMNS, (*places, digits), strict=True)))
        self._file.write(table.to_csv(header=False, **PLAIN).encode())
        self._waiting, self._n_waiting = [], 0

    def close(self) -> None:
        with self._raw:
            self._write()
            self._file.close()

    def check(self, bases: int, path: Path) -> None:
        """Nothing to check: gzip and the system report what could not be written."""

    def abandon(self) -> None:
        with suppress(OSError):
            self.close()
