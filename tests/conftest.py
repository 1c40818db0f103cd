"""Fixtures that several test files share."""

from __future__ import annotations

import logging
import os
import subprocess

import pytest
import torch

from pmntool.models import Hyperparameters
from pmntool.verbs.build_dataset import Options, build_dataset
from pmntool.verbs.predict import predict
from pmntool.verbs.simulate import simulate
from pmntool.verbs.train import Settings, train


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Small nets are faster so, and several test runs do not wait for one another."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def float32():
    """`--precision auto` is float32 here, whatever the processor knows: tests mean the same on every machine."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
            patch.setattr(torch.cpu, name, lambda: False)
        yield


@pytest.fixture(autouse=True)
def messages_reach_caplog():
    """A test may run the whole command in this process, which keeps messages to itself."""
    yield
    log = logging.getLogger("pmntool")
    log.handlers, log.propagate = [], True
    log.setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """A folder as a person has it: genome.fa, peaks/, dataset/, and two small runs in runs/."""
    folder = tmp_path_factory.mktemp("world") / "data"
    simulate(folder, seed=1, chrom_length=30_000)
    build_dataset(folder / "genome.fa", [folder / "peaks"], folder / "dataset", Options())
    for name, variant, weight in (("cnn", "cnn", 0.0), ("pmn-lambda1", "pmn", 1.0)):
        settings = Settings(variant, weight, learning_rate=3e-3, batch_size=64, epochs=2)
        train(folder / "dataset", folder / "runs" / name, settings, Hyperparameters(channels=(16, 8, 8)))
    return folder


@pytest.fixture(scope="session")
def tracks(world, tmp_path_factory):
    """The folder of tracks of one chromosome."""
    folder = tmp_path_factory.mktemp("scanned") / "tracks"
    predict(world / "genome.fa", folder, world / "runs" / "cnn", chroms=["chr3"])
    return folder


@pytest.fixture
def desk(world, tracks, tmp_path, monkeypatch):
    """A working folder with links to the shared inputs, to write in."""
    for path in (*world.iterdir(), tracks):
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def mount(folder, *words, **how):
    """Mount something on a folder, or skip the test where that is not allowed."""
    if subprocess.run(["mount", *words, str(folder)], capture_output=True, **how).returncode:
        pytest.skip("mounting takes an administrator")


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 1 MiB, nearly empty."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount(folder, "-t", "tmpfs", "-o", "size=1m", "tmpfs")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def read_only(tmp_path):
    """A folder in which nothing can be written, not even by an administrator."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    if os.geteuid():
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)
    else:
        mount(folder, "-t", "tmpfs", "-o", "ro", "tmpfs")
        yield folder
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
