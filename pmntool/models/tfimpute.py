"""TFImpute (Qin and Feng 2017): what is known of a TF and a cell type gates the sequence's features.

Letters as in `pmntool.models`; E numbers describe a TF or a cell type, H units are hidden. Where this differs from the
published network, see docs/models.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pmntool.labels import tf_and_cell
from pmntool.models.encoder import Encoder, Hyperparameters
from pmntool.models.output import Output

E = 50  # as published
H = 100


class TFImpute(nn.Module):
    """An encoder, embeddings of TFs and cell types, a gate made of the two, and dense layers for all labels.

    Parameters
    ----------
    tfs, cells
        Of each label, L of both.
    """

    def __init__(self, encoder: nn.Module, tfs: Sequence[str], cells: Sequence[str]) -> None:
        super().__init__()
        self.encoder = encoder
        self.receptive_field = encoder.receptive_field
        self.tfs = nn.Embedding(len(set(tfs)), E)
        self.cells = nn.Embedding(len(set(cells)), E)
        self.gate = nn.Linear(2 * E, encoder.n_features)
        self.hidden = nn.Linear(encoder.n_features, H)
        self.output = nn.Linear(H, 1)
        self.register_buffer("tf", _numbers(tfs), persistent=False)  # int64 (L,)
        self.register_buffer("cell", _numbers(cells), persistent=False)  # int64 (L,)

    def trunk(self, x: Tensor) -> Tensor:
        return self.encoder.trunk(x)

    def head(self, embedding: Tensor) -> Output:
        known = torch.cat([self.tfs(self.tf), self.cells(self.cell)], dim=1)  # (L, 2E)
        gated = embedding[:, None] * self.gate(known).sigmoid()  # (B, L, D)
        return Output(self.output(self.hidden(gated).relu()).squeeze(2))  # (B, L)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Output:
        return self.head(self.encoder(x))


def _numbers(names: Sequence[str]) -> Tensor:
    """Return the place of each name among all of them, sorted: int64, of their number."""
    places = {name: place for place, name in enumerate(sorted(set(names)))}
    return torch.tensor([places[name] for name in names])


def tfimpute(labels: Sequence[str], hp: Hyperparameters) -> TFImpute:
    """Return TFImpute; labels are `TF` or `TF@cell`."""
    tfs, cells = zip(*map(tf_and_cell, labels), strict=True)
    return TFImpute(Encoder(hp), tfs, cells)
