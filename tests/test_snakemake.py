"""The workflow, run by Snakemake: two genomes, two models, two seeds, to the end; a run that was cut short goes on."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from test_examples import parse

from pmntool.models import Hyperparameters
from pmntool.verbs.simulate import simulate
from pmntool.verbs.train import Settings, train

pytest.importorskip("snakemake", reason="snakemake is not installed")

ROOT = Path(__file__).parents[1]
WORKFLOW = ROOT / "examples" / "snakemake"
SETS = ("a", "b")
RUNS = {"cnn-seed0", "cnn-seed1", "pmn-seed0", "pmn-seed1"}
CONFIG = {
    "output": "out",
    "sets": {name: {"genome": f"{name}/genome.fa", "peaks": f"{name}/peaks"} for name in SETS},
    "models": {"cnn": "--variant cnn", "pmn": "--variant pmn --lambda 1"},
    "seeds": [0, 1],
    "train": "--channels 16,8,8 --batch-size 64 --epochs 2 --precision 32",
    "prototypes": "pmn",
    "tracks": "pmn",
    "predict": "--chroms chr8",
    "threads": 1,
}


def snakemake(folder: Path, *words: str) -> str:
    """Run Snakemake on two cores, with a `pmntool` that is this checkout's; return what it says."""
    (folder / "bin").mkdir(exist_ok=True)
    command = folder / "bin" / "pmntool"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pmntool "$@"\n')
    command.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{command.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "OMP_NUM_THREADS": "1",
    }
    words = [sys.executable, "-m", "snakemake", "--cores", "2", "--nocolor", *words]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_it_runs_to_the_end_and_goes_on_where_a_run_was_cut_short(tmp_path):
    for seed, name in enumerate(SETS):
        simulate(tmp_path / name, seed=seed, chrom_length=30_000)
    shutil.copy(WORKFLOW / "Snakefile", tmp_path)
    (tmp_path / "config.yaml").write_text(json.dumps(CONFIG))  # JSON is YAML
    snakemake(tmp_path, "out/a/dataset")

    cut = tmp_path / "out" / "a" / "runs" / "cnn-seed1"
    settings = Settings("cnn", 0.0, batch_size=64, epochs=1, seed=1, precision="32")
    train(tmp_path / "out" / "a" / "dataset", cut, settings, Hyperparameters(channels=(16, 8, 8)))
    meta = json.loads((cut / "run.json").read_text())
    meta["epochs"][0]["train_loss"] = 1234.5  # which no training would come to again
    (cut / "run.json").write_text(json.dumps(meta))

    wanted = [f"out/a/{name}" for name in ("evaluation", "tracks", "prototypes", "report.html")] + ["out/b/evaluation"]
    snakemake(tmp_path, *wanted)
    for name in SETS:
        losses = {path.parent.name: epochs(path) for path in (tmp_path / "out" / name).glob("runs/*/run.json")}
        assert losses.keys() == RUNS and all(len(some) == 2 for some in losses.values())
        assert (losses["cnn-seed1"][0] == 1234.5) == (name == "a")
        table = tmp_path / "out" / name / "evaluation" / "table4.tsv"
        assert len(table.read_text().splitlines()) == 3  # seeds are one row
    made = tmp_path / "out" / "a"
    assert json.loads((made / "prototypes" / "prototypes.json").read_text())["runs"] == ["pmn-seed0", "pmn-seed1"]
    assert list((made / "tracks").glob("*.bw")) and (made / "report.html").stat().st_size > 10_000
    assert "Nothing to be done" in snakemake(tmp_path, *wanted)


def epochs(path: Path) -> list[float]:
    return [epoch["train_loss"] for epoch in json.loads(path.read_text())["epochs"]]


def test_pmntool_takes_every_command_of_the_workflow_as_it_is_shipped(tmp_path):
    shutil.copytree(WORKFLOW, tmp_path, dirs_exist_ok=True)
    for name in ("yeast/genome.fa", "yeast/peaks", "hg38.fa", "k562.tsv"):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).touch()
    said = snakemake(tmp_path, "--dry-run", "--printshellcmds")
    commands = re.findall(r"\bpmntool (.+)", said.replace("$how", "--resume"))
    assert Counter(parse(shlex.split(words))[0] for words in commands) == {
        "build-dataset": 2, "train": 18, "evaluate": 2, "predict": 2, "prototypes": 2, "report": 2,
    }  # fmt: skip
