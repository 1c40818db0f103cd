"""Folders from strangers: nothing in them is executed, and what their checksums do not show is seen all the same."""

from __future__ import annotations

import json
import pickle
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save as to_safetensors

from pmntool.checkpoint import Run
from pmntool.dataset import Dataset
from pmntool.errors import CheckpointError, DatasetError
from pmntool.text import parse_json


class Payload:
    """Leave a file behind where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def forge(folder: Path, name: str, content: bytes, json_name: str, change: Callable[[dict, str], None]) -> None:
    """Put a file into a folder, its checksum in the folder's JSON."""
    import hashlib

    (folder / name).write_bytes(content)
    meta = json.loads((folder / json_name).read_text())
    change(meta, hashlib.sha256(content).hexdigest())
    (folder / json_name).write_text(json.dumps(meta))


@pytest.mark.parametrize("name", ["sequence.npy", "offsets.npy", "labels.npy", "windows.bed", "leakage.tsv"])
def test_a_pickle_in_a_dataset_is_not_opened(world, tmp_path, name):
    folder = shutil.copytree(world / "dataset", tmp_path / "ds")
    content = pickle.dumps(Payload(tmp_path / "ran"))
    forge(folder, name, content, "dataset.json", lambda meta, digest: meta["files"].update({name: digest}))
    with pytest.raises(DatasetError, match=name):
        data = Dataset(folder)
        data.leaks("test")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["dataset.json", "run.json"])
def test_a_pickle_for_json_is_not_opened(world, tmp_path, name):
    source = world / "dataset" if name == "dataset.json" else world / "runs" / "cnn"
    folder = shutil.copytree(source, tmp_path / "folder")
    (folder / name).write_bytes(pickle.dumps(Payload(tmp_path / "ran")))
    with pytest.raises((DatasetError, CheckpointError), match=f"{name}: not a"):
        (Dataset if name == "dataset.json" else Run)(folder)
    assert not (tmp_path / "ran").exists()


def test_nothing_in_the_code_could_execute_a_file():
    """No pickle, no eval and exec, no torch.load, and numpy's load with pickles nowhere."""
    root = Path(__file__).resolve().parents[1] / "pmntool"
    forbidden = r"\bpickle\b(?!=False)|\beval\(\w|\bexec\(|torch\.load|allow_pickle=True|os\.system|shell=True|yaml"
    for path in root.rglob("*.py"):
        found = [line for line in path.read_text().splitlines() if re.search(forbidden, line.replace(".eval(", ""))]
        assert not found, (path, found)


DATASET_CHANGES = {
    "tfs twice": {"tfs": ["A", "A"]},
    "tfs that are none": {"tfs": "AB"},
    "a tf that is no name": {"tfs": ["a\x1b"]},
    "window of a word": {"window": "200"},
    "window of nothing": {"window": 0},
    "no split": {"splits": {}},
    "a split of no window": {"splits": {"train": {"windows": 9}, "valid": {"windows": 0}, "test": {"windows": 1}}},
    "splits of words": {"splits": {"train": {"windows": "9"}, "valid": {"windows": 1}, "test": {"windows": 1}}},
    "chromosomes without a length": {"chroms": {"chr1": {"split": "train"}}},
    "files in a list": {"files": ["windows.bed"]},
    "negatives of a word": {"negatives": "no"},
}  # fmt: skip


@pytest.mark.parametrize("change", DATASET_CHANGES.values(), ids=DATASET_CHANGES)
def test_dataset_json_with_a_value_of_another_kind(world, tmp_path, change):
    folder = shutil.copytree(world / "dataset", tmp_path / "ds")
    meta = json.loads((folder / "dataset.json").read_text()) | change
    (folder / "dataset.json").write_text(json.dumps(meta))
    with pytest.raises(DatasetError, match=r"dataset.json: .*: not what a dataset holds there"):
        Dataset(folder)


ARRAYS = {
    "offsets past the sequence": ("offsets.npy", lambda a: a + 10**9, "expected ascending places of windows"),
    "offsets below it": ("offsets.npy", lambda a: a - 1, "expected ascending places of windows"),
    "offsets of floats": ("offsets.npy", lambda a: a.astype(float), r"float64 .*; expected int64"),
    "fewer offsets": ("offsets.npy", lambda a: a[1:], r"int64 .*; expected int64"),
    "codes of no base": ("sequence.npy", lambda a: a + 1, "expected base codes, 0 to 4"),
    "labels of one column": ("labels.npy", lambda a: a.ravel(), r"uint8 .*; expected uint8"),
}


@pytest.mark.parametrize(("name", "change", "sentence"), ARRAYS.values(), ids=ARRAYS)
def test_arrays_that_are_not_what_dataset_json_tells(world, tmp_path, name, change, sentence):
    folder = shutil.copytree(world / "dataset", tmp_path / "ds")
    np.save(tmp_path / "a.npy", change(np.load(folder / name)))
    content = (tmp_path / "a.npy").read_bytes()
    forge(folder, name, content, "dataset.json", lambda meta, digest: meta["files"].update({name: digest}))
    with pytest.raises(DatasetError, match=f"{name}: {sentence}"):
        Dataset(folder)


