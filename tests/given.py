"""Windows in memory, as a model that remembers sees them (`pmntool.models.Windows`)."""

import numpy as np
import torch

from pmntool.models import Remembers


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


def random_windows(n: int, window: int, n_labels: int, seed: int) -> Given:
    """Return random bases and targets, each label positive in half of the windows."""
    rng = np.random.default_rng(seed)
    x = torch.eye(4)[torch.from_numpy(rng.integers(0, 4, (n, window)))].transpose(1, 2)
    return Given(x, torch.from_numpy(rng.integers(0, 2, (n, n_labels))))


def remember(model: torch.nn.Module, window: int, n_labels: int) -> torch.nn.Module:
    """Show a model that remembers 40 random windows; return it."""
    if isinstance(model, Remembers):
        model.remember(random_windows(40, window, n_labels, seed=7))
    return model
