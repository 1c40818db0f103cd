"""Fixtures that several test files share."""

from __future__ import annotations

import pytest
import torch

from pmntool.build_dataset import Options, build_dataset
from pmntool.models import Hyperparameters
from pmntool.simulate import simulate
from pmntool.train import Settings, train


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
