"""A convolution whose answer lies better in a CPU's memory while nothing is learned."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d


class Convolution(nn.Conv1d):
    """`nn.Conv1d`; in evaluation on a CPU the channels of a position lie side by side in memory.

    That makes oneDNN's forward pass faster and most backward passes slower (docs/benchmarks.md). torch knows this order
    for images, not for sequences, so x becomes an image of height 1.
    """

    def forward(self, x: Tensor) -> Tensor:
        if self.training or x.device.type != "cpu" or not torch.backends.mkldnn.is_available():
            return super().forward(x)
        weight = self.weight.unsqueeze(2).contiguous(memory_format=torch.channels_last)
        return conv2d(x.unsqueeze(2), weight, self.bias).squeeze(2)
