"""Two comparators without a network: logistic regression on counts of k-mers, and on GC content alone.

F features of a window; neither changes where the window is read from the other strand.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from pmntool.models.encoder import Hyperparameters
from pmntool.models.output import Output
from pmntool.models.windows import Windows

K = 6  # bp of a k-mer
BATCH = 4096  # windows whose features are made at once


class KmerCounts(nn.Module):
    """Count the k-mers of a window, each as one with its reverse complement; a k-mer with N is not counted."""

    receptive_field = K

    def __init__(self) -> None:
        super().__init__()
        column = canonical_columns()
        self.n_features = int(column.max()) + 1
        self.register_buffer("column", column, persistent=False)  # int64 (4^K,)
        self.register_buffer("places", 4 ** torch.arange(K).flip(0), persistent=False)  # int64 (K,)

    def forward(self, x: Tensor) -> Tensor:
        """Turn bases (B, 4, W) into counts (B, F)."""
        called = x.sum(dim=1).unfold(1, K, 1).prod(dim=2)  # (B, W − K + 1)
        number = (x.argmax(dim=1).unfold(1, K, 1) * self.places).sum(dim=2)  # (B, W − K + 1)
        return x.new_zeros(len(x), self.n_features).scatter_add_(1, self.column[number], called)


class GcBalance(nn.Module):
    """Measure GC content: (G + C − A − T) / (G + C + A + T), twice the share of G and C, less 1; 0 without bases."""

    receptive_field = 1
    n_features = 1

    def forward(self, x: Tensor) -> Tensor:
        """Turn bases (B, 4, W) into the balance (B, 1), −1 to 1."""
        a, c, g, t = x.sum(dim=2).unbind(dim=1)
        return ((g + c - a - t) / (a + c + g + t).clamp(min=1))[:, None]


class Logistic(nn.Module):
    """One logistic regression for each label on features that are not learned.

    Parameters
    ----------
    features
        Maps bases (B, 4, W) to features (B, F).
    inverse_penalty
        C of scikit-learn's LogisticRegression: the smaller, the closer to 0 are the coefficients.
    """

    def __init__(self, features: nn.Module, n_labels: int, inverse_penalty: float) -> None:
        super().__init__()
        self.features = features
        self.inverse_penalty = inverse_penalty
        self.receptive_field = features.receptive_field
        self.register_buffer("coefficients", torch.zeros(n_labels, features.n_features))
        self.register_buffer("intercepts", torch.zeros(n_labels))

    def forward(self, x: Tensor, y: Tensor | None = None) -> Output:
        return Output(self.features(x) @ self.coefficients.T + self.intercepts)  # (B, L)

    def remember(self, windows: Windows) -> None:
        """Fit all labels; one that binds no window, or every one, gets its smoothed log odds and no coefficients."""
        from scipy.sparse import csr_matrix, vstack
        from sklearn.linear_model import LogisticRegression

        rows = torch.arange(len(windows), device=self.intercepts.device).split(BATCH)
        features = vstack([csr_matrix(self.features(windows.x(some)).cpu().numpy()) for some in rows])  # (N, F)
        y = torch.cat([windows.y(some) for some in rows]).cpu().numpy()  # (N, L)
        regression = LogisticRegression(C=self.inverse_penalty, max_iter=1000)
        for label, column in enumerate(y.T):
            n_bound = int(column.sum())
            if 0 < n_bound < len(column):
                regression.fit(features, column)
                self.coefficients[label] = torch.from_numpy(regression.coef_[0])
                self.intercepts[label] = float(regression.intercept_[0])
            else:
                self.coefficients[label] = 0
                self.intercepts[label] = math.log((n_bound + 1) / (len(column) - n_bound + 1))


def canonical_columns() -> Tensor:
    """Return for each of the 4^K k-mers the column that it shares with its reverse complement: int64 (4^K,)."""
    number = {kmer: i for i, kmer in enumerate(itertools.product(range(4), repeat=K))}
    first = [min(i, number[tuple(3 - code for code in reversed(kmer))]) for kmer, i in number.items()]
    return torch.from_numpy(np.unique(first, return_inverse=True)[1])


def kmer(labels: Sequence[str], hp: Hyperparameters) -> Logistic:
    """Return logistic regression on k-mer counts; C is the best of 0.0003 to 0.03 on the yeast validation split."""
    return Logistic(KmerCounts(), len(labels), 0.001)


def gc(labels: Sequence[str], hp: Hyperparameters) -> Logistic:
    """Return logistic regression on GC content."""
    return Logistic(GcBalance(), len(labels), 1.0)
