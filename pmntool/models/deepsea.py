"""DeepSEA (Zhou and Troyanskaya 2015, Nature Methods 12:931): three convolutions with pooling, a dense layer.

Letters as in `pmntool.models`. What differs from the published network: docs/models.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from pmntool.models.dropout import Dropout
from pmntool.models.encoder import Hyperparameters
from pmntool.models.network import Network

FIELD, STEP = 163, 16  # bp that one position after the third convolution sees, and from one to the next


def deepsea(labels: Sequence[str], hp: Hyperparameters) -> Network:
    """Return one network for all labels, of the published sizes; of `hp` it takes the window."""
    positions = 1 + max(hp.window - FIELD, 0) // STEP  # T: 3 at 200 bp, 53 at 1,000 bp
    encoder = nn.Sequential(
        nn.Conv1d(4, 320, 8), nn.ReLU(), nn.MaxPool1d(4), Dropout(0.2),  # at 200 bp (B, 320, 48)
        nn.Conv1d(320, 480, 8), nn.ReLU(), nn.MaxPool1d(4), Dropout(0.2),  # (B, 480, 10)
        nn.Conv1d(480, 960, 8), nn.ReLU(), Dropout(0.5),  # (B, 960, T)
        nn.Flatten(), nn.Linear(960 * positions, 925), nn.ReLU(),  # (B, 925)
    )  # fmt: skip
    return Network(encoder, 925, len(labels), FIELD)
