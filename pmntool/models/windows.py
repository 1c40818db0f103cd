"""What a model that remembers is shown."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Windows(Protocol):
    """The N training windows, as a model that remembers them sees them."""

    def __len__(self) -> int: ...

    def x(self, rows: Tensor) -> Tensor:
        """Return bases, one-hot, float32 (B, 4, W)."""

    def y(self, rows: Tensor) -> Tensor:
        """Return targets, 0 or 1, uint8 (B, L)."""
