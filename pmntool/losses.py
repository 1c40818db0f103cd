"""The loss (§2.4 of the paper, eqs. 10–12).

The paper prints eq. 10 as L = −L_c − λ·L_p, with L_c the log-likelihood. L_p is a squared distance that training must
make small, so its sign there is a misprint; here L_c is the negative log-likelihood and L = L_c + λ·L_p.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from pmntool.models.output import Output


def classification_loss(output: Output, y: Tensor) -> Tensor:
    """Return the cross entropy of eq. 11 by window, summed over labels: (B,)."""
    return binary_cross_entropy_with_logits(output.logits, y, reduction="none").sum(dim=1)  # eqs. 9, 11


def prototype_loss(output: Output, y: Tensor) -> Tensor:
    """Return the squared distance of the last hop's match weights from the targets, by window: (B,).

    A model without match weights has none: 0.
    """
    if output.match is None:
        return output.logits.new_zeros(len(y))
    return (y - output.match).square().sum(dim=1)  # eq. 12


def total_loss(output: Output, y: Tensor, prototype_weight: float) -> Tensor:
    """Return the mean loss of a batch, a scalar: eq. 10, or the loss of the model's own paper where it brings one.

    Parameters
    ----------
    y
        Targets, 0 or 1, float, (B, L).
    prototype_weight
        λ.
    """
    if output.loss is not None:
        return output.loss.mean()
    return (classification_loss(output, y) + prototype_weight * prototype_loss(output, y)).mean()  # eq. 10
