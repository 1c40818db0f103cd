"""DeepBind (Alipanahi et al. 2015, Nature Biotechnology 33:831): motif detectors, pooling, a small dense layer.

Letters as in `pmntool.models`. What differs from the published network: docs/models.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pmntool.models.cnn import PerLabel
from pmntool.models.dropout import Dropout
from pmntool.models.encoder import Hyperparameters
from pmntool.models.network import Network

WIDTH = 24  # bp of a motif detector


class MaxAndMean(nn.Module):
    """Pool over the window in two ways, side by side."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x.amax(dim=2), x.mean(dim=2)], dim=1)  # (B, 2·D) of (B, D, T)


def _one() -> Network:
    """Return the network of one TF; a detector's threshold is the negative of its bias."""
    encoder = nn.Sequential(
        nn.Conv1d(4, 16, WIDTH), nn.ReLU(),  # (B, 16, W − 23)
        MaxAndMean(),  # (B, 32)
        nn.Linear(32, 32), nn.ReLU(), Dropout(0.5),  # (B, 32)
    )  # fmt: skip
    return Network(encoder, 32, 1, WIDTH)


def deepbind(labels: Sequence[str], hp: Hyperparameters) -> PerLabel:
    """Return one network for each label, of the published sizes; nothing of `hp` changes it."""
    return PerLabel([_one() for _ in labels])
