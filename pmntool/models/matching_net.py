"""Matching networks (Vinyals et al. 2016, arXiv 1606.04080): attention over real windows, a support set a TF.

Letters as in `pmntool.models`; p are the embeddings of the S support windows (S, D). Equations are the paper's; what
differs: docs/models.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from pmntool.models.encoder import Encoder, Hyperparameters
from pmntool.models.output import Output
from pmntool.models.pmn import CombinationLSTM, cosine
from pmntool.models.windows import Windows

SHOTS = 5  # k: positive, and negative, support windows of a TF
NOBODY = 30.0  # a side without members weighs e^−30 of the least similar member: less than float32 resolves


class MatchingNet(nn.Module):
    """An encoder, support windows that it embeds too, an LSTM that reads them, and each TF's own among them.

    Attributes
    ----------
    codes : Tensor, uint8, shape (S, W)
        Base codes of the support windows, each once; S is at most 2·k·L.
    members : Tensor, int64, shape (L, 2, k)
        Rows of `codes` that TF j does not bind, [j, 0], and that it binds, [j, 1]; −1 where there are fewer than k.
    """

    def __init__(self, encoder: Encoder, n_labels: int, hops: int, sharpness: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.reader = CombinationLSTM(encoder.n_features, hops, sharpness, softmax=True)
        self.sharpness = sharpness
        self.receptive_field = encoder.receptive_field
        self.register_buffer("codes", torch.full((1, self.receptive_field), 4, dtype=torch.uint8))
        self.register_buffer("members", torch.full((n_labels, 2, SHOTS), -1))
        self.register_buffer("embedded", None, persistent=False)
        self.register_load_state_dict_pre_hook(_make_room)

    def remember(self, windows: Windows) -> None:
        """Draw the support windows: of a random order of all, each TF's first k positives and first k negatives."""
        order = torch.randperm(len(windows))
        y = windows.y(order)
        drawn = torch.full_like(self.members, -1)  # places in the order
        for label, sides in enumerate(drawn):
            for value, side in enumerate(sides):
                places = (y[:, label] == value).nonzero()[:SHOTS, 0]
                side[: len(places)] = places
        places, rows = drawn.unique(return_inverse=True)
        x = windows.x(order[places[places >= 0].cpu()])
        self.codes = torch.where(x.any(dim=1), x.argmax(dim=1), 4).to(torch.uint8)
        self.members = rows - (places[0] < 0).long()
        self.embedded = None

    def train(self, mode: bool = True) -> MatchingNet:
        self.embedded = None
        return super().train(mode)

    def support(self) -> Tensor:
        """Return the embeddings of the support windows (S, D); in evaluation without gradient, and computed once."""
        if self.training:
            return self.encoder(_one_hot(self.codes))
        if self.embedded is None:
            with torch.inference_mode(False), torch.no_grad():  # a scan's cache may be used outside of it
                self.embedded = self.encoder(_one_hot(self.codes))
        return self.embedded

    def trunk(self, x: Tensor) -> Tensor:
        return self.encoder.trunk(x)

    def head(self, embedding: Tensor) -> Output:
        p = self.support()
        h, _, _ = self.reader(embedding, p)  # eqs. 2–6  (B, D)
        match = self.sharpness * cosine(h, p)  # (B, S)
        of_label = match[:, self.members].masked_fill(self.members < 0, -self.sharpness - NOBODY)  # (B, L, 2, k)
        negative, positive = of_label.logsumexp(dim=3).unbind(dim=2)
        return Output(positive - negative)  # eq. 1 as log-odds  (B, L)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Output:
        return self.head(self.encoder(x))


def _one_hot(codes: Tensor) -> Tensor:
    """Turn base codes uint8 (S, W) into x, float32 (S, 4, W)."""
    return one_hot(codes.long(), 5)[..., :4].transpose(1, 2).float()


def _make_room(model: MatchingNet, tensors: Mapping[str, Tensor], prefix: str, *_: Any) -> None:
    """Give `codes` the shape that is about to be loaded: it depends on the windows."""
    if f"{prefix}codes" in tensors:
        model.codes = torch.zeros_like(tensors[f"{prefix}codes"], device=model.codes.device)
    model.embedded = None


def matching_net(labels: Sequence[str], hp: Hyperparameters) -> MatchingNet:
    """Return an encoder with support sets."""
    return MatchingNet(Encoder(hp), len(labels), hp.hops, hp.sharpness)
