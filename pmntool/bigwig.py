"""bigWig files, written and read: the only home of pyBigWig and, where that has no wheel, of pybigtools.

What pybigtools (0.3.0) writes differs: chromosomes without an entry have no name in the file, and a track without any
entry cannot be written.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from itertools import repeat
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pmntool.errors import InputError, OutputError, PmnError
from pmntool.text import as_time, counted, is_unicode

if TYPE_CHECKING:
    from pmntool.regions import Region

log = logging.getLogger("pmntool")

BLOCK = 100_000  # values handed to the library at a time
MOST_BYTES, RUN_BYTES, SPARE_BYTES = 5, 200, 65_536  # of a value, of values in a row, and of the library's buffers
LOOK_UP, LONG = 7e-9, 5.0  # s: of a chromosome among others, for each of these; a track that one is warned of
MAGIC = bytes.fromhex("26fc8f88")  # at both ends of a bigWig
_ENTRY = np.dtype([("start", np.int64), ("end", np.int64), ("value", np.float64)])


class File(Protocol):
    """A file that is being written; see `create`."""

    def add(self, chrom: str, start: np.ndarray, values: np.ndarray, stride: int) -> None:
        """Append entries of `stride` bp: start, bp, and values, both (n,), ascending and apart."""

    def close(self) -> None:
        """Finish the file."""

    def check(self, bases: int, path: Path) -> None:
        """Read the file back: it must be whole and cover so many bases."""

    def abandon(self) -> None:
        """Close what is not worth finishing."""


class IntervalsFile(File, Protocol):
    """A bigWig that is being written."""

    def add_each(self, chrom: str, starts: list[int], ends: list[int], values: list[float]) -> None:
        """Append entries of any length."""


def require_library(path: Path) -> ModuleType:
    """Return the library that writes a path: pyBigWig, or pybigtools where that is not installed.

    Raises
    ------
    OutputError
        Neither is, or the path is not UTF-8, at which pyBigWig ends the process.
    """
    library = _library()
    if library is None:
        raise OutputError("bigWig cannot be written: no pyBigWig or pybigtools is installed; use --format bedgraph")
    _require_unicode(path, OutputError)
    return library


def warn_of_many(n_chroms: int) -> None:
    """Warn of so many chromosomes that a track takes long: pyBigWig looks each up among all."""
    seconds = LOOK_UP * n_chroms**2
    if seconds > LONG:
        log.warning(
            "a bigWig of %s takes about %s a track, however short they are; --format bedgraph takes less",
            counted(n_chroms, "chromosome"), as_time(seconds),
        )  # fmt: skip


def create(path: Path, sizes: Mapping[str, int]) -> IntervalsFile:
    """Begin a bigWig.

    Raises
    ------
    OutputError
        No library is installed, or the path is not UTF-8; any method: the file cannot be written.
    """
    library = require_library(path)
    return (_ByPyBigWig if library.__name__ == "pyBigWig" else _ByPybigtools)(library, path, sizes)


def write_intervals(path: Path, sizes: Mapping[str, int], intervals: Mapping[str, Sequence[tuple[int, int]]]) -> None:
    """Write a bigWig that is 1 in the intervals of each chromosome: bp, ascending, apart, within `sizes`."""
    track = create(path, sizes)
    for chrom in sizes:
        if intervals.get(chrom):
            starts, ends = map(list, zip(*intervals[chrom], strict=True))
            track.add_each(chrom, starts, ends, [1.0] * len(starts))
    track.close()
    track.check(sum(end - start for found in intervals.values() for start, end in found), path)


def highest(path: Path, region: Region, n_bins: int) -> np.ndarray:
    """Return the highest value in each of `n_bins` parts of a region, (n_bins,), as `tracks.highest`.

    Raises
    ------
    InputError
        The file is no bigWig or ends before the region, its path is not UTF-8, or no library is installed.
    """
    library = _library()
    if library is None:
        raise InputError(f"{path}: a bigWig cannot be read: neither pyBigWig nor pybigtools is installed")
    _require_unicode(path, InputError)
    read = _highest_by_pybigwig if library.__name__ == "pyBigWig" else _highest_by_pybigtools
    try:
        if not _is_whole(path):  # of which pyBigWig may die
            raise ValueError
        return read(library, path, region, n_bins)
    except BaseException as error:  # each library has errors of its own
        if isinstance(error, Exception) or _is_panic(error):
            raise InputError(f"{path}: cannot be read as bigWig, or does not reach {region[0]}:{region[2]}") from error
        raise


def _require_unicode(path: Path, error: type[PmnError]) -> None:
    if not is_unicode(str(path)):
        raise error(f"{path}: the name is not UTF-8, which bigWig needs; take another, or bedGraph")


def _library() -> ModuleType | None:
    for name in ("pyBigWig", "pybigtools"):
        with suppress(ImportError):
            return import_module(name)
    return None


def _highest_by_pybigwig(library: ModuleType, path: Path, region: Region, n_bins: int) -> np.ndarray:
    with library.open(str(path)) as track:
        return np.array(track.stats(*region, type="max", nBins=n_bins), dtype=np.float64)


def _highest_by_pybigtools(library: ModuleType, path: Path, region: Region, n_bins: int) -> np.ndarray:
    with open(path, "rb") as file, library.open(file) as track:
        if region[2] > track.chroms().get(region[0], region[2]):
            raise ValueError
        if region[0] not in track.chroms():  # no entry there
            return np.full(n_bins, np.nan)
        return np.asarray(track.values(*region, bins=n_bins, summary="max", fillna=None))


def _is_panic(error: BaseException) -> bool:
    """Say whether pybigtools gave up, on a full disk or a damaged block: its error is no Exception."""
    return type(error).__name__ == "PanicException"


def _is_whole(path: Path) -> bool:
    """Say whether a file begins and ends as a bigWig does: the end is written last of all."""
    with open(path, "rb") as file:
        first = file.read(4)
        file.seek(max(os.path.getsize(path) - 4, 0))
        return first == file.read() == MAGIC


class _ByPyBigWig:
    def __init__(self, library: ModuleType, path: Path, sizes: Mapping[str, int]) -> None:
        path.touch()  # where that fails, pyBigWig would end the process
        self._library, self._sizes, self._path = library, dict(sizes), path
        self._file = library.open(str(path), "w")
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
        good = _is_whole(path)
        if good:
            with self._library.open(str(path)) as written:
                good = written.chroms() == self._sizes
                good &= self._empty or written.header()["nBasesCovered"] == bases
        if not good:
            raise OutputError(f"{path}: the bigWig is not complete; is the disk full?")

    abandon = close


class _ByPybigtools:
    """A bigWig by a library that takes all entries at once: they wait in a temporary file."""

    def __init__(self, library: ModuleType, path: Path, sizes: Mapping[str, int]) -> None:
        path.touch()
        self._library, self._path, self._sizes = library, path, dict(sizes)
        self._waiting = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115  (closed with the track)
        self._runs: list[tuple[str, int]] = []  # chromosome and number of entries

    def add(self, chrom: str, start: np.ndarray, values: np.ndarray, stride: int) -> None:
        self._wait(chrom, start, start + stride, values)

    def add_each(self, chrom: str, starts: list[int], ends: list[int], values: list[float]) -> None:
        self._wait(chrom, np.array(starts), np.array(ends), np.array(values))

    def _wait(self, chrom: str, start: np.ndarray, end: np.ndarray, values: np.ndarray) -> None:
        entries = np.empty(len(start), _ENTRY)
        entries["start"], entries["end"], entries["value"] = start, end, values
        self._waiting.write(entries.tobytes())
        self._runs.append((chrom, len(entries)))

    def _entries(self) -> Iterator[tuple[str, int, int, float]]:
        self._waiting.seek(0)
        for chrom, count in self._runs:
            for first in range(0, count, BLOCK):
                some = np.frombuffer(self._waiting.read(min(BLOCK, count - first) * _ENTRY.itemsize), _ENTRY)
                yield from zip(repeat(chrom), *(some[name].tolist() for name in _ENTRY.names), strict=False)

    def close(self) -> None:
        with self._waiting:
            if not any(count for _, count in self._runs):
                raise OutputError(f"{self._path}: pybigtools writes no bigWig without an entry; use --format bedgraph")
            named = self._path.with_name(f"{self._path.name}.bw")  # it writes under no other suffix
            try:
                self._library.open(str(named), "w").write(self._sizes, self._entries())
                os.replace(named, self._path)
            except BaseException as error:
                if _is_panic(error):
                    raise OutputError(f"{self._path}: the bigWig is not complete; is the disk full?") from error
                raise
            finally:
                named.unlink(missing_ok=True)

    def check(self, bases: int, path: Path) -> None:
        good = _is_whole(path)
        if good:
            with open(path, "rb") as file, self._library.open(file) as written:
                good = written.info()["summary"]["basesCovered"] == bases
        if not good:
            raise OutputError(f"{path}: the bigWig is not complete; is the disk full?")

    def abandon(self) -> None:
        self._waiting.close()
