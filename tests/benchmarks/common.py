"""What every benchmark shares: two things run in turn in one process, the ratio of their times, and the machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pmntool.machine import instruction_sets

# pmntool, which says at its end what the system knows of its process: what a parent is told counts the parent in.
SPEAKING = (
    sys.executable,
    "-c",
    "from pmntool.cli import main\ntry: main()\nfinally: print(open('/proc/self/status').read())",
)


class Result(NamedTuple):
    """How many times faster pmntool is than the baseline; times in s."""

    what: str
    baseline: str
    ratio: float  # of the medians
    low: float  # smallest ratio of a pair of neighbors
    high: float
    detail: str = ""


def compare(
    what: str, baseline: str, ours: Callable[[], object], theirs: Callable[[], object], *, rounds: int = 5,
    detail: Callable[[float, float], str] = lambda mine, other: f"{mine:.3g} s against {other:.3g} s",
) -> Result:  # fmt: skip
    """Run both in turn, `rounds` times after one round to warm up.

    A call that returns a float has measured itself, in s: a process of its own does so, less its start.
    """
    pairs = np.array([(seconds(ours), seconds(theirs)) for _ in range(rounds + 1)][1:])
    ratios = pairs[:, 1] / pairs[:, 0]
    mine, other = np.median(pairs, axis=0)
    return Result(what, baseline, float(other / mine), float(ratios.min()), float(ratios.max()), detail(mine, other))


def machine() -> dict[str, str]:
    """Return what the machine can do: cores, instruction sets, and its rate of matrix multiplication in GFLOP/s."""
    import torch

    sets = instruction_sets() or []
    found = {"cores": str(os.cpu_count()), "instruction sets": " ".join(sets) or "?"}
    kinds = {"float32": torch.float32}
    if {"avx512_bf16", "amx_bf16"} & set(sets) or torch.cuda.is_available():
        kinds["bfloat16"] = torch.bfloat16
    for name, kind in kinds.items():
        found[f"matrix multiply, {name}"] = f"{multiply_rate(kind):.0f} GFLOP/s"
    if torch.cuda.is_available():
        found["GPU"] = torch.cuda.get_device_name()
    return found


def multiply_rate(kind, size: int = 2048, rounds: int = 5) -> float:
    """Return the best rate of a square matrix product, GFLOP/s, on the GPU where there is one."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    a = torch.randn(size, size, device=device).to(kind)

    def once() -> None:
        a @ a
        if device == "cuda":
            torch.cuda.synchronize()

    once()
    return 2 * size**3 / min(seconds(once) for _ in range(rounds)) / 1e9


def peak_memory(*words: object) -> float:
    """Run a command of pmntool and return the most memory that its process had at a time, GiB."""
    done = subprocess.run([*SPEAKING, *map(str, words), "--quiet"], stdout=subprocess.PIPE, text=True, check=True)
    return peak(done.stdout)


def peak(said: str) -> float:
    """Return the most memory, GiB, of what `SPEAKING` said."""
    return next(int(line.split()[1]) for line in said.splitlines() if line.startswith("VmHWM:")) / 2**20


def report(*results: Result) -> None:
    """Print a line for people on stderr and one of JSON for `run_all.py` on stdout."""
    for r in results:
        sys.stderr.write(f"{r.what}: {r.ratio:.2f}x ({r.low:.2f}–{r.high:.2f}) against {r.baseline}; {r.detail}\n")
        print(json.dumps(r._asdict()))


def apart(script: str, *words: str) -> float:
    """Run a script's baseline in a process of its own, which nothing of pmntool's has tuned; it prints its seconds."""
    done = subprocess.run([sys.executable, script, *words], stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)


def seconds(call: Callable[[], object]) -> float:
    """Return what a call took, s."""
    start = time.perf_counter()
    took = call()
    return took if isinstance(took, float) else time.perf_counter() - start
