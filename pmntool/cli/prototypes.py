"""`pmntool prototypes`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from pmntool.cli.config import settle
from pmntool.cli.facts import AsJson
from pmntool.cli.options import (
    Config,
    Force,
    Quiet,
    Seed,
    Trrust,
    Verbose,
    answer,
    example,
    listen,
    run_or_newest,
)
from pmntool.cli.root import app, reserve
from pmntool.variants import WITH_PROTOTYPES

log = logging.getLogger("pmntool")


@app.command(
    epilog=example(
        "prototypes",
        "prototypes runs/pmn-lambda1 --clusters 12 -o clusters/",
        "prototypes runs/seed0 runs/seed1 runs/seed2 --trrust trrust_rawdata.human.tsv -o stable/",
    )
)
def prototypes(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Run folders: one, or several that differ in their seed. "
            "[default: the newest under runs/ that has prototypes]",
            show_default=False,
        ),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for tables and figures.")] = Path("prototypes"),
    clusters: Annotated[
        int | None,
        typer.Option(
            "--clusters",
            "-k",
            help="Number of clusters. [default: best mean silhouette without a cluster of more than half of the TFs]",
        ),
    ] = None,
    trrust: Trrust = None,
    seed: Seed = 0,
    force: Force = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Cluster a model's prototypes: which TFs belong together.

    Average linkage on 1 - cosine, of several runs on the mean of their cosines: clusters.tsv, tree.nwk (Newick),
    dendrogram with heat map and a plane as PNG and SVG. Several runs also say which clusters are stable.
    """
    listen(quiet, verbose)
    reserve(output)
    from pmntool import terminal
    from pmntool.folders import open_folder
    from pmntool.verbs.prototypes import prototypes as verb

    runs = runs or [run_or_newest(None, WITH_PROTOTYPES)]
    settle(runs=runs)
    found = verb(runs, output, n_clusters=clusters, trrust=trrust, seed=seed, force=force)
    if as_json:
        answer(output, open_folder(output).meta | {"members": found.clustering.members()})
    else:
        terminal.show(terminal.prototype_tables(found))
    log.info("wrote %s/: clusters.tsv, tree.nwk, dendrogram.png", output)
