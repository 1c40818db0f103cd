"""`pmntool plot`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from pmntool.cli.options import (
    COMMAS,
    Config,
    Force,
    Genes,
    PeakPaths,
    Quiet,
    TracksFolder,
    Verbose,
    example,
    listen,
    words,
)
from pmntool.cli.root import app, reserve
from pmntool.text import counted

log = logging.getLogger("pmntool")


@app.command(
    epilog=example(
        "plot chr3:20000-60000 -o site.png",
        "plot chr3:20000-60000 --tfs Reb1,Abf1 --peaks peaks/ --genes genes.gff3 -o site.pdf",
    )
)
def plot(
    region: Annotated[str, typer.Argument(help="chrom:start-end, from 1.", show_default=False)],
    tracks: TracksFolder = Path("tracks"),
    output: Annotated[Path, typer.Option("--output", "-o", help="Picture to write: .png, .svg or .pdf.")] = Path(
        "region.png"
    ),
    tfs: Annotated[
        str,
        typer.Option(
            help=f"TFs from top to bottom, {COMMAS}. [default: the 8 with the highest values there]",
            show_default=False,
        ),
    ] = "",
    peaks: PeakPaths = None,
    genes: Genes = None,
    top: Annotated[
        float | None,
        typer.Option(help="Upper end of every scale. [default: each TF's highest value there]", show_default=False),
    ] = None,
    force: Force = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    config: Config = None,
) -> None:
    """Draw a place of the genome: tracks, peaks beneath, genes."""
    listen(quiet, verbose)
    reserve(output)
    from pmntool.verbs.plot import plot as verb

    drawn = verb(region, tracks, output, tfs=words(tfs), peaks=peaks or (), genes=genes, top=top, force=force)
    if not tfs:
        of_all = f"{len(drawn.tfs)} of {counted(drawn.n_tracks, 'TF')}"
        log.info("%s, those with the highest values there (--tfs for others)", of_all)
    log.info("wrote %s: %s", output, ", ".join(drawn.tfs))
