"""One epoch: show a model every training window once, measure it on the validation windows, keep what was best."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from pmntool import metrics
from pmntool.dataset import Dataset
from pmntool.inference import gather, one_hot, scan
from pmntool.losses import total_loss
from pmntool.models.strands import flip_some
from pmntool.progress import Progress


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
class TrainingWindows:
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


def launch(device: torch.device) -> Fabric:
    """Return the processes that compute together: this one alone, or all that torchrun has started, each on its device.

    On GPUs each process of a machine takes its own; `device` says then no more than that they are GPUs.
    """
    n_ranks, here = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    if n_ranks == 1:
        return Fabric(accelerator=device.type, devices=[device.index or 0] if device.type == "cuda" else 1)
    together = DDPStrategy(find_unused_parameters=True)  # a TF without a window in a batch teaches nothing
    fabric = Fabric(accelerator=device.type, devices=here, num_nodes=n_ranks // here, strategy=together)
    fabric.launch()
    return fabric


def load_windows(data: Dataset, names: list[str], place: torch.device) -> TrainingWindows:
    """Put the training split on the device: a CPU takes the dataset's own arrays."""
    codes, starts = data.stretch("train")
    columns = np.array(data.columns(names))
    arrays = (codes, starts, data.packed[data.rows("train")], columns // 8, (7 - columns % 8).astype(np.uint8))
    return TrainingWindows(*(torch.from_numpy(array).to(place) for array in arrays), window=data.window)


def run_epoch(
    fabric: Fabric,
    model: nn.Module,
    optimizer: torch.optim.Optimizer | None,
    windows: TrainingWindows,
    settings: Settings,
    epoch: int,
    progress: Progress,
    *,
    augment: bool,
) -> float:
    """Show the model every training window once, in random order, with `augment` on either strand; return the loss.

    Order, dropout and strands follow from the seed and the epoch's number. Of several processes each takes its share of
    every batch; their gradients are averaged as if one had taken it whole.
    """
    rank, n_ranks = fabric.global_rank, fabric.world_size
    torch.manual_seed(stream(settings.seed, epoch))
    order = torch.randperm(len(windows)).to(windows.starts.device)
    if rank:
        torch.manual_seed(stream(settings.seed, epoch, rank))
    model.train(optimizer is not None)
    total = torch.zeros((), device=windows.starts.device)
    for step, batch in enumerate(order.split(settings.batch_size)):
        rows = batch[rank::n_ranks] if len(batch) >= n_ranks else batch
        weight = n_ranks * len(rows) / len(batch) if len(batch) >= n_ranks else 1.0
        y = windows.y(rows).float()
        x = flip_some(windows.x(rows)) if augment else windows.x(rows)
        loss = total_loss(model(x, y), y, settings.prototype_weight) * weight
        if optimizer:
            fabric.backward(loss)
            optimizer.step()
            optimizer.zero_grad()
        total += loss.detach() * len(batch)
        progress.advance(len(batch), f"loss {float(loss.detach()):.3f}" if step % 20 == 0 else "")
    if n_ranks > 1:
        torch.manual_seed(stream(settings.seed, epoch, n_ranks))  # from here on the same in all
    return float(fabric.all_reduce(total, reduce_op="mean")) / len(order)


def measure(
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


class Best:
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


def stream(*numbers: int) -> int:
    """Return the seed of what these numbers name, as a run's seed, an epoch and a process."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]) >> 1
