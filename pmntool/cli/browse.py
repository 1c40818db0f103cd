"""`pmntool browse`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from pmntool.cli.options import COMMAS, Config, Force, Genes, PeakPaths, Quiet, Verbose, example, listen, words
from pmntool.cli.root import app, reserve

log = logging.getLogger("pmntool")


@app.command(
    epilog=example(
        "browse tracks/ --genome genome.fa --peaks peaks/",
        "browse tracks/ --genome genome.fa --region chr3:20000-60000 --tfs Reb1,Abf1",
        "browse tracks/ --genome genome.fa --peaks peaks/ --genes genes.gff3 --export site/",
    )
)
def browse(
    tracks: Annotated[Path, typer.Argument(help="Folder that predict wrote.")] = Path("tracks"),
    genome: Annotated[Path, typer.Option(help="The FASTA that was scanned, plain or bgzip.")] = Path("genome.fa"),
    peaks: PeakPaths = None,
    genes: Genes = None,
    prototypes: Annotated[
        Path | None,
        typer.Option(
            help="Folder that prototypes wrote: TFs stand by its clusters. [default: the one beside the tracks]",
            show_default=False,
        ),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option("--region", "-r", help="Where to look first. [default: where values begin]", show_default=False),
    ] = None,
    tfs: Annotated[
        str,
        typer.Option(
            help=f"TFs to open first, {COMMAS}. [default: the 6 with the highest values there]",
            show_default=False,
        ),
    ] = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0: a free one.")] = 0,
    no_open: Annotated[bool, typer.Option("--no-open", help="Print the address; open no web browser.")] = False,
    export: Annotated[
        Path | None,
        typer.Option(
            help="Serve nothing; write a folder for a web server, with a UCSC track hub, an IGV session and a "
            "pyGenomeTracks .ini.",
            show_default=False,
        ),
    ] = None,
    ucsc: Annotated[
        str | None,
        typer.Option(
            help="UCSC's name of the genome, such as hg38, for the hub. [default: the hub brings the genome along]",
            show_default=False,
        ),
    ] = None,
    force: Force = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    config: Config = None,
) -> None:
    """Look at tracks in a genome browser in your web browser.

    The genome browser is igv.js. TFs are listed by cluster and found by name; a click opens a TF's track and peaks.
    Nothing leaves this machine.
    """
    listen(quiet, verbose)
    if export is not None:
        reserve(export)
    from pmntool.browser.view import make_view
    from pmntool.verbs.browse import browse as verb
    from pmntool.verbs.browse import export as write

    view = make_view(
        tracks, genome, peaks=peaks or (), genes=genes, prototypes=prototypes, region=region, tfs=words(tfs)
    )
    if export is None:
        verb(view, port=port, open_browser=not no_open)
    else:
        write(view, export, ucsc=ucsc, force=force)
        made = [name for name in ("index.html", "hub.txt", "igv.xml", "tracks.ini") if (export / name).exists()]
        log.info("wrote %s/: %s; for a web server that answers byte ranges", export, ", ".join(made))
        log.info("`pmntool browse` without --export shows the same here")
