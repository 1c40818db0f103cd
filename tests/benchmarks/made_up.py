"""Random windows of the paper's shape, for benchmarks of training and scans, and what full-size convolutions cost."""

import numpy as np
import plain
import torch

from pmntool.epochs import TrainingWindows

WINDOW, STRIDE = plain.WINDOW, 50
FLOP_A_BASE = 2 * (4 * 9 * 512 + 512 * 5 * 256 + 256 * 3 * 128)  # of the convolutions, forward


def training_windows(n: int, device: torch.device) -> TrainingWindows:
    """Return random windows and targets, on the device."""
    rng = np.random.default_rng(0)
    codes = torch.from_numpy(rng.integers(0, 4, n * STRIDE + WINDOW, dtype=np.uint8))
    packed = torch.from_numpy(np.packbits(rng.random((n, len(plain.LABELS))) < 0.06, axis=1))
    label = torch.arange(len(plain.LABELS))
    parts = (codes, torch.arange(n) * STRIDE, packed, label // 8, (7 - label % 8).to(torch.uint8))
    return TrainingWindows(*(part.to(device) for part in parts), WINDOW)
