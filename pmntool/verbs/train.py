"""Train a model: a dataset to a run folder (§2.5 of the paper)."""

from __future__ import annotations

import logging
import math
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from pmntool import __version__, metrics, plots
from pmntool.checkpoint import Run, clear, restore, save
from pmntool.checksums import file_checksum
from pmntool.dataset import Dataset
from pmntool.device import choose_device, choose_precision, describe, use_precision
from pmntool.epoch_log import EpochLog
from pmntool.epochs import Best, Settings, launch, load_windows, measure, run_epoch
from pmntool.errors import InputError, MismatchError, PmnError
from pmntool.models import Hyperparameters, Remembers, UsesMotifs, build, label_groups
from pmntool.motifs import find_motifs
from pmntool.progress import Progress
from pmntool.run_json import LARGEST_SIZE, MOST_HOPS, sizes
from pmntool.staging import new_directory, new_file, write_config
from pmntool.targets import require_free
from pmntool.text import as_time, counted
from pmntool.variants import LOGGERS, STRANDS, VARIANTS

log = logging.getLogger("pmntool")

MOST = 2**31 - 1  # of windows in a batch, and of epochs


def train(
    dataset: Path,
    output: Path,
    settings: Settings = Settings(),
    hyperparameters: Hyperparameters = Hyperparameters(),
    *,
    tfs: list[str] | None = None,
    motifs: Path | None = None,
    device: str = "auto",
    logger: str | None = None,
    resume: bool = False,
    force: bool = False,
    progress: Progress = Progress(),
) -> Run:
    """Train one variant and write its run folder after every epoch.

    The test split is not touched. Each epoch's shuffle and dropout follow from the seed and the epoch's number alone,
    so that a resumed run goes on as if it had never stopped.

    Parameters
    ----------
    dataset
        A folder that `build-dataset` wrote.
    output
        The run's folder.
    hyperparameters
        The model's sizes; its window is the dataset's, whatever stands there.
    tfs
        TFs to train on; all of the dataset's by default. The windows stay the same.
    motifs
        The file of known motifs that variants of `models.UsesMotifs` need and no other takes.
    logger
        One of `variants.LOGGERS`: also write the metrics of each epoch as TensorBoard's event files, or as CSV.
    resume
        Go on with the run in `output`, up to `settings.epochs`; everything else must be as it was.

    Raises
    ------
    InputError
        The dataset or the run cannot be read, or a setting is out of range.
    MismatchError
        A TF is not in the dataset, or a run to resume was made otherwise.
    OutputError
        `output` exists (without `force` or `resume`) or cannot be written.
    PmnError
        The loss is no longer a number; the run keeps its last good epoch. Or the logger is not installed.
    """
    _check(settings, hyperparameters)
    if logger not in (None, *LOGGERS):
        raise InputError(f"--logger {logger}: expected one of {', '.join(LOGGERS)}")
    watched = EpochLog(output, logger) if logger else None
    place = choose_device(device)
    data = Dataset(dataset)
    hyperparameters = hyperparameters._replace(window=data.window)
    names = data.tfs if tfs is None else [data.tfs[column] for column in sorted(set(data.columns(tfs)))]
    torch.manual_seed(settings.seed)
    net = build(settings.variant, names, hyperparameters)
    settings = settings._replace(precision=use_precision(net, choose_precision(settings.precision, place), place))
    meta = _describe(data, names, settings, hyperparameters) | _take_motifs(net, motifs, names, settings.variant)
    if net.receptive_field > data.window:
        raise InputError(
            f"{settings.variant} reads {net.receptive_field} bp at these sizes, more than the dataset's {data.window}"
        )
    old = _open_to_resume(output, meta) if resume else None
    if old is None:
        require_free(output, force=force, marker="run.json", reads=[dataset, motifs])

    fabric = launch(place)
    on = describe(fabric.device, settings.precision)
    log.info("training %s on %s: %s", settings.variant, on, counted(len(names), "TF"))
    adam = torch.optim.Adam(net.parameters(), lr=settings.learning_rate) if list(net.parameters()) else None
    model, optimizer = fabric.setup(net, adam) if adam else (net.to(fabric.device), None)
    best = Best(label_groups(net, len(names)))
    if old is not None:
        meta = old.meta
        _go_on(old, net, adam, best, fabric.device)
        if fabric.is_global_zero:
            clear(output, meta)
            _write_curves(output, output.name, meta)
            write_config(output)
            if watched:
                watched.write(meta["epochs"])
    windows = load_windows(data, names, fabric.device)
    if old is None and isinstance(net, Remembers):
        net.remember(windows)
    n_epochs = settings.epochs if adam else 1
    progress.keep(_kept(output, len(meta["epochs"]), force))
    if len(meta["epochs"]) >= n_epochs:
        there = counted(len(meta["epochs"]), "epoch")
        log.info("%s has its %s already; --epochs %d asks for no more", output, there, n_epochs)
    began, first = time.monotonic(), len(meta["epochs"]) + 1
    for epoch in range(first, n_epochs + 1):
        if settings.patience and epoch - 1 - max(best.epochs) >= settings.patience:
            waited = counted(settings.patience, "epoch")
            log.info("stopped early: no better validation %s in %s", settings.select_by, waited)
            break
        progress.start(f"epoch {epoch}/{n_epochs}", len(windows), "windows")
        augment = hyperparameters.strands == "augment"
        loss = run_epoch(fabric, model, optimizer, windows, settings, epoch, progress, augment=augment)
        if adam and isinstance(net, Remembers):
            net.remember(windows)
        measured = (
            measure(net, data, names, fabric.device, settings) if np.isfinite(loss) and fabric.is_global_zero else None
        )
        measured = fabric.broadcast(measured)
        progress.finish()
        if measured is None:
            kept = f"epoch {epoch - 1}" if epoch > 1 else "nothing"
            raise PmnError(
                f"{output}: in epoch {epoch} the loss or the weights turned into something that is not a number; "
                f"{kept} is kept. Try a --learning-rate below {settings.learning_rate:g}"
            )
        row, values = measured
        best.update(epoch, values, net)
        known = {name: None if np.isnan(value) else value for name, value in row.items()}  # JSON has no NaN
        meta["epochs"].append({"epoch": epoch, "train_loss": loss, **known})
        if fabric.is_global_zero:
            _save(output, meta, epoch, best, net, adam, force=force)
            if watched:
                watched.write(meta["epochs"])
        progress.keep(_kept(output, epoch, force))
        log.info(
            "epoch %d/%d: loss %.3f, validation auROC %.4f, auPR %.4f, recall at 50 %% FDR %.4f%s",
            epoch, n_epochs, loss, row["valid_auroc"], row["valid_aupr"], row["valid_recall_at_fdr"],
            " (best)" if epoch in best.epochs else "",
        )  # fmt: skip
        if epoch == first < n_epochs:
            left = (n_epochs - epoch) * (time.monotonic() - began)
            log.info("%s left, about %s", counted(n_epochs - epoch, "epoch"), as_time(left))
    if watched:
        watched.close()
    fabric.barrier()
    return Run(output)


