"""The three metrics of 306,297 windows × 86 TFs (the paper's test split) against scikit-learn, label by label."""

import numpy as np
from common import compare, report
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from pmntool.metrics import evaluate_labels

N, L = 306_297, 86
rng = np.random.default_rng(0)
values = rng.normal(size=(N, L)).astype(np.float32)
y = (values + rng.normal(scale=2, size=(N, L)) > np.linspace(2.5, 4.5, L)).astype(np.uint8)


def theirs() -> np.ndarray:
    rows = []
    for label in range(L):
        truth, value = y[:, label], values[:, label]
        precision, recall, _ = precision_recall_curve(truth, value)
        rows.append(
            (roc_auc_score(truth, value), average_precision_score(truth, value), recall[precision >= 0.5].max())
        )
    return np.array(rows)


ours = np.array(evaluate_labels(y, values)[:3]).T
difference = np.abs(ours - theirs()).max()
assert difference < 1e-9, difference
report(
    compare(
        f"metrics, {N:,} × {L}", "scikit-learn, label by label", lambda: evaluate_labels(y, values), theirs, rounds=3,
        detail=lambda mine, other: f"{mine:.1f} s against {other:.1f} s; largest difference {difference:.0e}",
    )
)  # fmt: skip
