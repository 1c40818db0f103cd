"""Staging: a target is complete or as it was before, whatever happens."""

import errno
import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from pmntool.errors import OutputError, PmnError
from pmntool.staging import claim, new_directory, new_file, write_json
from pmntool.targets import require_free

HOLD = """
import sys
from pathlib import Path
from pmntool.staging import claim
with claim(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


class Interrupted(Exception):
    """Stands for whatever ends a command early."""


def tree(folder: Path) -> dict[str, str | None]:
    """Return everything under a folder, hidden names too: path to text, None for a folder."""
    return {
        str(path.relative_to(folder)): path.read_text() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def test_a_new_directory_appears_when_complete(tmp_path):
    with new_directory(tmp_path / "a" / "out", marker="x") as folder:
        (folder / "x").write_text("new")
        assert not (tmp_path / "a" / "out").exists()
    assert tree(tmp_path) == {"a": None, "a/out": None, "a/out/x": "new"}


def test_a_new_file_appears_when_complete(tmp_path):
    with new_file(tmp_path / "a" / "out") as path:
        path.write_text("new")
        assert not (tmp_path / "a" / "out").exists()
    assert tree(tmp_path) == {"a": None, "a/out": "new"}


@pytest.mark.parametrize("error", [Interrupted, KeyboardInterrupt, PmnError])
@pytest.mark.parametrize("old", [False, True])
def test_an_error_leaves_nothing_of_a_directory_and_the_old_one_as_it_was(tmp_path, error, old):
    if old:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "x").write_text("old")
    before = tree(tmp_path)
    with pytest.raises(error), new_directory(tmp_path / "out", marker="x", force=True) as folder:
        (folder / "x").write_text("half")
        raise error
    assert tree(tmp_path) == before


@pytest.mark.parametrize("old", [False, True])
def test_an_error_leaves_nothing_of_a_file_and_the_old_one_as_it_was(tmp_path, old):
    if old:
        (tmp_path / "out").write_text("old")
    before = tree(tmp_path)
    with pytest.raises(Interrupted), new_file(tmp_path / "out") as path:
        path.write_text("half")
        raise Interrupted
    assert tree(tmp_path) == before


def test_force_replaces_a_whole_directory(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "stale").write_text("old")
    (tmp_path / "out" / "x").write_text("old")
    with new_directory(tmp_path / "out", marker="x", force=True) as folder:
        (folder / "x").write_text("new")
        assert tree(tmp_path / "out") == {"stale": "old", "x": "old"}
    assert tree(tmp_path) == {"out": None, "out/x": "new"}


def test_a_file_is_replaced(tmp_path):
    (tmp_path / "out").write_text("old")
    with new_file(tmp_path / "out") as path:
        path.write_text("new")
    assert tree(tmp_path) == {"out": "new"}


def test_what_a_killed_command_left_is_cleared_away(tmp_path):
    (tmp_path / ".out.partial").mkdir()
    (tmp_path / ".out.partial" / "stale").touch()
    with new_directory(tmp_path / "out", marker="x") as folder:
        assert list(folder.iterdir()) == []
    assert tree(tmp_path) == {"out": None}


def test_a_target_that_exists_is_refused_before_any_work(tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(OutputError) as error, new_directory(tmp_path / "out", marker="x"):
        pytest.fail("the work began")
    assert str(error.value) == f"{tmp_path}/out exists already; give another -o, or --force to replace it"


@pytest.mark.parametrize("there", [True, False], ids=["to a folder", "dangling"])
def test_a_link_is_left_alone_even_with_force(tmp_path, there):
    if there:
        (tmp_path / "real").mkdir()
        (tmp_path / "real" / "x").write_text("old")
    os.symlink(tmp_path / "real", tmp_path / "out")
    for force in (False, True):
        with pytest.raises(OutputError) as error, new_directory(tmp_path / "out", marker="x", force=force):
            pytest.fail("the work began")
        assert str(error.value) == f"{tmp_path}/out is a link, not a folder; it is left as it is, even with --force"
    assert (tmp_path / "out").is_symlink()
    assert tree(tmp_path).get("real/x") == ("old" if there else None)


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("other", ["thesis", "run.json"])
def test_force_leaves_what_another_command_or_a_person_made(tmp_path, other, force):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / other).write_text("dear")
    with pytest.raises(OutputError) as error:
        require_free(tmp_path / "out", force=force, marker="evaluation.json")
    assert str(error.value).startswith(f"{tmp_path}/out holds no evaluation.json, so it was not made by this command")
    assert tree(tmp_path) == {"out": None, f"out/{other}": "dear"}


@pytest.mark.parametrize("above", ["~", "http:/x"])
def test_a_folder_that_is_called_like_a_home_or_an_address_is_a_folder(tmp_path, monkeypatch, above):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with new_directory(Path(above, "out"), marker="x") as folder:
        pd.DataFrame({"a": [1]}).to_csv(folder / "x", index=False)
    with new_file(Path(above, "out", "y")) as path:
        pd.DataFrame({"a": [2]}).to_csv(path, index=False)
    assert tree(tmp_path / above / "out") == {"x": "a\n1\n", "y": "a\n2\n"}


def test_a_folder_in_a_thousand_others_is_refused(tmp_path):
    target = Path(tmp_path, *"a" * 1500)
    with pytest.raises(OutputError) as error, new_directory(target, marker="x"):
        pytest.fail("the work began")
    assert str(error.value) == f"{target}: cannot be written (it lies in too many folders)"
    assert tree(tmp_path) == {}


@pytest.mark.parametrize("place", ["run", "runs/pmn"])
def test_force_leaves_a_folder_in_which_another_output_lies(tmp_path, place):
    (tmp_path / "out" / place).mkdir(parents=True)
    (tmp_path / "out" / "x").write_text("old")
    (tmp_path / "out" / "config.toml").write_text("its own")
    (tmp_path / "out" / place / "config.toml").write_text("dear")
    before = tree(tmp_path)
    for force in (False, True):
        with pytest.raises(OutputError) as error:
            require_free(tmp_path / "out", force=force, marker="x")
        told = f"{tmp_path}/out holds {tmp_path}/out/{place}, an output of its own; --force leaves both as they are"
        assert str(error.value) == told
    assert tree(tmp_path) == before


def test_force_takes_an_empty_folder_and_leaves_a_file(tmp_path):
    (tmp_path / "out").mkdir()
    with new_directory(tmp_path / "out", marker="x", force=True) as folder:
        (folder / "x").write_text("new")
    (tmp_path / "file").write_text("old")
    for force in (False, True):  # --force is not offered where it would refuse
        with pytest.raises(OutputError, match="file is a file, not a folder"):
            require_free(tmp_path / "file", force=force, marker="x")
    assert tree(tmp_path) == {"file": "old", "out": None, "out/x": "new"}


def test_a_directory_whose_last_step_fails_gives_the_old_one_back(tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x").write_text("old")
    rename = os.rename

    def fail_once(source, target, failed=[]):  # noqa: B006
        if Path(target) == tmp_path / "out" and not failed:
            failed.append(target)
            raise OSError(5, "Input/output error", str(target))
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail_once)
    with (
        pytest.raises(OutputError, match="out: cannot be written"),
        new_directory(tmp_path / "out", marker="x", force=True) as new,
    ):
        (new / "x").write_text("new")
    assert tree(tmp_path) == {"out": None, "out/x": "old"}


@pytest.mark.parametrize("new", [partial(new_directory, marker="x"), new_file], ids=["folder", "file"])
def test_a_place_that_cannot_be_written_is_named(tmp_path, new):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file/out: cannot be written"), new(tmp_path / "file" / "out") as path:
        path.write_text("x")
    assert tree(tmp_path) == {"file": ""}


def test_a_file_does_not_replace_a_folder(tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(OutputError, match="out: cannot be written"), new_file(tmp_path / "out") as path:
        path.write_text("x")
    assert tree(tmp_path) == {"out": None}


def test_a_path_that_is_not_utf_8_comes_back_from_json(tmp_path):
    name = os.fsdecode(b"run-\xff")
    write_json(tmp_path / "x.json", {name: 1})
    assert json.loads((tmp_path / "x.json").read_bytes()) == {name: 1}


def test_json_is_indented_text_that_ends_in_a_newline(tmp_path):
    write_json(tmp_path / "x.json", {"é": [1, 2.5, None]})
    content = (tmp_path / "x.json").read_bytes()
    assert json.loads(content) == {"é": [1, 2.5, None]}
    assert content.startswith('{\n  "é": ['.encode()) and content.endswith(b"}\n")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_json_refuses_what_json_cannot_say(tmp_path, value):
    write_json(tmp_path / "x.json", "old")
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"a": [value]})
    assert tree(tmp_path) == {"x.json": '"old"\n'}


# One command at a time


@pytest.fixture
def holder(tmp_path):
    """Return a process that has claimed a target in a folder that it made."""
    words = [sys.executable, "-c", HOLD, str(tmp_path / "new" / "out")]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("new", [claim, partial(new_directory, marker="x", force=True)], ids=["claim", "folder"])
def test_the_second_process_is_told_of_the_first(tmp_path, holder, new):
    with pytest.raises(OutputError) as error, new(tmp_path / "new" / "out"):
        pytest.fail("the work began")
    assert str(error.value).startswith(f"{tmp_path}/new/out: another pmntool command is at work on it (process")
    assert f"process {holder.pid} on " in str(error.value)
    with claim(tmp_path / "new" / "other"):
        pass


def test_a_lock_ends_with_its_process(tmp_path, holder):
    holder.kill()
    holder.wait()
    assert tree(tmp_path).keys() == {"new", "new/.out.lock"}
    with new_directory(tmp_path / "new" / "out", marker="x"):
        pass
    assert tree(tmp_path).keys() == {"new", "new/out"}


def test_nothing_is_left_of_a_lock_that_was_given_up(tmp_path, holder):
    holder.communicate("")
    assert holder.returncode == 0 and tree(tmp_path) == {}


def test_a_process_may_claim_twice(tmp_path):
    with claim(tmp_path / "out"), new_directory(tmp_path / "out", marker="x"):
        assert tree(tmp_path).keys() == {".out.lock", ".out.partial"}
    assert tree(tmp_path) == {"out": None}


def test_a_folder_that_is_there_and_takes_no_file_is_an_error(tmp_path, monkeypatch):
    """As /proc for root: writable by its mode, and each new file in it is one that is not there."""

    def refuse(path, *args):
        refused.append(path)
        assert len(refused) < 1000, "it tries for ever"
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)

    refused = []
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OutputError, match="out: cannot be written .*No such file"), claim(tmp_path / "out"):
        pass


def test_a_lock_that_goes_while_it_is_opened_is_made_again(tmp_path, monkeypatch):
    """The process before gives the lock up: what was opened has no name any more, and would hold nobody back."""
    opened, real = [], os.open

    def open_what_goes(path, *args):
        opened.append(real(path, *args))
        if len(opened) == 1:
            os.unlink(path)
        return opened[-1]

    monkeypatch.setattr("os.open", open_what_goes)
    with claim(tmp_path / "out"):
        assert len(opened) == 2
        words = [sys.executable, "-c", HOLD, str(tmp_path / "out")]
        second = subprocess.run(words, input="", capture_output=True, text=True)
    assert "another pmntool command is at work on it" in second.stderr and tree(tmp_path) == {}


def test_a_disk_without_locks_is_said(tmp_path, monkeypatch, caplog):
    def refuse(file, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with new_directory(tmp_path / "out", marker="x"):
        pass
    assert "out: this disk has no locks" in caplog.text and tree(tmp_path) == {"out": None}


# What a killed command left


@pytest.mark.parametrize("renamed", [1, 2, 3], ids=["the old one put aside", "the new one in place", "both"])
def test_a_kill_in_the_middle_of_a_swap_loses_nothing(tmp_path, renamed, caplog):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x").write_text("old")
    code = f"""
