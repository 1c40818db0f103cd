"""Strands: what reads both gives a window and its reverse complement one answer, alone, in a scan and in tracks."""

import numpy as np
import pyBigWig
import pytest
import torch
from given import TRAINED, remember, scatter

from pmntool.inference import one_hot, scan
from pmntool.models import BUILDERS, Hyperparameters, Scannable, build, label_groups
from pmntool.models.strands import flip_some, reverse_complement
from pmntool.verbs.predict import predict
from pmntool.verbs.train import Settings, train

HP = Hyperparameters(channels=(6, 5, 4), widths=(5, 3, 2), dropout=0.0, hops=2, sharpness=3.0)
LABELS = ["a", "b", "c"]
CPU = torch.device("cpu")

both = pytest.mark.parametrize("strands", ["average", "shared"])


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def make(variant: str, strands: str) -> torch.nn.Module:
    window = max(40, build(variant, LABELS, HP).receptive_field + 7)
    torch.manual_seed(0)
    model = build(variant, LABELS, HP._replace(strands=strands, window=window))
    model.window = window
    return scatter(remember(model, window, len(LABELS)), std=0.2).eval()


def bases(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).choice(5, n, p=[0.3, 0.2, 0.15, 0.31, 0.04]).astype(np.uint8)


def other_strand(codes: np.ndarray) -> np.ndarray:
    """Return the reverse complement base by base: A ↔ T, C ↔ G, N stays."""
    return np.array([3, 2, 1, 0, 4], np.uint8)[codes[::-1]]


def test_reverse_complement_of_letters():
    codes = bases(50)
    x = one_hot(torch.from_numpy(np.stack([codes, other_strand(codes)])))
    torch.testing.assert_close(reverse_complement(x), x.flip(0))


@both
@pytest.mark.parametrize("variant", BUILDERS)
def test_both_strands_get_one_answer(variant, strands):
    model = make(variant, strands)
    x = one_hot(torch.from_numpy(np.stack([bases(model.window, seed) for seed in range(5)])))
    logits, match, _ = model(x)
    again, match_again, _ = model(reverse_complement(x))
    torch.testing.assert_close(logits, again, rtol=0, atol=1e-5)
    assert logits.std(dim=0).max() > 1e-3
    if match is not None:
        torch.testing.assert_close(match, match_again, rtol=0, atol=1e-5)


@pytest.mark.parametrize("variant", TRAINED)
def test_one_strand_alone_does_not(variant):
    """The negative control of the test above."""
    model = make(variant, "off")
    x = one_hot(torch.from_numpy(np.stack([bases(model.window, seed) for seed in range(5)])))
    assert (model(x).logits - model(reverse_complement(x)).logits).abs().max() > 1e-3


@both
@pytest.mark.parametrize("variant", ["cnn-single", "pmn", "matching-net", "dilated", "pwm"])
def test_a_scan_of_the_other_strand_is_mirrored(variant, strands):
    model = make(variant, strands)
    codes, stride = bases(model.window + 30 * 5), 5
    starts = np.arange(31) * stride
    ahead, back = (scan(model, c, starts, model.window, CPU) for c in (codes, other_strand(codes)))
    np.testing.assert_allclose(ahead, back[::-1], rtol=0, atol=1e-5)
    alone = [model(one_hot(torch.from_numpy(codes[s : s + model.window]))[None]).logits for s in starts]
    np.testing.assert_allclose(ahead, torch.cat(alone).detach(), rtol=0, atol=1e-5)


@both
@pytest.mark.parametrize("variant", BUILDERS)
def test_what_could_be_scanned_at_once_still_can(variant, strands):
    assert isinstance(make(variant, strands), Scannable) == isinstance(make(variant, "off"), Scannable)


@both
def test_average_and_shared_by_hand(strands):
    model, plain = make("cnn", strands), make("cnn", "off")
    weights = dict(zip(plain.state_dict(), model.state_dict().values(), strict=True))
    plain.load_state_dict(weights)
    x = one_hot(torch.from_numpy(bases(model.window)))[None]
    one, other = plain.encoder(x), plain.encoder(reverse_complement(x))
    if strands == "average":
        expected = (plain.output(one) + plain.output(other)) / 2
    else:
        expected = plain.output(torch.stack([one, other]).amax(dim=0))
    torch.testing.assert_close(model(x).logits, expected)


@both
def test_networks_of_one_label_stay_apart(strands):
    model = make("cnn-single", strands)
    groups = label_groups(model, 3)
    assert [labels for _, labels in groups] == [[0], [1], [2]]
    for name in model.state_dict():
        assert sum(name.startswith(prefix) for prefix, _ in groups) == 1


def test_flip_some_flips_half_of_the_windows_whole():
    torch.manual_seed(0)
    x = one_hot(torch.from_numpy(np.stack([bases(30, seed) for seed in range(400)])))
    y = flip_some(x)
    same, flipped = ((y == z).flatten(1).all(dim=1) for z in (x, reverse_complement(x)))
    assert (same | flipped).all()
    assert 160 < int(flipped.sum()) < 240


@both
def test_tracks_of_the_other_strand_are_mirrored(world, tmp_path, strands):
    settings = Settings("pmn", 1.0, learning_rate=3e-3, batch_size=64, epochs=1)
    hp = Hyperparameters(channels=(16, 8, 8), strands=strands)
    run = train(world / "dataset", tmp_path / "run", settings, hp)
    letters = "".join("ACGTN"[code] for code in bases(200 + 50 * 40))
    other = letters[::-1].translate(str.maketrans("ACGT", "TGCA"))
    values = []
    for name, sequence in (("ahead", letters), ("back", other)):
        (tmp_path / f"{name}.fa").write_text(f">chr1\n{sequence}\n")
        done = predict(tmp_path / f"{name}.fa", tmp_path / name, run.path, tfs=run.tfs[:1])
        with pyBigWig.open(str(tmp_path / name / done.files[run.tfs[0]])) as track:
            values.append(np.array(track.values("chr1", 0, len(sequence))))
    assert np.isfinite(values[0]).sum() == 41 * 50
    np.testing.assert_allclose(values[0], values[1][::-1], rtol=0, atol=1e-5)


def test_augmented_training_sees_both_strands_and_resumes_the_same(world, tmp_path):
    hp = Hyperparameters(channels=(16, 8, 8), strands="augment")
    settings = [Settings("cnn", 0.0, batch_size=64, epochs=epochs) for epochs in (1, 2)]
    whole = train(world / "dataset", tmp_path / "whole", settings[1], hp)
    train(world / "dataset", tmp_path / "run", settings[0], hp)
    resumed = train(world / "dataset", tmp_path / "run", settings[1], hp, resume=True)
    plain = train(world / "dataset", tmp_path / "plain", settings[1], hp._replace(strands="off"))
    a, b, c = (run.meta["epochs"] for run in (whole, resumed, plain))
    assert a == b
    assert a[0]["train_loss"] != c[0]["train_loss"]
