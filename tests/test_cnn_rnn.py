"""CNN-RNN: the order of labels, the loss of a path, the beam's probabilities against all paths."""

import sys
from itertools import product

import numpy as np
import pytest
import reference
import torch
from given import Given, random_windows

from pmntool.models import Hyperparameters
from pmntool.models.cnn_rnn import CNNRNN
from pmntool.models.encoder import Encoder

HP = Hyperparameters(channels=(6, 5, 4), widths=(5, 3, 2), dropout=0.0)
W = 20
COUNTS = [3, 9, 5, 9]  # positive windows of four labels


def make(width: int = 6, counts: list[int] = COUNTS, std: float = 1.0) -> CNNRNN:
    torch.manual_seed(0)
    model = CNNRNN(Encoder(HP), len(counts), width)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=std)
    y = torch.stack([torch.arange(10) < count for count in counts], dim=1)
    model.remember(Given(torch.zeros(10, 4, W), y))
    return model


def some(n: int) -> torch.Tensor:
    return random_windows(n, W, 1, seed=4).x(torch.arange(n))


def by_all_paths(model: CNNRNN, x: torch.Tensor) -> list[tuple[np.ndarray, dict]]:
    weights = {name: value.double().numpy() for name, value in model.state_dict().items()}
    return [reference.cnn_rnn(e.double().numpy(), weights) for e in model.encoder(x).detach()]


def test_the_order_is_from_frequent_to_rare():
    model = make()
    assert model.order.tolist() == [1, 3, 2, 0]  # of equals, the first comes first
    assert model.rank.tolist() == [3, 0, 2, 1]


def test_probabilities_are_those_of_all_paths():
    model, x = make(), some(6)
    found = model.eval()(x).logits.detach()
    for logits, (expected, paths) in zip(found, by_all_paths(model, x), strict=True):
        assert len(paths) == 16
        assert sum(paths.values()) == pytest.approx(1)
        np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)


def test_the_loss_is_that_of_the_window_s_path():
    model = make()
    x = some(1)
    (_, paths), y = by_all_paths(model, x)[0], torch.tensor(list(product([0.0, 1.0], repeat=4)))
    losses = model(x.expand(16, -1, -1), y).loss.detach()
    expected = [-np.log(paths[tuple(row.nonzero().flatten().tolist())]) for row in y]
    np.testing.assert_allclose(losses, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(losses[:1], model(x, y[:1]).loss.detach())  # no label at all: END at once
    torch.testing.assert_close(losses[5:6], model(x, y[5:6]).loss.detach())  # shorter than its company's longest


def test_a_narrow_beam_misses_mass_and_adds_none():
    x = some(6)
    found = [make(width, counts=[6, 5, 4, 3, 2, 1], std=0.5).eval()(x).logits.sigmoid() for width in (1, 2, 4, 20)]
    for narrow, wide in zip(found, found[1:], strict=False):
        assert (narrow <= wide + 1e-6).all()
        assert (narrow < wide - 1e-4).any()
    exact = [logits for logits, _ in by_all_paths(make(20, counts=[6, 5, 4, 3, 2, 1], std=0.5), x)]
    np.testing.assert_allclose(found[-1].detach(), 1 / (1 + np.exp(-np.array(exact))), atol=1e-5)


def test_where_a_search_stops_does_not_depend_on_the_batch(monkeypatch):
    monkeypatch.setattr(sys.modules["pmntool.models.cnn_rnn"], "NEGLIGIBLE", 0.05)
    model, x, steps = make(counts=[6, 5, 4, 3, 2, 1]).eval(), some(40), []
    model.lstm.register_forward_hook(lambda *_: steps.append(0))
    together, lengths = model(x).logits, set()
    for row, logits in enumerate(together):
        steps.clear()
        torch.testing.assert_close(model(x[[row]]).logits[0], logits, rtol=1e-5, atol=1e-5)
        lengths.add(len(steps))
    assert len(lengths) > 1  # alone, some stop earlier
    monkeypatch.setattr(sys.modules["pmntool.models.cnn_rnn"], "NEGLIGIBLE", 0.0)
    steps.clear()
    assert (model(x).logits >= together).all()  # what was not followed is missing
    assert len(steps) > max(lengths)


def test_a_single_label():
    model = make(counts=[3])
    found = model.eval()(some(5)).logits.detach()
    np.testing.assert_allclose(found, [logits for logits, _ in by_all_paths(model, some(5))], rtol=1e-4)


def test_targets_change_no_answer_in_evaluation():
    model, x = make().eval(), some(5)
    found = model(x, torch.ones(5, 4))
    assert found.loss is None
    assert torch.equal(found.logits, model(x).logits)
    assert model.train()(x, torch.ones(5, 4)).logits.shape == (5, 4)
