"""Metrics: against loops over pairs and thresholds, against scikit-learn, by hand, and under what must not matter."""

import math

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_rel
from sklearn.metrics import auc, average_precision_score, roc_auc_score

from pmntool import metrics

NAN = math.nan
# Few distinct values make many ties.
columns = st.lists(st.tuples(st.integers(0, 1), st.integers(-3, 3)), min_size=1, max_size=25)


def of_one(y, values, fdr=0.5) -> list[float]:
    """Return auROC, auPR and recall at FDR of one label."""
    y, values = np.array(y, np.uint8)[:, None], np.array(values, np.float64)[:, None]
    return [float(column[0]) for column in metrics.evaluate_labels(y, values, fdr=fdr)[:3]]


@settings(deadline=None, max_examples=150)
@given(columns, st.sampled_from(["0.5", "0.25", "0.1", "0"]))
def test_against_reference(rows, fdr):
    y, values = zip(*rows, strict=True)
    expected = (
        reference.auroc(y, values),
        reference.average_precision(y, values),
        reference.recall_at_fdr(y, values, fdr),
    )
    if not sum(y):
        expected = NAN, NAN, NAN
    np.testing.assert_allclose(of_one(y, values, float(fdr)), expected, rtol=1e-12)


@pytest.mark.parametrize("distinct", [2, 5, 100_000], ids=["heavy ties", "ties", "few ties"])
@pytest.mark.parametrize("share", [0.002, 0.3, 0.98])
def test_against_scikit_learn(distinct, share):
    rng = np.random.default_rng([distinct, int(share * 1000)])
    y = (rng.random((3000, 3)) < share).astype(np.uint8)
    values = (rng.integers(0, distinct, y.shape) + (rng.random(y.shape) < 0.3) * y).astype(np.float32)
    found = metrics.evaluate_labels(y, values)
    np.testing.assert_allclose(found.auroc, roc_auc_score(y, values, average=None), rtol=1e-10)
    np.testing.assert_allclose(found.aupr, average_precision_score(y, values, average=None), rtol=1e-10)
    assert found.positives.tolist() == y.sum(axis=0).tolist()


@pytest.mark.parametrize(
    ("y", "values", "expected"),
    [
        ([1, 0], [2, 1], [1, 1, 1]),
        ([1, 0], [1, 2], [0, 0.5, 1]),
        ([1, 0, 0, 0], [0, 1, 2, 3], [0, 0.25, 0]),
        ([1, 0, 1, 0], [7, 7, 7, 7], [0.5, 0.5, 1]),  # all equal: one threshold, half of it true
        ([1, 0, 0], [7, 7, 7], [0.5, 1 / 3, 0]),
        ([0, 0, 1, 0], [1, 2, 3, 4], [2 / 3, 0.5, 1]),  # a single positive
        ([0, 0, 0], [1, 2, 3], [NAN, NAN, NAN]),
        ([1, 1], [1, 2], [NAN, 1, 1]),  # no negatives: auROC alone is not defined
    ],
)
def test_by_hand(y, values, expected):
    np.testing.assert_allclose(of_one(y, values), expected)


@pytest.mark.parametrize(
    ("y", "fdr", "recall"),
    [  # values fall from left to right
        ([1, 1, 0, 0, 1, 0, 0, 0], 0.5, 1.0),  # precision 3/5 at the third positive
        ([1, 1, 0, 0, 1, 0, 0, 0], 0.4, 1.0),  # exactly 3/5
        ([1, 1, 0, 0, 1, 0, 0, 0], 0.39, 2 / 3),
        ([0, 1, 0, 1, 0, 1], 0.5, 1.0),  # the first thresholds are bad, the last is exactly 1/2
        ([0, 0, 1, 0, 0, 1], 0.5, 0.0),
        ([0, 0, 1, 0, 0, 1], 1.0, 1.0),
        ([1, 1, 0], 0.0, 1.0),
    ],
)
def test_recall_at_fdr_by_hand(y, fdr, recall):
    assert of_one(y, range(len(y), 0, -1), fdr)[2] == pytest.approx(recall)


def test_recall_takes_a_tie_whole():
    assert of_one([1, 0, 0], [2, 2, 1])[2] == 1.0
    assert of_one([1, 0, 0], [2, 2, 2])[2] == 0.0


@settings(deadline=None, max_examples=50)
@given(columns, st.randoms(use_true_random=False))
def test_only_the_order_of_values_matters(rows, random):
    y, values = zip(*rows, strict=True)
    expected = of_one(y, values)
    v = np.array(values, np.float64)
    for changed in (3 * v - 7, v**3, np.exp(v), 1 / (1 + np.exp(-v))):
        np.testing.assert_allclose(of_one(y, changed), expected, rtol=1e-12)
    random.shuffle(rows)
    np.testing.assert_allclose(of_one(*zip(*rows, strict=True)), expected, rtol=1e-12)


