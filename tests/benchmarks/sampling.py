"""Do batches of runs of neighboring windows, which share their convolutions, train sooner than single windows do?

python tests/benchmarks/sampling.py DATASET [VARIANT [SEED [EPOCHS]]]

Prints CPU seconds of training so far and validation auROC after each epoch. Windows train for EPOCHS; each way of
taking runs ends where it reaches the windows' best, or has had the share of their time that would make it worth its
place in pmntool. Small size, one thread.
"""

import sys
import time
from collections.abc import Iterator
from itertools import count, islice
from operator import itemgetter
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

WORTH = 0.6  # of the windows' time to their best


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
    Way("runs of 8, in larger steps", 8, 128, 2e-3),
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


def main(path: Path, variant: str = "cnn", seed: str = "0", epochs: str = "14") -> None:
    torch.set_num_threads(1)
    device = choose_device("cpu")
    data = Dataset(path)
    windows = load_windows(data, data.tfs, device)
    codes, starts = data.stretch("valid")
    y = data.targets("valid", data.tfs)

    def epochs_of(way: Way) -> Iterator[tuple[float, float]]:
        """Yield CPU seconds of training so far and validation auROC, without end."""
        torch.manual_seed(int(seed))
        net = build(variant, data.tfs, Hyperparameters(channels=(128, 64, 64), window=data.window))
        use_precision(net, choose_precision("auto", device), device)
        fabric = Fabric(accelerator="cpu", devices=1)
        model, adam = fabric.setup(net, torch.optim.Adam(net.parameters(), lr=way.learning_rate))
        settings = Settings(variant, batch_size=way.batch, seed=int(seed))
        spent = 0.0
        for epoch in count(1):
            start = time.process_time()
            if way.longest:
                epoch_of_runs(net, adam, windows, data.stride, way, stream(int(seed), epoch))
            else:
                run_epoch(fabric, model, adam, windows, settings, epoch, Progress(), augment=False)
            spent += time.process_time() - start
            auroc = metrics.mean(metrics.evaluate_labels(y, scan(net, codes, starts, data.window, device)).auroc)
            print(f"{way.name}\t{epoch}\t{spent:.0f} s\t{auroc:.4f}", flush=True)
            yield spent, auroc

    took, goal = max(islice(epochs_of(WAYS[0]), int(epochs)), key=itemgetter(1))
    print(f"{variant}, seed {seed}, windows: best {goal:.4f} after {took:.0f} s", flush=True)
    for way in WAYS[1:]:
        best = 0.0
        for spent, auroc in epochs_of(way):
            best = max(best, auroc)
            if best >= goal or spent >= WORTH * took:
                break
        end = "reaches it" if best >= goal else f"has {best:.4f}"
        print(f"{variant}, seed {seed}, {way.name}: {end} after {spent / took:.2f} of that time", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
