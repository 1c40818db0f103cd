"""Train a model: a dataset to a run folder (§2.5 of the paper)."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from pmntool import __version__, metrics, plots
from pmntool.checkpoint import Run, clear, restore, save, sizes
from pmntool.dataset import Dataset, file_checksum
from pmntool.device import choose_device, choose_precision, describe, use_precision
from pmntool.errors import InputError, MismatchError, PmnError
from pmntool.inference import gather, one_hot, scan
from pmntool.losses import total_loss
from pmntool.models import Hyperparameters, Remembers, UsesMotifs, build, label_groups
from pmntool.models.strands import flip_some
from pmntool.motifs import find_motifs
from pmntool.progress import Progress
from pmntool.staging import new_directory, new_file, require_free
from pmntool.variants import AS_PUBLISHED, STRANDS, VARIANTS

log = logging.getLogger("pmntool")


class Settings(NamedTuple):
    """How a model is trained; the defaults are the paper's, or where it is silent those of docs/paper-notes.md."""

    variant: str = "pmn"
    prototype_weight: float = 1.0  # λ; of no effect on a variant without prototypes
    learning_rate: float = 1e-3  # of Adam
    batch_size: int = 512  # windows
    epochs: int = 40
    patience: int = 0  # stop after so many epochs without a better validation metric; 0: never
    seed: int = 0
    precision: str = "auto"  # as in `device.choose_precision`; a run says what that came to
    select_by: str = "auroc"  # the validation metric whose mean over TFs says which epoch is best


@dataclass(frozen=True)
class _Data:
    """The windows that training sees, on the device: those of the training split, and nothing else."""

    sequence: Tensor  # uint8 (T,)
    starts: Tensor  # int64 (N,)
    packed: Tensor  # uint8 (N, ceil(L / 8)), as in the dataset
    label_byte: Tensor  # int64 (L,): where the bit of each trained TF stands
    label_shift: Tensor  # uint8 (L,)
    window: int  # bp

    def __len__(self) -> int:
        return len(self.starts)

    def x(self, rows: Tensor) -> Tensor:
        """Return bases, one-hot, float32 (B, 4, W)."""
        return one_hot(gather(self.sequence, self.starts[rows], self.window))

    def y(self, rows: Tensor) -> Tensor:
        """Return targets, uint8 (B, L)."""
        return (self.packed[rows][:, self.label_byte] >> self.label_shift) & 1


class _Best:
    """The best weights so far: of each part of the model that learns apart, those of its own best epoch."""

    def __init__(self, groups: list[tuple[str, list[int]]]) -> None:
        self.groups = groups
        self.scores = [-1.0] * len(groups)  # below every metric
        self.epochs = [0] * len(groups)
        self.weights: dict[str, Tensor] = {}

    def update(self, epoch: int, values: np.ndarray, model: nn.Module) -> None:
        """Keep the weights of the parts whose labels' mean metric (values, (L,)) is better than before."""
        state = model.state_dict()
        for index, (prefix, labels) in enumerate(self.groups):
            score = metrics.mean(values[labels])
            if not self.epochs[index] or score > self.scores[index]:
                self.scores[index] = -1.0 if np.isnan(score) else score
                self.epochs[index] = epoch
                self.weights |= {key: value.clone() for key, value in state.items() if key.startswith(prefix)}


