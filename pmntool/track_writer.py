"""Write the tracks of a scan, several at a time, each in a process of its own that needs no torch.

A track's file depends on nothing but its values, and what is written stands on disk (`scanned`): processes need to be
told no more than folder and labels. They are started afresh, as a copy of a process with torch's threads may hang.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from pmntool import stalls
from pmntool.errors import OutputError, PmnError
from pmntool.machine import end_with, ending
from pmntool.progress import Progress
from pmntool.scanned import Scanned
from pmntool.staging import new_file
from pmntool.tracks import SUFFIXES, Track, central_stride, file_stems

WORTH = 1_000_000  # values that take longer to write than a process to start
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # which the command itself hears


def file_names(asked: dict[str, Any]) -> dict[str, str]:
    """Return the track's file of each TF, in the order of the labels."""
    return {tf: stem + SUFFIXES[asked["kind"]] for tf, stem in file_stems(asked["tfs"]).items()}


def write_tracks(scanned: Scanned, labels: Sequence[int], n_processes: int, progress: Progress = Progress()) -> None:
    """Write the tracks of these labels that are not written yet.

    Parameters
    ----------
    n_processes
        At most so many; none but this one where there is little to write.

    Raises
    ------
    OutputError
        A track cannot be written, or a process was killed. No process is left.
    """
    left = [label for label in labels if scanned.entries(label) is None]
    n_values = len(left) * sum(end - begin for _, begin, end in scanned.pieces)
    n_processes = min(n_processes, len(left), n_values // WORTH)
    progress.start("writing", len(labels), "tracks")
    progress.advance(len(labels) - len(left))
    if n_processes:  # one, too: what a bigWig takes when it closes would stay with this process
        _write_apart(scanned, [left[i::n_processes] for i in range(n_processes)], progress)
    else:
        for label in left:
            _write(scanned, label)
            progress.advance(1, scanned.asked["tfs"][label])
    progress.finish()


def _write(scanned: Scanned, label: int) -> None:
    asked = scanned.asked
    window, stride = asked["window"], asked["stride"]
    sizes = {chrom: known["length"] for chrom, known in asked["chroms"].items()}
    how = {key: asked[key] for key in ("stride", "kind", "decimals", "least")}
    name = list(file_names(asked).values())[label]
    with new_file(scanned.folder / name) as partial, Track(partial, sizes, **how) as track:
        for (chrom, begin, _), values in zip(scanned.pieces, scanned.read(label), strict=True):
            track.write(chrom, central_stride(begin * stride, window, stride), values)
    scanned.finish(label, track.entries)


def _write_apart(scanned: Scanned, shares: list[list[int]], progress: Progress) -> None:
    """Write each share of the labels in a process; it says a line for each track."""
    code = f"import sys; sys.path[:] = {sys.path!r}; from pmntool.track_writer import main; main()"
    with ExitStack() as at_end:
        working = {}
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # in them for good: they end with this process
        try:
            for labels in shares:
                words = [sys.executable, "-c", code, str(scanned.folder), str(os.getpid()), *map(str, labels)]
                process = subprocess.Popen(words, stdout=subprocess.PIPE, bufsize=0)
                stalls.processes.add(process.pid)
                at_end.callback(stalls.processes.discard, process.pid)
                for call in (process.stdout.close, process.wait, process.kill):  # the last comes first
                    at_end.callback(call)
                working[process.stdout] = process, list(labels)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        while working:
            for pipe in wait(list(working)):
                process, labels = working[pipe]
                if said := pipe.readline():
                    try:
                        error = json.loads(said)
                    except ValueError:  # what another printed, as a sitecustomize.py
                        continue
                    if error:
                        raise OutputError(error)
                    progress.advance(1, scanned.asked["tfs"][labels.pop(0)])
                    continue
                del working[pipe]
                if process.wait() or labels:
                    raise OutputError(
                        f"{scanned.folder}: a process that wrote tracks there ended with {ending(process.returncode)}; "
                        "if memory is short, give a smaller --threads"
                    )


def main() -> None:
    """Write tracks; the arguments are the folder, the process without which this one ends, and labels."""
    folder, parent, *labels = sys.argv[1:]
    end_with(int(parent))
    try:
        scanned = Scanned(Path(folder))
        with ThreadPoolExecutor(2) as pool:  # one computes while the other waits for the disk
            for _ in pool.map(lambda label: _write(scanned, int(label)), labels):
                print("null", flush=True)
    except (PmnError, OSError, MemoryError) as error:
        print(json.dumps(str(error) or "not enough memory"), flush=True)