import os, signal
from pathlib import Path
from pmntool.staging import new_directory
rename, calls = os.rename, []
def die(source, target):
    rename(source, target)
    calls.append(target)
    if len(calls) == {renamed}:
        os.kill(os.getpid(), signal.SIGKILL)
os.rename = die
with new_directory(Path({str(tmp_path)!r}, "out"), marker="x", force=True) as folder:
    (folder / "x").write_text("new")
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    assert (tmp_path / "out").exists() == (renamed > 1)
    with claim(tmp_path / "out"):
        assert (tmp_path / "out" / "x").read_text() == ("old" if renamed == 1 else "new")
    assert ("the old one is back" in caplog.text) == (renamed == 1)
    with new_directory(tmp_path / "out", marker="x", force=True):
        pass
    assert tree(tmp_path) == {"out": None}


def test_what_was_kept_is_handed_out_again(tmp_path):
    keep = partial(new_directory, tmp_path / "out", marker="x", keep=True)
    with pytest.raises(Interrupted), keep() as folder:
        (folder / "part").write_text("1")
        raise Interrupted
    assert tree(tmp_path) == {".out.partial": None, ".out.partial/part": "1"}
    with keep() as folder:
        assert (folder / "part").read_text() == "1"
    assert tree(tmp_path) == {"out": None, "out/part": "1"}


