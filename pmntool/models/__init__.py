"""The models of the paper, by variant name.

Shapes, everywhere in `models/`:
B windows in a batch, W bp in a window, T positions of a longer stretch, L labels (TFs), D features of a window,
K hops; x one-hot bases (B, 4, W), y targets (B, L), h hidden, c cell and r read vector (B, D), w match (B, L),
p prototypes (L, D).

A model is a `torch.nn.Module` with `forward(x, y=None) -> Output` and `receptive_field`, the shortest window in bp that
it reads. y comes while it trains, for models whose papers need it there; an answer in evaluation never depends on it.
What more a model can do it says by having the methods of a protocol below: `Scannable`, `Remembers`, `UsesMotifs`. No
other code asks which variant it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from torch import Tensor, nn

from pmntool.models.cnn import PerLabel, cnn, cnn_single
from pmntool.models.cnn_rnn import cnn_rnn
from pmntool.models.danq import danq
from pmntool.models.deepbind import deepbind
from pmntool.models.deepsea import deepsea
from pmntool.models.dilated import dilated
from pmntool.models.encoder import Hyperparameters
from pmntool.models.logistic import gc, kmer
from pmntool.models.matching_net import matching_net
from pmntool.models.output import Output
from pmntool.models.pmn import pmn, pmn_no_lstm, pmn_softmax
from pmntool.models.prototypical import prototypical
from pmntool.models.pwm import pwm
from pmntool.models.strands import BothStrands, average, share
from pmntool.models.tfimpute import tfimpute
from pmntool.models.windows import Windows

__all__ = ["BUILDERS", "Hyperparameters", "Output", "Remembers", "Scannable", "UsesMotifs", "Windows", "build",
           "label_groups"]  # fmt: skip

BUILDERS: dict[str, Callable[[Sequence[str], Hyperparameters], nn.Module]] = {
    "cnn-single": cnn_single,
    "cnn": cnn,
    "pmn-no-lstm": pmn_no_lstm,
    "pmn-softmax": pmn_softmax,
    "pmn": pmn,
    "cnn-rnn": cnn_rnn,
    "matching-net": matching_net,
    "prototypical": prototypical,
    "deepbind": deepbind,
    "deepsea": deepsea,
    "danq": danq,
    "dilated": dilated,
    "tfimpute": tfimpute,
    "pwm": pwm,
    "kmer": kmer,
    "gc": gc,
}


@runtime_checkable
class Scannable(Protocol):
    """A model that embeds a window as the maximum of its features over the window."""

    receptive_field: int  # bp that one position of the features sees

    def trunk(self, x: Tensor) -> Tensor:
        """Turn bases (B, 4, T) into features (B, D, T − receptive_field + 1)."""

    def head(self, embedding: Tensor) -> Output:
        """Turn the windows' embeddings (B, D) into an Output."""


@runtime_checkable
class Remembers(Protocol):
    """A model that keeps, in buffers, something of the training windows that gradients do not teach it.

    A model without parameters learns in no other way, and is trained in one epoch.
    """

    def remember(self, windows: Windows) -> None:
        """Look at the training windows, before the first epoch and after each; random choices by torch's generator."""


@runtime_checkable
class UsesMotifs(Protocol):
    """A model that keeps, in buffers, known motifs of its labels."""

    def use_motifs(self, log_odds: Sequence[Sequence[np.ndarray]]) -> None:
        """Take the motifs of each label: log-odds in bits, (width, 4) each, columns A C G T."""


def build(variant: str, labels: Sequence[str], hyperparameters: Hyperparameters) -> nn.Module:
    """Return a new model of `variant` with random weights from torch's generator.

    Parameters
    ----------
    labels
        L names, in label order.

    Raises
    ------
    KeyError
        There is no such variant.
    """
    net = BUILDERS[variant](labels, hyperparameters)
    if not list(net.parameters()):  # pwm, kmer and gc read both strands by themselves
        return net
    if hyperparameters.strands == "average":
        return average(net)
    return share(net) if hyperparameters.strands == "shared" else net


def label_groups(model: nn.Module, n_labels: int) -> list[tuple[str, list[int]]]:
    """Return the parts of a model that learn apart from one another.

    Returns
    -------
    Per part: the prefix of its parameters' names, and the labels that depend on it. A joint model is one part.
    """
    prefix, net = ("net.", model.net) if isinstance(model, BothStrands) else ("", model)
    if not isinstance(net, PerLabel):
        return [("", list(range(n_labels)))]
    return [(f"{prefix}nets.{label}.", [label]) for label in range(n_labels)]
