"""The commands that are read off datasets and runs: the command line takes them and understands the same."""

from __future__ import annotations

import shlex

import pytest
from test_examples import parse

from pmntool.checkpoint import Run
from pmntool.cli.options import words as words_of
from pmntool.dataset import Dataset
from pmntool.verbs.build_dataset import Options
from pmntool.verbs.recipe import build_command, report_command, train_command


def understood(command: str) -> tuple[str, dict]:
    """Return the command and its options as the command line takes them, choices by their names."""
    program, *words = shlex.split(command)
    assert program == "pmntool"
    name, options = parse(words)
    return name, {key: getattr(value, "value", value) for key, value in options.items()}


OPTIONS = Options(100, 40, 0.4, 2.5, "own", min_windows=7, max_n=0.25, negatives=0.5, seed=3, no_leakage=True)


@pytest.mark.parametrize("options", [Options(), OPTIONS], ids=["defaults", "others"])
def test_build_dataset(world, options):
    meta = Dataset(world / "dataset").meta
    choices = {key: value for key, value in options._asdict().items() if not key.endswith("chroms")}
    excluded = meta | choices | {"exclude": {"file": "black list.bed"}}
    name, words = understood(build_command(excluded))
    assert name == "build-dataset" and str(words["exclude"]) == "black list.bed"
    assert {key: words[key] for key in choices} == choices
    assert words["chroms"].split(",") == list(meta["chroms"])
    for split in ("valid", "test"):
        chroms = [chrom for chrom, here in meta["chroms"].items() if here["split"] == split]
        assert words[f"{split}_chroms"].split(",") == chroms


def test_train(world):
    data, run = Dataset(world / "dataset"), Run(world / "runs" / "pmn-lambda1")
    name, words = understood(train_command("mine", run.meta, data))
    assert name == "train" and str(words["output"]) == "runs/mine" and words["channels"] == "16,8,8"
    assert {key: words[key] for key in run.meta["settings"]} == run.meta["settings"]
    assert not words["tfs"] and words["motifs"] is None
    other = run.meta | {"tfs": run.tfs[:2], "hyperparameters": run.meta["hyperparameters"] | {"strands": "average"}}
    other |= {"variant": "pwm", "motifs": {"file": "known.meme"}, "settings": run.meta["settings"] | {"seed": 5}}
    _, words = understood(train_command("a/run", other, data))
    assert words["tfs"].split(",") == run.tfs[:2] and words["strands"] == "average" and words["variant"] == "pwm"
    assert str(words["motifs"]) == "known.meme" and words["seed"] == 5 and str(words["output"]) == "a/run"
    assert words["prototype_weight"] is None  # which pwm does not take
    names = ["A,B", '"C"', 'D"', "E F", '"G,H"', "I"]
    assert words_of(understood(train_command("a/run", run.meta | {"tfs": names}, data))[1]["tfs"]) == tuple(names)


def test_report():
    given, defaults = {"split": "valid", "block": 10, "trrust": None}, {"split": "test", "block": 10, "trrust": None}
    name, words = understood(report_command(["cnn", "x/cnn"], given, defaults))
    assert name == "report" and list(map(str, words["runs"])) == ["runs/cnn", "x/cnn"] and words["split"] == "valid"
    assert "--block" not in report_command(["cnn"], given, defaults)