def _take_motifs(net: nn.Module, motifs: Path | None, names: list[str], variant: str) -> dict[str, Any]:
    """Give a model the motifs that it needs, and return what run.json says of them; no other model takes any."""
    if isinstance(net, UsesMotifs) != (motifs is not None):
        raise InputError(f"--motifs: {variant} {'needs a file of known' if motifs is None else 'takes no'} motifs")
    if motifs is None:
        return {}
    known = find_motifs(motifs, names)
    net.use_motifs([[motif.log_odds for motif in known[name]] for name in names])
    used = {label: [motif.name for motif in found] for label, found in known.items()}
    return {"motifs": {"file": motifs.name, "sha256": file_checksum(motifs, InputError), "used": used}}


def _go_on(old: Run, net: nn.Module, adam: torch.optim.Optimizer | None, best: Best, device: torch.device) -> None:
    """Bring a model, its optimizer and its best weights to where a run stopped."""
    restore(old, net, adam)
    best.scores, best.epochs = old.meta["best_scores"], old.meta["best_epochs"]
    best.weights = {name: tensor.to(device) for name, tensor in old.tensors("best").items()}


def _save(
    output: Path, meta: dict[str, Any], epoch: int, best: Best, model: nn.Module,
    optimizer: torch.optim.Optimizer | None, *, force: bool,
) -> None:  # fmt: skip
    """Write the run after an epoch; the first one makes the folder, or with `force` replaces an old one."""
    meta |= {"best_epochs": best.epochs, "best_scores": best.scores}
    with new_directory(output, force=force, marker="run.json") if epoch == 1 else nullcontext(output) as folder:
        save(
            folder, meta, epoch=epoch, best_epoch=max(best.epochs), best=best.weights, model=model, optimizer=optimizer
        )
        _write_curves(folder, output.name, meta)


def _write_curves(folder: Path, name: str, meta: dict[str, Any]) -> None:
    """Write what run.json says of the epochs as a table and a figure."""
    table = pd.DataFrame(meta["epochs"])
    with new_file(folder / "epochs.tsv") as partial:
        table.to_csv(partial, sep="\t", index=False, lineterminator="\n")
    plots.curves({name.encode(errors="replace").decode(): [table]}, folder / "epochs.png")


