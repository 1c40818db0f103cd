"""What every model returns."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Output(NamedTuple):
    """The answer to a batch of windows."""

    logits: Tensor  # (B, L): o of eq. 8
    match: Tensor | None = None  # (B, L): w_K of eq. 6, in [0, 1]; None for a model without prototypes
    loss: Tensor | None = None  # (B,): the loss of the model's own paper, where y was given; None: eqs. 10–12
