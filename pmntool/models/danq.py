"""DanQ (Quang and Xie 2016, Nucleic Acids Research 44:e107): a convolution, an LSTM both ways along the window.

Letters as in `pmntool.models`. What differs from the published network: docs/models.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from pmntool.models.dropout import Dropout
from pmntool.models.encoder import Hyperparameters
from pmntool.models.network import Network

FIELD, STEP = 38, 13  # bp that one position after the pooling sees, and from one to the next


class BothWays(nn.Module):
    """An LSTM along the positions from either end, their hidden states side by side."""

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(n_features, n_features, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:
        hidden, _ = self.lstm(x.transpose(1, 2))  # (B, T, 2·D) of (B, T, D)
        return hidden


def danq(labels: Sequence[str], hp: Hyperparameters) -> Network:
    """Return one network for all labels, of the published sizes; of `hp` it takes the window."""
    positions = 1 + max(hp.window - FIELD, 0) // STEP  # T: 13 at 200 bp, 75 at 1,000 bp
    encoder = nn.Sequential(
        nn.Conv1d(4, 320, 26), nn.ReLU(), nn.MaxPool1d(13), Dropout(0.2),  # (B, 320, T)
        BothWays(320), Dropout(0.5),  # (B, T, 640)
        nn.Flatten(), nn.Linear(positions * 640, 925), nn.ReLU(),  # (B, 925)
    )  # fmt: skip
    return Network(encoder, 925, len(labels), FIELD)