RUN_CHANGES = {
    "layers without end": {"hyperparameters": {"channels": [10**9], "widths": [9]}},
    "hops without end": {"hyperparameters": {"hops": 10**9}},
    "dropout of a word": {"hyperparameters": {"dropout": "0.2"}},
    "a window without end": {"window": 2**40},
    "chromosomes in a list": {"dataset": {"sha256": "0", "chroms": []}},
    "epochs of numbers": {"epochs": [1]},
    "epochs of words": {"epochs": [{"epoch": 1, "train_auroc": "."}]},
    "settings of none": {"settings": None},
    "so many epochs asked for": {"settings": {"epochs": "many"}},
    "best epochs in words": {"best_epochs": ["first"]},
    "a weight file elsewhere": {"best": {"file": "../x.safetensors", "sha256": "0"}},
}


@pytest.mark.parametrize("change", RUN_CHANGES.values(), ids=RUN_CHANGES)
def test_run_json_with_a_value_beyond_reason(world, tmp_path, change):
    folder = shutil.copytree(world / "runs" / "cnn", tmp_path / "run")
    meta = json.loads((folder / "run.json").read_text())
    for key, value in change.items():
        meta[key] = meta[key] | value if key == "hyperparameters" else value
    (folder / "run.json").write_text(json.dumps(meta))
    with pytest.raises(CheckpointError, match=r"run.json: .*: not what a run holds there"):
        Run(folder)


@pytest.mark.parametrize("name", ["run.json", "weights"])
def test_a_run_that_leads_to_an_endless_file(world, tmp_path, name):
    import torch

    folder = shutil.copytree(world / "runs" / "cnn", tmp_path / "run")
    path = folder / (json.loads((folder / "run.json").read_text())["best"]["file"] if name == "weights" else name)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(CheckpointError, match="it is no plain file"):
        Run(folder).model(torch.device("cpu"))


def test_a_dataset_that_leads_to_an_endless_file(world, tmp_path):
    folder = shutil.copytree(world / "dataset", tmp_path / "dataset")
    (folder / "dataset.json").unlink()
    (folder / "dataset.json").symlink_to("/dev/zero")
    with pytest.raises(DatasetError, match="it is no plain file"):
        Dataset(folder)


def test_sizes_that_ask_for_more_memory_than_the_weights_fill(world, tmp_path):
    """600 GB, which are never asked for."""
    import torch

    folder = shutil.copytree(world / "runs" / "pmn-lambda1", tmp_path / "run")
    meta = json.loads((folder / "run.json").read_text())
    meta["hyperparameters"] |= {"channels": [400_000, 400_000], "widths": [1, 1]}
    (folder / "run.json").write_text(json.dumps(meta))
    with pytest.raises(CheckpointError, match="the weights do not fit the model that run.json describes"):
        Run(folder).model(torch.device("cpu"))


@pytest.mark.parametrize("content", [b"", b"\xff" * 64, b"\x08\0\0\0\0\0\0\0{}      "], ids=["none", "noise", "empty"])
def test_weights_that_are_none(world, tmp_path, content):
    import torch

    folder = shutil.copytree(world / "runs" / "cnn", tmp_path / "run")
    name = json.loads((folder / "run.json").read_text())["best"]["file"]
    forge(folder, name, content, "run.json", lambda meta, digest: meta["best"].update({"sha256": digest}))
    with pytest.raises(CheckpointError, match=r"not a safetensors file|do not fit"):
        Run(folder).model(torch.device("cpu"))


def test_weights_that_are_not_numbers(world, tmp_path):
    import torch
    from safetensors.numpy import load

    folder = shutil.copytree(world / "runs" / "cnn", tmp_path / "run")
    name = json.loads((folder / "run.json").read_text())["best"]["file"]
    tensors = load((folder / name).read_bytes())
    next(iter(tensors.values())).flat[0] = np.nan
    content = to_safetensors(tensors)
    forge(folder, name, content, "run.json", lambda meta, digest: meta["best"].update({"sha256": digest}))
    with pytest.raises(CheckpointError, match="holds weights that are not numbers"):
        Run(folder).model(torch.device("cpu"))


@pytest.mark.parametrize("text", [b"[" * 100_000, b"NaN", b"-Infinity", b"1e999", b"", b"\xff", b"9" * 5000])
def test_json_that_is_none(text):
    with pytest.raises(ValueError):
        parse_json(text)


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_json_within_json_has_an_end(opening, closing):
    assert parse_json(opening * 32 + b"1" + closing * 32)
    with pytest.raises(ValueError, match="nested too deep"):
        parse_json(opening * 33 + b"[]" + closing * 33)
