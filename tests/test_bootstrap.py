"""Bootstrap: against windows that are literally repeated, against SciPy, and where the truth is known."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from pmntool import bootstrap, metrics
from pmntool.bootstrap import Bootstrap, Draws, benjamini_hochberg, draw_blocks, interval, resample

NAN = math.nan
# Few distinct values make many ties; few blocks make draws without positives, or without any window.
rows = st.lists(st.tuples(st.integers(0, 1), st.integers(-3, 3), st.integers(0, 4)), min_size=1, max_size=40)


def repeated(y: np.ndarray, values: np.ndarray, draws: Draws, number: int) -> metrics.Metrics:
    """Measure the windows of one draw, each in as many copies as its block was drawn."""
    copies = [window for window, block in enumerate(draws.block) for _ in range(draws.times[block, number])]
    return metrics.evaluate_labels(y[copies], values[copies])


def noise_of_blocks(rng: np.random.Generator, n_blocks: int, size: int, labels: int) -> np.ndarray:
    """Return values that are alike within a block of `size` windows: (n_blocks · size, labels)."""
    return rng.normal(size=(n_blocks, 1, labels)).repeat(size, axis=1).reshape(-1, labels)


@settings(deadline=None, max_examples=150)
@given(rows, st.lists(st.lists(st.integers(0, 3), min_size=5, max_size=5), min_size=1, max_size=5))
def test_a_draw_is_the_windows_repeated(rows, times):
    y, values, block = (np.array(column) for column in zip(*rows, strict=True))
    y, values = y[:, None].astype(np.uint8), values[:, None].astype(np.float32)
    draws = Draws(block, np.array(times, np.int32).T)
    found = resample(y, values, draws)
    for number in range(len(times)):
        expected = repeated(y, values, draws, number)
        for name in bootstrap.NAMES:
            np.testing.assert_allclose(found[name][number], getattr(expected, name), rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("distinct", [3, 10**6])
def test_draws_are_independent_of_company(monkeypatch, distinct):
    rng = np.random.default_rng(distinct)
    y = (rng.random((400, 4)) < [0.5, 0.02, 0.0, 1.0]).astype(np.uint8)
    values = rng.integers(0, distinct, y.shape).astype(np.float32)
    windows = pd.DataFrame({"chrom": "chr1", "start": np.arange(400) * 50})
    draws = draw_blocks(windows, Bootstrap(20, 1000))
    found = resample(y, values, draws)
    for number in range(20):
        expected = repeated(y, values, draws, number)
        np.testing.assert_allclose(found["auroc"][number], expected.auroc, rtol=1e-12)
        np.testing.assert_allclose(found["aupr"][number], expected.aupr, rtol=1e-12)
    assert np.isnan(found["auroc"]).all(axis=0).tolist() == [False, False, True, True]
    monkeypatch.setattr(bootstrap, "DRAWS_AT_ONCE", 3)
    alone = resample(y[:, :1], values[:, :1], draws)
    np.testing.assert_array_equal(alone["aupr"][:, 0], found["aupr"][:, 0])


def test_blocks_are_stretches_of_a_chromosome_drawn_whole():
    windows = pd.DataFrame(
        {"chrom": ["chr2", "chr2", "chr2", "chr1", "chr1"], "start": [0, 9_950, 10_000, 0, 31_000]}, index=range(7, 12)
    )
    draws = draw_blocks(windows, Bootstrap(3000, 10_000, seed=1))
    assert draws.block.tolist() == [0, 0, 1, 2, 3]
    assert draws.times.shape == (4, 3000) and (draws.times.sum(axis=0) == 4).all()
    np.testing.assert_allclose(draws.times.mean(axis=1), 1, atol=0.06)  # each as often as the others
    np.testing.assert_allclose((draws.times == 0).mean(axis=1), 0.75**4, atol=0.04)  # drawn with replacement
    np.testing.assert_array_equal(draws.times, draw_blocks(windows, Bootstrap(3000, 10_000, seed=1)).times)
    assert (draws.times != draw_blocks(windows, Bootstrap(3000, 10_000, seed=2)).times).any()


def test_interval_by_hand():
    drawn = np.array([[1, 0, NAN, -1], [2, 0, NAN, 3], [3, 0, NAN, NAN], [4, 0, NAN, 5]], float)
    found = interval(drawn)
    np.testing.assert_allclose(found.low, [1 + 0.025 * 3, 0, NAN, -1 + 0.05 * 4])
    np.testing.assert_allclose(found.high, [4 - 0.025 * 3, 0, NAN, 5 - 0.05 * 2])
    np.testing.assert_allclose(found.p, [2 / 5, 1, NAN, 2 * (1 + 1) / (3 + 1)])  # (rarer side + 1) / (draws + 1)
    np.testing.assert_array_equal(interval(-drawn).p, found.p)
    np.testing.assert_allclose(interval(-drawn).low, -found.high)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_benjamini_hochberg_against_scipy(p):
    p = np.array(p)
    np.testing.assert_allclose(benjamini_hochberg(p), false_discovery_control(p), rtol=1e-12)
    holed = np.insert(p, len(p) // 2, NAN)
    np.testing.assert_array_equal(np.delete(benjamini_hochberg(holed), len(p) // 2), benjamini_hochberg(p))


def test_benjamini_hochberg_of_nothing():
    assert benjamini_hochberg(np.empty(0)).tolist() == []
    assert np.isnan(benjamini_hochberg(np.array([NAN, NAN]))).all()


def test_p_holds_for_blocks_and_not_for_windows():
    """Two models that are equally good, whose errors are alike within 1 kb: 5 % of TFs have p below 5 %."""
    rng = np.random.default_rng(0)
    labels = 200
    y = (noise_of_blocks(rng, 60, 20, labels) + rng.normal(size=(1200, labels)) > 1.5).astype(np.uint8)
    windows = pd.DataFrame({"chrom": "chr1", "start": np.arange(1200) * 50})
    a, b = (y + noise_of_blocks(rng, 60, 20, labels) + 0.3 * rng.normal(size=y.shape) for _ in range(2))
    false = {}
    for block in (1000, 50):
        draws = draw_blocks(windows, Bootstrap(200, block))
        drawn = resample(y, a, draws)["auroc"] - resample(y, b, draws)["auroc"]
        false[block] = float((interval(drawn).p < 0.05).mean())
    assert 0.01 <= false[1000] <= 0.12 < 0.4 < false[50]


def test_a_gain_is_seen_and_its_interval_holds_it():
    rng = np.random.default_rng(1)
    y = (rng.random((2000, 40)) < 0.2).astype(np.uint8)
    windows = pd.DataFrame({"chrom": "chr1", "start": np.arange(2000) * 50})
    base = rng.normal(size=y.shape)
    better = base + 0.8 * y * (np.arange(40) < 10) + 0.3 * rng.normal(size=y.shape)
    draws = draw_blocks(windows, Bootstrap(1000, 1000))
    drawn = resample(y, better, draws)["auroc"] - resample(y, base, draws)["auroc"]
    found = interval(drawn)
    called = benjamini_hochberg(found.p) <= bootstrap.FDR
    assert called[:10].all() and called[10:].sum() <= 3 and (found.low[:10] > 0).all()
