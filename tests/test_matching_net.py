"""Matching networks: which windows are remembered, that they are embedded once, sets of one side only."""

import numpy as np
import pytest
import torch
from given import Given, random_windows

from pmntool.inference import scan
from pmntool.models import Hyperparameters, build
from pmntool.models.matching_net import SHOTS

HP = Hyperparameters(channels=(6, 5, 4), widths=(5, 3, 2), dropout=0.0, hops=2, sharpness=3.0)
W, L = 20, 4
CPU = torch.device("cpu")


@pytest.fixture
def given() -> Given:
    """Return 60 windows; the labels bind a half, 2, all and none of them; some bases are N."""
    made = random_windows(60, W, L, seed=3)
    x, y = made.x(torch.arange(60)), made.y(torch.arange(60))
    x[::3, :, 4] = 0
    y[:, 1] = 0
    y[[7, 30], 1] = 1
    y[:, 2], y[:, 3] = 1, 0
    return Given(x, y)


def make(given: Given, seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    model = build("matching-net", list("abcd"), HP)
    model.remember(given)
    return model


def test_the_support_windows(given):
    model = make(given)
    x, y = given.x(torch.arange(60)), given.y(torch.arange(60))
    codes = [tuple(row) for row in torch.where(x.any(1), x.argmax(1), 4).tolist()]
    rows = [codes.index(tuple(row)) for row in model.codes.tolist()]  # a KeyError where it is no window of these
    assert len(set(rows)) == len(rows) <= 2 * SHOTS * L
    assert model.codes.dtype == torch.uint8
    for label, sides in enumerate(model.members.tolist()):
        for value, side in enumerate(sides):
            members = [row for row in side if row >= 0]
            assert len(set(members)) == len(members) == min(SHOTS, int((y[:, label] == value).sum()))
            assert all(y[rows[row], label] == value for row in members)
    assert set(model.members.flatten().tolist()) - {-1} == set(range(len(rows)))


def test_the_seed_decides_which(given):
    a, b, c = (make(given, seed).codes for seed in (0, 0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_every_positive_is_as_likely_to_be_drawn(given):
    model, y = make(given), given.y(torch.arange(60))
    codes = given.x(torch.arange(60)).argmax(1)
    times = torch.zeros(60)
    for _ in range(400):
        model.remember(given)
        drawn = model.codes[model.members[0, 1]].long() % 4
        times += (codes[:, None] == drawn).all(2).any(1)
    assert not times[y[:, 0] == 0].any()
    expected = 400 * SHOTS / int(y[:, 0].sum())
    assert (times[y[:, 0] == 1] - expected).abs().max() < 5 * expected**0.5


def test_a_tf_that_binds_all_windows_or_none(given):
    model = make(given)
    x, y = given.x(torch.arange(8)), given.y(torch.arange(8)).float()
    output = model(x, y)
    assert (output.logits[:, 2] > 20).all()
    assert (output.logits[:, 3] < -20).all()
    output.logits.sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


def test_evaluation_embeds_the_support_once(given):
    model, calls = make(given), []
    model.encoder.layers[0].register_forward_hook(lambda _layer, inputs, _output: calls.append(len(inputs[0])))
    x, size = given.x(torch.arange(3)), len(model.codes)
    model.eval()
    first = model(x).logits
    assert torch.equal(model(x).logits, first)
    assert calls == [3, size, 3]
    for forget in (
        lambda: model.train().eval(),
        lambda: model.load_state_dict(model.state_dict()),
        lambda: model.remember(given),
    ):
        forget()
        with torch.no_grad():
            model.encoder.layers[0].bias += 1
        calls.clear()
        moved = model(x).logits
        assert calls == [3, len(model.codes)]
        assert not torch.equal(moved, first)
        first = moved


def test_gradient_after_a_scan(given):
    model = make(given)
    scan(model, np.zeros(100, np.uint8), np.arange(0, 80, 5), W, CPU)
    x = given.x(torch.arange(3)).requires_grad_()
    model(x).logits.sum().backward()
    assert x.grad.any()
    model.train()(x).logits.sum().backward()
    assert all(parameter.grad.any() for parameter in model.parameters())


def test_loading_makes_room(given):
    model = make(given).eval()
    torch.manual_seed(5)
    other = build("matching-net", list("abcd"), HP)
    other.load_state_dict(model.state_dict())
    x = given.x(torch.arange(9))
    assert torch.equal(other.eval()(x).logits, model(x).logits)
    with pytest.raises(RuntimeError, match="members"):
        build("matching-net", list("abc"), HP).load_state_dict(model.state_dict())
