"""The paper's appendix 7.1: PMN's head and loss, unchanged, on MNIST (Table 6, Figures 4 and 5).

    python examples/mnist/mnist.py --data FOLDER_OR_NPZ -o mnist-results/

Shapes: B images, D features of an image, L = 10 digits; x pixels, 0 to 1, float (B, 1, 28, 28);
y targets, one-hot, (B, L).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from digits import N_CLASSES, Digits, read_mnist
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn.functional import one_hot

from pmntool.device import choose_device
from pmntool.errors import InputError, PmnError
from pmntool.losses import total_loss
from pmntool.models.cnn import CNN
from pmntool.models.dropout import Dropout
from pmntool.models.pmn import PMN, CombinationLSTM
from pmntool.plots import BLACK, BLUE, GREEN, VERMILION
from pmntool.staging import new_directory

KERNELS, WIDTH = 32, 5  # of each of the three convolutions
DROPOUT, HOPS, SHARPNESS = 0.2, 5, 20.0  # pmntool's defaults
LEARNING_RATE = 1e-3
MODELS = {"CNN": None, "PMN λ=0": 0.0, "PMN λ=0.5": 0.5, "PMN λ=1": 1.0}  # name → λ; None: no prototypes
PAPER = {"CNN": 99.37, "PMN λ=0": 99.43, "PMN λ=0.5": 99.39, "PMN λ=1": 99.50}  # Table 6, %


class Tensors(NamedTuple):
    """A split on the device; images stay bytes until they are looked at."""

    images: Tensor  # uint8 (N, 28, 28)
    labels: Tensor  # int64 (N,)

    def x(self, rows: Tensor) -> Tensor:
        """Return pixels, float (B, 1, 28, 28)."""
        return self.images[rows].unsqueeze(1).float() / 255


class ImageEncoder(nn.Module):
    """f of eq. 1 for images: three convolutions without padding, and a maximum over all places.

    The first is followed by a pooling of 2; after a second one the third kernel would not fit.
    """

    n_features = KERNELS

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, KERNELS, WIDTH), nn.MaxPool2d(2), nn.ReLU(), Dropout(DROPOUT),  # (B, D, 12, 12)
            nn.Conv2d(KERNELS, KERNELS, WIDTH), nn.ReLU(), Dropout(DROPOUT),  # (B, D, 8, 8)
            nn.Conv2d(KERNELS, KERNELS, WIDTH), nn.ReLU(), Dropout(DROPOUT),  # (B, D, 4, 4)
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x).amax(dim=(2, 3))  # (B, D)


def build(prototype_weight: float | None) -> CNN | PMN:
    """Return a new model: pmntool's CNN output for None, else pmntool's PMN."""
    if prototype_weight is None:
        return CNN(ImageEncoder(), N_CLASSES)
    return PMN(ImageEncoder(), CombinationLSTM(KERNELS, HOPS, SHARPNESS, softmax=False), N_CLASSES)


def fit(
    model: CNN | PMN, splits: dict[str, Tensors], prototype_weight: float, epochs: int, batch_size: int
) -> tuple[list[dict[str, float]], dict[str, Tensor]]:
    """Train by Adam; return each epoch's accuracies, and the weights of the epoch that is best on validation.

    The training split's accuracy is measured with the epoch's final weights, on as many images as validate.
    """
    adam = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    train = splits["train"]
    measured = splits | {"train": Tensors(*(part[: len(splits["valid"].labels)] for part in train))}
    history, weights = [], {}
    for epoch in range(1, epochs + 1):
        model.train()
        for rows in torch.randperm(len(train.labels)).to(train.labels.device).split(batch_size):
            y = one_hot(train.labels[rows], N_CLASSES).float()  # (B, L)
            total_loss(model(train.x(rows)), y, prototype_weight).backward()
            adam.step()
            adam.zero_grad()
        row = {name: accuracy(model, split) for name, split in measured.items()}
        if row["valid"] > max((old["valid"] for old in history), default=-1):
            weights = {name: weight.clone() for name, weight in model.state_dict().items()}
        history.append({"epoch": epoch, **row})
    return history, weights


@torch.inference_mode()
def accuracy(model: CNN | PMN, split: Tensors) -> float:
    """Return the share of images whose largest logit is their digit's, %."""
    model.eval()
    rows = torch.arange(len(split.labels), device=split.labels.device)
    right = [(model(split.x(some)).logits.argmax(dim=1) == split.labels[some]).sum() for some in rows.split(1000)]
    return 100 * int(sum(right)) / len(rows)


@torch.inference_mode()
def before_output(model: CNN | PMN, split: Tensors) -> np.ndarray:
    """Return what the output layer sees: x̂ of a CNN (N, D), [h_K; r_K] of PMN (N, 2·D)."""
    seen = []
    handle = model.output.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].cpu()))
    accuracy(model, split)
    handle.remove()
    return torch.cat(seen).numpy()


