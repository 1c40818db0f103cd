"""Read tracks in a process of its own: a damaged bigWig may end the one in which its library reads it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from pmntool import stalls
from pmntool.errors import InputError
from pmntool.machine import end_with, ending
from pmntool.regions import Region
from pmntool.tracks import highest


def highest_of_each(paths: Sequence[Path], region: Region, n_bins: int) -> list[np.ndarray]:
    """Return the highest values of each track in parts of a region, as `tracks.highest` does of one.

    Raises
    ------
    InputError
        A file is missing, no bigWig or bedGraph, or damaged so that its library died; the system starts no process.
    """
    found = []
    with _start() as process:
        stalls.processes.add(process.pid)
        try:
            with suppress(BrokenPipeError):  # it is dead already, which its answer says
                process.stdin.write(json.dumps([list(map(str, paths)), region, n_bins]).encode())
                process.stdin.close()
            for path in paths:
                answer = _answer(process.stdout)
                if answer is None:
                    raise InputError(
                        f"{path}: cannot be read; what read it ended with {ending(process.wait())}: it is damaged, or "
                        "memory is short; `pmntool verify` says which"
                    )
                if isinstance(answer, str):
                    raise InputError(answer)
                found.append(np.array(answer))
        finally:
            process.kill()
            stalls.processes.discard(process.pid)
    return found


def _start() -> subprocess.Popen[bytes]:
    """Start the process that reads."""
    code = f"import sys; sys.path[:] = {sys.path!r}; from pmntool.track_reader import main; main()"
    try:
        return subprocess.Popen(
            [sys.executable, "-c", code, str(os.getpid())], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # where libraries say what we say better
            start_new_session=True,  # signals are heard here
        )  # fmt: skip
    except OSError as error:
        raise InputError(f"tracks cannot be read: no process starts that would ({error.strerror})") from error


def _answer(lines: Iterable[bytes]) -> list[float] | str | None:
    """Return the next answer, None at the end: lines that are none, as of a sitecustomize.py, are passed over."""
    for line in lines:
        with suppress(ValueError):
            return json.loads(line)
    return None


def main() -> None:
    """Say the values of each track that stdin names, a line each, up to one that cannot be read."""
    end_with(int(sys.argv[1]))
    paths, region, n_bins = json.load(sys.stdin)
    for path in paths:
        try:
            answer = highest(Path(path), tuple(region), n_bins).tolist()
        except InputError as error:
            answer = str(error)
        print(json.dumps(answer), flush=True)
