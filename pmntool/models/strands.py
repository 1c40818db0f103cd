"""Both strands of a window, read by one set of weights.

In the order A, C, G, T the complement is the reversed order: the reverse complement of x is x flipped both ways.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pmntool.models.output import Output
from pmntool.models.windows import Windows


def reverse_complement(x: Tensor) -> Tensor:
    """Return the other strand: one-hot (B, 4, W) to one-hot (B, 4, W)."""
    return x.flip(1, 2)


def flip_some(x: Tensor) -> Tensor:
    """Return x with each window at even odds replaced by its reverse complement, by torch's generator."""
    chosen = torch.rand(len(x)).to(x.device) < 0.5
    return torch.where(chosen[:, None, None], reverse_complement(x), x)


class EitherStrand(nn.Module):
    """An encoder that reads both strands and keeps the larger value of each feature: (B, 4, W) to (B, D).

    What Shrikumar et al. (2017, bioRxiv 103663) do with the kernels of one layer, done with a whole encoder.
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def trunk(self, x: Tensor) -> Tensor:
        return torch.maximum(self.encoder.trunk(x), self.encoder.trunk(reverse_complement(x)).flip(2))

    def forward(self, x: Tensor) -> Tensor:
        return torch.maximum(self.encoder(x), self.encoder(reverse_complement(x)))


class BothStrands(nn.Module):
    """A model that answers for each strand and gives the mean of the logits."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.receptive_field = net.receptive_field

    def forward(self, x: Tensor, y: Tensor | None = None) -> Output:
        return _mean(self.net(x, y), self.net(reverse_complement(x), y))

    @property
    def prototypes(self) -> nn.Parameter:
        return self.net.prototypes

    def remember(self, windows: Windows) -> None:
        if hasattr(self.net, "remember"):
            self.net.remember(windows)


class ScannableBothStrands(BothStrands):
    """The same for a model that is `Scannable`, which makes this one so."""

    def trunk(self, x: Tensor) -> Tensor:
        """Return each strand's features where they stand on the forward strand: (B, 2·D, T)."""
        return torch.cat([self.net.trunk(x), self.net.trunk(reverse_complement(x)).flip(2)], dim=1)

    def head(self, embedding: Tensor) -> Output:
        return _mean(*map(self.net.head, embedding.chunk(2, dim=1)))


def share(net: nn.Module) -> nn.Module:
    """Make every encoder in a model read both strands; return the model."""
    for module in list(net.modules()):
        if hasattr(module, "encoder"):
            module.encoder = EitherStrand(module.encoder)
    return net


def average(net: nn.Module) -> BothStrands:
    """Return a model that is the mean of `net` on both strands."""
    return (ScannableBothStrands if hasattr(net, "trunk") else BothStrands)(net)


def _mean(one: Output, other: Output) -> Output:
    return Output(*(None if a is None else (a + b) / 2 for a, b in zip(one, other, strict=True)))
