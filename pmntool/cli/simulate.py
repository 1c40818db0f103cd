"""`pmntool simulate`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from pmntool.cli.options import Config, Force, Quiet, Seed, Verbose, example, listen
from pmntool.cli.root import app, reserve

log = logging.getLogger("pmntool")


@app.command(epilog=example("simulate example/", "simulate larger/ --seed 7 --chrom-length 400000"))
def simulate(
    output: Annotated[Path, typer.Argument(help="Folder to write.", show_default=False)],
    chrom_length: Annotated[int, typer.Option(help="Length of a chromosome, about, bp.")] = 200_000,
    seed: Seed = 0,
    force: Force = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    config: Config = None,
) -> None:
    """Make a small genome and peaks of TFs with known motifs.

    Writes genome.fa, peaks/ and truth.json: motifs, which TFs bind beside which, and every bound site.
    """
    listen(quiet, verbose)
    reserve(output)
    from pmntool.verbs.simulate import simulate as verb

    made = verb(output, seed=seed, chrom_length=chrom_length, force=force)
    log.info(
        "wrote %s/: %d chromosomes, %d peaks of %d TFs; what is true of them is in truth.json",
        output, len(made.sizes), sum(made.peaks.values()), len(made.peaks),
    )  # fmt: skip
