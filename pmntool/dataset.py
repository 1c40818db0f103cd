"""The dataset on disk: a folder of plain arrays and one JSON file that opens without pmntool.

```
dataset.json   what it is: TFs in label order, window, stride, chromosomes, splits, what was left out, checksums
windows.bed    chrom, start, end, split; one row a window, sorted by split, chromosome (FASTA order), start
sequence.npy   uint8 (S,): base codes of the kept windows; windows that overlap or touch share one stretch
offsets.npy    int64 (N,): where window i begins in sequence.npy
labels.npy     uint8 (N, ceil(L / 8)): bit j of row i (most significant bit first) is 1 where TF j binds window i
leakage.tsv    chrom, start, end, split, share; windows of valid and test whose sequence stands in train too
```
"""

from __future__ import annotations

import csv
import hashlib
import io
import logging
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pmntool.checksums import file_checksum, require_written
from pmntool.errors import DatasetError, MismatchError
from pmntool.genome import N_CODE
from pmntool.kinds import MARKERS, nearest
from pmntool.labels import SPLITS
from pmntool.npy import read_array, read_checked
from pmntool.staging import write_json
from pmntool.text import PLAIN, are_names, is_count, misfit, parse_json, read_plain, shorten, suggest

log = logging.getLogger("pmntool")

FORMAT = "pmntool-dataset"
FORMAT_VERSION = 1
ARRAYS = ("windows.bed", "sequence.npy", "offsets.npy", "labels.npy")
LEAKAGE = "leakage.tsv"  # a dataset of before there was one lacks it


