"""Kill every command at random moments: its target is whole or not there, and a rerun comes to the undisturbed bytes.

`PMNTOOL_KILLS=2000 PMNTOOL_KILL_SEED=7 pytest tests/test_killed.py` goes on for longer and with other moments. Half of
them are the steps in which a file is opened, renamed or removed, the other half lie anywhere in time.
"""

from __future__ import annotations

import faulthandler
import hashlib
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from pmntool.checkpoint import Run

KILLS = int(os.environ.get("PMNTOOL_KILLS", 12))
SEED = int(os.environ.get("PMNTOOL_KILL_SEED", 0))
HANGS = 300  # seconds
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
STEPS = {"open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate", "shutil.rmtree"}
COMMANDS = {  # target → words
    "data": "simulate data --chrom-length 30000",
    "dataset": "build-dataset data/genome.fa data/peaks -o dataset",
    "run": "train -d dataset -o run --channels 8,8,8 --epochs 3",
    "evaluation": "evaluate run -d dataset --bootstrap 50 -o evaluation",
    "tracks": "predict data/genome.fa -m run -o tracks",
    "prototypes": "prototypes run --clusters 3 -o prototypes",
}


class Ended(NamedTuple):
    code: int
    said: str
    steps: int  # in which a file of the folder changed
    seconds: float


def command(words: list[str], folder: Path, stop_at: int, number: int) -> None:
    """Run the command line in a process of its own, which sends itself a signal in its n-th step."""
    from pmntool.cli import main

    os.chdir(folder)
    tempfile.tempdir = str(folder.parent / "tmp")
    said = os.open(folder.parent / "said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    faulthandler.dump_traceback_later(HANGS, exit=True, file=2)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.argv = ["pmntool", *words]
    steps = 0

    def watch(event: str, arguments: tuple) -> None:
        nonlocal steps
        if event in STEPS and isinstance(arguments[0], str | Path):
            steps += (folder / arguments[0]).is_relative_to(folder)
            if steps == stop_at:
                steps += 1
                os.kill(os.getpid(), number)

    (folder.parent / "begun").touch()
    sys.addaudithook(watch)
    try:
        main()
    finally:
        (folder.parent / "steps").write_text(str(steps))


@pytest.fixture(scope="module")
def run():
    """Return a function that runs a command in a process that has its libraries already, and may be killed."""
    context = multiprocessing.get_context("forkserver")
    verbs = ("build_dataset", "train", "evaluate", "predict", "prototypes", "simulate")
    context.set_forkserver_preload(
        ["pyBigWig", "pysam", "matplotlib.figure", *(f"pmntool.verbs.{verb}" for verb in verbs)]
    )

    def run(words: list[str], folder: Path, stop_at: int = 0, number: int = 0, after: float | None = None) -> Ended:
        begun = folder.parent / "begun"
        begun.unlink(missing_ok=True)
        process = context.Process(target=command, args=(words, folder, stop_at, number))
        process.start()
        while not begun.exists() and process.is_alive():
            time.sleep(0.001)
        start = time.monotonic()
        process.join(after)
        if process.is_alive():
            with suppress(ProcessLookupError):
                os.kill(process.pid, number)
            process.join()
        said = (folder.parent / "said").read_text()
        steps = folder.parent / "steps"
        return Ended(process.exitcode, said, int(steps.read_text()) if steps.exists() else 0, time.monotonic() - start)

    return run


def tree(folder: Path) -> dict[str, str]:
    """Return each file's checksum."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def undisturbed(run, tmp_path_factory) -> tuple[Path, dict[str, Ended]]:
    """Return a folder with every output, and how long each took."""
    folder = tmp_path_factory.mktemp("undisturbed") / "work"
    folder.mkdir()
    (folder.parent / "tmp").mkdir()
    ended = {target: run(words.split(), folder) for target, words in COMMANDS.items()}
    assert {target: end.said for target, end in ended.items() if end.code} == {}
    assert min(end.steps for end in ended.values()) > 5
    return folder, ended


@pytest.mark.parametrize("trial", range(KILLS))
def test_killed_anywhere(run, undisturbed, tmp_path, trial):
    rng = np.random.default_rng([SEED, trial])
    whole, known = undisturbed
    target = list(COMMANDS)[trial % len(COMMANDS)]
    number = SIGNALS[rng.integers(3)]
    replace = target != "run" and rng.random() < 0.3
    by_step = rng.random() < 0.5
    how = {"stop_at": int(rng.integers(1, known[target].steps + 1))} if by_step else {}
    how |= {} if by_step else {"after": rng.random() * known[target].seconds}

    folder, temporary = tmp_path / "work", tmp_path / "tmp"
    folder.mkdir()
    temporary.mkdir()
    for other in set(COMMANDS) - {target}:
        (folder / other).symlink_to(whole / other)
    if replace:
        shutil.copytree(whole / target, folder / target)
        (folder / target / "old").write_text("of an older output")
    words = COMMANDS[target].split() + ["--force"] * replace
    old, new = tree(folder / target), tree(whole / target)

    ended = run(words, folder, number=number, **how)
    at = f"{words} by {number.name}, {how}: {ended.code}, {ended.said}"
    assert ended.code in (0, -number, *([128 + number] if number != signal.SIGKILL else [])), at
    assert "Traceback" not in ended.said and "bug" not in ended.said, at
    left = tree(folder / target)
    if target == "run" and left:
        opened = Run(folder / target)
        assert opened.tensors("best") and opened.tensors("last"), at
        assert ended.code <= 0 or "go on with --resume" in ended.said, at
    else:
        assert left in (old, new, {}), at
        assert left or not replace or (folder / f".{target}.old").exists(), at
    if ended.code > 0:  # it had time to clear up
        hidden = {path.name for path in folder.glob(".*")} - {".tracks.partial"}
        assert not hidden and not list(temporary.iterdir()), f"{hidden} {at}"

    if target == "run" and left:
        words += ["--resume"]
    elif left and not replace:
        words += ["--force"]
    again = run(words, folder)
    assert again.code == 0, f"{at}\nthen: {again.said}"
    assert tree(folder / target) == new, at
    assert {path.name for path in folder.iterdir()} == set(COMMANDS), at
