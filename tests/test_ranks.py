"""Several processes train as one: the same losses, one run folder, and an end when one of them dies."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from pmntool.models import Hyperparameters
from pmntool.verbs.train import Settings, train

WORDS = ("--channels", "8,8,8", "--dropout", "0", "--batch-size", "50", "--learning-rate", "0.01", "--precision", "32")
HP = Hyperparameters(channels=(8, 8, 8), dropout=0.0)


def start(folder: Path, *words: str, ranks: int = 2) -> subprocess.Popen:
    """Start `pmntool train` in as many processes, in a group of their own."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}",
               "-m", "pmntool", "train", *words]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def test_two_processes_train_as_one(world, tmp_path):
    settings = Settings("pmn", batch_size=50, learning_rate=0.01, epochs=2, precision="32")
    one = train(world / "dataset", tmp_path / "one", settings, HP)
    job = start(tmp_path, "--dataset", str(world / "dataset"), "--epochs", "2", "-o", "two", *WORDS)
    said = job.communicate(timeout=200)[1]
    assert job.returncode == 0, said
    assert said.count("epoch 2/2: loss") == 1  # of the first process alone
    found = pd.read_csv(tmp_path / "two" / "epochs.tsv", sep="\t")
    expected = pd.DataFrame(one.meta["epochs"])
    np.testing.assert_allclose(found["train_loss"], expected["train_loss"], rtol=1e-4)
    np.testing.assert_allclose(found["valid_auroc"], expected["valid_auroc"], atol=2e-3)
    assert found["train_loss"].diff().iloc[1] < 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_a_process_that_dies_ends_the_job(world, tmp_path):
    job = start(tmp_path, "--dataset", str(world / "dataset"), "--epochs", "100000", "-o", "run", *WORDS)
    try:
        deadline = time.monotonic() + 200
        while not (tmp_path / "run").exists():
            assert time.monotonic() < deadline and job.poll() is None
            time.sleep(0.2)
        children = Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split()
        os.kill(int(children[-1]), signal.SIGKILL)
        said = job.communicate(timeout=200)[1]
    finally:
        if job.poll() is None:
            os.killpg(job.pid, signal.SIGKILL)
    assert job.returncode != 0
    assert "SIGKILL" in said
    assert {path.name for path in tmp_path.iterdir()} <= {"run", ".run.lock"}
    resumed = train(
        world / "dataset", tmp_path / "run",
        Settings(batch_size=50, learning_rate=0.01, epochs=1, precision="32"), HP, resume=True,
    )  # fmt: skip
    assert len(resumed.meta["epochs"]) >= 1
