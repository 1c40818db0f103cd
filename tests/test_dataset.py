"""A dataset folder that was tampered with is refused, by name."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil

import numpy as np
import pytest

from pmntool.dataset import ARRAYS, Dataset
from pmntool.errors import DatasetError
from pmntool.npy import read_array


@pytest.fixture
def folder(world, tmp_path):
    """A copy of the small dataset, to damage."""
    return shutil.copytree(world / "dataset", tmp_path / "dataset")


@pytest.mark.parametrize("name", ARRAYS)
def test_one_flipped_byte_is_seen(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[-2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(DatasetError, match=f"{name}: not as it was written"):
        Dataset(folder)


@pytest.mark.parametrize("name", [*ARRAYS, "dataset.json"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(DatasetError, match=name):
        Dataset(folder)


def test_a_folder_that_is_called_like_a_home_is_read(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "~").symlink_to(tmp_path)
    assert Dataset("~/dataset").windows().equals(Dataset(folder).windows())


@pytest.mark.parametrize("name", ["windows.bed", "leakage.tsv"])
def test_a_chromosome_that_dataset_json_does_not_know_is_named(folder, name):
    path = folder / "dataset.json"
    meta = json.loads(path.read_text())
    text = (folder / name).read_text() + ("chr9\t0\t200\ttest\t1.0\n" if name == "leakage.tsv" else "")
    (folder / name).write_text(text.replace("chr3\t", "chr9\t"))
    meta["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    path.write_text(json.dumps(meta))
    with pytest.raises(DatasetError, match=f"{name}: chromosome 'chr9'; dataset.json has chr2, "):
        Dataset(folder).leaks("test")


def test_another_version_is_refused(folder):
    meta = json.loads((folder / "dataset.json").read_text())
    (folder / "dataset.json").write_text(json.dumps(meta | {"format_version": 99}))
    with pytest.raises(DatasetError, match="version 99; this pmntool reads"):
        Dataset(folder)


def test_nothing_is_unpickled(folder, tmp_path):
    class Payload:
        def __reduce__(self):
            return open, (str(tmp_path / "ran"), "w")

    array = np.array([Payload()], dtype=object)
    with open(folder / "labels.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": array.shape})
        pickle.dump(array, file)
    meta = json.loads((folder / "dataset.json").read_text())
    meta["files"]["labels.npy"] = hashlib.sha256((folder / "labels.npy").read_bytes()).hexdigest()
    (folder / "dataset.json").write_text(json.dumps(meta))
    with pytest.raises(DatasetError, match="labels.npy: not a plain .npy array"):
        Dataset(folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("version", [2, 3])
def test_another_format_of_numpy_is_said(tmp_path, version):
    path = tmp_path / "x.npy"
    with open(path, "wb") as file:
        np.lib.format.write_array(file, np.arange(9), version=(version, 0))
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(DatasetError, match=rf"x.npy: not a plain .npy array \(its format is {version}; expected 1\)"):
        read_array(path, checksum, 72)


@pytest.mark.parametrize("name", ARRAYS[1:])
def test_an_array_that_is_cut_short_later_changes_nothing(folder, name):
    """A mapped one would end the process."""
    data, whole = Dataset(folder), Dataset(folder)
    os.truncate(folder / name, 0)
    for array in ("sequence", "offsets", "packed"):
        np.testing.assert_array_equal(getattr(data, array), getattr(whole, array))


def test_a_table_that_changes_later_is_refused(folder):
    data, path = Dataset(folder), folder / "windows.bed"
    path.write_bytes(path.read_bytes().replace(b"00\t", b"01\t"))
    with pytest.raises(DatasetError, match="windows.bed: not as it was written"):
        data.windows()
    path.unlink()
    with pytest.raises(DatasetError, match=r"windows.bed: cannot be read \(No such file or directory\)"):
        data.windows()


@pytest.mark.parametrize("name", ARRAYS[1:])
def test_an_array_beyond_its_windows_is_not_read(folder, name):
    os.truncate(folder / name, 1 << 43)  # a file with a hole
    with pytest.raises(DatasetError, match=f"{name}: {1 << 43} bytes; the windows of dataset.json take at most"):
        Dataset(folder)


def test_splits_stand_together_and_stretches_fit(world):
    data = Dataset(world / "dataset")
    windows = data.windows()
    for split in ("train", "valid", "test"):
        codes, starts = data.stretch(split)
        assert set(windows["split"][data.rows(split)]) == {split}
        assert len(starts) == len(data.targets(split)) and starts[0] == 0 and starts[-1] + data.window == len(codes)
