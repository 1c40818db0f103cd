"""Logistic regression: k-mers counted as letters, scikit-learn's own answer, either strand the same."""

import math

import numpy as np
import pytest
import reference
import torch
from given import Given, remember, scatter
from sklearn.linear_model import LogisticRegression

from pmntool.inference import one_hot
from pmntool.models import BUILDERS, Hyperparameters, build
from pmntool.models.logistic import GcBalance, KmerCounts


def sequences(n: int, window: int = 40, seed: int = 0, n_share: float = 0.03) -> np.ndarray:
    shares = [(1 - n_share) / 4] * 4 + [n_share]
    return np.random.default_rng(seed).choice(5, (n, window), p=shares).astype(np.uint8)


def encode(codes: np.ndarray) -> torch.Tensor:
    return one_hot(torch.from_numpy(codes))


@pytest.mark.parametrize("window", [6, 7, 40, 200])
def test_kmers_are_counted_as_letters(window):
    codes = sequences(30, window)
    rows = KmerCounts()(encode(codes))
    assert rows.shape == (30, 2080)  # (4^6 + 4^3) / 2, as 4^3 of the 6-mers are their own reverse complements
    for row, letters in zip(rows, codes.tolist(), strict=True):
        counts = reference.kmer_counts(letters, 6)
        assert sorted(row[row > 0].tolist()) == sorted(counts.values())


def test_each_kmer_has_one_column_with_its_reverse_complement():
    kmers = np.array(np.unravel_index(np.arange(4**6), [4] * 6)).T.astype(np.uint8)
    columns = KmerCounts()(encode(kmers)).argmax(dim=1).tolist()
    names = [next(iter(reference.kmer_counts(kmer, 6))) for kmer in kmers.tolist()]
    assert len(set(columns)) == len(set(names)) == len(set(zip(columns, names, strict=True))) == 2080


def test_gc_balance():
    codes = np.array([[1, 2, 1, 2], [0, 3, 0, 3], [0, 1, 2, 3], [1, 0, 2, 4], [2, 4, 4, 4], [4, 4, 4, 4]], np.uint8)
    np.testing.assert_allclose(GcBalance()(encode(codes))[:, 0], [1, -1, 0, 1 / 3, 1, 0])


def by_letters(variant: str, codes: np.ndarray) -> np.ndarray:
    """Return features (n, F) made of letters alone."""
    if variant == "gc":
        return np.array([[2 * np.isin(row[row < 4], [1, 2]).mean() - 1] for row in codes])
    counts = [reference.kmer_counts(row, 6) for row in codes.tolist()]
    names = sorted(set().union(*counts))
    return np.array([[row.get(name, 0) for name in names] for row in counts])


@pytest.mark.parametrize(("variant", "penalty"), [("kmer", 0.001), ("gc", 1.0)])
def test_the_logits_are_scikit_learn_s(variant, penalty):
    codes = sequences(400)
    y = np.stack([np.isin(codes, [1, 2]).sum(axis=1) > 20, codes[:, 3] == 1], axis=1).astype(int)
    model = build(variant, ["a", "b"], Hyperparameters())
    model.remember(Given(encode(codes), torch.from_numpy(y)))
    features = by_letters(variant, codes)
    fits = [LogisticRegression(C=penalty, max_iter=1000).fit(features, column) for column in y.T]
    expected = np.stack([fit.decision_function(features) for fit in fits], axis=1)
    np.testing.assert_allclose(model(encode(codes)).logits, expected, atol=2e-3)
    assert expected.std(axis=0)[0] > 0.02


def test_windows_come_in_parts(monkeypatch):
    codes, models = sequences(50), []
    for batch in (4096, 7):
        monkeypatch.setattr("pmntool.models.logistic.BATCH", batch)
        models.append(build("kmer", ["a"], Hyperparameters()))
        models[-1].remember(Given(encode(codes), torch.from_numpy((codes[:, :1] == 0).astype(int))))
    assert torch.equal(models[0].coefficients, models[1].coefficients)
    assert models[0].coefficients.any()


def test_a_label_of_every_window_or_none_is_constant():
    y = torch.tensor([[0, 1]] * 30)
    model = build("kmer", ["never", "always"], Hyperparameters())
    model.remember(Given(encode(sequences(30)), y))
    logits = model(encode(sequences(5, seed=1))).logits
    np.testing.assert_allclose(logits, [[-math.log(31), math.log(31)]] * 5, rtol=1e-6)


@pytest.mark.parametrize("variant", [variant for variant in BUILDERS if variant in ("pwm", "kmer", "gc")])
def test_the_reverse_complement_has_the_same_logits(variant):
    torch.manual_seed(0)
    model = scatter(remember(build(variant, ["a", "b", "c"], Hyperparameters()), 40, 3), std=0.5).eval()
    codes = sequences(20)
    other = np.where(codes < 4, 3 - codes, 4)[:, ::-1].astype(np.uint8)
    logits = model(encode(codes)).logits
    torch.testing.assert_close(model(encode(other.copy())).logits, logits, rtol=1e-5, atol=1e-5)
    assert logits.std(dim=0).min() > 1e-3
