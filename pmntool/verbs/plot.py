"""Draw a place of the genome: predicted tracks, peaks and genes."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pmntool.errors import InputError, MismatchError
from pmntool.genes import Gene, Interval, read_genes, unite
from pmntool.peaks import find_peaks, read_peaks
from pmntool.region_plot import Panel, draw_region
from pmntool.regions import Region
from pmntool.targets import require_free_file
from pmntool.text import shorten
from pmntool.track_folder import TrackFolder

log = logging.getLogger("pmntool")

MARKERS = {".png": b"\x89PNG", ".svg": b"<svg", ".pdf": b"%PDF"}  # how a picture of each kind begins
MOST_CHOSEN = 8  # TFs that are drawn where none are asked for
PARTS = 2000  # into which a region is cut: more than a page shows


class Plotted(NamedTuple):
    """What was drawn."""

    path: Path
    region: Region
    tfs: list[str]
    n_tracks: int  # in the folder
    n_peaks: int | None  # in the region, of these TFs; None: not given
    n_genes: int | None


def plot(
    region: str,
    tracks: Path,
    output: Path,
    *,
    tfs: Sequence[str] = (),
    peaks: Sequence[Path] = (),
    genes: Path | None = None,
    top: float | None = None,
    force: bool = False,
) -> Plotted:
    """Draw the tracks of some TFs in a region, one above the other.

    Where the region has more bases than a page can show, a track is the highest value in each of 2,000 equal parts.

    Parameters
    ----------
    region
        As samtools writes it: from 1, with its end.
    tracks
        A folder that `predict` wrote.
    output
        The picture: .png, .svg or .pdf.
    tfs
        TFs to draw, from top to bottom; by default the 8 with the highest values in the region, the highest first.
    peaks
        As for `build-dataset`; drawn beneath each TF's track.
    genes
        GFF3 or BED.
    top
        Upper end of all scales; by default each is the TF's own highest value in the region.

    Raises
    ------
    InputError
        A file cannot be read, the region holds no value, or an option is out of range.
    MismatchError
        A TF has no track, a chromosome is not in the tracks, or no TF of the tracks has peaks.
    OutputError
        `output` exists (without `force`) or cannot be written.
    """
    if output.suffix not in MARKERS:
        raise InputError(f"--output {output}: expected a name that ends with {', '.join(MARKERS)}")
    require_free_file(output, force=force, marker=MARKERS[output.suffix])
    if top is not None and not 0 < top < math.inf:
        raise InputError(f"--top {top}: expected a finite number above 0")
    folder = TrackFolder(tracks)
    place = folder.region(region)
    shown = folder.select(tfs) or folder.strongest(place, MOST_CHOSEN)
    n_parts = min(PARTS, place[2] - place[1])
    values = folder.highest(shown, place, n_parts)
    if folder.meta["least"] is None and all((found != found).all() for found in values.values()):
        raise InputError(f"{tracks}: no track has a value in {region}; it was not scanned there")
    of_tf = _peaks(peaks, folder, shown, place) if peaks else {}
    panels = [Panel(tf, found, of_tf.get(tf)) for tf, found in values.items()]
    there = None if genes is None else _genes(genes, place)
    draw_region(place, panels, there, output, title=_title(folder, place, top), top=top)
    n_peaks = sum(map(len, of_tf.values())) if peaks else None
    return Plotted(output, place, shown, len(folder.files), n_peaks, None if there is None else len(there))


def _peaks(
    paths: Sequence[Path], folder: TrackFolder, tfs: Sequence[str], region: Region
) -> dict[str, tuple[Interval, ...]]:
    """Return the peaks of each TF in a region, united; a TF without a file is left out and named."""
    sources = find_peaks(paths)
    named = ", ".join(map(str, paths))
    if not sources.keys() & folder.files.keys():
        raise MismatchError(f"{named}: peaks of {shorten(list(sources))}; none of them has a track in {folder.path}")
    lacking = [tf for tf in tfs if tf not in sources]
    if lacking:
        log.warning("%s: no peaks of %s there", named, ", ".join(lacking))
    chrom, start, end = region
    found = {}
    for tf in tfs:
        if tf in sources:
            here = []
            for peak in map(read_peaks, sources[tf]):
                rows = (peak.chrom == chrom) & (peak.end > start) & (peak.start < end)
                here += zip(peak.start[rows].clip(start).tolist(), peak.end[rows].clip(None, end).tolist(), strict=True)
            found[tf] = unite(here)
    return found


def _genes(path: Path, region: Region) -> list[Gene]:
    """Return the genes that touch a region."""
    chrom, start, end = region
    found = [gene for gene in read_genes(path, chrom) if gene.end > start and gene.start < end]
    if not found:
        log.warning("%s: no gene in %s:%d-%d", path, chrom, start + 1, end)
    return found


def _title(folder: TrackFolder, region: Region, top: float | None) -> str:
    """Return what the tracks show, and whether the model was trained there."""
    split = folder.meta["chroms"][region[0]].get("split")
    held = {"train": "training", "valid": "validation", "test": "test"}.get(split)
    scale = "" if top else ", each on its own scale"
    return f"predicted probability ({folder.meta['model']['variant']}{scale})" + (
        f"; {held} chromosome" if held else ""
    )
