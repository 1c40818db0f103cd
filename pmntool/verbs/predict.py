"""Predict binding: a run and a genome to one track per TF."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import nn

from pmntool import __version__
from pmntool.bigwig import require_library
from pmntool.checkpoint import Run
from pmntool.checksums import checksums
from pmntool.chroms import select_chroms
from pmntool.dataset import is_same_sequence
from pmntool.device import choose_device, choose_precision, describe
from pmntool.errors import InputError, MismatchError, OutputError
from pmntool.genome import Genome
from pmntool.inference import scan
from pmntool.progress import Progress
from pmntool.regions import Region, merge, parse_region, read_regions
from pmntool.scanned import Scanned
from pmntool.staging import new_directory, new_file, require_free, room, write_json
from pmntool.text import as_bytes, counted, shorten
from pmntool.track_folder import FORMAT, FORMAT_VERSION
from pmntool.tracks import SUFFIXES, Track, central_stride, file_stems, window_runs

log = logging.getLogger("pmntool")

VALUE_BYTES = 4  # on disk, of a value that is scanned
TRACK_BYTES = {"bigwig": 6, "bedgraph": 10}  # of one in a track, about: without --decimals and --min-probability
CHUNK = 20_000  # windows scanned between two writes: what memory holds, whatever the genome's size
Piece = tuple[str, int, int]  # chromosome, first window, and the one after the last


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

    All is scanned before the first track is written: what a killed command has scanned, the same command does not scan
    again (`scanned`).

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
        As in `tracks.Track`.

    Raises
    ------
    InputError
        The genome or the run cannot be read, an option is out of range, or no window lies in the regions.
    MismatchError
        A TF is not in the model, or an earlier command with other options left its scan (without `force`).
    OutputError
        `output` exists (without `force`) or cannot be written.
    """
    if kind not in SUFFIXES:
        raise InputError(f"--format {kind}: expected {' or '.join(SUFFIXES)}")
    if kind == "bigwig":
        require_library()
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
        runs = list(window_runs(sizes, asked, run.window, run.stride))
        total = sum(last - first for _, first, last in runs)
        if not total:
            raise InputError(f"{genome}: no window of {run.window} bp has its center in what is to be scanned")
        names = [run.tfs[column] for column in columns]
        files = {tf: stem + SUFFIXES[kind] for tf, stem in file_stems(names).items()}
        pieces = [
            (chrom, begin, min(begin + CHUNK, last))
            for chrom, first, last in runs
            for begin in range(first, last, CHUNK)
        ]
        _require_room(output, total, len(names), kind)
        same, md5 = _compare_sequences(run, sequence, {chrom for chrom, _, _ in runs})
        about = _describe(run, sizes, _count(sizes, pieces), same, kind, decimals, least)
        with new_directory(output, force=force, marker="tracks.json", keep=True) as folder:
            asked = about | {"tfs": names, "pieces": pieces, "device": place.type, "precision": precision}
            scanned = Scanned(folder, asked, len(names), force=force)
            progress.keep(f"{folder} keeps what is scanned; the same command goes on from there")
            _scan(scanned, sequence, pieces, net, columns, run, place, progress)
            how = {"stride": run.stride, "kind": kind, "decimals": decimals, "least": least}
            _write_tracks(scanned, folder, files, sizes, pieces, run, how, progress)
            table = pd.DataFrame({"tf": names, "file": files.values(), "entries": scanned.entries})
            table.to_csv(folder / "tracks.tsv", sep="\t", index=False, lineterminator="\n")
            write_json(folder / "tracks.json", _add_checksums(about, folder, list(files.values()), md5, progress))
            scanned.remove()
    windows, splits = ({chrom: known[key] for chrom, known in about["chroms"].items()} for key in ("windows", "split"))
    return Predicted(output, files, total, windows, splits)


