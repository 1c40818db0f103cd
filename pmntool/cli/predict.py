"""`pmntool predict`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from pmntool.cli.config import settle
from pmntool.cli.facts import AsJson
from pmntool.cli.options import (
    Config,
    Device,
    Force,
    Precision,
    PrecisionName,
    Quiet,
    Tfs,
    Threads,
    TrackFormat,
    Verbose,
    answer,
    example,
    listen,
    run_or_newest,
    use_threads,
    words,
)
from pmntool.cli.root import app, reserve
from pmntool.text import counted

log = logging.getLogger("pmntool")

_PARTS = {"train": "trained on", "valid": "validated on", "test": "held out", None: "not in its dataset:"}


@app.command(
    epilog=example(
        "predict genome.fa -o tracks/",
        "predict genome.fa --model runs/cnn -r chr3:1-50000 --tfs Reb1,Abf1 -o place/",
        "predict genome.fa --format bedgraph --decimals 3 --min-probability 0.05 -o small/",
    )
)
def predict(
    genome: Annotated[Path, typer.Argument(help="FASTA, plain or bgzip.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of tracks.")] = Path("tracks"),
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", help="Run folder. [default: the newest under runs/]", show_default=False),
    ] = None,
    chroms: Annotated[
        str, typer.Option(help="Chromosomes, separated by commas. --chroms, -r and -R add up.", show_default=False)
    ] = "",
    region: Annotated[
        list[str] | None,
        typer.Option("--region", "-r", metavar="<str>", help="chrom:start-end, from 1; may be repeated."),
    ] = None,
    regions: Annotated[Path | None, typer.Option("--regions", "-R", help="BED of regions.")] = None,
    tfs: Tfs = "",
    kind: Annotated[TrackFormat, typer.Option("--format", help="bedgraph is gzip-compressed.")] = TrackFormat.bigwig,
    decimals: Annotated[int | None, typer.Option(min=0, max=7, help="Round probabilities to so many.")] = None,
    min_probability: Annotated[float | None, typer.Option(min=0, max=1, help="Leave smaller values out.")] = None,
    device: Device = "auto",
    precision: Precision = PrecisionName.auto,
    threads: Threads = 0,
    force: Force = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Scan a genome: one track of binding probabilities per TF.

    Genome browsers read the tracks. A window's probability stands on its central stride,
    [start + (window - stride) / 2, + stride). tracks.tsv lists the files by TF. After a kill,
    the same command goes on where it was.
    """
    progress = listen(quiet, verbose)
    reserve(output)
    use_threads(threads)
    from pmntool.folders import open_folder
    from pmntool.text import shorten
    from pmntool.verbs.predict import predict as verb

    model = run_or_newest(model)
    settle(model=model)
    done = verb(
        genome, output, model, chroms=words(chroms), regions=region or (), regions_file=regions,
        tfs=words(tfs) or None, kind=kind.value, decimals=decimals, least=min_probability, device=device,
        precision=precision.value, force=force, progress=progress,
    )  # fmt: skip
    scanned = {
        part: [chrom for chrom in done.chroms if done.chroms[chrom] and done.splits[chrom] == part] for part in _PARTS
    }
    parts = [f"{_PARTS[part]} {shorten(names)}" for part, names in scanned.items() if names]
    log.info("what was scanned, to the model: %s", "; ".join(parts))
    skipped = [chrom for chrom, windows in done.chroms.items() if not windows]
    if skipped and not (chroms or region or regions):
        log.warning("no window fits %s: shorter than one", ", ".join(skipped[:10]))
    tracks, windows = counted(len(done.files), "track"), counted(done.windows, "window")
    log.info("wrote %s/: %s of %s each, listed in tracks.tsv", output, tracks, windows)
    if as_json:
        answer(output, open_folder(output).meta | {"tracks": done.files})
