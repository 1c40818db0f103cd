"""What models are given besides weights: windows in memory (`pmntool.models.Windows`), and motifs."""

import numpy as np
import torch

from pmntool.models import BUILDERS, Hyperparameters, Remembers, UsesMotifs, build
from pmntool.variants import VARIANTS

TRAINED = [variant for variant in BUILDERS if list(build(variant, ["tf"], Hyperparameters()).parameters())]
SIZES = {"channels", "widths", "dropout", "hops", "sharpness"}
WIDEST = 8  # bp of a random motif


class Given:
    """Bases x (N, 4, W) and targets y (N, L)."""

    def __init__(self, x: torch.Tensor, y: torch.Tensor) -> None:
        self._x, self._y = x, y

    def __len__(self) -> int:
        return len(self._x)

    def x(self, rows: torch.Tensor) -> torch.Tensor:
        return self._x[rows]

    def y(self, rows: torch.Tensor) -> torch.Tensor:
        return self._y[rows].to(torch.uint8)


def taken(hp: Hyperparameters, variant: str) -> Hyperparameters:
    """Return sizes of which those that a variant has no use for are as they always are."""
    usual = Hyperparameters._field_defaults
    return hp._replace(**{name: usual[name] for name in SIZES - set(VARIANTS[variant].sizes)})


def random_windows(n: int, window: int, n_labels: int, seed: int) -> Given:
    """Return random bases and targets, each label positive in half of the windows."""
    rng = np.random.default_rng(seed)
    x = torch.eye(4)[torch.from_numpy(rng.integers(0, 4, (n, window)))].transpose(1, 2)
    return Given(x, torch.from_numpy(rng.integers(0, 2, (n, n_labels))))


def random_motifs(n_labels: int, seed: int) -> list[list[np.ndarray]]:
    """Return one to three matrices (width, 4) of log-odds for each label, of 2 to 8 bp; the first has 8."""
    rng = np.random.default_rng(seed)
    widths = [rng.integers(2, WIDEST + 1, rng.integers(1, 4)) for _ in range(n_labels)]
    widths[0][0] = WIDEST
    return [[rng.normal(size=(width, 4)) for width in some] for some in widths]


def remember(model: torch.nn.Module, window: int, n_labels: int) -> torch.nn.Module:
    """Show a model that remembers 40 random windows, and one that uses motifs some; return it."""
    if isinstance(model, Remembers):
        model.remember(random_windows(40, window, n_labels, seed=7))
    if isinstance(model, UsesMotifs):
        model.use_motifs(random_motifs(n_labels, seed=8))
    return model


def scatter(model: torch.nn.Module, std: float) -> torch.nn.Module:
    """Move weights and fitted coefficients far from where they are, less where many add up; return the model."""
    fitted = [buffer for name, buffer in model.named_buffers() if name in ("coefficients", "intercepts")]
    for tensor in (*model.parameters(), *fitted):
        n_added = tensor[0].numel() if tensor.ndim else 1
        torch.nn.init.normal_(tensor, std=min(std, 2 / n_added**0.5))
    return model
