"""The window's embedding (§2.2 and §4.1 of the paper): three convolutions and a maximum over the window."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn.functional import max_pool1d

from pmntool.models.convolution import Convolution
from pmntool.models.dropout import Dropout


class Hyperparameters(NamedTuple):
    """The sizes of a model; the defaults are the paper's."""

    channels: tuple[int, ...] = (512, 256, 128)  # kernels of each convolution; the last is D
    widths: tuple[int, ...] = (9, 5, 3)  # their widths, bp
    dropout: float = 0.2  # after each convolution
    hops: int = 5  # K
    sharpness: float = 20.0  # ε
    strands: str = "off"  # "augment", "average" or "shared": how the reverse complement is used; see `strands`
    window: int = 200  # W, bp; a dataset's, not a choice


def receptive_field(hp: Hyperparameters) -> int:
    """Return how many bp one position of the features sees."""
    return sum(hp.widths) - len(hp.widths) + 1


class Encoder(nn.Module):
    """f of eq. 1, without padding: an embedding depends on its window alone.

    Attributes
    ----------
    n_features : int
        D.
    receptive_field : int
        bp that one position of the features sees.
    """

    def __init__(self, hp: Hyperparameters) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for n_in, n_out, width in zip((4, *hp.channels[:-1]), hp.channels, hp.widths, strict=True):
            layers += [Convolution(n_in, n_out, width), nn.ReLU(), Dropout(hp.dropout)]
        self.layers = nn.Sequential(*layers)
        self.n_features = hp.channels[-1]
        self.receptive_field = receptive_field(hp)

    def trunk(self, x: Tensor) -> Tensor:
        """Return the features at every position: (B, 4, T) to (B, D, T − receptive_field + 1)."""
        return self.layers(x)

    def forward(self, x: Tensor) -> Tensor:
        features = self.trunk(x)
        return max_pool1d(features, features.shape[2]).squeeze(2)  # eq. 1  (B, D)
