"""Tracks that several processes write: the bytes of one process, and an end whatever happens to them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import wait
from pathlib import Path

import numpy as np
import pytest

from pmntool import stalls, track_writer
from pmntool.errors import OutputError, Stopped
from pmntool.progress import Progress
from pmntool.scanned import Scanned, prepare
from pmntool.track_writer import file_names, write_tracks

TFS = ["A/B", "b", "C", "D", "E"]
PIECES = [("chr1", 0, 400), ("chr1", 400, 433), ("chr2", 7, 90)]
ASKED = {
    "tfs": TFS, "pieces": PIECES, "window": 50, "stride": 15, "decimals": 3, "least": 0.2,
    "chroms": {"chr1": {"length": 7000}, "chr2": {"length": 2000}},
}  # fmt: skip


@pytest.fixture(autouse=True)
def started(monkeypatch) -> list[subprocess.Popen]:
    """Return the processes that a test starts; any number of values is worth one."""
    found, popen = [], subprocess.Popen
    monkeypatch.setattr(track_writer, "WORTH", 1)
    monkeypatch.setattr(subprocess, "Popen", lambda *words, **how: found.append(popen(*words, **how)) or found[-1])
    return found


def scan(folder: Path, kind: str = "bigwig", pieces: list = PIECES) -> Scanned:
    """Return a scan that is complete, in two shares."""
    folder.mkdir()
    asked = ASKED | {"kind": kind, "pieces": pieces}
    prepare(folder, asked, lambda piece: np.zeros(1, np.uint8), n_shares=2)
    scanned, rng = Scanned(folder), np.random.default_rng(0)
    for share in range(2):
        for _, begin, end in scanned.left(share):
            scanned.add(share, rng.random((end - begin, len(TFS)), np.float32), np.zeros(1, np.uint8))
    return scanned


def tracks(scanned: Scanned) -> dict[str, bytes]:
    return {tf: (scanned.folder / name).read_bytes() for tf, name in file_names(scanned.asked).items()}


def write_here(scanned: Scanned, labels: Sequence[int], monkeypatch) -> None:
    """Write tracks without another process."""
    with monkeypatch.context() as patch:
        patch.setattr(track_writer, "WORTH", 10**9)
        write_tracks(scanned, labels, 1)


@pytest.mark.parametrize("kind", ["bigwig", "bedgraph"])
def test_several_processes_write_what_one_writes(tmp_path, started, monkeypatch, kind):
    alone, together = scan(tmp_path / "alone", kind), scan(tmp_path / "together", kind)
    write_here(alone, range(5), monkeypatch)
    assert not started
    watched = []
    monkeypatch.setattr(track_writer, "wait", lambda pipes: watched.append(set(stalls.processes)) or wait(pipes))
    write_tracks(together, range(5), 3)
    assert [process.returncode for process in started] == [0, 0, 0]
    assert watched[0] == {process.pid for process in started} and not stalls.processes
    assert tracks(together) == tracks(alone)
    assert [together.entries(label) for label in range(5)] == [alone.entries(label) for label in range(5)]
    assert 0 < together.entries(0) < 516
    assert not list(together.folder.rglob("*.values"))


def test_what_is_written_is_not_written_again(tmp_path, started, monkeypatch):
    scanned = scan(tmp_path / "out")
    write_here(scanned, [3, 1], monkeypatch)
    before = {path: path.stat().st_ino for path in tmp_path.rglob("*.bw")}
    write_tracks(scanned, range(5), 8)
    assert len(started) == 3 and len(before) == 2
    assert {path: path.stat().st_ino for path in before} == before
    assert len(tracks(scanned)) == 5


@pytest.mark.parametrize(("worth", "n_started"), [(10**6, 0), (5 * 516 + 1, 0), (5 * 516, 1), (5 * 516 // 2, 2)])
def test_little_is_written_by_this_process(tmp_path, started, monkeypatch, worth, n_started):
    scanned = scan(tmp_path / "out")
    monkeypatch.setattr(track_writer, "WORTH", worth)
    write_tracks(scanned, range(5), 8)
    assert len(started) == n_started and len(tracks(scanned)) == 5


def test_a_process_that_is_killed_is_said_and_the_next_goes_on(tmp_path, started, monkeypatch):
    scanned, whole = scan(tmp_path / "out"), scan(tmp_path / "whole")
    write_here(whole, range(5), monkeypatch)
    start = subprocess.Popen

    def kill_second(*words, **how):
        process = start(*words, **how)
        if len(started) == 2:
            process.kill()
        return process

    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", kill_second)
        with pytest.raises(OutputError, match="out: a process that wrote tracks there ended with SIGKILL; if memory"):
            write_tracks(scanned, range(5), 2)
    assert all(process.poll() is not None for process in started)
    write_tracks(scanned, range(5), 2)
    assert tracks(scanned) == tracks(whole)


def test_a_process_that_ends_too_early_is_said(tmp_path, started, monkeypatch):
    monkeypatch.setattr(os, "getpid", lambda: 1)  # not the parent that they find
    with pytest.raises(OutputError, match="a process that wrote tracks there ended with exit code 1; if memory"):
        write_tracks(scan(tmp_path / "out"), range(5), 2)
    assert all(process.poll() is not None for process in started)


def test_what_others_print_is_passed_over(tmp_path, monkeypatch):
    """As a sitecustomize.py of a cluster's does, that says what it has loaded."""
    fake = tmp_path / "python"
    fake.write_text(f'#!/bin/sh\necho loaded python/3\nexec {sys.executable} "$@"\n')
    fake.chmod(0o755)
    scanned = scan(tmp_path / "out")
    monkeypatch.setattr(sys, "executable", str(fake))
    write_tracks(scanned, range(5), 2)
    assert len(tracks(scanned)) == 5


