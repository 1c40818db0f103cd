"""The classic: the best hit of a TF's motifs in a window, on either strand. Nothing is learned.

M motifs of one width; a hit's score is the sum of its bases' log-odds, in bits. N says nothing for a motif or against
it, and adds 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d, max_pool1d

from pmntool.models.encoder import Hyperparameters
from pmntool.models.output import Output
from pmntool.motifs import MOST, WIDEST


class PWM(nn.Module):
    """Position weight matrices; a label without any has the logit 0 everywhere."""

    def __init__(self, n_labels: int) -> None:
        super().__init__()
        self.register_buffer("log_odds", torch.zeros(n_labels, MOST, 4, WIDEST))  # bits
        self.register_buffer("widths", torch.zeros(n_labels, MOST, dtype=torch.int64))  # bp; 0: no motif

    @property
    def receptive_field(self) -> int:
        """Width of the widest motif, bp."""
        return max(1, int(self.widths.max()))

    def use_motifs(self, log_odds: Sequence[Sequence[np.ndarray]]) -> None:
        """Take the motifs of each label: log-odds in bits, (width, 4) each."""
        for label, matrices in enumerate(log_odds):
            for slot, matrix in enumerate(matrices):
                self.log_odds[label, slot, :, : len(matrix)] = torch.from_numpy(matrix.T)
                self.widths[label, slot] = len(matrix)

    def trunk(self, x: Tensor) -> Tensor:
        """Return each label's best hit that lies within a receptive field: (B, 4, T) to (B, L, T')."""
        field = self.receptive_field
        best = x.new_full((len(x), len(self.widths), x.shape[2] - field + 1), -torch.inf)
        for width in self.widths[self.widths > 0].unique().tolist():
            label, slot = (self.widths == width).nonzero(as_tuple=True)  # (M,) both
            motifs = self.log_odds[label, slot, :, :width]  # (M, 4, width)
            hits = conv1d(x, torch.cat([motifs, motifs.flip(1, 2)]))  # A C G T backwards is the other strand's
            within = max_pool1d(hits, field - width + 1, stride=1)  # (B, 2M, T')
            owner = label.repeat(2)[None, :, None].expand_as(within)
            best = best.scatter_reduce(1, owner, within, "amax")
        return best.masked_fill((self.widths == 0).all(dim=1)[:, None], 0)

    def head(self, embedding: Tensor) -> Output:
        return Output(embedding)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Output:
        return self.head(self.trunk(x).amax(dim=2))


def pwm(labels: Sequence[str], hp: Hyperparameters) -> PWM:
    """Return the model without motifs, which wait for `use_motifs`."""
    return PWM(len(labels))
