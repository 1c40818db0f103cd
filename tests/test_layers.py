"""Layers of our own in place of torch's: dropout with cheap random bits, and a convolution's order in memory."""

import copy

import pytest
import torch
from torch import nn

from pmntool.models.convolution import Convolution
from pmntool.models.dropout import Dropout

# Convolution


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("n_in", [1, 4])
@pytest.mark.parametrize(("n_out", "width", "length"), [(1, 1, 1), (6, 5, 5), (6, 5, 40), (64, 9, 200)])
def test_convolution_is_torchs(rows, n_in, n_out, width, length):
    torch.manual_seed(0)
    ours = Convolution(n_in, n_out, width)
    theirs = nn.Conv1d(n_in, n_out, width)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(rows, n_in, length)
    expected = theirs(x)
    assert torch.equal(ours(x), expected)
    for same in (x, x.transpose(1, 2).contiguous().transpose(1, 2)):
        torch.testing.assert_close(ours.eval()(same), expected)


def test_convolution_in_evaluation_has_a_gradient():
    torch.manual_seed(0)
    ours = Convolution(4, 6, 5)
    theirs = copy.deepcopy(ours)
    x = torch.randn(3, 4, 40)
    for layer in (ours.eval(), theirs):
        layer(x).square().sum().backward()
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad)
    torch.testing.assert_close(ours.bias.grad, theirs.bias.grad)


def test_channels_are_innermost_in_evaluation_alone():
    layers = nn.Sequential(Convolution(4, 6, 5), nn.ReLU(), Dropout(0.2), Convolution(6, 8, 3))
    x = torch.randn(3, 4, 40)
    assert layers(x).is_contiguous()
    assert layers.eval()(x).transpose(1, 2).is_contiguous()


# Dropout


@pytest.mark.parametrize("rate", [0.1, 0.2, 0.5, 0.9])
def test_dropout_share_and_mean(rate):
    torch.manual_seed(0)
    x = torch.ones(301, 7, 143)  # a size that 4 does not divide
    y = Dropout(rate)(x)
    n = x.numel()
    kept = y != 0
    assert abs(1 - kept.double().mean() - rate) < 4 * (rate * (1 - rate) / n) ** 0.5
    assert y[kept].unique().tolist() == pytest.approx([1 / (1 - rate)], rel=1e-4)
    rows = kept.double().flatten(1)
    assert abs((rows[1:] * rows[:-1]).mean() - (1 - rate) ** 2) < 0.01  # neighbors are dropped apart
    assert abs((rows[:, 1:] * rows[:, :-1]).mean() - (1 - rate) ** 2) < 0.01


def test_dropout_gradient_is_the_mask():
    torch.manual_seed(0)
    x = torch.randn(50, 13, requires_grad=True)
    y = Dropout(0.3)(x)
    upstream = torch.randn(50, 13)
    y.backward(upstream)
    torch.testing.assert_close(x.grad, upstream * (y / x).detach())


def test_dropout_does_nothing_in_evaluation_or_at_rate_0():
    x = torch.randn(4, 5)
    assert torch.equal(Dropout(0.5).eval()(x), x)
    assert torch.equal(Dropout(0.0)(x), x)


def test_dropout_of_nearly_everything():
    assert Dropout(0.999999)(torch.ones(100)).isfinite().all()


def test_dropout_follows_the_seed():
    def draw(seed):
        torch.manual_seed(seed)
        return layer(x), layer(x)

    layer, x = Dropout(0.5), torch.ones(10, 10, dtype=torch.float64)
    (a, b), (c, d), (e, _) = draw(1), draw(1), draw(2)
    assert torch.equal(a, c)
    assert torch.equal(b, d)
    assert not torch.equal(a, b)
    assert not torch.equal(a, e)
    assert a.dtype == x.dtype
