"""Prototypical networks (Snell, Swersky, Zemel 2017, arXiv 1703.05175), one decision a TF.

Letters as in `pmntool.models`; e is the embedding (B, D), c the class means (L, D). What differs from the paper,
which has one class a query: docs/models.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from pmntool.models.encoder import Encoder, Hyperparameters
from pmntool.models.output import Output
from pmntool.models.windows import Windows

BATCH = 512  # windows embedded at once when the means are taken


class Prototypical(nn.Module):
    """An encoder, the mean embedding of each TF's windows, and a learned squared radius around it.

    Parameters
    ----------
    sharpness
        Where the learned scale of the squared distances starts.

    Attributes
    ----------
    centroids : Tensor, shape (L, D)
        Means over the whole training split, as `remember` found them; 0 for a TF that binds none of its windows.
    """

    def __init__(self, encoder: Encoder, n_labels: int, sharpness: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.threshold = nn.Parameter(torch.zeros(n_labels))  # θ
        self.log_scale = nn.Parameter(torch.tensor(math.log(sharpness)))
        self.register_buffer("centroids", torch.zeros(n_labels, encoder.n_features))
        self.receptive_field = encoder.receptive_field

    @torch.no_grad()
    def remember(self, windows: Windows) -> None:
        """Take the means over all windows, without dropout."""
        training = self.training
        self.eval()
        sums, counts = self.centroids.double().zero_(), self.threshold.double().zero_()
        for rows in torch.arange(len(windows)).split(BATCH):
            y = windows.y(rows).double()
            sums += y.T @ self.encoder(windows.x(rows)).double()
            counts += y.sum(dim=0)
        self.centroids.copy_(sums / counts.clamp(min=1)[:, None])
        self.train(training)

    def trunk(self, x: Tensor) -> Tensor:
        return self.encoder.trunk(x)

    def head(self, embedding: Tensor) -> Output:
        return Output(self._logits(squared_distance(embedding, self.centroids)))

    def forward(self, x: Tensor, y: Tensor | None = None) -> Output:
        e = self.encoder(x)
        return self.head(e) if y is None or not self.training else self._learn(e, y)

    def _logits(self, distance: Tensor) -> Tensor:
        return self.log_scale.exp() * (self.threshold - distance)  # (B, L)

    def _learn(self, e: Tensor, y: Tensor) -> Output:
        """Answer by the means of the batch, each window left out of its own; a TF without any other is left out."""
        n = y.sum(dim=0)  # (L,)
        c = y.T @ e / n.clamp(min=1)[:, None]  # (L, D)
        left_out = torch.where(y > 0, n / (n - 1).clamp(min=1), 1)  # e − mean of the others = n/(n − 1)·(e − c)
        logits = self._logits(left_out.square() * squared_distance(e, c))
        loss = binary_cross_entropy_with_logits(logits, y, reduction="none") * (n > y)
        return Output(logits, loss=loss.sum(dim=1))


def squared_distance(u: Tensor, v: Tensor) -> Tensor:
    """Return the squared distance of every row of u (B, D) from every row of v (L, D): (B, L)."""
    return (u[:, None] - v).square().sum(dim=2)


def prototypical(labels: Sequence[str], hp: Hyperparameters) -> Prototypical:
    """Return an encoder with class means."""
    return Prototypical(Encoder(hp), len(labels), hp.sharpness)
