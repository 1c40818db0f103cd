"""Windows and intervals: tile a chromosome, find the windows that an interval labels, lay windows end to end.

Coordinates are bp, 0-based, half-open. Windows are numbered from 0 along a chromosome: window i is
[i·S, i·S + W), and only windows that lie within the chromosome exist.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np


def tile(length: int, window: int, stride: int) -> int:
    """Return how many windows fit a chromosome of `length` bp: window i is [i·stride, i·stride + window).

    Examples
    --------
    >>> tile(1000, 200, 50), tile(199, 200, 50), tile(200, 200, 50)
    (17, 0, 1)
    """
    return max(0, (length - window) // stride + 1)


def least_overlap(window: int, min_overlap: float) -> int:
    """Return the least whole number of bp that is more than the fraction `min_overlap` of a window.

    The fraction is taken as it is written in decimals: 0.29 of 100 bp asks for 30 bp, not 29.
    """
    return int(Fraction(repr(float(min_overlap))) * window) + 1


def label(start: np.ndarray, end: np.ndarray, *, n_windows: int, window: int, stride: int, least: int) -> np.ndarray:
    """Find the windows of one chromosome that overlap any interval by at least `least` bp.

    Every interval's windows are a run of consecutive numbers, found by arithmetic: the cost grows with the intervals
    and the windows found, whatever their overlap, not with all windows.

    Parameters
    ----------
    start, end
        Intervals, int64, shape (N,), bp; they may pass the chromosome's ends.
    n_windows
        Number of windows of the chromosome, as from `tile`.
    least
        Overlap in bp, as from `least_overlap`; 1 <= least <= window.

    Returns
    -------
    int64, the window numbers, ascending, each once.
    """
    first = np.maximum(-((window - least - start) // stride), 0)  # ceil((start + least − window) / stride)
    last = np.minimum((end - least) // stride, n_windows - 1)
    some = np.flatnonzero((end - start >= least) & (first <= last))
    some = some[np.argsort(first[some], kind="stable")]
    first, reach = first[some], np.maximum.accumulate(last[some])
    opens = np.flatnonzero(np.concatenate([[True], first[1:] > reach[:-1]])[: len(first)])  # runs that overlap are one
    first, last = first[opens], reach[np.append(opens[1:], len(first))[: len(opens)] - 1]
    count = last - first + 1
    return np.repeat(first - np.cumsum(count) + count, count) + np.arange(count.sum())


def covered(start: np.ndarray, end: np.ndarray, *, n_windows: int, window: int, stride: int) -> np.ndarray:
    """Mark the windows that share at least one bp with any interval: bool, shape (n_windows,)."""
    marked = np.zeros(n_windows, dtype=bool)
    marked[label(start, end, n_windows=n_windows, window=window, stride=stride, least=1)] = True
    return marked


def count_marked(marked: np.ndarray, *, n_windows: int, window: int, stride: int) -> np.ndarray:
    """Count the marked bases of each window: bool, shape (length,), to int64, shape (n_windows,)."""
    total = np.concatenate([[0], np.cumsum(marked, dtype=np.int64)])
    start = np.arange(n_windows) * stride
    return total[start + window] - total[start]


def lay_out(bases: np.ndarray, start: np.ndarray, window: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Merge windows that overlap or touch into stretches.

    Returns
    -------
    Where each window begins in the stretches laid end to end, int64 (n,), and the stretches' bases.
    """
    if not len(start):
        return np.empty(0, np.int64), []
    opens = np.concatenate([[True], start[1:] > start[:-1] + window])
    first, last = start[opens], start[np.concatenate([opens[1:], [True]])] + window
    before = np.concatenate([[0], np.cumsum(last - first)[:-1]])
    stretch = np.cumsum(opens) - 1
    return start - first[stretch] + before[stretch], [bases[a:b] for a, b in zip(first, last, strict=True)]
