"""Tracks read in a process beside: the same values, and a library that dies ends nothing but that process."""

import json
import os
import select
import subprocess
import sys

import numpy as np
import pytest

from pmntool import stalls, track_reader
from pmntool.errors import InputError
from pmntool.machine import ending
from pmntool.track_reader import highest_of_each
from pmntool.tracks import SUFFIXES, Track, highest

SIZES = {"chr1": 5_100_000, "chr2": 900}
PLACE = ("chr1", 75, 150_000)


@pytest.fixture
def started(monkeypatch):
    """Keep the processes that were started."""
    known, popen = [], subprocess.Popen

    def start(*args, **kwargs):
        known.append(popen(*args, **kwargs))
        return known[-1]

    monkeypatch.setattr(track_reader.subprocess, "Popen", start)
    return known


def make(path, seed: int = 0):
    kind = next(kind for kind, suffix in SUFFIXES.items() if path.name.endswith(suffix))
    with Track(path, SIZES, stride=50, kind=kind, least=0.2) as track:
        track.write("chr1", 75, np.random.default_rng(seed).random(3000, np.float32))
    return path


def damage(path) -> None:
    """Give the first chromosome a number far beyond the others': where it is kept, pyBigWig writes."""
    content = bytearray(path.read_bytes())
    content[384:388] = b"\xff\xff\xff\x7f"
    path.write_bytes(content)


@pytest.mark.parametrize("suffix", SUFFIXES.values())
def test_values_are_those_of_one_read_here(tmp_path, suffix):
    paths = [make(tmp_path / f"{name}{suffix}", seed) for seed, name in enumerate(["a", "b", "näme; $(x)"])]
    for n_bins in (1, 700):
        found = highest_of_each(paths, PLACE, n_bins)
        np.testing.assert_array_equal(found, [highest(path, PLACE, n_bins) for path in paths])
    assert np.isnan(highest_of_each(paths, ("chr2", 0, 900), 3)).all()
    assert highest_of_each([], PLACE, 3) == []


@pytest.mark.parametrize("content", [None, b"", b"<html>"])
@pytest.mark.parametrize("suffix", SUFFIXES.values())
def test_what_is_no_track_is_said_as_here(tmp_path, started, content, suffix):
    good, bad = make(tmp_path / f"good{suffix}"), tmp_path / f"bad{suffix}"
    if content is not None:
        bad.write_bytes(content)
    with pytest.raises(InputError) as here:
        highest(bad, PLACE, 3)
    with pytest.raises(InputError) as there:
        highest_of_each([good, bad, good], PLACE, 3)
    assert str(there.value) == str(here.value)
    assert started[0].returncode is not None and not stalls.processes


def test_a_bigwig_that_kills_its_library_is_named(tmp_path, started):
    good, bad = make(tmp_path / "good.bw"), make(tmp_path / "bad.bw")
    damage(bad)
    with pytest.raises(InputError, match=r"bad.bw: cannot be read; what read it ended with SIG\w+: it is damaged"):
        highest_of_each([good, bad, good], PLACE, 3)
    assert started[0].returncode is not None and not stalls.processes


@pytest.mark.parametrize("number", [1, 10_000])
def test_a_process_that_does_not_start_is_said(tmp_path, monkeypatch, number):
    """Of many paths more is written than a pipe holds."""
    monkeypatch.setattr(sys, "executable", "false")
    with pytest.raises(InputError, match="x.bw: cannot be read; what read it ended with exit code 1"):
        highest_of_each([tmp_path / "x.bw"] * number, PLACE, 3)


def test_a_system_that_starts_no_process_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(InputError, match=r"no process starts that would \(No such file or directory\)$"):
        highest_of_each([tmp_path / "x.bw"], PLACE, 3)
    assert not stalls.processes


def test_an_interrupt_ends_both(tmp_path, started, monkeypatch):
    def interrupt(said):
        assert stalls.processes == {started[0].pid}
        raise KeyboardInterrupt

    monkeypatch.setattr(json, "loads", interrupt)
    with pytest.raises(KeyboardInterrupt):
        highest_of_each([make(tmp_path / "x.bw")] * 500, PLACE, 3)
    assert started[0].returncode is not None and not stalls.processes


def test_what_others_print_is_passed_over(tmp_path, monkeypatch):
    """As a sitecustomize.py of a cluster's does, that says what it has loaded."""
    path = make(tmp_path / "x.bw")
    fake = tmp_path / "python"
    fake.write_text(f'#!/bin/sh\necho loaded python/3\nexec {sys.executable} "$@"\n')
    fake.chmod(0o755)
    expected = highest(path, PLACE, 3)
    monkeypatch.setattr(sys, "executable", str(fake))
    np.testing.assert_array_equal(highest_of_each([path, path], PLACE, 3), [expected, expected])


def test_half_an_answer_is_none(tmp_path, monkeypatch):
    """As of a process that is killed while it says more than a pipe holds."""
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\necho '[0.5]'\nprintf '[0.25, 0.'\nkill -9 $$\n")
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake))
    with pytest.raises(InputError, match="b.bw: cannot be read; what read it ended with SIGKILL"):
        highest_of_each([tmp_path / "a.bw", tmp_path / "b.bw"], PLACE, 1)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no other system kills a process with its parent")
def test_a_reader_that_does_not_return_ends_with_its_command(tmp_path):
    path = tmp_path / "x.bw"
    os.mkfifo(path)
    code = f"""
from pathlib import Path
from pmntool.track_reader import highest_of_each
highest_of_each([Path({str(path)!r})], ("chr1", 0, 9), 1)
"""
    parent = subprocess.Popen([sys.executable, "-c", code])
    with open(path, "wb") as fifo:  # once the reader is there, which waits for a byte
        parent.kill()
        parent.wait()
        reader = select.poll()
        reader.register(fifo, 0)
        assert reader.poll(20_000)  # ms until it is gone


@pytest.mark.parametrize(("code", "name"), [(-11, "SIGSEGV"), (-9, "SIGKILL"), (-40, "signal 40"), (1, "exit code 1")])
def test_the_ending_of_a_process_has_a_name(code, name):
    assert ending(code) == name
