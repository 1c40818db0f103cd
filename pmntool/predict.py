"""Predict binding: a run and a genome to one track per TF."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from pmntool import __version__, intervals
from pmntool.checkpoint import Run
from pmntool.dataset import file_checksum, is_same_sequence, shorten
from pmntool.device import choose_device, choose_precision, describe
from pmntool.errors import CheckpointError, InputError, MismatchError
from pmntool.genome import Genome, select_chroms
from pmntool.inference import scan
from pmntool.progress import Progress
from pmntool.regions import Region, merge, parse_region, read_regions
from pmntool.staging import new_directory, require_free, write_json
from pmntool.track_folder import FORMAT, FORMAT_VERSION
from pmntool.tracks import SUFFIXES, Tracks, central_stride

log = logging.getLogger("pmntool")

CHUNK = 20_000  # windows scanned between two writes: what memory holds, whatever the genome's size


class Predicted(NamedTuple):
    """What was written."""

    path: Path
    files: dict[str, str]  # TF → file name
    windows: int  # scanned
    chroms: dict[str, int]  # windows of each chromosome; 0 where it is shorter than one
    splits: dict[str, str | None]  # of each chromosome, in training; None where it was not there


def predict(
    genome: Path,
    output: Path,
    model: Path,
    *,
    chroms: Sequence[str] = (),
    regions: Sequence[str] = (),
    regions_file: Path | None = None,
    tfs: Sequence[str] | None = None,
    kind: str = "bigwig",
    decimals: int | None = None,
    least: float | None = None,
    device: str = "auto",
    precision: str = "auto",
    force: bool = False,
    progress: Progress = Progress(),
) -> Predicted:
    """Scan a genome with a trained model and write the probability of each TF along it.

    Windows are those of `build-dataset`: every `stride` bp from the chromosome's first base. A window's value stands
    on its central stride. The first and last bases of a chromosome, which are in the center of no window, have no
    value; nor has a chromosome shorter than a window. Lower case is read as upper case; N and other letters as no base.

    Parameters
    ----------
    genome
        FASTA.
    output
        The folder of tracks.
    model
        A run folder.
    chroms, regions, regions_file
        What to scan: chromosomes, regions as samtools writes them, the intervals of a BED file; all of them together,
        and the whole genome where none is given. A window belongs to a region where its central stride begins in
        it, so that regions that tile a chromosome share its windows out.
    tfs
        TFs to write; all of the model's by default.
    kind, decimals, least
        As in `tracks.Tracks`.

    Raises
    ------
    InputError
        The genome or the run cannot be read, an option is out of range, or no window lies in the regions.
    MismatchError
        A TF is not in the model.
    OutputError
        `output` exists (without `force`) or cannot be written.
    """
    if kind not in SUFFIXES:
        raise InputError(f"--format {kind}: expected {' or '.join(SUFFIXES)}")
    require_free(output, force=force, marker="tracks.json")
    run = Run(model)
    columns = _columns(run, tfs)
    place = choose_device(device)
    precision = choose_precision(precision, place)
    net = run.model(place, precision)
    log.info("scanning with %s (%s) on %s", model, run.variant, describe(place, precision))
    if not run.meta["dataset"].get("negatives"):
        log.warning(
            "%s was trained on bound windows only: its values rank places, and are too high on unbound sequence",
            model,
        )
    with Genome(genome) as sequence:
        sizes = dict(sorted(sequence.sizes.items()))
        asked = _regions(sizes, chroms, regions, regions_file)
        runs = list(_window_runs(sizes, asked, run.window, run.stride))
        total = sum(last - first for _, first, last in runs)
        if not total:
            raise InputError(f"{genome}: no window of {run.window} bp has its center in what is to be scanned")
        same = _compare_sequences(run, sequence, {chrom for chrom, _, _ in runs})
        with new_directory(output, force=force, marker="tracks.json") as folder:
            progress.start("scanning", total, "windows")
            names = [run.tfs[column] for column in columns]
            done = dict.fromkeys(sizes, 0)
            with Tracks(folder, names, sizes, stride=run.stride, kind=kind, decimals=decimals, least=least) as tracks:
                for chrom, first, last in runs:
                    for begin in range(first, last, CHUNK):
                        end = min(begin + CHUNK, last)
                        start = begin * run.stride
                        codes = sequence.codes(chrom, start, (end - 1) * run.stride + run.window)
                        starts = np.arange(end - begin) * run.stride
                        logits = scan(net, codes, starts, run.window, place)[:, columns]
                        values = torch.from_numpy(logits).sigmoid().numpy()  # eq. 9
                        tracks.write(chrom, central_stride(start, run.window, run.stride), values)
                        done[chrom] += end - begin
                        progress.advance(end - begin, chrom)
            progress.finish()
            table = pd.DataFrame({"tf": names, "file": tracks.files.values(), "entries": tracks.entries})
            table.to_csv(folder / "tracks.tsv", sep="\t", index=False, lineterminator="\n")
            about = _describe(run, sizes, done, same, kind, decimals, least)
            write_json(folder / "tracks.json", about)
    splits = {chrom: known["split"] for chrom, known in about["chroms"].items()}
    return Predicted(output, tracks.files, total, done, splits)


def _columns(run: Run, tfs: Sequence[str] | None) -> list[int]:
    """Return the labels to write, in the model's order."""
    if tfs is None:
        return list(range(len(run.tfs)))
    unknown = [tf for tf in tfs if tf not in run.tfs]
    if unknown:
        raise MismatchError(f"{run.path}: no TF {', '.join(unknown)} in the model; it has {', '.join(run.tfs)}")
    return sorted({run.tfs.index(tf) for tf in tfs})


