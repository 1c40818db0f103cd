"""The paper's metrics, one number a TF, and its paired test (§4.2).

All take targets y (N, L), 0 or 1, and values v (N, L) of which a larger one says "bound" more; probabilities and logits
give the same answer. A metric that is not defined for a TF, for want of positives or negatives, is NaN.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np

ROUNDING = 1e-12  # differences of metrics that lie closer are one
NAMES = ("auroc", "aupr", "recall_at_fdr")
TITLES = {"auroc": "auROC", "aupr": "auPR", "recall_at_fdr": "recall at 50 % FDR"}
CURVE_POINTS = 100


class Metrics(NamedTuple):
    """The metrics of L TFs."""

    auroc: np.ndarray  # float64 (L,)
    aupr: np.ndarray  # float64 (L,)
    recall_at_fdr: np.ndarray  # float64 (L,)
    positives: np.ndarray  # int64 (L,)


def evaluate_labels(y: np.ndarray, values: np.ndarray, *, fdr: float = 0.5) -> Metrics:
    """Return auROC, auPR and recall at a false discovery rate, of each label.

    Parameters
    ----------
    y
        uint8 or bool, shape (N, L).
    values
        float, shape (N, L); finite.

    Raises
    ------
    ValueError
        A value is not finite, or the shapes differ.

    Notes
    -----
    auROC gives ties one half. auPR is the average precision: the sum of precision over the steps of recall, one
    step per distinct value. Recall at FDR is the largest recall of any threshold with precision of at least
    1 − fdr, 0 where none has it.
    """
    if y.shape != values.shape or y.ndim != 2:
        raise ValueError(f"targets of shape {y.shape} and values of shape {values.shape} do not fit")
    if not np.isfinite(values).all():
        raise ValueError("values must be finite")
    columns = [_one_label(y[:, label], values[:, label], fdr) for label in range(y.shape[1])]
    table = np.array(columns, dtype=np.float64).reshape(y.shape[1], 3)
    return Metrics(*table.T, positives=y.sum(axis=0, dtype=np.int64))


def _one_label(y: np.ndarray, values: np.ndarray, fdr: float) -> tuple[float, float, float]:
    if not len(y):
        return np.nan, np.nan, np.nan
    false, true = _count_called(y, values)
    positives, negatives = int(true[-1]), int(false[-1])
    if not positives:
        return np.nan, np.nan, np.nan
    new_true, new_false = np.diff(true, prepend=0), np.diff(false, prepend=0)
    auroc = float(np.dot(new_false, true - new_true / 2) / (positives * negatives)) if negatives else np.nan
    precision = true / (true + false)
    aupr = float(np.dot(new_true, precision) / positives)
    limit = Fraction(repr(float(fdr))).limit_denominator(10**9)  # in whole numbers, so that a limit that is met counts
    good = false * limit.denominator <= (true + false) * limit.numerator
    return auroc, aupr, float(true[good].max() / positives) if good.any() else 0.0


def _count_called(y: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count the windows called at each distinct value, (N,) to int64 (T,) twice: negatives, positives; N > 0."""
    order = np.argsort(values)[::-1]
    values = values[order]
    last = np.flatnonzero(np.append(values[1:] != values[:-1], True))  # the last row of each threshold
    true = np.cumsum(y[order], dtype=np.int64)[last]
    return last + 1 - true, true


def curve(y: np.ndarray, values: np.ndarray, most: int = CURVE_POINTS) -> np.ndarray:
    """Return points of one label's ROC and precision–recall curves, from the strictest threshold to the loosest.

    Both curves follow from how many negatives and how many positives are called. Of many thresholds those are kept that
    lie nearest to even steps of recall and of the false positive rate.

    Parameters
    ----------
    y, values
        One column of what `evaluate_labels` takes, shape (N,).

    Returns
    -------
    int64, shape (n, 2), n ≤ `most`: negatives, positives. The first row is (0, 0), which calls nothing, the last calls
    every window; no row where there is no window.

    Examples
    --------
    >>> curve(np.array([1, 0, 1, 0]), np.array([0.9, 0.5, 0.5, 0.1])).tolist()
    [[0, 0], [0, 1], [1, 2], [2, 2]]
    """
    if not len(y):
        return np.zeros((0, 2), dtype=np.int64)
    points = np.pad(np.stack(_count_called(y, values), axis=1), ((1, 0), (0, 0)))
    if len(points) > most:
        steps = [np.linspace(0, total, most // 2).round() for total in points[-1]]
        near = [np.searchsorted(column, some) for column, some in zip(points.T, steps, strict=True)]
        points = points[np.unique([0, *np.concatenate(near)[1:-1], len(points) - 1])]
    return points


def mean(values: np.ndarray) -> float:
    """Return the mean over the TFs for which the metric is defined; NaN where it is for none."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")


def std(values: np.ndarray) -> float:
    """Return the sample standard deviation over the TFs for which the metric is defined; NaN for fewer than two."""
    defined = values[~np.isnan(values)]
    return float(defined.std(ddof=1)) if len(defined) > 1 else float("nan")


def paired_t_test(a: np.ndarray, b: np.ndarray) -> float:
    """Return the one-tailed p of Student's paired test that `a` is larger than `b` in the mean over TFs.

    TFs for which either is NaN are left out; NaN where fewer than two remain or nothing differs.
    """
    from scipy.stats import ttest_rel

    both = ~(np.isnan(a) | np.isnan(b))
    if both.sum() < 2 or np.ptp(a[both] - b[both]) < ROUNDING:
        return float("nan")
    return float(ttest_rel(a[both], b[both], alternative="greater").pvalue)
