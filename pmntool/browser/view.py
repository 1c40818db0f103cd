"""What a genome browser shows: tracks and peaks of each TF, grouped as the prototypes cluster, a genome and genes."""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pmntool.chroms import name_hint
from pmntool.errors import InputError, MismatchError
from pmntool.genes import read_genes, to_bed
from pmntool.genome import Genome
from pmntool.peaks import find_peaks, read_peaks
from pmntool.plots import GRAY, HUES
from pmntool.regions import Region
from pmntool.text import PLAIN, read_plain, shorten
from pmntool.track_folder import TrackFolder
from pmntool.tracks import SUFFIXES, file_stems

log = logging.getLogger("pmntool")

MOST_OPEN = 6  # TFs whose tracks are open at the start


class Row(NamedTuple):
    """A TF."""

    tf: str
    stem: str  # its name in paths and URLs: letters, digits, dot, dash, underscore; no other TF's
    cluster: int  # from 1; 0: in none
    color: str  # #RRGGBB, of its cluster
    track: Path
    peaks: tuple[Path, ...]  # files; none where not given


class View(NamedTuple):
    """What is shown."""

    rows: list[Row]  # cluster after cluster, in the order of the tree's leaves
    shown: list[str]  # TFs that are open at the start
    region: Region  # where one looks at the start
    kind: str  # of the tracks: "bigwig" or "bedgraph"
    variant: str  # of the model
    genome: Path
    index: bytes  # the genome's .fai
    block_index: bytes | None  # its .gzi, where it is bgzip
    genes: Path | None
    genes_bed: bytes | None  # the same as BED of 12 columns


def make_view(
    tracks: Path, genome: Path, *, peaks: Sequence[Path] = (), genes: Path | None = None,
    prototypes: Path | None = None, region: str | None = None, tfs: Sequence[str] = (),
) -> View:  # fmt: skip
    """Return what there is to show.

    Parameters
    ----------
    tracks
        A folder that `predict` wrote.
    genome
        The FASTA that it scanned.
    peaks, genes
        As for `plot`.
    prototypes
        A folder that `prototypes` wrote; by default the one beside `tracks`, where there is one.
    region
        Where one looks at the start; by default the first place that has values.
    tfs
        TFs that are open at the start; by default those with the highest values in the region.

    Raises
    ------
    InputError
        A file cannot be read.
    MismatchError
        The genome is not the one that was scanned, no gene lies on it, a TF has no track, or no TF has peaks or a
        prototype.
    """
    folder = TrackFolder(tracks)
    place = folder.first_region() if region is None else folder.region(region)
    with Genome(genome) as opened:
        _compare_sizes(folder, opened)
        index = opened.index.read_bytes()
        block_index = opened.block_index.read_bytes() if opened.block_index else None
    if genes is not None and not genes.is_file():
        raise InputError(f"{genes}: no such file")
    genes_bed = None if genes is None else _genes_as_bed(genes, folder)
    sources = find_peaks(peaks) if peaks else {}
    if peaks and not sources.keys() & folder.files.keys():
        named = ", ".join(map(str, peaks))
        raise MismatchError(f"{named}: peaks of {shorten(list(sources))}; none of them has a track in {folder.path}")
    clusters = _find_clusters(folder, prototypes)
    stems = file_stems(list(folder.files))
    rows = []
    for tf in [*clusters, *(tf for tf in folder.files if tf not in clusters)]:
        cluster = clusters.get(tf, 0)
        color = HUES[(cluster - 1) % len(HUES)] if cluster or not clusters else GRAY
        rows.append(Row(tf, stems[tf], cluster, color, folder.files[tf], tuple(sources.get(tf, ()))))
    shown = folder.select(tfs) or folder.strongest(place, MOST_OPEN)
    kind = next(kind for kind, suffix in SUFFIXES.items() if rows[0].track.name.endswith(suffix))
    variant = folder.meta["model"]["variant"]
    return View(rows, shown, place, kind, variant, genome, index, block_index, genes, genes_bed)


def peaks_as_bed(paths: Sequence[Path]) -> bytes:
    """Return the intervals of peak files as BED of three columns, sorted."""
    read = [read_peaks(path) for path in paths]
    table = pd.DataFrame(
        {name: np.concatenate([getattr(peaks, name) for peaks in read]) for name in ("chrom", "start", "end")}
    )
    table = table.sort_values(["chrom", "start", "end"], kind="stable")
    return table.to_csv(header=False, **PLAIN).encode()


def _genes_as_bed(path: Path, folder: TrackFolder) -> bytes:
    """Return the genes of a file as BED of 12 columns; raise where none lies on the genome."""
    genes = read_genes(path)
    chroms = sorted({gene.chrom for gene in genes})
    if chroms and not folder.sizes.keys() & chroms:
        raise MismatchError(f"{path}: none of its chromosomes is in the genome{name_hint(chroms, folder.sizes)}")
    return "".join(to_bed(gene) + "\n" for gene in genes).encode()


def _compare_sizes(folder: TrackFolder, genome: Genome) -> None:
    """Raise where the genome is not the one that was scanned."""
    for chrom, length in folder.sizes.items():
        if genome.sizes.get(chrom) != length:
            there = f"has {genome.sizes[chrom]} bp" if chrom in genome.sizes else "is not there"
            raise MismatchError(
                f"{genome.path}: {chrom} {there}, in {folder.path} it has {length} bp; give the genome that was scanned"
            )


def _find_clusters(folder: TrackFolder, prototypes: Path | None) -> dict[str, int]:
    """Return the cluster of each TF, in the order of the leaves; nothing where there are no prototypes."""
    path = (prototypes or folder.path.parent / "prototypes") / "clusters.tsv"
    if prototypes is None and not path.is_file():
        return {}
    try:
        table = pd.read_csv(io.BytesIO(read_plain(path)), sep="\t", dtype={"tf": str}, na_filter=False)
        clusters = dict(zip(table["tf"], table["cluster"].astype(int).tolist(), strict=True))
    except (OSError, ValueError, KeyError, OverflowError) as error:
        raise InputError(
            f"{path}: cannot be read as a table of cluster and tf; `pmntool prototypes` writes it"
        ) from error
    clusters = {tf: cluster for tf, cluster in clusters.items() if tf in folder.files}
    if not clusters and prototypes is not None:
        raise MismatchError(f"{path}: none of its TFs has a track in {folder.path}")
    if clusters:
        log.info("TFs are grouped as in %s", path)
    return clusters
