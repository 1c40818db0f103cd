"""Build, train, predict and evaluate in a loop: `python tests/soak.py 60` does it for 60 minutes, in this process.

Nothing may grow: memory by no more than 10 % between the rounds' second and last quarter, open files and what lies in
the temporary folder not at all; and every round writes the same bytes.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

LEAST_ROUNDS = 8
MOST_GROWTH = 1.1


def play_round(folder: Path) -> str:
    """Run the verbs with the same seeds and return a checksum of all that they write."""
    from pmntool.models import Hyperparameters
    from pmntool.verbs.build_dataset import build_dataset
    from pmntool.verbs.evaluate import evaluate
    from pmntool.verbs.predict import predict
    from pmntool.verbs.train import Settings, train

    settings = Settings(learning_rate=3e-3, batch_size=64, epochs=2)
    build_dataset(folder / "data" / "genome.fa", [folder / "data" / "peaks"], folder / "dataset", force=True)
    train(folder / "dataset", folder / "run", settings, Hyperparameters(channels=(8, 8, 8)), force=True)
    predict(folder / "data" / "genome.fa", folder / "tracks", folder / "run", force=True)
    evaluate([folder / "run"], folder / "dataset", folder / "evaluation", force=True)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(str(path).encode() + path.read_bytes() for path in files)).hexdigest()


def resident() -> int:
    """Return the memory of this process, bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main(minutes: float) -> None:
    """Play rounds until the time is over; raise where something grows."""
    from pmntool.verbs.simulate import simulate

    with tempfile.TemporaryDirectory() as work, tempfile.TemporaryDirectory() as temporary:
        tempfile.tempdir = temporary
        simulate(Path(work, "data"), chrom_length=30_000)
        memory, files, left, sums, end = [], [], [], set(), time.monotonic() + 60 * minutes
        while time.monotonic() < end or len(memory) < LEAST_ROUNDS:
            sums.add(play_round(Path(work)))
            memory.append(resident())
            files.append(len(os.listdir("/proc/self/fd")))
            print(f"round {len(memory)}: {memory[-1] / 1e6:.0f} MB, {files[-1]} open files", flush=True)
            assert len(sums) == 1, "a round wrote other bytes"
            left.append(os.listdir(temporary))  # torch makes a folder of its own, once
            assert left[-1] == left[0], left[-1]
            assert not [name for name in os.listdir(work) if name.startswith(".")]
            assert len(set(files[1:])) <= 1, "open files grow"
        quarter = len(memory) // 4
        before, after = statistics.median(memory[quarter : 2 * quarter]), statistics.median(memory[-quarter:])
        print(f"{len(memory)} rounds; memory {before / 1e6:.0f} MB, then {after / 1e6:.0f} MB")
        assert after < MOST_GROWTH * before, "memory grows"


if __name__ == "__main__":
    main(float(sys.argv[1]))
