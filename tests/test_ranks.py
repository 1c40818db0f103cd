"""Several processes train and scan as one: the same losses, the same tracks, and an end when one of them dies."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from pmntool.checkpoint import Run
from pmntool.models import Hyperparameters
from pmntool.verbs.predict import predict
from pmntool.verbs.train import Settings, train

WORDS = ("--channels", "8,8,8", "--dropout", "0", "--batch-size", "50", "--learning-rate", "0.01", "--precision", "32")
HP = Hyperparameters(channels=(8, 8, 8), dropout=0.0)


def start(folder: Path, *words: str, ranks: int = 2) -> subprocess.Popen:
    """Start a command in as many processes, in a group of their own."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}",
               "-m", "pmntool", *words]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def process_of(job: subprocess.Popen, rank: int) -> int:
    children = Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split()
    [found] = [pid for pid in children if f"\0RANK={rank}\0" in f"\0{Path(f'/proc/{pid}/environ').read_text()}"]
    return int(found)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_two_processes_train_as_one(world, tmp_path):
    settings = Settings("pmn", batch_size=50, learning_rate=0.01, epochs=2, precision="32")
    one = train(world / "dataset", tmp_path / "one", settings, HP)
    job = start(tmp_path, "train", "--dataset", str(world / "dataset"), "--epochs", "2", "-o", "two", *WORDS)
    said = job.communicate(timeout=200)[1]
    assert job.returncode == 0, said
    assert said.count("epoch 2/2: loss") == 1  # of the first process alone
    found = pd.read_csv(tmp_path / "two" / "epochs.tsv", sep="\t")
    expected = pd.DataFrame(one.meta["epochs"])
    np.testing.assert_allclose(found["train_loss"], expected["train_loss"], rtol=1e-4)
    np.testing.assert_allclose(found["valid_auroc"], expected["valid_auroc"], atol=2e-3)
    assert found["train_loss"].diff().iloc[1] < 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def kill_one(job: subprocess.Popen, reached: Callable[[], object]) -> str:
    """Kill the second process of a job that has come so far, and return what the job said; none of it is left."""
    try:
        deadline = time.monotonic() + 200
        while not reached():
            assert time.monotonic() < deadline and job.poll() is None
            time.sleep(0.01)
        os.kill(process_of(job, 1), signal.SIGKILL)
        return job.communicate(timeout=200)[1]
    finally:
        if job.poll() is None:
            os.killpg(job.pid, signal.SIGKILL)


def test_a_process_that_dies_ends_the_job(world, tmp_path):
    job = start(tmp_path, "train", "--dataset", str(world / "dataset"), "--epochs", "100000", "-o", "run", *WORDS)
    said = kill_one(job, (tmp_path / "run").exists)
    assert job.returncode != 0
    assert "SIGKILL" in said
    assert {path.name for path in tmp_path.iterdir()} <= {"run", ".run.lock"}
    resumed = train(
        world / "dataset", tmp_path / "run",
        Settings(batch_size=50, learning_rate=0.01, epochs=1, precision="32"), HP, resume=True,
    )  # fmt: skip
    assert len(resumed.meta["epochs"]) >= 1


def test_two_processes_scan_as_one(world, tmp_path):
    genome, model = world / "genome.fa", world / "runs" / "cnn"
    predict(genome, tmp_path / "one", model, precision="32")
    job = start(tmp_path, "predict", str(genome), "-m", str(model), "-o", "two", "--precision", "32")
    said = job.communicate(timeout=200)[1]
    assert job.returncode == 0, said
    assert said.count("wrote two/") == 1  # of the first process alone
    two = contents(tmp_path / "two")
    assert two.pop("config.toml")  # of a command, not of a function
    assert two == contents(tmp_path / "one")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_of_a_scan_whose_process_dies_nothing_is_lost(world, tmp_path):
    """And one process goes on where two were."""
    letters = np.random.default_rng(0).choice(list("ACGT"), 4_000_000)
    (tmp_path / "genome.fa").write_text(">c\n" + "".join(letters) + "\n")
    model = world / "runs" / "pmn-lambda1"
    tfs = Run(model).tfs[:2]
    words = ("genome.fa", "-m", str(model), "-o", "two", "--precision", "32", "--tfs", ",".join(tfs))
    job = start(tmp_path, "predict", *words)
    journals = [tmp_path / ".two.partial" / share / "journal.txt" for share in "01"]
    said = kill_one(job, lambda: journals[1].exists() and journals[1].read_text())
    assert job.returncode != 0
    assert "SIGKILL" in said and "this is a bug" not in said
    assert said.count("two.partial keeps what is scanned; the same command goes on from there") == 1
    assert not (tmp_path / "two").exists()
    scanned = sum(len(journal.read_text().splitlines()) for journal in journals)
    assert 1 <= scanned < 4
    given = {"tfs": tfs, "precision": "32"}
    predict(tmp_path / "genome.fa", tmp_path / "two", model, **given)
    predict(tmp_path / "genome.fa", tmp_path / "one", model, **given)
    assert contents(tmp_path / "two") == contents(tmp_path / "one")
