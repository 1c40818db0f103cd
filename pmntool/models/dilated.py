"""The trunk of BPNet (Avsec et al. 2021, Nature Genetics 53:354): dilated convolutions, each added to what it reads.

Letters as in `pmntool.models`. What differs from the published network: docs/models.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from pmntool.models.encoder import Hyperparameters
from pmntool.models.network import Network

WIDTH = 25  # bp of the first kernels
DILATIONS = tuple(2**k for k in range(1, 10))  # bp


class Residual(nn.Module):
    """A convolution of width 3 whose taps stand `dilation` bp apart, added to what it reads."""

    def __init__(self, n_features: int, dilation: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(n_features, n_features, 3, padding="same", dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.convolution(x).relu()  # (B, D, W)


def dilated(labels: Sequence[str], hp: Hyperparameters) -> Network:
    """Return one network for all labels, of the published sizes; of `hp` it takes the window.

    A dilation of a window or more reads nothing but padding, and is left out.
    """
    encoder = nn.Sequential(
        nn.Conv1d(4, 64, WIDTH, padding="same"), nn.ReLU(),  # (B, 64, W)
        *(Residual(64, dilation) for dilation in DILATIONS if dilation < hp.window),  # (B, 64, W)
        nn.AdaptiveAvgPool1d(1), nn.Flatten(),  # (B, 64)
    )  # fmt: skip
    return Network(encoder, 64, len(labels), WIDTH)
