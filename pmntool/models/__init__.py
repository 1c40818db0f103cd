"""The models of the paper, by variant name.

Shapes, everywhere in `models/`:
B windows in a batch, W bp in a window, T positions of a longer stretch, L labels (TFs), D features of a window,
K hops; x one-hot bases (B, 4, W), y targets (B, L), h hidden, c cell and r read vector (B, D), w match (B, L),
p prototypes (L, D).

A model is a `torch.nn.Module` with `forward(x) -> Output`. One whose window embedding is a maximum over convolutions
also has `trunk` (bases to features at every position) and `head` (a window's maximum to Output), so that a scan runs
the convolutions once over a stretch; `Scannable` is that promise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from pmntool.models.cnn import cnn, cnn_single
from pmntool.models.encoder import Hyperparameters, receptive_field
from pmntool.models.output import Output
from pmntool.models.pmn import pmn, pmn_no_lstm, pmn_softmax

__all__ = ["BUILDERS", "Hyperparameters", "Output", "Scannable", "build", "label_groups", "receptive_field"]

BUILDERS: dict[str, Callable[[int, Hyperparameters], nn.Module]] = {
    "cnn-single": cnn_single,
    "cnn": cnn,
    "pmn-no-lstm": pmn_no_lstm,
    "pmn-softmax": pmn_softmax,
    "pmn": pmn,
}


@runtime_checkable
class Scannable(Protocol):
    """A model that embeds a window as the maximum of its features over the window."""

    receptive_field: int  # bp that one position of the features sees

    def trunk(self, x: Tensor) -> Tensor:
        """Turn bases (B, 4, T) into features (B, D, T − receptive_field + 1)."""

    def head(self, embedding: Tensor) -> Output:
        """Turn the windows' embeddings (B, D) into an Output."""


def build(variant: str, n_labels: int, hyperparameters: Hyperparameters) -> nn.Module:
    """Return a new model of `variant` with random weights from torch's generator.

    Raises
    ------
    KeyError
        There is no such variant.
    """
    return BUILDERS[variant](n_labels, hyperparameters)


def label_groups(model: nn.Module, n_labels: int) -> list[tuple[str, list[int]]]:
    """Return the parts of a model that learn apart from one another.

    Returns
    -------
    Per part: the prefix of its parameters' names, and the labels that depend on it. A joint model is one part.
    """
    nets = getattr(model, "nets", None)
    return [("", list(range(n_labels)))] if nets is None else [(f"nets.{label}.", [label]) for label in range(n_labels)]
