"""A network that reads a window as a whole: the frame of comparators whose layers see where in the window they are."""

from __future__ import annotations

from torch import Tensor, nn

from pmntool.models.output import Output


class Network(nn.Module):
    """An encoder of whole windows and a linear output.

    Parameters
    ----------
    encoder
        Maps bases (B, 4, W) to embeddings (B, D).
    n_features
        D.
    receptive_field
        Shortest window that the encoder reads, bp.
    """

    def __init__(self, encoder: nn.Module, n_features: int, n_labels: int, receptive_field: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.output = nn.Linear(n_features, n_labels)
        self.receptive_field = receptive_field

    def forward(self, x: Tensor, y: Tensor | None = None) -> Output:
        return Output(self.output(self.encoder(x)))  # (B, L)