def train(
    dataset: Path,
    output: Path,
    settings: Settings = Settings(),
    hyperparameters: Hyperparameters = Hyperparameters(),
    *,
    tfs: list[str] | None = None,
    motifs: Path | None = None,
    device: str = "auto",
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
        The loss is no longer a number; the run keeps its last good epoch.
    """
    _check(settings, hyperparameters)
    place = choose_device(device)
    data = Dataset(dataset)
    hyperparameters = hyperparameters._replace(window=data.window)
    names = data.tfs if tfs is None else [data.tfs[column] for column in sorted(set(data.columns(tfs)))]
    torch.manual_seed(settings.seed)
    net = build(settings.variant, names, hyperparameters)
    settings = settings._replace(precision=use_precision(net, choose_precision(settings.precision, place), place))
    meta = _describe(data, names, settings, hyperparameters)
    known = None
    if motifs is not None:
        known = find_motifs(motifs, names)
        used = {label: [motif.name for motif in found] for label, found in known.items()}
        meta["motifs"] = {"file": motifs.name, "sha256": file_checksum(motifs, InputError), "used": used}
    old = _open_to_resume(output, meta) if resume else None
    if old is None:
        require_free(output, force=force, marker="run.json")
    log.info("training %s on %s: %d TFs", settings.variant, describe(place, settings.precision), len(names))

    fabric = Fabric(accelerator=place.type, devices=[place.index or 0] if place.type == "cuda" else 1)
    if isinstance(net, UsesMotifs) != (known is not None):
        raise InputError(f"--motifs: {settings.variant} {'takes no' if known else 'needs a file of known'} motifs")
    if known:
        net.use_motifs([[motif.log_odds for motif in known[name]] for name in names])
    if net.receptive_field > data.window:
        raise InputError(
            f"{settings.variant} reads {net.receptive_field} bp at these sizes, more than the dataset's {data.window}"
        )
    adam = torch.optim.Adam(net.parameters(), lr=settings.learning_rate) if list(net.parameters()) else None
    model, optimizer = fabric.setup(net, adam) if adam else (net.to(place), None)
    best = _Best(label_groups(net, len(names)))
    if old is not None:
        meta = old.meta
        restore(old, net, adam)
        best.scores, best.epochs = meta["best_scores"], meta["best_epochs"]
        best.weights = {name: tensor.to(place) for name, tensor in old.tensors("best").items()}
        clear(output, meta)
        _write_curves(output, output.name, meta)
    windows = _load(data, names, place)
    if old is None and isinstance(net, Remembers):
        net.remember(windows)
    n_epochs = settings.epochs if adam else 1
    progress.keep(_kept(output, len(meta["epochs"]), force))
    if len(meta["epochs"]) >= n_epochs:
        log.info("%s has its %d epochs already; --epochs %d asks for no more", output, len(meta["epochs"]), n_epochs)
    for epoch in range(len(meta["epochs"]) + 1, n_epochs + 1):
        if settings.patience and epoch - 1 - max(best.epochs) >= settings.patience:
            log.info("stopped early: no better validation %s in %d epochs", settings.select_by, settings.patience)
            break
        progress.start(f"epoch {epoch}/{n_epochs}", len(windows), "windows")
        torch.manual_seed(_stream(settings.seed, epoch))
        loss = _run_epoch(
            fabric, model, optimizer, windows, settings, progress, augment=hyperparameters.strands == "augment"
        )
        if adam and isinstance(net, Remembers):
            net.remember(windows)
        measured = _measure(net, data, names, place, settings) if np.isfinite(loss) else None
        if measured is None:
            kept = f"epoch {epoch - 1}" if epoch > 1 else "nothing"
            raise PmnError(
                f"{output}: in epoch {epoch} the loss or the weights turned into something that is not a number; "
                f"{kept} is kept. Try a --learning-rate below {settings.learning_rate:g}"
            )
        row, values = measured
        progress.finish()
        best.update(epoch, values, net)
        known = {name: None if np.isnan(value) else value for name, value in row.items()}  # JSON has no NaN
        meta["epochs"].append({"epoch": epoch, "train_loss": loss, **known})
        _save(output, meta, epoch, best, net, adam, force=force)
        progress.keep(_kept(output, epoch, force))
        log.info(
            "epoch %d/%d: loss %.3f, validation auROC %.4f, auPR %.4f, recall at 50 %% FDR %.4f%s",
            epoch, n_epochs, loss, row["valid_auroc"], row["valid_aupr"], row["valid_recall_at_fdr"],
            " (best)" if epoch in best.epochs else "",
        )  # fmt: skip
    return Run(output)


def _run_epoch(
    fabric: Fabric, model: nn.Module, optimizer: torch.optim.Optimizer | None, windows: _Data, settings: Settings,
    progress: Progress, *, augment: bool,
) -> float:  # fmt: skip
    """Show the model every training window once, in random order, with `augment` on either strand; return the loss."""
    model.train(optimizer is not None)
    total = torch.zeros((), device=windows.starts.device)
    order = torch.randperm(len(windows)).to(windows.starts.device)
    for step, rows in enumerate(order.split(settings.batch_size)):
        y = windows.y(rows).float()
        x = flip_some(windows.x(rows)) if augment else windows.x(rows)
        loss = total_loss(model(x, y), y, settings.prototype_weight)
        if optimizer:
            fabric.backward(loss)
            optimizer.step()
            optimizer.zero_grad()
        total += loss.detach() * len(rows)
        progress.advance(len(rows), f"loss {float(loss.detach()):.3f}" if step % 20 == 0 else "")
    return float(total) / len(order)


def _measure(
    model: nn.Module, data: Dataset, names: list[str], place: torch.device, settings: Settings
) -> tuple[dict[str, float], np.ndarray] | None:
    """Return an epoch's row of metrics, means over TFs, and each TF's validation metric to select by, (L,).

    None where the model's logits or weights are not finite. The training split is represented by as many of its windows
    as the validation split has, drawn once with the seed.
    """
    codes, starts = data.stretch("valid")
    y = data.targets("valid", names)
    logits = scan(model, codes, starts, data.window, place)
    sample_codes, sample_starts = data.stretch("train")
    rows = np.sort(np.random.default_rng(settings.seed).permutation(len(sample_starts))[: len(y)])
    sample = scan(model, sample_codes, sample_starts[rows], data.window, place)
    weights = all(bool(weight.isfinite().all()) for weight in model.parameters())
    if not (weights and np.isfinite(logits).all() and np.isfinite(sample).all()):
        return None
    valid = metrics.evaluate_labels(y, logits)
    train = metrics.evaluate_labels(data.targets("train", names)[rows], sample)
    valid_loss = binary_cross_entropy_with_logits(torch.from_numpy(logits), torch.from_numpy(y).float())
    row = {
        "valid_loss": float(valid_loss) * len(names),
        "train_auroc": metrics.mean(train.auroc),
        "valid_auroc": metrics.mean(valid.auroc),
        "valid_aupr": metrics.mean(valid.aupr),
        "valid_recall_at_fdr": metrics.mean(valid.recall_at_fdr),
    }
    return row, getattr(valid, settings.select_by)


def _load(data: Dataset, names: list[str], place: torch.device) -> _Data:
    """Copy the training split to the device."""
    codes, starts = data.stretch("train")
    columns = np.array(data.columns(names))
    arrays = (codes, starts, data.packed[data.rows("train")], columns // 8, (7 - columns % 8).astype(np.uint8))
    return _Data(*(torch.from_numpy(np.array(array)).to(place) for array in arrays), window=data.window)


def _save(
    output: Path, meta: dict[str, Any], epoch: int, best: _Best, model: nn.Module,
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
    plots.curves({name: [table]}, folder / "epochs.png")


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
    for key in ("variant", "hyperparameters", "tfs", "window", "stride"):
        if run.meta[key] != meta[key]:
            raise MismatchError(
                f"{output}: cannot be resumed, its {key} differs: {run.meta[key]} there, {meta[key]} here"
            )
    for key, value in meta["settings"].items():
        if key not in free and run.meta["settings"].get(key) != value:
            there = run.meta["settings"].get(key)
            raise MismatchError(f"{output}: cannot be resumed, its {key} differs: {there} there, {value} here")
    if run.meta["dataset"]["sha256"] != meta["dataset"]["sha256"]:
        raise MismatchError(f"{output}: cannot be resumed, it was trained on another dataset")
    if run.meta.get("motifs") != meta.get("motifs"):
        raise MismatchError(f"{output}: cannot be resumed, it was made of other motifs")
    run.meta["settings"] |= {key: meta["settings"][key] for key in free}
    return run


def _check(settings: Settings, hp: Hyperparameters) -> None:
    """Refuse settings out of range."""
    rules = (
        (settings.variant in VARIANTS, f"--variant {settings.variant}: expected one of {', '.join(VARIANTS)}"),
        (0 <= settings.prototype_weight < float("inf"), f"--lambda {settings.prototype_weight}: expected at least 0"),
        (0 < settings.learning_rate < float("inf"), f"--learning-rate {settings.learning_rate}: expected more than 0"),
        (settings.batch_size >= 1, f"--batch-size {settings.batch_size}: expected at least 1"),
        (settings.epochs >= 1, f"--epochs {settings.epochs}: expected at least 1"),
        (settings.patience >= 0, f"--patience {settings.patience}: expected at least 0"),
        (settings.select_by in metrics.NAMES, f"--select-by {settings.select_by}: expected {'|'.join(metrics.NAMES)}"),
        (0 <= settings.seed < 2**32, f"--seed {settings.seed}: expected 0 to {2**32 - 1}"),
        (
            len(hp.channels) == len(hp.widths) > 0,
            "--channels and --widths: expected as many of the one as of the other",
        ),
        (
            min((*hp.channels, *hp.widths), default=0) >= 1,
            "--channels and --widths: expected whole numbers of at least 1",
        ),
        (0 <= hp.dropout < 1, f"--dropout {hp.dropout}: expected at least 0 and less than 1"),
        (hp.hops >= 1, f"--hops {hp.hops}: expected at least 1"),
        (hp.strands in STRANDS, f"--reverse-complement {hp.strands}: expected {'|'.join(STRANDS)}"),
        (0 < hp.sharpness < float("inf"), f"--sharpness {hp.sharpness}: expected more than 0"),
        (
            settings.variant not in AS_PUBLISHED or sizes(hp._replace(strands="off")) == sizes(Hyperparameters()),
            f"--variant {settings.variant}: has its published sizes; --channels, --widths, --dropout, --hops and "
            "--sharpness are of other variants",
        ),
    )
    for good, message in rules:
        if not good:
            raise InputError(message)


def _stream(seed: int, epoch: int) -> int:
    """Return the seed of an epoch's shuffle and dropout."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0] >> 1)
