"""The model object: every row against the model called on one window alone, and against the tracks of `predict`."""

import numpy as np
import pyBigWig
import pytest
import torch
from reference import one_hot, sigmoid
from safetensors.torch import load_file

import pmntool
from pmntool.errors import CheckpointError, InputError, MismatchError
from pmntool.genome import Genome

W, S = 200, 50  # bp


@pytest.fixture(scope="module", params=["cnn", "pmn-lambda1"])
def run(request, world):
    return world / "runs" / request.param


def draw(length: int, seed: int, letters: str = "ACGT") -> str:
    return "".join(np.random.default_rng(seed).choice(list(letters), length))


def by_hand(run, window: str) -> list[float]:
    """Return the probabilities of one window, which is given to the model alone."""
    x = one_hot(["ACGT".index(base) if base in "ACGT" else 4 for base in window.upper()])
    with torch.no_grad():
        logits = pmntool.load(run).run.model(torch.device("cpu"))(torch.tensor(x, dtype=torch.float32)[None]).logits[0]
    return [sigmoid(logit) for logit in logits.tolist()]


def test_a_row_is_a_window(run):
    """Of 349 bp the windows at 0, 50 and 100; of 200 bp one; of 260 bp those at 0 and 50."""
    sequences = [draw(349, 0), draw(200, 1, "ACGTN"), draw(260, 2, "ACGTacgtRYn-")]
    model = pmntool.load(run)
    table = model.predict(sequences)
    rows = [(0, 0), (0, 50), (0, 100), (1, 0), (2, 0), (2, 50)]
    assert list(table.columns) == ["sequence", "start", "end", *model.tfs] and len(model.tfs) == 12
    assert list(zip(table["sequence"], table["start"], strict=True)) == rows
    assert (table["end"] - table["start"] == model.window).all() and (model.window, model.stride) == (W, S)
    wanted = [by_hand(run, sequences[number][start : start + W]) for number, start in rows]
    np.testing.assert_allclose(table[model.tfs], wanted, atol=1e-6)
    assert table[model.tfs].to_numpy().std(axis=0).max() > 1e-3  # more than the comparison forgives


def test_one_sequence_is_a_list_of_one(run):
    sequence = draw(300, 3)
    one, several = pmntool.load(run).predict(sequence), pmntool.load(run).predict([sequence])
    assert one.equals(several) and len(one) == 3


@pytest.mark.parametrize("region", ["chr8:1-3000", "chr8:5001", "chr8:76-76"])
def test_an_interval_is_what_the_tracks_hold(run, world, tmp_path, region):
    model, genome = pmntool.load(str(run)), world / "genome.fa"
    files = pmntool.predict(genome, tmp_path / "tracks", run, regions=[region]).files
    table = model.predict_interval(genome, region)
    assert list(table.columns) == ["chrom", "start", "end", *model.tfs] and len(table)
    for tf in model.tfs:
        with pyBigWig.open(str(tmp_path / "tracks" / files[tf])) as track:
            starts, ends, values = zip(*track.intervals("chr8"), strict=True)
        assert (set(table["chrom"]), tuple(table["start"]), tuple(table["end"])) == ({"chr8"}, starts, ends)
        np.testing.assert_allclose(table[tf], values, atol=1e-6)
    with Genome(genome) as opened:
        again = [model.predict_interval(opened, region) for _ in range(2)]
    assert all(other.equals(table) for other in again)


def test_prototypes_are_those_of_the_weights(world):
    path = world / "runs" / "pmn-lambda1"
    model = pmntool.load(path)
    kept = load_file(path / model.run.meta["best"]["file"])
    [table] = [tensor for tensor in kept.values() if tensor.shape == (12, 8)]  # TFs, channels of the last convolution
    directions = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (model.prototypes, table.numpy())]
    np.testing.assert_allclose(*directions, atol=1e-6)
    assert pmntool.load(world / "runs" / "cnn").prototypes is None


def test_a_tf_may_be_called_as_a_column_is(world):
    model = pmntool.load(world / "runs" / "cnn")
    model.tfs = ["start", "chrom", *model.tfs[2:]]
    assert list(model.predict(draw(200, 4)).columns)[:5] == ["sequence", "start", "end", "start", "chrom"]
    assert list(model.predict_interval(world / "genome.fa", "chr8:1-200").columns)[2:5] == ["end", "start", "chrom"]


@pytest.mark.parametrize(
    ("sequences", "sentence"),
    [
        ([], "no sequence is given"),
        (["A" * 200, "A" * 199], "sequence 1: 199 bp; the model reads windows of 200 bp"),
        ("", "sequence 0: 0 bp; the model reads windows of 200 bp"),
        ("MKTAYIAKQRQISFVKSHFS" * 10, "sequence 0: begins with MKTAYIAKQRQISFVKSHFS; expected DNA, not a protein"),
        ("ACGT\n" * 50, "sequence 0: holds blanks or signs that are no letters"),
        ("ACGÜ" * 50, "sequence 0: holds blanks or signs that are no letters"),
    ],
)
def test_what_is_no_sequence_of_windows(world, sequences, sentence):
    with pytest.raises(InputError) as caught:
        pmntool.load(world / "runs" / "cnn").predict(sequences)
    assert str(caught.value) == sentence


def test_what_does_not_fit(world, tmp_path):
    model = pmntool.load(world / "runs" / "cnn")
    with pytest.raises(InputError, match="^chr8:1-75: no window of 200 bp has its center in what is to be scanned$"):
        model.predict_interval(world / "genome.fa", "chr8:1-75")
    with pytest.raises(MismatchError, match="region '8:1-900': no chromosome 8"):
        model.predict_interval(world / "genome.fa", "8:1-900")
    with pytest.raises(CheckpointError, match="none"):
        pmntool.load(tmp_path / "none")
    with pytest.raises(InputError, match="--device tpu: expected auto, cpu, cuda or cuda:N"):
        pmntool.load(world / "runs" / "cnn", device="tpu")
    with pytest.raises(InputError, match="--precision 64: expected one of"):
        pmntool.load(world / "runs" / "cnn", precision="64")
