"""The paper's two baselines (§4.1): one CNN for all labels, and one for each."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pmntool.models.encoder import Encoder, Hyperparameters
from pmntool.models.output import Output


class CNN(nn.Module):
    """An encoder and a linear output."""

    def __init__(self, encoder: nn.Module, n_labels: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.output = nn.Linear(encoder.n_features, n_labels)
        self.receptive_field = getattr(encoder, "receptive_field", None)

    def trunk(self, x: Tensor) -> Tensor:
        return self.encoder.trunk(x)

    def head(self, embedding: Tensor) -> Output:
        return Output(self.output(embedding))  # (B, L)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Output:
        return self.head(self.encoder(x))


class PerLabel(nn.Module):
    """L networks of one label each, side by side; their gradients never meet.

    Under Adam, without clipping by a global norm, they learn as if each were trained alone.

    Attributes
    ----------
    nets : ModuleList
        Network j answers for label j; `models.label_groups` tells the trainer.
    """

    def __init__(self, nets: list[nn.Module]) -> None:
        super().__init__()
        self.nets = nn.ModuleList(nets)
        self.receptive_field = nets[0].receptive_field

    def forward(self, x: Tensor, y: Tensor | None = None) -> Output:
        return Output(torch.cat([net(x).logits for net in self.nets], dim=1))  # (B, L)


class ScannablePerLabel(PerLabel):
    """L networks that are `Scannable`, which makes them so together."""

    def trunk(self, x: Tensor) -> Tensor:
        return torch.cat([net.trunk(x) for net in self.nets], dim=1)  # (B, L·D, T)

    def head(self, embedding: Tensor) -> Output:
        parts = embedding.chunk(len(self.nets), dim=1)
        return Output(torch.cat([net.head(part).logits for net, part in zip(self.nets, parts, strict=True)], dim=1))


def cnn(labels: Sequence[str], hp: Hyperparameters) -> CNN:
    """Return one CNN for all labels."""
    return CNN(Encoder(hp), len(labels))


def cnn_single(labels: Sequence[str], hp: Hyperparameters) -> ScannablePerLabel:
    """Return one CNN for each label."""
    return ScannablePerLabel([CNN(Encoder(hp), 1) for _ in labels])
