"""Dropout whose random bits are cheap on a CPU.

torch draws one double for each element there, which takes a quarter of a training step of the paper's CNN; 16 random
bits an element are enough.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

LEVELS = 1 << 16


class Dropout(nn.Module):
    """Set elements to zero with probability `rate`, in steps of 1/65536, and scale the others; only in training."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        dropped = min(round(self.rate * LEVELS), LEVELS - 1)
        if not self.training or dropped == 0:
            return x
        if x.device.type != "cpu":
            return dropout(x, self.rate)
        words = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        bits = words.view(torch.int16)[: x.numel()].view(x.shape)  # uniform on −32768 … 32767
        keep = (bits >= dropped - LEVELS // 2).to(x.dtype)
        return x * keep.mul_(LEVELS / (LEVELS - dropped))
