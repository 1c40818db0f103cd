"""`pmntool evaluate`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from pmntool.cli.facts import AsJson
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
    Verbose,
    answer,
    example,
    listen,
    use_threads,
)
from pmntool.cli.root import app, reserve

log = logging.getLogger("pmntool")


@app.command(epilog=example("evaluate runs/*", "evaluate runs/cnn runs/pmn-lambda1 --split valid -o validation/"))
def evaluate(
    runs: Annotated[list[Path], typer.Argument(help="Run folders.", show_default=False)],
    dataset: Data = Path("dataset"),
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for tables and figures.")] = Path("evaluation"),
    split: Split = SplitName.test,
    baseline: Baseline = "",
    all_pairs: Annotated[
        bool, typer.Option("--all-pairs", help="Compare every two runs TF by TF, not only each with the baseline.")
    ] = False,
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
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Measure runs on held-out windows and compare them.

    auROC, auPR and recall at 50 % FDR of every TF; the paper's Table 4 with one-tailed paired t-tests; which TFs gained
    or lost, by a paired bootstrap over genomic blocks; the rarest and the commonest TFs apart; per-TF scatter plots and
    the runs' curves. Runs that differ in their seed alone are one row.
    """
    progress = listen(quiet, verbose)
    reserve(output)
    use_threads(threads)
    from pmntool import terminal
    from pmntool.bootstrap import Bootstrap
    from pmntool.folders import open_folder
    from pmntool.verbs.evaluate import evaluate as verb

    evaluation = verb(
        runs,
        dataset,
        output,
        split=split.value,
        baseline=baseline or None,
        bootstrap=Bootstrap(bootstrap, block, seed),
        all_pairs=all_pairs,
        other_genome=other_genome,
        device=device,
        precision=precision.value,
        force=force,
        progress=progress,
    )
    if as_json:
        answer(output, open_folder(output).meta)
    else:
        terminal.show(terminal.evaluation_tables(evaluation))
    figures = [name for name in ("curves.png", "scatter.png") if (output / name).exists()]
    log.info("wrote %s/: tables as TSV and JSON, %s", output, " and ".join(figures))