def compare(
    splits: dict[str, Digits], seeds: int, epochs: int, batch_size: int, device: torch.device, folder: Path
) -> pd.DataFrame:
    """Train every model with every seed, write tables and figures to `folder`, and return Table 6."""
    tensors = {name: Tensors(*(torch.from_numpy(part).to(device) for part in split)) for name, split in splits.items()}
    rows, vectors = [], {}
    for name, prototype_weight in MODELS.items():
        for seed in range(seeds):
            torch.manual_seed(seed)
            model = build(prototype_weight).to(device, memory_format=torch.channels_last)  # faster on CPUs
            history, weights = fit(model, tensors, prototype_weight or 0.0, epochs, batch_size)
            rows += [{"model": name, "seed": seed, **row} for row in history]
            best = max(history, key=lambda row: row["valid"])
            print(f"{name}, seed {seed}: test accuracy {best['test']:.2f} % (epoch {best['epoch']})", flush=True)
            if seed == 0:
                model.load_state_dict(weights)
                vectors[name] = before_output(model, tensors["test"])
    epochs_table = pd.DataFrame(rows)
    table = table6(epochs_table)
    write = {"sep": "\t", "index": False, "lineterminator": "\n", "float_format": "%.6g"}
    epochs_table.to_csv(folder / "accuracy.tsv", **write)
    table.to_csv(folder / "table6.tsv", **write)
    figure4(epochs_table, folder / "figure4.png")
    figure5({name: vectors[name] for name in ("CNN", "PMN λ=1")}, splits["test"].labels, folder / "figure5.png")
    return table


def table6(epochs_table: pd.DataFrame) -> pd.DataFrame:
    """Return each model's test accuracy, %, of each seed's best validation epoch: mean and standard deviation."""
    best = epochs_table.loc[epochs_table.groupby(["model", "seed"], sort=False)["valid"].idxmax()]
    table = best.groupby("model", sort=False)["test"].agg(["mean", "std", "min", "max", "count"])
    table.columns = ["test_accuracy", "std", "min", "max", "seeds"]
    table = table.reset_index()
    table.insert(1, "lambda", table["model"].map(MODELS))
    return table.assign(paper=table["model"].map(PAPER))


def figure4(epochs_table: pd.DataFrame, path: Path) -> None:
    """Draw accuracy per epoch, training images left, test images right: mean over seeds, and from least to largest."""
    figure = Figure(figsize=(8.5, 3.6), layout="constrained")
    lowest = np.quantile(epochs_table[["train", "test"]], 0.1)  # the first steps would flatten all that follows
    for axes, split, title in zip(
        figure.subplots(1, 2, sharey=True),
        ("train", "test"),
        ("training (a sample)", "test"),
        strict=True,
    ):
        for (name, part), color in zip(
            epochs_table.groupby("model", sort=False), (BLACK, GREEN, BLUE, VERMILION), strict=True
        ):
            curve = part.groupby("epoch")[split].agg(["mean", "min", "max"])
            axes.plot(curve.index, curve["mean"], "-o", markersize=2.5, linewidth=1.2, color=color, label=name)
            axes.fill_between(curve.index, curve["min"], curve["max"], color=color, alpha=0.15, linewidth=0)
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    axes.set_ylim(lowest, 100.2)
    figure.axes[0].set_ylabel("accuracy (%)")
    figure.savefig(path, dpi=150, metadata={"Software": None})


def figure5(vectors: dict[str, np.ndarray], labels: np.ndarray, path: Path) -> None:
    """Draw what the output layer sees, by t-SNE, a panel a model, a color a digit.

    The title gives the mean silhouette of the vectors themselves by digit: 1 far apart, 0 mingled.
    """
    from sklearn.manifold import TSNE
    from sklearn.metrics import silhouette_score

    figure = Figure(figsize=(4.2 * len(vectors), 4.4), layout="constrained")
    for axes, (name, points) in zip(figure.subplots(1, len(vectors)), vectors.items(), strict=True):
        perplexity = min(30, (len(points) - 1) / 3)
        place = TSNE(random_state=0, perplexity=perplexity, init="pca").fit_transform(points)
        dots = axes.scatter(*place.T, c=labels, cmap="tab10", vmin=-0.5, vmax=9.5, s=4, linewidths=0)
        axes.set_title(f"{name}: silhouette {silhouette_score(points, labels):.2f}", fontsize=9)
        axes.set_xticks([])
        axes.set_yticks([])
    figure.colorbar(dots, ax=figure.axes, ticks=range(N_CLASSES), label="digit", shrink=0.8)
    figure.savefig(path, dpi=150, metadata={"Software": None})


def main(words: list[str] | None = None) -> int:
    """Run the comparison; return the exit code: 0 done, 1 an error that the user can mend."""
    parser = argparse.ArgumentParser(description="CNN and PMN on MNIST: the paper's Table 6, Figures 4 and 5.")
    parser.add_argument("--data", type=Path, required=True, help="folder of MNIST's IDX files, or an .npz")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each model (default 3)")
    parser.add_argument("--epochs", type=int, default=12, help="times that all images are seen (default 12)")
    parser.add_argument("--batch-size", type=int, default=32, help="images in a batch (default 32)")
    parser.add_argument("--device", default="auto", help="cpu, cuda or cuda:N (default: a GPU where there is one)")
    parser.add_argument("-o", "--output", type=Path, default=Path("mnist-results"), help="folder (default %(default)s)")
    parser.add_argument("-f", "--force", action="store_true", help="replace the output if it exists")
    args = parser.parse_args(words)
    try:
        for option in ("seeds", "epochs", "batch_size"):
            if getattr(args, option) < 1:
                raise InputError(f"--{option.replace('_', '-')} {getattr(args, option)}: expected at least 1")
        device = choose_device(args.device)
        with new_directory(args.output, force=args.force, marker="table6.tsv") as folder:
            splits = read_mnist(args.data)
            print("images:", ", ".join(f"{len(split.labels)} {name}" for name, split in splits.items()), flush=True)
            table = compare(splits, args.seeds, args.epochs, args.batch_size, device, folder)
    except PmnError as error:
        sys.stderr.write(f"mnist.py: error: {error}\n")
        return 1
    print(table.to_string(index=False, float_format="%.2f"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
