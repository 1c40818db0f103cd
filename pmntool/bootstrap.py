"""Metrics of windows drawn again: is one run better than another on this TF, or were the windows lucky?

Neighboring windows share bases and labels, so whole blocks of the genome are drawn, with replacement, and not windows.
Every run sees the same draws: what two runs have in common cancels in their difference.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from pmntool.metrics import ROUNDING

DRAWS_AT_ONCE = 64
FDR = 0.05  # share of false ones that is accepted among the TFs that gained or lost
NAMES = ("auroc", "aupr")


class Bootstrap(NamedTuple):
    """How windows are drawn again."""

    draws: int = 2000  # 0: not at all
    block: int = 10_000  # bp that are drawn together
    seed: int = 0


class Draws(NamedTuple):
    """The blocks drawn, D times as many as there are."""

    block: np.ndarray  # int64 (N,): the block of each window
    times: np.ndarray  # int32 (n_blocks, D): how often a draw holds a block


class Interval(NamedTuple):
    """What the draws say of L differences."""

    low: np.ndarray  # float64 (L,): 2.5 % of the draws lie below
    high: np.ndarray  # float64 (L,): 2.5 % of the draws lie above
    p: np.ndarray  # float64 (L,): two-sided, of no difference


def draw_blocks(windows: pd.DataFrame, how: Bootstrap) -> Draws:
    """Cut the genome into blocks and draw as many as hold windows, with replacement.

    Parameters
    ----------
    windows
        chrom, start (bp); one row a window. A window belongs to the block in which it starts.
    """
    block = windows.groupby(["chrom", windows["start"] // how.block], sort=False).ngroup().to_numpy()
    n_blocks = int(block.max(initial=-1)) + 1
    rng = np.random.default_rng(how.seed)
    times = rng.multinomial(n_blocks, np.full(n_blocks, 1 / max(n_blocks, 1)), size=how.draws)
    return Draws(block, times.T.astype(np.int32))


def resample(y: np.ndarray, values: np.ndarray, draws: Draws) -> dict[str, np.ndarray]:
    """Return auROC and auPR of each label in each draw.

    The same numbers as `metrics.evaluate_labels` gives for the windows of a draw, each as often as it was drawn; NaN
    where it gives NaN.

    Parameters
    ----------
    y, values
        As for `metrics.evaluate_labels`, shape (N, L).

    Returns
    -------
    float64, shape (D, L), for each of `NAMES`.
    """
    chunks = [np.ascontiguousarray(draws.times[:, i : i + DRAWS_AT_ONCE])
              for i in range(0, draws.times.shape[1], DRAWS_AT_ONCE)]  # fmt: skip
    found = np.full((2, draws.times.shape[1], y.shape[1]), np.nan)
    for label in np.flatnonzero(y.any(axis=0)):
        found[:, :, label] = _one_label(y[:, label], values[:, label], draws.block, chunks)
    return dict(zip(NAMES, found, strict=True))


def _one_label(y: np.ndarray, values: np.ndarray, block: np.ndarray, chunks: list[np.ndarray]) -> np.ndarray:
    """Return auROC and auPR in each draw, (2, D), of a label with T thresholds that add a positive, T > 0.

    The windows are sorted once. What lies between two such thresholds is only counted, so a draw costs one addition a
    window.
    """
    order = np.argsort(values)[::-1]
    values, block, positive = values[order], block[order], np.flatnonzero(y[order])
    first = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))  # the first row of each threshold
    last = np.append(first[1:], len(values))
    adds = np.unique(np.searchsorted(first, positive, side="right") - 1)
    edges = np.unique(np.concatenate([[0], first[adds], last[adds]]))
    segment = np.searchsorted(edges, first[adds])
    edges = edges[edges < len(values)]
    group = np.searchsorted(positive, first[adds])
    return np.concatenate(
        [
            _areas(
                np.add.reduceat(times[block], edges, axis=0),
                np.add.reduceat(times[block[positive]], group, axis=0),
                segment,
            )
            for times in chunks
        ],
        axis=1,
    )


def _areas(counts: np.ndarray, new_true: np.ndarray, segment: np.ndarray) -> np.ndarray:
    """Return auROC and auPR, (2, D), from the windows of segments, (S, D), and the positives of thresholds, (T, D).

    `segment`, (T,), says which segment each threshold is.
    """
    called, true = counts.cumsum(axis=0)[segment], new_true.cumsum(axis=0)
    positives, negatives = true[-1], counts.sum(axis=0) - true[-1]
    false_before = called - true - (counts[segment] - new_true) / 2  # of equal values, one half
    with np.errstate(invalid="ignore"):  # a draw without positives or without negatives: 0 / 0
        auroc = (new_true * (negatives - false_before)).sum(axis=0) / (positives.astype(np.float64) * negatives)
        aupr = (new_true * (true / np.maximum(called, 1))).sum(axis=0) / positives
    return np.stack([auroc, aupr])


def interval(drawn: np.ndarray) -> Interval:
    """Return the 95 % percentile interval of differences and the p that goes with it.

    Parameters
    ----------
    drawn
        Differences in each draw, (D, L); NaN where a draw does not define one.

    Notes
    -----
    p is twice the share of draws on the rarer side of zero, one draw added to each count, so that it is never below
    2 / (D + 1) (Davison and Hinkley 1997, §4.2.3).
    """
    defined = ~np.isnan(drawn)
    n_defined = defined.sum(axis=0)
    below, above = (drawn <= ROUNDING).sum(axis=0), (drawn >= -ROUNDING).sum(axis=0)
    found = np.full((3, drawn.shape[1]), np.nan)
    some = n_defined > 0
    found[:2, some] = np.nanquantile(drawn[:, some], [0.025, 0.975], axis=0)
    found[2, some] = np.minimum(2 * (np.minimum(below, above) + 1) / (n_defined + 1), 1)[some]
    return Interval(*found)


def fewest_together(draws: int, tests: int) -> int:
    """Return how many of some tests must have the smallest p that so many draws can give before any is called.

    Examples
    --------
    >>> fewest_together(200, 87), fewest_together(3480, 87)
    (18, 1)
    """
    return math.ceil(round(tests * 2 / (draws + 1) / FDR, 9))


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Return q: the smallest false discovery rate at which each of these tests is called. NaN stays NaN and uncounted.

    Examples
    --------
    >>> benjamini_hochberg(np.array([0.01, 0.04, np.nan, 0.03])).tolist()
    [0.03, 0.04, nan, 0.04]
    """
    from scipy.stats import false_discovery_control

    q, tested = np.full(len(p), np.nan), ~np.isnan(p)
    if tested.any():
        q[tested] = false_discovery_control(p[tested])
    return q
