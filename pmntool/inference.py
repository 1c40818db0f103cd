"""The one way in which a trained model looks at sequence: validation, `evaluate` and `predict` all scan a stretch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from pmntool.models import Scannable

ROW = 800  # bp of a row of a pass: of several lengths the one that CPUs take fastest
ROWS, ROWS_ON_GPU = 48, 1536  # of one pass of the shared convolutions; threads share them evenly
BATCH = 512  # windows that one pass reads where convolutions cannot be shared
MOST_VALUES = 1 << 25  # of the features in memory at once, 128 MiB of float32

_ONE_HOT = torch.cat([torch.eye(4), torch.zeros(1, 4)])  # row 4: anything that is not A, C, G or T


def one_hot(codes: Tensor) -> Tensor:
    """Turn base codes uint8 (..., W) into x, float32 (..., 4, W); what is not A, C, G or T is a zero column."""
    return _ONE_HOT.to(codes.device)[codes.long()].transpose(-1, -2)


def gather(sequence: Tensor, starts: Tensor, window: int) -> Tensor:
    """Cut windows out of a sequence: uint8 (T,) and int64 (B,) to uint8 (B, window)."""
    return sequence[starts[:, None] + torch.arange(window, device=sequence.device)]


@torch.inference_mode()
def scan(model: nn.Module, codes: np.ndarray, starts: np.ndarray, window: int, device: torch.device) -> np.ndarray:
    """Run a model over windows of a stretch of sequence.

    Where the model allows it, the convolutions run once over the stretch and every window takes its own maximum:
    the same numbers as window by window, up to the order of additions in floating point. The model is left in
    evaluation mode.

    Parameters
    ----------
    model
        On `device`.
    codes
        Base codes, uint8, shape (T,).
    starts
        Where each window begins in `codes`, int64, shape (N,), ascending.
    window
        bp.

    Returns
    -------
    Logits, float32, shape (N, L).
    """
    model.eval()
    sequence = torch.tensor(codes, device=device)
    if isinstance(model, Scannable) and model.receptive_field <= window and _dense(starts, window):
        parts = _scan_shared(model, sequence, starts, window)
    else:
        parts = _scan_windows(model, sequence, starts, window)
    return torch.cat(list(parts)).numpy()


def _dense(starts: np.ndarray, window: int) -> bool:
    """Say whether the windows overlap so much that sharing convolutions saves work."""
    return len(starts) > 1 and starts[-1] + window - starts[0] < 0.8 * len(starts) * window


def _scan_shared(model: Scannable, sequence: Tensor, starts: np.ndarray, window: int) -> Iterator[Tensor]:
    """Yield logits (n, L) span by span."""
    width = window - model.receptive_field + 1  # positions of a window's features
    overlap, step = _row(model)
    most = max(window, (ROWS_ON_GPU if sequence.device.type == "cuda" else ROWS) * step + overlap)  # bp of a pass
    first, span = 0, window  # of one window, which tells how many features there are
    while first < len(starts):
        last = max(first + 1, int(np.searchsorted(starts, starts[first] + span - window, side="right")))
        begin, end = int(starts[first]), int(starts[last - 1]) + window
        features = _features(model, sequence[begin:end])
        for embedding in _maxima(features, starts[first:last] - begin, width):
            yield model.head(embedding).logits.float().cpu()
        span = min(most, max(window, MOST_VALUES // features.shape[1]))
        first = last


def _row(model: Scannable) -> tuple[int, int]:
    """Return how many bp neighboring rows share, and how many each has for itself."""
    overlap = model.receptive_field - 1
    return overlap, max(ROW - overlap, 1)


def _features(model: Scannable, codes: Tensor) -> Tensor:
    """Return the features of a stretch, uint8 (T,) to (T − receptive_field + 1, D), by rows that overlap."""
    overlap, step = _row(model)
    n_rows = -(-(len(codes) - overlap) // step)
    codes = pad(codes, (0, n_rows * step + overlap - len(codes)), value=4)
    features = model.trunk(one_hot(codes.unfold(0, step + overlap, step)))  # (rows, D, step)
    return features.transpose(1, 2).flatten(0, 1)  # padding's features come last, and belong to no window


def _maxima(features: Tensor, positions: np.ndarray, width: int) -> Iterator[Tensor]:
    """Yield embeddings (n, D): maxima over `width` features from each position on."""
    apart = np.diff(positions)
    if len(apart) and apart[0] and (apart == apart[0]).all():
        yield features[: positions[-1] + width].unfold(0, width, int(apart[0])).amax(dim=2)
        return
    windows = features.unfold(0, width, 1)  # (T, D, width)
    for some in torch.from_numpy(positions).to(features.device).split(max(1, MOST_VALUES // windows[0].numel())):
        yield windows[some].amax(dim=2)


def _scan_windows(model: nn.Module, sequence: Tensor, starts: np.ndarray, window: int) -> Iterator[Tensor]:
    """Yield logits (n, L) batch by batch."""
    for some in torch.tensor(starts, device=sequence.device).split(BATCH):
        yield model(one_hot(gather(sequence, some, window))).logits.float().cpu()
