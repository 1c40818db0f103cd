"""PWM: the best hit by brute force on both strands, whatever the widths; nothing for N, nothing without a motif."""

import numpy as np
import pytest
import reference
import torch
from given import random_motifs
from hypothesis import given, settings
from hypothesis import strategies as st

from pmntool.inference import one_hot
from pmntool.models import Hyperparameters, build


def make(motifs: list[list[np.ndarray]]) -> torch.nn.Module:
    model = build("pwm", [f"tf{i}" for i in range(len(motifs))], Hyperparameters())
    model.use_motifs(motifs)
    return model.eval()


def sequences(n: int, window: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).choice(5, (n, window), p=[0.22] * 4 + [0.12]).astype(np.uint8)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 1000), st.integers(8, 30), st.integers(1, 4))
def test_the_best_hit_by_brute_force(seed, window, n_labels):
    motifs, codes = random_motifs(n_labels, seed), sequences(5, window, seed)
    expected = [[reference.best_hit(row.tolist(), matrices) for matrices in motifs] for row in codes]
    np.testing.assert_allclose(make(motifs)(one_hot(torch.from_numpy(codes))).logits, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("place", [0, 5, 12])
@pytest.mark.parametrize("strand", [1, -1])
def test_a_site_at_any_place_on_either_strand(place, strand):
    site = np.array([0, 1, 1, 3, 2])  # ACCTG
    motif = np.where(np.arange(4) == site[:, None], 2.0, -3.0)
    codes = np.full((1, 17), 4, dtype=np.uint8)
    codes[0, place : place + 5] = site if strand == 1 else 3 - site[::-1]
    assert make([[motif]])(one_hot(torch.from_numpy(codes))).logits.tolist() == [[10]]


def test_a_window_of_n_and_a_label_without_a_motif_have_the_logit_0():
    motifs = random_motifs(2, 0)
    codes = sequences(4, 20)
    codes[0] = 4
    logits = make([motifs[0], [], motifs[1]])(one_hot(torch.from_numpy(codes))).logits
    assert logits[0].tolist() == [0, 0, 0]
    assert logits[:, 1].tolist() == [0] * 4
    assert (logits[1:, ::2] != 0).all()


def test_the_receptive_field_is_the_widest_motif_s():
    motifs = [[np.zeros((3, 4))], [np.zeros((5, 4)), np.zeros((7, 4))]]
    assert make(motifs).receptive_field == 7
    assert build("pwm", ["a"], Hyperparameters()).receptive_field == 1


def test_a_model_without_motifs_takes_any_by_its_weights():
    model, other = make(random_motifs(3, 1)), build("pwm", ["a", "b", "c"], Hyperparameters())
    other.load_state_dict(model.state_dict())
    x = one_hot(torch.from_numpy(sequences(6, 20)))
    assert torch.equal(other(x).logits, model(x).logits)
    assert list(model.parameters()) == []