def _require_room(output: Path, n_windows: int, n_tfs: int, kind: str) -> None:
    """Say what disk a scan takes; refuse one whose values have no room, and warn where its tracks may have none."""
    values, free = n_windows * n_tfs, room(output)
    scan, tracks = VALUE_BYTES * values, TRACK_BYTES[kind] * values
    log.info(
        "%s of %s: %s on disk for the scan, then up to about %s of tracks in its place; %s are free",
        counted(n_windows, "window"), counted(n_tfs, "TF"), as_bytes(scan), as_bytes(tracks), as_bytes(free),
    )  # fmt: skip
    if scan > free:
        raise OutputError(
            f"{output}: the scan takes {as_bytes(scan)} there, and {as_bytes(free)} are free; "
            "give another -o, or fewer --tfs or --chroms"
        )
    if tracks + VALUE_BYTES * n_windows > free:  # values of a TF go when its track is written
        log.warning("%s: tracks may take %s, and %s are free", output, as_bytes(tracks), as_bytes(free))


def _scan(
    scanned: Scanned, sequence: Genome, pieces: list[Piece], net: nn.Module, columns: list[int], run: Run,
    place: torch.device, progress: Progress,
) -> None:  # fmt: skip
    """Scan the pieces that are not scanned yet."""

    def codes(chrom: str, begin: int, end: int) -> np.ndarray:
        return sequence.codes(chrom, begin * run.stride, (end - 1) * run.stride + run.window)

    progress.start("scanning", sum(end - begin for _, begin, end in pieces), "windows")
    done = scanned.skip((end - begin, codes(chrom, begin, end)) for chrom, begin, end in pieces)
    if done:
        log.info("going on after %d windows that are scanned", scanned.windows)
        progress.advance(scanned.windows)
    for chrom, begin, end in pieces[done:]:
        bases = codes(chrom, begin, end)
        logits = scan(net, bases, np.arange(end - begin) * run.stride, run.window, place)[:, columns]
        scanned.add(torch.from_numpy(logits).sigmoid().numpy(), bases)  # eq. 9
        progress.advance(end - begin, chrom)
    progress.finish()


def _write_tracks(
    scanned: Scanned, folder: Path, files: dict[str, str], sizes: dict[str, int], pieces: list[Piece], run: Run,
    how: dict[str, Any], progress: Progress,
) -> None:  # fmt: skip
    """Write the tracks that are not written yet, one after the other."""
    progress.start("writing", len(files), "tracks")
    progress.advance(len(scanned.entries))
    counts = [end - begin for _, begin, end in pieces]
    for label, (tf, name) in list(enumerate(files.items()))[len(scanned.entries) :]:
        with new_file(folder / name) as partial, Track(partial, sizes, **how) as track:
            for (chrom, begin, _), values in zip(pieces, scanned.read(label, counts), strict=True):
                track.write(chrom, central_stride(begin * run.stride, run.window, run.stride), values)
        scanned.finish(label, track.entries)
        progress.advance(1, tf)
    progress.finish()


def _count(sizes: dict[str, int], pieces: list[Piece]) -> dict[str, int]:
    """Return the windows of each chromosome that the pieces hold."""
    done = dict.fromkeys(sizes, 0)
    for chrom, begin, end in pieces:
        done[chrom] += end - begin
    return done


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


def _compare_sequences(run: Run, genome: Genome, scanned: set[str]) -> tuple[dict[str, bool | None], dict[str, str]]:
    """Say which chromosomes are those of the same name in training, None where that is not known; warn of others.

    Lengths of all are compared, checksums of those that are scanned.

    Returns
    -------
    What is known of each chromosome that was there in training, and the checksums that were computed.
    """
    trained, same, md5 = run.meta["dataset"]["chroms"], {}, {}
    for chrom in [chrom for chrom in genome.sizes if chrom in trained]:
        here = {"length": genome.sizes[chrom]}
        if chrom in scanned and "md5" in trained[chrom]:
            here["md5"] = md5[chrom] = genome.checksum(chrom)
        same[chrom] = is_same_sequence(here, trained[chrom])
    pairs = {chrom: (genome.sizes[chrom], trained[chrom]["length"]) for chrom in same if same[chrom] is False}
    other = [f"{chrom} ({f'{a} bp, there {b}' if a != b else 'other bases'})" for chrom, (a, b) in pairs.items()]
    if other:
        log.warning("%s: other sequences than in training: another assembly, or masked otherwise?", shorten(other))
    if scanned & same.keys() and not any("md5" in known for known in trained.values()):
        log.info("%s holds no checksums: whether it was trained on this genome is unknown", run.path)
    return same, md5


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
        "model": {"variant": run.variant, "name": run.name} | run.checksums(),
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


def _add_checksums(
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