def _kept(output: Path, n_epochs: int, force: bool) -> str:
    """Return what is there should the command end now, and how to go on."""
    if not n_epochs:
        return "no epoch is complete, so nothing is kept"
    return f"{output} keeps epochs 1 to {n_epochs}; go on with --resume{' in place of --force' if force else ''}"


def _describe(data: Dataset, names: list[str], settings: Settings, hyperparameters: Hyperparameters) -> dict[str, Any]:
    """Return run.json's content before the first epoch."""
    dataset = {"sha256": data.checksum, "negatives": data.meta["negatives"], "chroms": data.meta["chroms"]}
    return {
        "pmntool": __version__,
        "torch": torch.__version__,
        "variant": settings.variant,
        "hyperparameters": sizes(hyperparameters),
        "settings": {key: value for key, value in settings._asdict().items() if key != "variant"},
        "tfs": names,
        "window": data.window,
        "stride": data.stride,
        "dataset": dataset,
        "epochs": [],
    }


def _open_to_resume(output: Path, meta: dict[str, Any]) -> Run:
    """Return the run to go on with, if it was made as this one would be."""
    run = Run(output)
    free = {"epochs", "patience"}  # may differ: they only say when to stop
    for key, value in _choices(meta).items():
        there = _choices(run.meta).get(key)
        if key not in free and there != value:
            raise MismatchError(f"{output}: cannot be resumed, {key} was {there} and is {value} now")
    if run.meta["tfs"] != meta["tfs"]:
        raise MismatchError(f"{output}: cannot be resumed, it was trained on other TFs")
    if run.meta["dataset"]["sha256"] != meta["dataset"]["sha256"]:
        raise MismatchError(f"{output}: cannot be resumed, it was trained on another dataset")
    if run.meta.get("motifs") != meta.get("motifs"):
        raise MismatchError(f"{output}: cannot be resumed, it was made of other motifs")
    run.meta["settings"] |= {key: meta["settings"][key] for key in free}
    return run


def _choices(meta: dict[str, Any]) -> dict[str, Any]:
    """Return what was chosen for a run, by name."""
    first = {key: meta[key] for key in ("variant", "window", "stride")}
    return first | meta["hyperparameters"] | meta["settings"]


def _check(settings: Settings, hp: Hyperparameters) -> None:
    """Refuse settings out of range, and sizes that the variant has no use for."""
    if settings.variant not in VARIANTS:
        raise InputError(f"--variant {settings.variant}: expected one of {', '.join(VARIANTS)}")
    taken, usual = ("strands", *VARIANTS[settings.variant].sizes), sizes(Hyperparameters())
    idle = [f"--{name}" for name, value in sizes(hp).items() if name not in taken and value != usual[name]]
    rules = (
        (
            0 <= settings.prototype_weight < math.inf,
            f"--lambda {settings.prototype_weight}: expected a finite number of at least 0",
        ),
        (
            0 < settings.learning_rate < math.inf,
            f"--learning-rate {settings.learning_rate}: expected a finite number above 0",
        ),
        (1 <= settings.batch_size <= MOST, f"--batch-size {settings.batch_size}: expected 1 to {MOST}"),
        (1 <= settings.epochs <= MOST, f"--epochs {settings.epochs}: expected 1 to {MOST}"),
        (0 <= settings.patience <= MOST, f"--patience {settings.patience}: expected 0 to {MOST}"),
        (settings.select_by in metrics.NAMES, f"--select-by {settings.select_by}: expected {'|'.join(metrics.NAMES)}"),
        (0 <= settings.seed < 2**32, f"--seed {settings.seed}: expected 0 to {2**32 - 1}"),
        (
            len(hp.channels) == len(hp.widths) > 0,
            "--channels and --widths: expected as many of the one as of the other",
        ),
        (
            all(1 <= size <= LARGEST_SIZE for size in (*hp.channels, *hp.widths)),
            f"--channels and --widths: expected whole numbers from 1 to {LARGEST_SIZE}",
        ),
        (0 <= hp.dropout < 1, f"--dropout {hp.dropout}: expected at least 0 and less than 1"),
        (1 <= hp.hops <= MOST_HOPS, f"--hops {hp.hops}: expected 1 to {MOST_HOPS}"),
        (hp.strands in STRANDS, f"--reverse-complement {hp.strands}: expected {'|'.join(STRANDS)}"),
        (0 < hp.sharpness < math.inf, f"--sharpness {hp.sharpness}: expected a finite number above 0"),
        (not idle, f"--variant {settings.variant}: has no use for {', '.join(idle)}"),
    )
    for good, message in rules:
        if not good:
            raise InputError(message)