def test_what_a_process_cannot_write_is_said_as_it_said_it(tmp_path, started):
    scanned = scan(tmp_path / "out")
    (scanned.folder / "C.bw" / "full").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"^\S+/out/C.bw: cannot be written \(Is a directory\)$"):
        write_tracks(scanned, range(5), 2)
    assert all(process.poll() is not None for process in started)


def test_no_process_outlives_a_command_that_is_stopped(tmp_path, started):
    class Stop(Progress):
        def advance(self, count, note=""):
            if note:
                raise Stopped(signal.SIGTERM)

    with pytest.raises(Stopped):
        write_tracks(scan(tmp_path / "out"), range(5), 2, Stop())
    assert len(started) == 2 and all(process.poll() is not None for process in started)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere they end with their track")
def test_no_process_outlives_a_command_that_is_killed(tmp_path):
    scan(tmp_path / "out", pieces=[("chr1", 0, 400)])
    code = f"""
from pathlib import Path
from pmntool import track_writer
from pmntool.scanned import Scanned
track_writer.WORTH = 1
track_writer.write_tracks(Scanned(Path({str(tmp_path / "out")!r})), range(5), 2)
"""
    os.mkfifo(tmp_path / "fifo")
    for label in (0, 1):  # which both wait for
        for path in (tmp_path / "out").glob(f"*/{label}.values"):
            path.unlink()
            path.symlink_to(tmp_path / "fifo")
    parent = subprocess.Popen([sys.executable, "-c", code])
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    deadline = time.monotonic() + 60
    while len(list((tmp_path / "out").glob(".*.bw.partial"))) < 2:
        assert time.monotonic() < deadline and parent.poll() is None
        time.sleep(0.01)
    pids = children.read_text().split()
    assert len(pids) == 2
    parent.kill()
    parent.wait()
    try:
        while any(map(is_alive, pids)):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        for pid in filter(is_alive, pids):
            os.kill(int(pid), signal.SIGKILL)


def is_alive(pid: str) -> bool:
    with suppress(OSError):
        return Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
