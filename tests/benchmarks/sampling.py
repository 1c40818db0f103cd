"""Do batches of runs of neighboring windows, which share their convolutions, train sooner than single windows do?

python tests/benchmarks/sampling.py DATASET [VARIANT [SEED [EPOCHS]]]

Prints CPU seconds of training so far and validation auROC after each epoch; then how long runs take to reach the
best of the windows, as a share of what windows take. Small size, batch of 128 windows, one thread.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from lightning_fabric import Fabric
from torch.nn.functional import max_pool1d

from pmntool import metrics
from pmntool.dataset import Dataset
from pmntool.device import choose_device, choose_precision, use_precision
from pmntool.epochs import Settings, TrainingWindows, load_windows, run_epoch, stream
from pmntool.inference import one_hot, scan
from pmntool.losses import total_loss
from pmntool.models import Hyperparameters, build
from pmntool.progress import Progress


class Way(NamedTuple):
    name: str
    longest: int  # windows of a run; 0: single windows, as pmntool trains
    batch: int  # windows
    learning_rate: float
    share: float = 1.0  # of a run's windows that count in the loss, drawn anew


WAYS = (
    Way("windows", 0, 128, 1e-3),
    Way("runs of 8", 8, 128, 1e-3),
    Way("runs of 8, half of each", 8, 256, 1e-3, 0.5),
    Way("runs of 16, a quarter of each", 16, 512, 1e-3, 0.25),
)


def cut(starts: np.ndarray, stride: int, longest: int, rng: np.random.Generator) -> np.ndarray:
    """Return (first window, number of windows) of each run: windows a stride apart, cut at a random phase, shuffled."""
    begins = np.flatnonzero(np.r_[True, np.diff(starts) != stride])
    edges = [
        np.r_[begin, np.arange(begin + rng.integers(1, longest + 1), end, longest)]
        for begin, end in zip(begins, np.r_[begins[1:], len(starts)], strict=True)
    ]
    first = np.concatenate(edges)
    return rng.permutation(np.stack([first, np.diff(np.r_[first, len(starts)])], axis=1))


def batches(runs: np.ndarray, n_windows: int) -> Iterator[np.ndarray]:
    """Yield runs that together have about so many windows."""
    number = np.cumsum(runs[:, 1]) // n_windows
    yield from np.split(runs, np.flatnonzero(np.diff(number)) + 1)


def epoch_of_runs(net, adam, windows: TrainingWindows, stride: int, way: Way, seed: int) -> None:
    """Show the model every run once: convolutions over a run, then each window's own maximum."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net.train()
    width = windows.window - net.receptive_field + 1
    for some in batches(cut(windows.starts.numpy(), stride, way.longest, rng), way.batch):
        most = int(some[:, 1].max())
        length = windows.window + (most - 1) * stride
        first = windows.starts[some[:, 0]]
        places = (first[:, None] + torch.arange(length)).clamp(max=len(windows.sequence) - 1)
        features = net.trunk(one_hot(windows.sequence[places]))
        maxima = max_pool1d(features, width, stride).transpose(1, 2)  # (runs, most, D)
        counted = np.arange(most) < some[:, 1:]
        if way.share < 1:
            counted &= rng.random(counted.shape) < way.share
        y = windows.y(torch.from_numpy((some[:, :1] + np.arange(most))[counted])).float()
        if not len(y):
            continue
        loss = total_loss(net.head(maxima[torch.from_numpy(counted)]), y, 1.0)
        loss.backward()
        adam.step()
        adam.zero_grad()


def main(path: Path, variant: str = "cnn", seed: str = "0", epochs: str = "20") -> None:
    torch.set_num_threads(1)
    device = choose_device("cpu")
    data = Dataset(path)
    windows = load_windows(data, data.tfs, device)
    codes, starts = data.stretch("valid")
    y = data.targets("valid", data.tfs)
    curves = {}
    for way in WAYS:
        torch.manual_seed(int(seed))
        net = build(variant, data.tfs, Hyperparameters(channels=(128, 64, 64), window=data.window))
        use_precision(net, choose_precision("auto", device), device)
        fabric = Fabric(accelerator="cpu", devices=1)
        model, adam = fabric.setup(net, torch.optim.Adam(net.parameters(), lr=way.learning_rate))
        settings = Settings(variant, batch_size=way.batch, seed=int(seed))
        spent, curve = 0.0, []
        for epoch in range(1, int(epochs) * (2 if way.longest else 1) + 1):
            start = time.process_time()
            if way.longest:
                epoch_of_runs(net, adam, windows, data.stride, way, stream(int(seed), epoch))
            else:
                run_epoch(fabric, model, adam, windows, settings, epoch, Progress(), augment=False)
            spent += time.process_time() - start
            logits = scan(net, codes, starts, data.window, device)
            curve.append((spent, metrics.mean(metrics.evaluate_labels(y, logits).auroc)))
            print(f"{way.name}\t{epoch}\t{spent:.0f} s\t{curve[-1][1]:.4f}", flush=True)
        curves[way.name] = curve
    goal = max(auroc for _, auroc in curves["windows"])
    took = next(spent for spent, auroc in curves["windows"] if auroc == goal)
    for name, curve in curves.items():
        there = next((spent for spent, auroc in curve if auroc >= goal), None)
        best = max(auroc for _, auroc in curve)
        share = "never" if there is None else f"{there / took:.2f} of the time"
        print(f"{variant}, seed {seed}, {name}: best {best:.4f}; the windows' {goal:.4f} reached in {share}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
