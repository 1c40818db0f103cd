"""The Prototype Matching Network (§2 of the paper): prototypes, and the combinationLSTM that matches them.

Letters as in `pmntool.models`; x is the embedding x̂ (B, D). Where the paper is silent, see docs/paper-notes.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from pmntool.models.encoder import Encoder, Hyperparameters
from pmntool.models.output import Output

START = 0.1  # standard deviation of the prototypes before training
GAIN = 10.0  # a step of Adam moves a prototype so many times as far as another weight; docs/paper-notes.md


def cosine(u: Tensor, v: Tensor) -> Tensor:
    """Return the cosine of every row of u (B, D) with every row of v (L, D); 0 for a row of zeros."""
    return normalize(u, dim=1) @ normalize(v, dim=1).T  # eq. 7  (B, L)


class MatchOnce(nn.Module):
    """Match the embedding itself, once: the paper's variant without an LSTM, in which h is x̂."""

    def __init__(self, sharpness: float) -> None:
        super().__init__()
        self.sharpness = sharpness

    def forward(self, x: Tensor, p: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return x̂ (B, D), r (B, D) and w (B, L) for embeddings x (B, D) and prototypes p (L, D)."""
        w = torch.sigmoid(self.sharpness * cosine(x, p))  # eq. 6  (B, L)
        r = w @ p  # eq. 5  (B, D)
        return x, r, w


class CombinationLSTM(nn.Module):
    """Match the prototypes K times, each time with what the matches before have added (eqs. 3–7).

    Parameters
    ----------
    softmax
        Attend by softmax, not by sigmoid, at every hop but the last.
    """

    def __init__(self, n_features: int, hops: int, sharpness: float, *, softmax: bool) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(2 * n_features, n_features)
        self.hops = hops
        self.sharpness = sharpness
        self.softmax = softmax

    def forward(self, x: Tensor, p: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return h_K (B, D), r_K (B, D) and w_K (B, L) for embeddings x (B, D) and prototypes p (L, D)."""
        h = c = torch.zeros_like(x)
        r = p.mean(dim=0).expand_as(x)
        for k in range(1, self.hops + 1):
            h_hat, c = self.cell(torch.cat([x, r], dim=1), (h, c))  # eq. 3  (B, D)
            h = h_hat + x  # eq. 4  (B, D)
            match = self.sharpness * cosine(h, p)
            w = match.softmax(dim=1) if self.softmax and k < self.hops else match.sigmoid()  # eq. 6  (B, L)
            r = w @ p  # eq. 5  (B, D)
        return h, r, w


class PMN(nn.Module):
    """An encoder, L prototypes, a way to match them, and a linear output.

    Parameters
    ----------
    matcher
        Maps embeddings (B, D) and prototypes (L, D) to h (B, D), r (B, D) and w (B, L).

    Attributes
    ----------
    lookup : Parameter, shape (L, D)
        The prototypes, less `GAIN`.
    """

    def __init__(self, encoder: nn.Module, matcher: nn.Module, n_labels: int) -> None:
        super().__init__()
        n_features = encoder.n_features
        self.encoder = encoder
        self.lookup = nn.Parameter(torch.randn(n_labels, n_features) * START / GAIN)
        self.matcher = matcher
        self.output = nn.Linear(2 * n_features, n_labels)
        self.receptive_field = getattr(encoder, "receptive_field", None)

    @property
    def prototypes(self) -> Tensor:
        return GAIN * self.lookup  # eq. 2  (L, D)

    def trunk(self, x: Tensor) -> Tensor:
        return self.encoder.trunk(x)

    def head(self, embedding: Tensor) -> Output:
        h, r, w = self.matcher(embedding, self.prototypes)
        return Output(self.output(torch.cat([h, r], dim=1)), w)  # eq. 8  (B, L)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Output:
        return self.head(self.encoder(x))


def pmn(labels: Sequence[str], hp: Hyperparameters) -> PMN:
    """Return the full model: sigmoid attention over K hops."""
    encoder = Encoder(hp)
    matcher = CombinationLSTM(encoder.n_features, hp.hops, hp.sharpness, softmax=False)
    return PMN(encoder, matcher, len(labels))


def pmn_softmax(labels: Sequence[str], hp: Hyperparameters) -> PMN:
    """Return the model that attends by softmax at every hop but the last."""
    encoder = Encoder(hp)
    matcher = CombinationLSTM(encoder.n_features, hp.hops, hp.sharpness, softmax=True)
    return PMN(encoder, matcher, len(labels))


def pmn_no_lstm(labels: Sequence[str], hp: Hyperparameters) -> PMN:
    """Return the model that matches the embedding once, without an LSTM."""
    return PMN(Encoder(hp), MatchOnce(hp.sharpness), len(labels))
