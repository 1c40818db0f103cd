"""Prototypical networks: means that leave a window out, means of the whole split, labels without support."""

import sys

import numpy as np
import pytest
import reference
import torch
from given import Given, random_windows

from pmntool.models import Hyperparameters, build

HP = Hyperparameters(channels=(6, 5, 4), widths=(5, 3, 2), dropout=0.0)
W, L = 20, 4


def make(**changes) -> torch.nn.Module:
    torch.manual_seed(0)
    model = build("prototypical", list("abcd"), HP._replace(**changes))
    torch.nn.init.normal_(model.threshold)
    return model


def test_training_leaves_each_window_out_of_its_own_mean():
    model, given = make(), random_windows(9, W, L, seed=3)
    x = given.x(torch.arange(9))
    y = torch.zeros(9, L)
    for label, n in enumerate((0, 1, 2, 6)):  # no window, one, the fewest that have another, many
        y[torch.randperm(9)[:n], label] = 1
    embeddings = model.encoder(x).detach().double().numpy()
    expected = reference.prototypical_loss(
        embeddings, y.numpy(), model.threshold.detach().numpy(), model.log_scale.exp().item()
    )
    np.testing.assert_allclose(model(x, y).loss.detach(), expected, rtol=1e-4)


def test_a_batch_that_supports_no_label_teaches_nothing():
    model, given = make(), random_windows(3, W, L, seed=3)
    loss = model(given.x(torch.arange(3)), torch.zeros(3, L)).loss
    loss.sum().backward()
    assert not loss.any()
    assert all(not parameter.grad.any() for parameter in model.parameters())


@pytest.mark.parametrize("batch", [7, 512])
def test_it_remembers_the_means_of_the_whole_split(monkeypatch, batch):
    monkeypatch.setattr(sys.modules["pmntool.models.prototypical"], "BATCH", batch)
    model, given = make(dropout=0.5), random_windows(30, W, L, seed=3)
    rows = torch.arange(30)
    given = Given(given.x(rows), given.y(rows) * torch.tensor([1, 1, 0, 1]))
    model.remember(given)
    assert model.training
    model.eval()
    embeddings = [model.encoder(given.x(row[None]))[0].detach() for row in rows]  # alone, without dropout
    for label in range(L):
        bound = [embeddings[row] for row in rows if given.y(rows)[row, label]]
        mean = sum(bound) / len(bound) if bound else torch.zeros(4)
        torch.testing.assert_close(model.centroids[label], mean)


def test_targets_change_no_answer_in_evaluation():
    model, given = make(), random_windows(30, W, L, seed=3)
    model.remember(given)
    model.eval()
    x, y = given.x(torch.arange(9)), given.y(torch.arange(9)).float()
    assert torch.equal(model(x, y).logits, model(x).logits)
    assert model(x, y).loss is None