class Dataset:
    """A dataset folder, opened; its arrays are in memory; what was checked is what is used.

    Parameters
    ----------
    path
        The folder that `build-dataset` wrote.

    Attributes
    ----------
    meta : dict
        The content of dataset.json.
    tfs : list of str
        L names, in label order.
    window, stride : int
        bp.
    sequence : uint8, shape (S,)
        Base codes; see `pmntool.genome`.
    offsets : int64, shape (N,)
        Where each window begins in `sequence`.
    packed : uint8, shape (N, ceil(L / 8))
        The labels, as in labels.npy.
    checksum : str
        SHA-256 of dataset.json, which holds those of the other files.

    Raises
    ------
    DatasetError
        The folder is no dataset, is of another version, incomplete, or a file is not as it was written.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        content = _read(self.path)
        self.checksum = hashlib.sha256(content).hexdigest()
        self.meta = _parse(content, self.path)
        self.tfs: list[str] = self.meta["tfs"]
        self.window: int = self.meta["window"]
        self.stride: int = self.meta["stride"]
        files = self.meta["files"]
        for name in ("windows.bed", *({LEAKAGE} & files.keys())):
            checksum = file_checksum(self.path / name, DatasetError)
            require_written(self.path / name, checksum, files[name], "dataset.json", DatasetError)
        n_windows = sum(self.meta["splits"][split]["windows"] for split in SPLITS)
        bytes_a_window = (self.window, 8, -(-len(self.tfs) // 8))
        self.sequence, self.offsets, self.packed = (
            read_array(self.path / name, files[name], n_windows * size)
            for name, size in zip(ARRAYS[1:], bytes_a_window, strict=True)
        )
        self._check_arrays()
        log.debug("opened %s: %d windows, %d TFs", self.path, len(self), len(self.tfs))

    def __len__(self) -> int:
        return len(self.offsets)

    def rows(self, split: str) -> slice:
        """Return the rows of a split, which stand together."""
        counts = [self.meta["splits"][name]["windows"] for name in SPLITS]
        first = sum(counts[: SPLITS.index(split)])
        return slice(first, first + counts[SPLITS.index(split)])

    def stretch(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the bases of a split, uint8 (T,), and where each of its windows begins in them, int64 (n,)."""
        offsets = self.offsets[self.rows(split)]
        if not len(offsets):
            return self.sequence[:0], offsets
        first, last = int(offsets[0]), int(offsets[-1]) + self.window
        return self.sequence[first:last], offsets - first

    def targets(self, split: str, tfs: Sequence[str] | None = None) -> np.ndarray:
        """Return which TFs bind a split's windows.

        Returns
        -------
        uint8, shape (n, len(tfs)); columns in the order of `tfs`, all TFs by default.
        """
        y = np.unpackbits(self.packed[self.rows(split)], axis=1, count=len(self.tfs))
        return y if tfs is None else y[:, self.columns(tfs)]

    def columns(self, tfs: Sequence[str]) -> list[int]:
        """Return the label columns of `tfs`.

        Raises
        ------
        MismatchError
            A TF is not in the dataset.
        """
        unknown = [tf for tf in tfs if tf not in self.tfs]
        if unknown:
            raise MismatchError(f"{self.path}: no TF {', '.join(unknown)} there; {suggest(unknown, self.tfs)}")
        return [self.tfs.index(tf) for tf in tfs]

    def leaks(self, split: str) -> np.ndarray:
        """Mark the windows of a split whose sequence stands in train too: bool, shape (n,).

        None is marked where leakage was not looked for.
        """
        rows = self.rows(split)
        if LEAKAGE not in self.meta["files"]:
            return np.zeros(rows.stop - rows.start, dtype=bool)
        windows, table = self.windows()[rows], self._table(LEAKAGE)
        here, there = (pd.MultiIndex.from_frame(part[["chrom", "start"]]) for part in (windows, table))
        return here.isin(there)

    def windows(self) -> pd.DataFrame:
        """Return the windows' places: chrom, start, end (bp), split; one row a window; read once."""
        return self._windows

    @cached_property
    def _windows(self) -> pd.DataFrame:
        table = self._table("windows.bed", names=["chrom", "start", "end", "split"])
        if len(table) != len(self):
            raise DatasetError(f"{self.path / 'windows.bed'}: {len(table)} lines; expected one for each window")
        return table

    def _table(self, name: str, **how: Any) -> pd.DataFrame:
        """Read a table that has, among others, the columns chrom and start."""
        types = {"chrom": str, "start": np.int64}
        content = read_checked(self.path / name, self.meta["files"][name])
        try:
            with np.errstate(all="ignore"):  # a number that is none is an error below
                table = pd.read_csv(
                    io.BytesIO(content), sep="\t", dtype=types, na_filter=False, quoting=csv.QUOTE_NONE, **how
                )
        except (ValueError, OverflowError) as error:
            raise DatasetError(f"{self.path / name}: not a dataset's table ({' '.join(str(error).split())})") from error
        if not types.keys() <= set(table.columns):
            raise DatasetError(f"{self.path / name}: lacks the columns {' and '.join(types)}")
        chroms = self.meta["chroms"]
        unknown = next((chrom for chrom in table["chrom"].unique() if chrom not in chroms), None)
        if unknown is not None:
            raise DatasetError(
                f"{self.path / name}: chromosome {unknown!r}; dataset.json has {shorten(list(chroms)) or 'none'}"
            )
        return table

    def _check_arrays(self) -> None:
        """Refuse arrays that are not what dataset.json tells of; their checksums may fit all the same."""
        n_windows = sum(self.meta["splits"][split]["windows"] for split in SPLITS)
        shapes = {
            "sequence.npy": (self.sequence, np.uint8, (self.sequence.size,)),
            "offsets.npy": (self.offsets, np.int64, (n_windows,)),
            "labels.npy": (self.packed, np.uint8, (n_windows, -(-len(self.tfs) // 8))),
        }
        for name, (array, dtype, shape) in shapes.items():
            if (array.dtype, array.shape) != (dtype, shape):
                raise DatasetError(
                    f"{self.path / name}: {array.dtype} {array.shape}; expected {np.dtype(dtype)} {shape}"
                )
        if n_windows and not (
            self.offsets[0] >= 0
            and (np.diff(self.offsets) > 0).all()
            and self.offsets[-1] + self.window <= len(self.sequence)
        ):
            raise DatasetError(f"{self.path / 'offsets.npy'}: expected ascending places of windows in sequence.npy")
        if len(self.sequence) and self.sequence.max() > N_CODE:
            raise DatasetError(f"{self.path / 'sequence.npy'}: expected base codes, 0 to {N_CODE}")


def write_arrays(
    folder: Path, windows: pd.DataFrame, sequence: np.ndarray, offsets: np.ndarray, labels: np.ndarray
) -> dict[str, str]:
    """Write everything but dataset.json and return the files' SHA-256.

    Parameters
    ----------
    windows
        chrom, start, end, split; N rows.
    sequence, offsets, labels
        As in the module's table, the labels packed.
    """
    windows.to_csv(folder / "windows.bed", header=False, **PLAIN)
    for name, array in zip(ARRAYS[1:], (sequence, offsets, labels), strict=True):
        np.save(folder / name, array, allow_pickle=False)
    return {name: file_checksum(folder / name, DatasetError) for name in ARRAYS}


def write_leaks(folder: Path, leaks: pd.DataFrame) -> dict[str, str]:
    """Write the windows that leak, as from `leakage.find_leaks`, and return the file's SHA-256."""
    leaks.to_csv(folder / LEAKAGE, **PLAIN)
    return {LEAKAGE: file_checksum(folder / LEAKAGE, DatasetError)}


def write_meta(folder: Path, meta: dict[str, Any]) -> None:
    """Write dataset.json, which makes the folder a dataset; the last step."""
    write_json(folder / "dataset.json", {"format": FORMAT, "format_version": FORMAT_VERSION} | meta)


def read_meta(folder: Path) -> dict[str, Any]:
    """Return the content of dataset.json; no other file is looked at.

    Raises
    ------
    DatasetError
        The folder is no dataset or of another version.
    """
    return _parse(_read(folder), folder)


def is_same_sequence(a: dict[str, Any], b: dict[str, Any]) -> bool | None:
    """Say whether two chromosomes, with `length` and perhaps `md5`, are one sequence; None where that is not known."""
    if a["length"] != b["length"]:
        return False
    return a["md5"] == b["md5"] if "md5" in a and "md5" in b else None


def _read(folder: Path) -> bytes:
    path = folder / MARKERS["dataset"]
    try:
        return read_plain(path)
    except OSError as error:
        hint = nearest(folder) if folder.exists() else "`pmntool build-dataset` makes one"
        raise DatasetError(f"{folder}: no dataset there ({path.name}: {error.strerror}); {hint}") from error


def _parse(content: bytes, folder: Path) -> dict[str, Any]:
    """Return dataset.json's content where it is of this format and version."""
    try:
        meta = parse_json(content)
        known = meta["format"] == FORMAT
    except (ValueError, TypeError, KeyError) as error:
        raise DatasetError(f"{folder / 'dataset.json'}: not a dataset's JSON") from error
    if not known or meta.get("format_version") != FORMAT_VERSION:
        raise DatasetError(
            f"{folder / 'dataset.json'}: format {meta['format']!r} version {meta.get('format_version')!r}; "
            f"this pmntool reads {FORMAT!r} version {FORMAT_VERSION}"
        )
    missing = {"tfs", "window", "stride", "splits", "chroms", "files", "negatives"} - meta.keys()
    if missing:
        raise DatasetError(f"{folder / 'dataset.json'}: lacks {', '.join(sorted(missing))}")
    splits, files, chroms = meta["splits"], meta["files"], meta["chroms"]
    rules = {
        "tfs": are_names(meta["tfs"]),
        "window and stride": is_count(meta["window"], 1) and is_count(meta["stride"], 1),
        "splits": misfit(splits, dict.fromkeys(SPLITS, {"windows": lambda n: is_count(n, 1)})) is None,
        "chroms": are_chroms(chroms),
        "files": isinstance(files, dict) and set(ARRAYS) <= files.keys(),
        "negatives": isinstance(meta["negatives"], int | float),
    }
    wrong = [name for name, good in rules.items() if not good]
    if wrong:
        raise DatasetError(f"{folder / 'dataset.json'}: {', '.join(wrong)}: not what a dataset holds there")
    return meta


def are_chroms(value: object) -> bool:
    """Say whether a value of JSON tells each chromosome's length and split."""
    about = {"length": lambda length: is_count(length, 1), "split": lambda split: split in SPLITS}
    return misfit(value, {str: about}) is None
