"""`pmntool train`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from pmntool.cli.config import settle
from pmntool.cli.facts import AsJson
from pmntool.cli.options import (
    Config,
    Data,
    Device,
    Force,
    LoggerName,
    MetricName,
    Precision,
    PrecisionName,
    Quiet,
    Seed,
    StrandsName,
    Tfs,
    Threads,
    VariantName,
    Verbose,
    answer,
    example,
    listen,
    numbers,
    use_threads,
    words,
)
from pmntool.cli.root import app, reserve
from pmntool.errors import InputError
from pmntool.variants import VARIANTS, WITH_PROTOTYPES, folder_name

log = logging.getLogger("pmntool")


@app.command(
    epilog="\b\nVariants:\n"
    + "\n".join(f"  {name:<13} {what.summary}" for name, what in VARIANTS.items())
    + "\n\n"
    + example(
        "train --variant pmn --lambda 1",
        "train --variant cnn --channels 128,64,64 --batch-size 128 --epochs 20",
        "train --variant pwm --motifs JASPAR.meme",
        "train --variant pmn --resume",
    )
)
def train(
    variant: Annotated[
        VariantName, typer.Option(metavar="<variant>", help="Which model; they are listed below.")
    ] = VariantName.pmn,
    prototype_weight: Annotated[
        float | None,
        typer.Option(
            "--lambda", help="Weight of the prototype-matching loss. [default: 1 for pmn*]", show_default=False
        ),
    ] = None,
    dataset: Data = Path("dataset"),
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Run folder. [default: runs/VARIANT, or with lambda runs/VARIANT-lambdaX]",
            show_default=False,
        ),
    ] = None,
    channels: Annotated[str, typer.Option(help="Kernels of each convolution.")] = "512,256,128",
    widths: Annotated[str, typer.Option(help="Widths of the kernels, bp.")] = "9,5,3",
    hops: Annotated[int, typer.Option(help="Hops K of the LSTM over the prototypes.")] = 5,
    sharpness: Annotated[float, typer.Option(help="Weight epsilon of the cosine in a match.")] = 20.0,
    dropout: Annotated[float, typer.Option(help="Share of activations dropped after each convolution.")] = 0.2,
    strands: Annotated[
        StrandsName,
        typer.Option(
            "--reverse-complement",
            help="augment: train on either strand at random; average: mean of both strands' answers; shared: larger "
            "value of each feature of both strands. What was trained so is evaluated and scanned so.",
        ),
    ] = StrandsName.off,
    learning_rate: Annotated[float, typer.Option(help="Of Adam.")] = 1e-3,
    batch_size: Annotated[int, typer.Option(help="Windows in a batch.")] = 512,
    epochs: Annotated[int, typer.Option(help="Times that all training windows are seen.")] = 40,
    patience: Annotated[int, typer.Option(help="Stop after so many epochs without a better validation; 0: never.")] = 0,
    select_by: Annotated[
        MetricName, typer.Option(help="Validation metric, mean over TFs, of which the best epoch is kept.")
    ] = MetricName.auroc,
    tfs: Tfs = "",
    motifs: Annotated[
        Path | None,
        typer.Option(help="Known motifs, in MEME's or JASPAR's format, named after TFs; for pwm.", show_default=False),
    ] = None,
    seed: Seed = 0,
    device: Device = "auto",
    precision: Precision = PrecisionName.auto,
    threads: Threads = 0,
    logger: Annotated[
        LoggerName | None,
        typer.Option(
            help="Also write metrics as event files, into the run's tensorboard/, or csv/metrics.csv; epochs.tsv is "
            "there always."
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the output folder.")] = False,
    force: Force = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Train a model on a dataset.

    The run folder is complete after every epoch: weights of the best and of the last one, metrics (epochs.tsv) and
    their curves (epochs.png, the paper's Figure 3).
    """
    name = variant.value
    if prototype_weight is not None and name not in WITH_PROTOTYPES:
        raise InputError(f"--lambda: {name} has no prototypes; the variants that have are {', '.join(WITH_PROTOTYPES)}")
    if resume and force:
        raise InputError("--resume goes on with a run and --force replaces it: give one of them")
    weight = 1.0 if prototype_weight is None and name in WITH_PROTOTYPES else prototype_weight or 0.0
    output = output or Path("runs", folder_name(name, weight, strands.value))
    settle(output=output, prototype_weight=weight if name in WITH_PROTOTYPES else None)
    progress = listen(quiet, verbose)
    reserve(output)
    use_threads(threads)
    from pmntool.models import Hyperparameters
    from pmntool.verbs.train import Settings
    from pmntool.verbs.train import train as verb

    hyperparameters = Hyperparameters(
        numbers(channels, "--channels"), numbers(widths, "--widths"), dropout, hops, sharpness, strands.value
    )
    settings = Settings(
        name, weight, learning_rate, batch_size, epochs, patience, seed, precision.value, select_by.value
    )
    run = verb(
        dataset, output, settings, hyperparameters, tfs=words(tfs) or None, motifs=motifs, device=device,
        logger=logger and logger.value, resume=resume, force=force, progress=progress,
    )  # fmt: skip
    log.info(
        "wrote %s/: best weights of epoch %d, curves in %s", output, max(run.meta["best_epochs"]), output / "epochs.png"
    )
    if as_json:
        answer(output, run.meta)
