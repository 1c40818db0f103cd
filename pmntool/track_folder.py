"""A folder of tracks, as `predict` writes it and as it is opened for looking at."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pmntool.checksums import checksums
from pmntool.errors import InputError, MismatchError
from pmntool.kinds import nearest
from pmntool.progress import Progress
from pmntool.regions import Region, parse_region
from pmntool.text import (
    are_names,
    is_count,
    is_measure,
    is_text,
    misfit,
    parse_json,
    read_bytes,
    read_plain,
    shorten,
    suggest,
)
from pmntool.track_reader import highest_of_each
from pmntool.tracks import SUFFIXES

FORMAT = "pmntool-tracks"
FORMAT_VERSION = 1
START_LENGTH = 50_000  # bp, of what is shown where nobody asks for a region

TRACKS = {  # of tracks.json, what is read
    "chroms": {
        str: {
            "length": lambda value: is_count(value, 1),
            "windows": is_count,
            "split": lambda value: value is None or is_text(value),
        }
    },
    "model": {"variant": is_text},
    "least": is_measure,
}


class TrackFolder:
    """A folder of tracks.

    Parameters
    ----------
    path
        The folder that `predict` wrote.

    Attributes
    ----------
    meta : dict
        The content of tracks.json.
    files : dict of TF to the path of its track, in the order of tracks.tsv
    sizes : dict of chromosome name to length in bp

    Raises
    ------
    InputError
        The folder holds no tracks, is of another version, or lists a file that is not its own.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.meta = read_meta(self.path)
        self.files = {tf: self.path / name for tf, name in _read_table(self.path).items()}
        self.sizes: dict[str, int] = {chrom: about["length"] for chrom, about in self.meta["chroms"].items()}

    def select(self, tfs: Sequence[str]) -> list[str]:
        """Return `tfs`, each once.

        Raises
        ------
        MismatchError
            A TF has no track; the nearest name is said.
        """
        for tf in tfs:
            if tf not in self.files:
                raise MismatchError(f"{self.path}: no TF {tf} there; {suggest([tf], list(self.files))}")
        return list(dict.fromkeys(tfs))

    def region(self, text: str) -> Region:
        """Read a region as people write it.

        Raises
        ------
        InputError
            The text is no region, holds no base, or its chromosome was not scanned.
        MismatchError
            The genome that was scanned has no such chromosome.
        """
        region = parse_region(text, self.sizes)
        if not self.meta["chroms"][region[0]]["windows"]:
            raise InputError(f"{self.path}: {region[0]} was not scanned; scanned were {shorten(self.scanned())}")
        return region

    def scanned(self) -> list[str]:
        """Return the chromosomes that have values."""
        return [chrom for chrom, about in self.meta["chroms"].items() if about["windows"]]

    def first_region(self) -> Region:
        """Return the first place that has values: bp, of `START_LENGTH` where the chromosome reaches so far."""
        chrom = self.scanned()[0]
        length, tf = self.sizes[chrom], next(iter(self.files))
        n_bins = min(length, 1000)
        covered = np.flatnonzero(~np.isnan(self.highest([tf], (chrom, 0, length), n_bins)[tf]))
        start = length * int(covered[0]) // n_bins if len(covered) else 0
        return chrom, start, min(start + START_LENGTH, length)

    def strongest(self, region: Region, most: int) -> list[str]:
        """Return at most `most` TFs, those with the highest values in a region, the highest first."""
        peak = self.highest(list(self.files), region, 1)
        return sorted(self.files, key=lambda tf: -np.nan_to_num(peak[tf].item(), nan=-1.0))[:most]

    def highest(self, tfs: Sequence[str], region: Region, n_bins: int) -> dict[str, np.ndarray]:
        """Return the highest values of each TF's track in `n_bins` parts of a region, as `tracks.highest`.

        Raises
        ------
        InputError
            A track cannot be read.
        """
        return dict(zip(tfs, highest_of_each([self.files[tf] for tf in tfs], region, n_bins), strict=True))


def read_meta(folder: Path) -> dict[str, Any]:
    """Return the content of tracks.json.

    Raises
    ------
    InputError
        The folder holds no tracks, or is of another version.
    """
    path = folder / "tracks.json"
    if not path.is_file():
        raise InputError(f"{folder}: no tracks there; {nearest(folder)}; `pmntool predict` makes them")
    try:
        meta = parse_json(read_bytes(path, InputError))
        version = meta["format"], meta["format_version"]
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: not the JSON of a folder of tracks") from error
    if version != (FORMAT, FORMAT_VERSION):
        raise InputError(
            f"{path}: format {version[0]!r} version {version[1]!r}; this pmntool reads {FORMAT!r} version 1"
        )
    wrong = misfit(meta, TRACKS)
    if wrong is not None:
        raise InputError(f"{path}: {wrong}: not what a folder of tracks holds there")
    if not any(about["windows"] for about in meta["chroms"].values()):
        raise InputError(f"{path}: no window was scanned")
    return meta


def _read_table(folder: Path) -> dict[str, str]:
    """Return the file name of each TF."""
    path = folder / "tracks.tsv"
    try:
        table = pd.read_csv(io.BytesIO(read_plain(path)), sep="\t", dtype=str, na_filter=False)
        files = dict(zip(table["tf"], table["file"], strict=True))
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: cannot be read as a table of tf, file, entries") from error
    for name in files.values():
        if Path(name).name != name or not name.endswith(tuple(SUFFIXES.values())):
            raise InputError(f"{path}: {name!r} is no track of this folder")
        if not (folder / name).is_file():
            raise InputError(f"{folder / name}: no such file (named in {path})")
    if not files:
        raise InputError(f"{path}: lists no track")
    if not are_names(table["tf"].tolist()) or table["file"].duplicated().any():
        raise InputError(f"{path}: expected a name and a file of its own for each TF")
    return files


def add_checksums(
    about: dict[str, Any], folder: Path, tracks: Sequence[str], md5: dict[str, str], progress: Progress
) -> dict[str, Any]:
    """Return what tracks.json holds: `about`, the files' checksums, and those of chromosomes where they are known."""
    files = {}
    progress.start("checksums", len(tracks), "tracks")
    for name in tracks:
        files |= checksums(folder, [name])
        progress.advance(1, name)
    progress.finish()
    chroms = {c: known | ({"md5": md5[c]} if c in md5 else {}) for c, known in about["chroms"].items()}
    return about | {"chroms": chroms, "files": files | checksums(folder, ["tracks.tsv"])}
