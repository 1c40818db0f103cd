"""Tracks: one bigWig or bedGraph file per TF, for genome browsers, written and read; the only home of pyBigWig.

Windows overlap and the entries of a track may not, so a window's probability stands on its central stride:
[start + (W − S) // 2, + S), bp, 0-based, half-open.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import os
import re
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np
import pandas as pd

from pmntool.errors import InputError, OutputError
from pmntool.intervals import tile
from pmntool.regions import Region

SUFFIXES = {"bigwig": ".bw", "bedgraph": ".bedGraph.gz"}
BLOCK = 100_000  # values handed to the bigWig library at a time
MOST_BYTES, RUN_BYTES, SPARE_BYTES = 5, 200, 65_536  # of a value, of values in a row, and of the library's buffers
MAGIC = bytes.fromhex("26fc8f88")  # at both ends of a bigWig
_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{i}" for port in ("com", "lpt") for i in range(1, 10))}


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
    return (_highest_of_bigwig if path.suffix == ".bw" else _highest_of_bedgraph)(path, region, n_bins)


def _highest_of_bigwig(path: Path, region: Region, n_bins: int) -> np.ndarray:
    try:
        import pyBigWig
    except ImportError as error:
        raise InputError(f"{path}: a bigWig cannot be read: pyBigWig is not installed") from error
    try:
        with pyBigWig.open(str(path)) as track:
            return np.array(track.stats(*region, type="max", nBins=n_bins), dtype=np.float64)
    except RuntimeError as error:
        raise InputError(f"{path}: cannot be read as bigWig, or does not reach {region[0]}:{region[2]}") from error


def _highest_of_bedgraph(path: Path, region: Region, n_bins: int) -> np.ndarray:
    chrom, begin, stop = region
    edges = begin + (stop - begin) * np.arange(n_bins + 1) // n_bins
    found = np.full(n_bins, np.nan)
    names = ["chrom", "start", "end", "value"]
    types = {"chrom": str, "start": np.int64, "end": np.int64, "value": np.float64}
    try:
        for rows in pd.read_csv(path, sep="\t", names=names, dtype=types, na_filter=False, chunksize=BLOCK):
            rows = rows[(rows["chrom"] == chrom) & (rows["end"] > begin) & (rows["start"] < stop)]
            first = np.searchsorted(edges, rows["start"], side="right").clip(1) - 1
            count = np.searchsorted(edges, rows["end"]).clip(None, n_bins) - first
            bins = np.repeat(first - np.cumsum(count) + count, count) + np.arange(count.sum())
            np.fmax.at(found, bins, np.repeat(rows["value"], count))
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read as bedGraph ({getattr(error, 'strerror', None) or error})") from error
    return found


def write_intervals(path: Path, sizes: Mapping[str, int], intervals: Mapping[str, Sequence[tuple[int, int]]]) -> None:
    """Write a bigWig that is 1 in the intervals of each chromosome: bp, ascending, apart, within `sizes`."""
    track = _BigWig(path, sizes)
    for chrom in sizes:
        if intervals.get(chrom):
            starts, ends = map(list, zip(*intervals[chrom], strict=True))
            track.add_each(chrom, starts, ends, [1.0] * len(starts))
    track.close()
    track.check(sum(end - start for found in intervals.values() for start, end in found), path)


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
        self._file: _File = (_BigWig if kind == "bigwig" else _BedGraph)(path, sizes)

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


class _File(Protocol):
    def add(self, chrom: str, start: np.ndarray, values: np.ndarray, stride: int) -> None: ...
    def close(self) -> None: ...
    def check(self, bases: int, path: Path) -> None: ...
    def abandon(self) -> None: ...


class _BigWig:
    def __init__(self, path: Path, sizes: Mapping[str, int]) -> None:
        try:
            import pyBigWig
        except ImportError as error:
            raise OutputError("bigWig cannot be written: pyBigWig is not installed; use --format bedgraph") from error
        path.touch()  # where that fails, pyBigWig would end the process
        self._library, self._sizes, self._path = pyBigWig, dict(sizes), path
        self._file = pyBigWig.open(str(path), "w")
        self._written(self._file.addHeader, list(sizes.items()))
        self._empty, self._room = True, 0

    def add(self, chrom: str, start: np.ndarray, values: np.ndarray, stride: int) -> None:
        ends = [*(np.flatnonzero(np.diff(start) != stride) + 1), len(start)]  # of runs of neighbors
        self._require_room(MOST_BYTES * len(start) + RUN_BYTES * len(ends))
        first = 0
        for end in ends:
            for begin in range(first, end, BLOCK):
                block = values[begin : min(begin + BLOCK, end)].astype(np.float64)
                self._written(self._file.addEntries, chrom, int(start[begin]), values=block, span=stride, step=stride)
                self._empty = False
            first = end

    def add_each(self, chrom: str, starts: list[int], ends: list[int], values: list[float]) -> None:
        self._written(self._file.addEntries, [chrom] * len(starts), starts, ends=ends, values=values)
        self._empty = False

    def _require_room(self, size: int) -> None:
        """Raise where the file cannot grow by `size` bytes; the library would write past the end of its memory.

        Small pieces are asked for together.
        """
        self._room -= size
        if self._room < SPARE_BYTES:
            with tempfile.TemporaryFile(dir=self._path.parent) as trial:
                trial.seek(os.path.getsize(self._path))
                trial.write(bytes(size + 2 * SPARE_BYTES))
            self._room = 2 * SPARE_BYTES

    def _written(self, method: Callable[..., None], *args: Any, **kwargs: Any) -> None:
        """Call the library, whose every failure to write is a RuntimeError without a cause."""
        try:
            method(*args, **kwargs)
        except RuntimeError as error:
            raise OutputError(f"{self._path}: cannot be written ({error}); is the disk full?") from error

    def close(self) -> None:
        self._file.close()

    def check(self, bases: int, path: Path) -> None:
        with open(path, "rb") as file:
            first = file.read(4)
            file.seek(max(os.path.getsize(path) - 4, 0))
            last = file.read()
        good = first == last == MAGIC  # which is written last of all; the library itself crashes on half a file
        if good:
            with self._library.open(str(path)) as written:
                good = written.chroms() == self._sizes
                good &= self._empty or written.header()["nBasesCovered"] == bases
        if not good:
            raise OutputError(f"{path}: the bigWig is not complete; is the disk full?")

    abandon = close


class _BedGraph:
    def __init__(self, path: Path, sizes: Mapping[str, int]) -> None:
        self._raw = open(path, "wb")  # noqa: SIM115  (closed with the track)
        self._file = gzip.GzipFile(filename="", mode="wb", fileobj=self._raw, compresslevel=6, mtime=0)

    def add(self, chrom: str, start: np.ndarray, values: np.ndarray, stride: int) -> None:
        table = pd.DataFrame({"chrom": chrom, "start": start, "end": start + stride, "value": values})
        text = io.StringIO()
        table.to_csv(text, sep="\t", header=False, index=False, lineterminator="\n", quoting=csv.QUOTE_NONE)
        self._file.write(text.getvalue().encode())

    def close(self) -> None:
        with self._raw:
            self._file.close()

    def check(self, bases: int, path: Path) -> None:
        """Nothing to check: gzip and the system report what could not be written."""

    def abandon(self) -> None:
        with suppress(OSError):
            self.close()