def _regions(
    sizes: dict[str, int], chroms: Sequence[str], regions: Sequence[str], regions_file: Path | None
) -> list[Region]:
    """Return what is asked for, in the order of `sizes`, without overlaps."""
    asked = [(chrom, 0, sizes[chrom]) for chrom in select_chroms(sizes, chroms, option="--chroms")]
    asked += [parse_region(text, sizes) for text in regions]
    asked += read_regions(regions_file, sizes) if regions_file else []
    return merge(asked or [(chrom, 0, length) for chrom, length in sizes.items()])


def _window_runs(
    sizes: dict[str, int], regions: Sequence[Region], window: int, stride: int
) -> Iterator[tuple[str, int, int]]:
    """Yield chromosome, first window and the one after the last, of the windows that belong to each region."""
    margin = central_stride(0, window, stride)
    for chrom, start, end in regions:
        first = max(0, -((margin - start) // stride))  # ceil((start − margin) / stride)
        last = min(intervals.tile(sizes[chrom], window, stride), -((margin - end) // stride))
        if first < last:
            yield chrom, first, last


def _compare_sequences(run: Run, genome: Genome, scanned: set[str]) -> dict[str, bool | None]:
    """Say which chromosomes are those of the same name in training, None where that is not known; warn of others.

    Lengths of all are compared, checksums of those that are scanned.
    """
    trained, same = run.meta["dataset"]["chroms"], {}
    for chrom in [chrom for chrom in genome.sizes if chrom in trained]:
        here = {"length": genome.sizes[chrom]}
        if chrom in scanned and "md5" in trained[chrom]:
            here["md5"] = genome.checksum(chrom)
        same[chrom] = is_same_sequence(here, trained[chrom])
    pairs = {chrom: (genome.sizes[chrom], trained[chrom]["length"]) for chrom in same if same[chrom] is False}
    other = [f"{chrom} ({f'{a} bp, there {b}' if a != b else 'other bases'})" for chrom, (a, b) in pairs.items()]
    if other:
        log.warning("%s: other sequences than in training: another assembly, or masked otherwise?", shorten(other))
    if scanned & same.keys() and not any("md5" in known for known in trained.values()):
        log.info("%s holds no checksums: whether it was trained on this genome is unknown", run.path)
    return same


def _describe(
    run: Run, sizes: dict[str, int], done: dict[str, int], same: dict[str, bool | None], kind: str,
    decimals: int | None, least: float | None,
) -> dict[str, Any]:  # fmt: skip
    """Return where the tracks come from."""
    trained = run.meta["dataset"]["chroms"]
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "pmntool": __version__,
        "model": {"variant": run.variant, "sha256": file_checksum(run.path / "run.json", CheckpointError)},
        "window": run.window,
        "stride": run.stride,
        "kind": kind,
        "decimals": decimals,
        "least": least,
        "chroms": {
            chrom: {
                "length": length,
                "windows": done[chrom],
                "split": trained.get(chrom, {}).get("split"),
                "same_sequence": same.get(chrom),
            }
            for chrom, length in sizes.items()
        },
    }
