"""`pmntool report`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from pmntool.cli.options import (
    Baseline,
    Block,
    Config,
    Data,
    Device,
    Draws,
    Force,
    OtherGenome,
    Precision,
    PrecisionName,
    Quiet,
    Seed,
    Split,
    SplitName,
    Threads,
    Trrust,
    Verbose,
    example,
    listen,
    runs_or_all,
    use_threads,
)
from pmntool.cli.root import app, reserve

log = logging.getLogger("pmntool")


@app.command(epilog=example("report", "report runs/cnn runs/pmn-lambda1 --trrust trrust_rawdata.human.tsv -o two.html"))
def report(
    runs: Annotated[
        list[Path] | None, typer.Argument(help="Run folders. [default: all under runs/]", show_default=False)
    ] = None,
    dataset: Data = Path("dataset"),
    output: Annotated[Path, typer.Option("--output", "-o", help="Page to write.")] = Path("report.html"),
    split: Split = SplitName.test,
    baseline: Baseline = "",
    trrust: Trrust = None,
    other_genome: OtherGenome = False,
    bootstrap: Draws = 2000,
    block: Block = 10_000,
    seed: Seed = 0,
    device: Device = "auto",
    precision: Precision = PrecisionName.auto,
    threads: Threads = 0,
    force: Force = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    config: Config = None,
) -> None:
    """Put all about a dataset and its runs on one page.

    To open in a web browser, print or send; it needs no network. It holds what evaluate and prototypes say, the curves
    of training, ROC and precision-recall curves of every TF, which model is best and what to be careful about, and the
    commands and checksums to make it all again.
    """
    progress = listen(quiet, verbose)
    reserve(output)
    use_threads(threads)
    from pmntool.bootstrap import Bootstrap
    from pmntool.verbs.report import report as verb

    done = verb(
        runs_or_all(runs),
        dataset,
        output,
        split=split.value,
        baseline=baseline or None,
        bootstrap=Bootstrap(bootstrap, block, seed),
        trrust=trrust,
        other_genome=other_genome,
        device=device,
        precision=precision.value,
        force=force,
        progress=progress,
    )
    log.info("wrote %s (%.1f MB): open it in a web browser", output, len(done.page.encode()) / 1e6)
