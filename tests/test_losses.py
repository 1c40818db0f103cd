"""Losses: against the loops of `reference`, by hand, and the sign that the paper misprints."""

import math

import pytest
import reference
import torch

from pmntool.losses import classification_loss, prototype_loss, total_loss
from pmntool.models import Output


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def batch() -> tuple[Output, torch.Tensor]:
    """Return an Output with match and its targets: 7 windows, 4 labels."""
    generator = torch.Generator().manual_seed(0)
    logits, match, y = (torch.rand(7, 4, generator=generator, dtype=torch.float64) for _ in range(3))
    return Output(8 * logits - 4, match), (y > 0.6).double()


@pytest.mark.parametrize("prototype_weight", [0, 0.5, 1, 3])
def test_against_reference(batch, prototype_weight):
    output, y = batch
    for match in (output.match, None):
        expected = reference.loss(
            output.logits.numpy(), None if match is None else match.numpy(), y.numpy(), prototype_weight
        )
        found = total_loss(Output(output.logits, match), y, prototype_weight)
        assert found.shape == ()
        assert float(found) == pytest.approx(expected, rel=1e-9)


def test_by_hand():
    output = Output(torch.zeros(2, 3), torch.full((2, 3), 0.5))
    y = torch.tensor([[1.0, 0, 0], [0, 0, 0]])
    assert classification_loss(output, y).tolist() == pytest.approx([3 * math.log(2)] * 2)
    assert prototype_loss(output, y).tolist() == pytest.approx([0.75] * 2)
    assert float(total_loss(output, y, 2)) == pytest.approx(3 * math.log(2) + 1.5)


def test_no_match_no_prototype_loss(batch):
    output, y = batch
    bare = Output(output.logits)
    assert prototype_loss(bare, y).tolist() == [0] * 7
    assert total_loss(bare, y, 5) == total_loss(bare, y, 0) == classification_loss(bare, y).mean()


def test_better_match_lowers_the_loss(batch):
    output, y = batch
    match = output.match.requires_grad_()
    total_loss(output, y, 1).backward()
    assert torch.equal(match.grad.sign(), torch.where(y == 1, -1.0, 1.0).double())  # descent moves the match to y
    better = Output(output.logits, match + (y - match) / 2)
    assert total_loss(better, y, 1) < total_loss(output, y, 1)
    assert total_loss(better, y, 0) == total_loss(output, y, 0)


def test_better_logits_lower_the_loss(batch):
    output, y = batch
    better = output._replace(logits=output.logits + 2 * y - 1)
    assert total_loss(better, y, 1) < total_loss(output, y, 1)


def test_large_logits_stay_finite():
    output = Output(torch.tensor([[1e4, -1e4]]))
    assert classification_loss(output, torch.tensor([[0.0, 1.0]])).tolist() == [2e4]
    assert classification_loss(output, torch.tensor([[1.0, 0.0]])).tolist() == [0]
