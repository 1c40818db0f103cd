"""Staging: a target is complete or as it was before, whatever happens."""

import json
import os
from functools import partial
from pathlib import Path

import pytest

from pmntool.errors import OutputError, PmnError
from pmntool.staging import new_directory, new_file, require_free, write_json


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


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch], ids=["folder", "file"])
def test_a_target_that_exists_is_refused_before_any_work(tmp_path, make):
    make(tmp_path / "out")
    with pytest.raises(OutputError) as error, new_directory(tmp_path / "out", marker="x"):
        pytest.fail("the work began")
    assert str(error.value) == f"{tmp_path}/out exists already; give another -o, or --force to replace it"


@pytest.mark.parametrize("there", [True, False], ids=["to a folder", "dangling"])
def test_a_link_is_left_alone_even_with_force(tmp_path, there):
    if there:
        (tmp_path / "real").mkdir()
        (tmp_path / "real" / "x").write_text("old")
    os.symlink(tmp_path / "real", tmp_path / "out")
    with pytest.raises(OutputError, match="exists already"):
        require_free(tmp_path / "out", force=False, marker="x")
    with pytest.raises(OutputError) as error, new_directory(tmp_path / "out", marker="x", force=True):
        pytest.fail("the work began")
    assert str(error.value) == f"{tmp_path}/out is not a folder; it is left as it is, even with --force"
    assert (tmp_path / "out").is_symlink()
    assert tree(tmp_path).get("real/x") == ("old" if there else None)


@pytest.mark.parametrize("other", ["thesis", "run.json"])
def test_force_leaves_what_another_command_or_a_person_made(tmp_path, other):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / other).write_text("dear")
    with pytest.raises(OutputError) as error:
        require_free(tmp_path / "out", force=True, marker="evaluation.json")
    assert str(error.value).startswith(f"{tmp_path}/out holds no evaluation.json, so it was not made by this command")
    assert tree(tmp_path) == {"out": None, f"out/{other}": "dear"}


def test_force_takes_an_empty_folder_and_leaves_a_file(tmp_path):
    (tmp_path / "out").mkdir()
    with new_directory(tmp_path / "out", marker="x", force=True) as folder:
        (folder / "x").write_text("new")
    (tmp_path / "file").write_text("old")
    with pytest.raises(OutputError, match="file is not a folder"):
        require_free(tmp_path / "file", force=True, marker="x")
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