# A disk that does not do its part


def test_a_full_disk_is_named_and_what_was_complete_stays(small_disk):
    write_json(small_disk / "old.json", "old")
    with pytest.raises(OutputError) as error, new_directory(small_disk / "out", marker="x") as folder:
        (folder / "x").write_bytes(bytes(1 << 21))
    assert str(error.value) == f"{small_disk}/out: cannot be written (No space left on device)"
    with pytest.raises(OutputError, match="old.json: cannot be written .No space left on device"):
        write_json(small_disk / "old.json", "x" * (1 << 21))
    assert tree(small_disk) == {"old.json": '"old"\n'}


def test_a_disk_without_a_free_byte_keeps_no_lock(small_disk):
    with open(small_disk / "rest", "wb") as rest, suppress(OSError):
        rest.write(bytes(1 << 21))
    with (
        pytest.raises(OutputError, match="out: cannot be written .No space left on device"),
        claim(small_disk / "out"),
        new_file(small_disk / "out") as half,
    ):
        half.write_bytes(b"x")
    assert [path.name for path in small_disk.iterdir()] == ["rest"]


def test_a_disk_that_refuses_late_is_heard(tmp_path, monkeypatch):
    """A network disk may say that it is full only when it is asked to keep what it took."""

    def refuse(file):
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr("os.fsync", refuse)
    for new in (partial(new_directory, marker="x"), new_file):
        with (
            pytest.raises(OutputError, match="out: .* .Disk quota exceeded"),
            new(tmp_path / "out") as it,
        ):
            (it / "x" if it.is_dir() else it).write_text("new")
    assert tree(tmp_path) == {}


def test_a_folder_that_is_read_only(read_only):
    for new in (claim, partial(new_directory, marker="x"), new_file):
        with pytest.raises(OutputError, match="out: cannot be written"), new(read_only / "out") as path:
            path.write_text("x")
    assert list(read_only.iterdir()) == []


def test_a_file_that_vanished_is_named(tmp_path):
    with pytest.raises(OutputError) as error, new_directory(tmp_path / "out", marker="x"):
        (tmp_path / "input").read_bytes()
    assert str(error.value) == f"{tmp_path}/out: cannot be written ({tmp_path}/input: No such file or directory)"


def test_a_folder_that_is_taken_away_meanwhile(tmp_path):
    with pytest.raises(OutputError) as error, new_directory(tmp_path / "a" / "out", marker="x") as folder:
        shutil.rmtree(tmp_path / "a")
        (folder / "x").touch()
    assert str(error.value) == f"{tmp_path}/a/out: cannot be written (No such file or directory)"
