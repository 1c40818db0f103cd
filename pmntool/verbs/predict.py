"""Predict binding: a run and a genome to one track per TF."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import nn

from pmntool import __version__
from pmntool.bigwig import require_library, warn_of_many
from pmntool.checkpoint import Run
from pmntool.chroms import select_chroms
from pmntool.dataset import is_same_sequence
from pmntool.device import choose_device, choose_precision, describe
from pmntool.errors import InputError, MismatchError, OutputError
from pmntool.genome import Genome
from pmntool.inference import scan
from pmntool.progress import Progress
from pmntool.ranks import Ranks
from pmntool.regions import Region, merge, parse_region, read_regions
from pmntool.scanned import Piece, Scanned, prepare
from pmntool.staging import joined_directory, new_directory, write_json
from pmntool.targets import require_free, room
from pmntool.text import as_bytes, counted, shorten, suggest
from pmntool.track_folder import FORMAT, FORMAT_VERSION, add_checksums
from pmntool.track_writer import file_names, write_tracks
from pmntool.tracks import check_options, warn_of_empty, window_runs

log = logging.getLogger("pmntool")

VALUE_BYTES = 4  # on disk, of a value that is scanned
TRACK_BYTES = {"bigwig": 6, "bedgraph": 10}  # of one in a track, about: without --decimals and --min-probability
CHUNK = 20_000  # windows scanned between two writes: what memory holds, whatever the genome's size


class Predicted(NamedTuple):
    """What was written."""

    path: Path
    files: dict[str, str]  # TF → file name
    windows: int  # scanned
    chroms: dict[str, int]  # windows of each chromosome, in the FASTA's order; 0 where it is shorter than one
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
    again (`scanned`). Processes that torchrun has started share the scan, then the tracks, and the first does the rest;
    each writes its tracks in as many further processes as torch has threads (`track_writer`).

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
    check_options(kind, least)
    if kind == "bigwig":
        require_library(output)
    require_free(output, force=force, marker="tracks.json", reads=[genome, model, regions_file])
    run = Run(model)
    columns = _columns(run, tfs)
    ranks = Ranks()
    place = ranks.own(choose_device(device))
    precision = choose_precision(precision, place)
    with Genome(genome) as sequence, ranks:
        sizes = dict(sorted(sequence.sizes.items()))
        asked = _regions(sizes, chroms, regions, regions_file)
        pieces = [
            (chrom, begin, min(begin + CHUNK, last))
            for chrom, first, last in window_runs(sizes, asked, run.window, run.stride)
            for begin in range(first, last, CHUNK)
        ]
        if not pieces:
            raise InputError(f"{genome}: no window of {run.window} bp has its center in what is to be scanned")
        if regions or regions_file:
            warn_of_empty(sizes, asked, run.window, run.stride)
        net = run.model(place, precision)
        log.info("scanning with %s (%s) on %s", model, run.variant, describe(place, precision))
        if not run.meta["dataset"].get("negatives"):
            log.warning(
                "%s was trained on bound windows only: its values rank places, and are too high on unbound sequence",
                model,
            )
        names = [run.tfs[column] for column in columns]

        def codes(piece: Piece) -> np.ndarray:
            chrom, begin, end = piece
            return sequence.codes(chrom, begin * run.stride, (end - 1) * run.stride + run.window)

        if ranks.first:
            _require_room(output, _windows(pieces), len(names), kind)
            if kind == "bigwig":
                warn_of_many(len(sizes))
        whole = new_directory(output, force=force, marker="tracks.json", keep=True)
        with whole if ranks.first else joined_directory(output) as folder:
            if ranks.first:
                same, md5 = _compare_sequences(run, sequence, {chrom for chrom, _, _ in pieces})
                about = _describe(run, sizes, _count(sizes, pieces), same, kind, decimals, least)
                asked = about | {"tfs": names, "pieces": pieces, "device": place.type, "precision": precision}
                prepare(folder, asked, codes, n_shares=ranks.count, force=force)
            ranks.wait()
            scanned = Scanned(folder)
            files, known = file_names(scanned.asked), scanned.asked["chroms"]
            progress.keep(f"{folder} keeps what is scanned; the same command goes on from there")
            _scan(scanned, codes, net, columns, run, place, ranks, progress)
            sequence.require_unchanged()
            ranks.wait()
            write_tracks(scanned, range(len(names))[ranks.share], torch.get_num_threads(), progress)
            ranks.wait()
            if ranks.first:
                entries = [scanned.entries(label) for label in range(len(names))]
                if empty := [name for name, count in zip(names, entries, strict=True) if not count]:
                    log.warning(
                        "no value reaches --min-probability %g, so these tracks are empty: %s", least, shorten(empty)
                    )
                table = pd.DataFrame({"tf": names, "file": files.values(), "entries": entries})
                table.to_csv(folder / "tracks.tsv", sep="\t", index=False, lineterminator="\n")
                write_json(folder / "tracks.json", add_checksums(about, folder, list(files.values()), md5, progress))
                scanned.remove()
    windows, splits = ({chrom: known[chrom][key] for chrom in sequence.sizes} for key in ("windows", "split"))
    return Predicted(output, files, _windows(pieces), windows, splits)


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
    scanned: Scanned, codes: Callable[[Piece], np.ndarray], net: nn.Module, columns: list[int], run: Run,
    place: torch.device, ranks: Ranks, progress: Progress,
) -> None:  # fmt: skip
    """Scan the pieces of this process's shares that are not scanned yet."""
    shares = range(scanned.n_shares)[ranks.share]
    left = {share: scanned.left(share) for share in shares}
    total = _windows(piece for share in shares for piece in scanned.share(share))
    done = total - _windows(piece for pieces in left.values() for piece in pieces)
    progress.start("scanning", total, "windows")
    if done:
        log.info("going on after %d windows that are scanned", done)
        progress.advance(done)
    for share, pieces in left.items():
        for chrom, begin, end in pieces:
            bases = codes((chrom, begin, end))
            logits = scan(net, bases, np.arange(end - begin) * run.stride, run.window, place)
            found = torch.from_numpy(logits).sigmoid().numpy()  # eq. 9; of all TFs, as the last digit goes by the place
            scanned.add(share, found[:, columns], bases)
            progress.advance(end - begin, chrom)
    progress.finish()


def _windows(pieces: Iterable[Piece]) -> int:
    return sum(end - begin for _, begin, end in pieces)


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
        raise MismatchError(f"{run.path}: no TF {', '.join(unknown)} in the model; {suggest(unknown, run.tfs)}")
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
