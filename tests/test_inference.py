"""Inference: a scan of a stretch gives each window what the model gives it alone, however the work is cut."""

import numpy as np
import pytest
import torch
from given import remember, scatter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pmntool import inference
from pmntool.inference import gather, one_hot, scan
from pmntool.models import BUILDERS, Hyperparameters, Scannable, build
from pmntool.models.encoder import receptive_field

HP = Hyperparameters(channels=(6, 5, 4), widths=(5, 3, 2), hops=2, sharpness=3.0)
FIELD = receptive_field(HP)
W, L, T = 20, 3, 600
CPU = torch.device("cpu")
SCANNABLE = [variant for variant in BUILDERS if isinstance(build(variant, ["a", "b", "c"], HP), Scannable)]


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def codes() -> np.ndarray:
    """Return 600 bases with single N, a run of N longer than a window, and N at both ends."""
    rng = np.random.default_rng(0)
    codes = rng.choice(5, T, p=[0.24] * 4 + [0.04]).astype(np.uint8)
    codes[:3] = codes[-3:] = codes[200:250] = 4
    codes.flags.writeable = False  # as a memory-mapped dataset is
    return codes


def make(variant: str, hp: Hyperparameters = HP) -> torch.nn.Module:
    torch.manual_seed(0)
    return scatter(remember(build(variant, ["a", "b", "c"], hp), hp.window, L), std=0.2)


@pytest.fixture(scope="module", params=SCANNABLE)
def model(request) -> torch.nn.Module:
    return make(request.param)


def one_by_one(model: torch.nn.Module, codes: np.ndarray, starts: np.ndarray, window: int) -> np.ndarray:
    """Return the logits (N, L) of the plain forward, a window at a time."""
    model.eval()
    columns = np.eye(5, dtype=np.float32)[:, :4]
    with torch.no_grad():
        return np.concatenate(
            [model(torch.from_numpy(columns[codes[start : start + window]].T[None])).logits for start in starts]
        )


def check(model: torch.nn.Module, codes: np.ndarray, starts: np.ndarray, window: int = W) -> None:
    starts = np.asarray(starts, dtype=np.int64)
    found = scan(model, codes, starts, window, CPU)
    assert found.dtype == np.float32
    assert found.shape == (len(starts), L)
    np.testing.assert_allclose(found, one_by_one(model, codes, starts, window), rtol=1e-5, atol=1e-5)


PLACES = {
    "regular": (np.arange(0, T - W + 1, 5), W),
    "every base": (np.arange(0, 150), W),
    "touching": (np.arange(0, T - W + 1, W), W),
    "one": ([37], W),
    "last": ([T - W], W),
    "twice the same": ([10, 10, 10, 12], W),
    "gaps": (np.r_[0:60:5, 170:290:3, 500:581:4], W),
    "far apart": ([0, 100, 300, 580], W),
    "as wide as one feature": (np.arange(0, 100), FIELD),
    "all the stretch": ([0], T),
    "all at one place": ([7, 7, 7], W),
}


@pytest.mark.parametrize(("rows", "row"), [(inference.ROWS, inference.ROW), (inference.ROWS, 50), (2, 30), (1, 1)])
@pytest.mark.parametrize(("starts", "window"), PLACES.values(), ids=PLACES)
def test_scan_equals_window_by_window(model, codes, starts, window, rows, row, monkeypatch):
    monkeypatch.setattr(inference, "ROWS", rows)
    monkeypatch.setattr(inference, "ROW", row)
    check(model, codes, starts, window)


@pytest.mark.parametrize("variant", [variant for variant in BUILDERS if variant not in SCANNABLE])
def test_a_model_of_whole_windows_reads_each_alone(codes, variant, monkeypatch):
    monkeypatch.setattr(inference, "BATCH", 4)
    window = max(W, make(variant).receptive_field)
    check(make(variant, HP._replace(window=window)), codes, np.arange(150, 190, 4), window)


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    starts=st.lists(st.integers(0, T - W), min_size=1, max_size=30).map(sorted),
    spread=st.sampled_from([1, 10, 100]),
    rows=st.integers(1, 9),
    row=st.integers(1, 250),
    batch=st.integers(1, 40),
    most_values=st.integers(1, 2000),
)
def test_scan_does_not_depend_on_how_work_is_cut(model, codes, starts, spread, rows, row, batch, most_values):
    starts = [start // spread for start in starts]  # dense, or with gaps
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inference, "ROWS", rows)
        patch.setattr(inference, "ROW", row)
        patch.setattr(inference, "BATCH", batch)
        patch.setattr(inference, "MOST_VALUES", most_values)
        check(model, codes, starts)


def test_the_convolutions_run_once_over_a_dense_stretch(model, codes, monkeypatch):
    """Otherwise the tests above would compare the plain forward with itself."""
    if not isinstance(model, Scannable):
        pytest.skip("the model has no convolutions to share")
    read = []
    monkeypatch.setattr(inference, "ROWS", 2)
    monkeypatch.setattr(inference, "ROW", 100)
    monkeypatch.setattr(model, "trunk", lambda x: read.append(len(x) * x.shape[2]) or type(model).trunk(model, x))
    scan(model, codes, np.arange(0, T - W + 1, 2), W, CPU)
    assert T <= sum(read) < 1.9 * T


def test_no_pass_holds_more_features_than_it_may(codes, monkeypatch):
    """Nor the first, which does not know how many there are at a position."""
    held, maxima = [], inference._maxima
    monkeypatch.setattr(inference, "ROW", 30)
    monkeypatch.setattr(inference, "MOST_VALUES", 1000)
    monkeypatch.setattr(
        inference, "_maxima", lambda features, *how: held.append(features.numel()) or maxima(features, *how)
    )
    scan(make("cnn-single"), codes, np.arange(0, T - W + 1, 2), W, CPU)
    assert len(held) > 5
    assert max(held) <= 1000 + 30 * L * HP.channels[-1]  # the last row may be padded


def test_scan_leaves_evaluation_mode_and_no_gradient(model, codes):
    model.train()
    first, second = (scan(model, codes, np.arange(0, 100, 5), W, CPU) for _ in range(2))
    assert not model.training
    np.testing.assert_array_equal(first, second)


def test_one_hot():
    x = one_hot(torch.tensor([[0, 1, 2, 3, 4], [4, 4, 0, 0, 3]], dtype=torch.uint8))
    assert x.dtype == torch.float32
    assert x.tolist() == [
        [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 0]],
        [[0, 0, 1, 1, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 1]],
    ]


def test_gather():
    sequence = torch.arange(10, dtype=torch.uint8)
    assert gather(sequence, torch.tensor([7, 0, 0]), 3).tolist() == [[7, 8, 9], [0, 1, 2], [0, 1, 2]]