def test_labels_do_not_meet():
    rng = np.random.default_rng(0)
    y, values = rng.integers(0, 2, (50, 4)), rng.random((50, 4))
    y[:, 2] = 0
    found = metrics.evaluate_labels(y.astype(bool), values)
    for label in range(4):
        np.testing.assert_array_equal([c[label] for c in found[:3]], of_one(y[:, label], values[:, label]))
    assert np.isnan(found.auroc).tolist() == [False, False, True, False]


def test_no_rows():
    found = metrics.evaluate_labels(np.zeros((0, 2), np.uint8), np.zeros((0, 2)))
    assert np.isnan(found[:3]).all()
    assert found.positives.tolist() == [0, 0]


def test_recall_at_fdr_exactly_at_the_limit():
    assert of_one([1, 1, 1, 0, 0, 0, 0, 0, 0, 0], [7] * 10, 0.7)[2] == 1.0  # precision 0.3


@pytest.mark.parametrize("bad", [NAN, math.inf, -math.inf])
def test_value_that_is_no_number_is_refused(bad):
    with pytest.raises(ValueError, match="finite"):
        of_one([0, 1], [1, bad])


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        metrics.evaluate_labels(np.zeros((3, 2), np.uint8), np.zeros((3, 1)))


@pytest.mark.parametrize(
    ("values", "mean", "std"),
    [
        ([1, 2, 3], 2, 1),
        ([1, NAN, 3, NAN], 2, math.sqrt(2)),  # sample standard deviation
        ([NAN, 5], 5, NAN),
        ([NAN, NAN], NAN, NAN),
        ([], NAN, NAN),
    ],
)
def test_mean_and_std_skip_what_is_not_defined(values, mean, std):
    values = np.array(values, np.float64)
    np.testing.assert_allclose([metrics.mean(values), metrics.std(values)], [mean, std])


def test_paired_t_test():
    rng = np.random.default_rng(0)
    b = rng.random(20)
    for shift in (-0.1, 0, 0.05, 0.3):
        a = b + shift + rng.normal(0, 0.1, 20)
        p = metrics.paired_t_test(a, b)
        assert p == pytest.approx(reference.paired_t(a, b), rel=1e-9)
        assert p == pytest.approx(ttest_rel(a, b, alternative="greater").pvalue, rel=1e-9)
        assert p + metrics.paired_t_test(b, a) == pytest.approx(1)
    assert metrics.paired_t_test(b + 0.3 + b / 9, b) < 1e-6 < 1 - 1e-6 < metrics.paired_t_test(b, b + 0.3 + b / 9)


def test_paired_t_test_leaves_out_tfs_that_either_lacks():
    a, b = np.array([0.9, NAN, 0.8, 0.7, 0.5]), np.array([0.8, 0.1, NAN, 0.65, 0.52])
    assert metrics.paired_t_test(a, b) == pytest.approx(reference.paired_t([0.9, 0.7, 0.5], [0.8, 0.65, 0.52]))


@pytest.mark.parametrize("a", [[0.5, 0.75, 1.0], [0.25, 0.5, 0.75], [0.9, NAN, NAN], [NAN, NAN, NAN]])
def test_paired_t_test_that_is_not_defined(a):
    assert math.isnan(metrics.paired_t_test(np.array(a), np.array([0.25, 0.5, 0.75])))


def test_paired_t_test_of_differences_equal_but_for_rounding():
    a = np.array([0.1, 0.2, 0.3])
    assert math.isnan(metrics.paired_t_test(a + 0.1, a))


@settings(deadline=None, max_examples=50)
@given(columns)
def test_a_whole_curve_has_a_point_a_threshold(rows):
    y, values = map(np.array, zip(*rows, strict=True))
    called = [values >= limit for limit in [np.inf, *sorted(set(values.tolist()), reverse=True)]]
    assert metrics.curve(y, values).tolist() == [
        [int((some & (y == kind)).sum()) for kind in (0, 1)] for some in called
    ]


def test_a_thinned_curve_keeps_its_areas_and_its_ends():
    rng = np.random.default_rng(0)
    for share in (0.001, 0.03, 0.5):
        y = (rng.random(20_000) < share).astype(np.uint8)
        values = rng.normal(size=len(y)) + 1.5 * y
        points = metrics.curve(y, values)
        assert 60 <= len(points) <= metrics.CURVE_POINTS and (np.diff(points, axis=0) >= 0).all()
        false, true = points.T
        assert points[0].tolist() == [0, 0] and points[-1].tolist() == [len(y) - y.sum(), y.sum()]
        assert auc(false / false[-1], true / true[-1]) == pytest.approx(roc_auc_score(y, values), abs=0.005)
        precision = true[1:] / (true + false)[1:]
        area = (np.diff(true) * precision).sum() / true[-1]
        assert area == pytest.approx(average_precision_score(y, values), abs=0.02)


def test_a_curve_of_nothing_and_of_one_kind():
    assert metrics.curve(np.zeros(0, np.uint8), np.zeros(0)).shape == (0, 2)
    assert metrics.curve(np.zeros(300, np.uint8), np.arange(300.0))[[0, -1]].tolist() == [[0, 0], [300, 0]]
