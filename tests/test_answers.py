"""Who is told what: a program by one JSON object on stdout, a person on stderr, plainly where there is no terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress

import pandas as pd
import pytest
from test_cli import run
from test_config import COMMANDS, FILES, MADE

JSON = {  # command → the JSON of the folder that it makes
    "build-dataset": "dataset.json", "train": "run.json", "evaluate": "evaluation.json", "predict": "tracks.json",
    "prototypes": "prototypes.json",
}  # fmt: skip
ASKED = {"info": ["runs/cnn"], "verify": ["tracks", "--genome", "genome.fa"], "doctor": []}  # they make nothing
ALSO = {"predict": "tracks", "prototypes": "members"}  # beside it
FORMAT = {"format", "format_version"}


@pytest.mark.parametrize("command", JSON)
def test_json_is_all_of_stdout_and_what_the_folder_holds(desk, monkeypatch, capsys, command):
    code, out, err = run(monkeypatch, capsys, command, *MADE[command], "--json", "--quiet")
    answer, folder = json.loads(out), desk / "made" / "x"
    more = answer.pop(ALSO[command]) if command in ALSO else None
    held = json.loads((folder / JSON[command]).read_text())
    assert code == 0 and answer.pop("output") == "made/x"
    assert {key: held[key] for key in answer} == answer and held.keys() - answer.keys() <= FORMAT
    assert all(line.startswith("warning: ") for line in err.splitlines())
    if command == "predict":
        table = pd.read_csv(folder / "tracks.tsv", sep="\t")
        assert more == dict(zip(table["tf"], table["file"], strict=True))
    if command == "prototypes":
        table = pd.read_csv(folder / "clusters.tsv", sep="\t")
        assert [sorted(tfs) for tfs in more] == [sorted(part["tf"]) for _, part in table.groupby("cluster")]


def test_a_dry_run_and_an_error_in_json(desk, monkeypatch, capsys):
    code, out, err = run(monkeypatch, capsys, "build-dataset", "--dry-run", "--json", "--quiet")
    held = json.loads((desk / "dataset/dataset.json").read_text())
    answer = json.loads(out)
    assert (code, err, answer["output"], answer["splits"]) == (0, "", None, held["splits"])
    code, out, err = run(monkeypatch, capsys, "build-dataset", "--json")
    assert (code, out) == (1, "") and err.startswith("pmntool: error: dataset is a link")


def words_to_make(command: str) -> list[object]:
    """Return the words after a command that make the folder made/x, or a file of that name."""
    if command in MADE:
        return MADE[command]
    name, words = FILES[command]
    return [*words, "-o", f"made/x.{name.rpartition('.')[2]}"]


def test_every_command_that_has_json_is_asked_for_it():
    with_json = {name for name, command in COMMANDS.items() if any("--json" in param.opts for param in command.params)}
    assert with_json == JSON.keys() | ASKED.keys()


@pytest.mark.parametrize("command", [*JSON, *ASKED])
def test_json_stands_alone_whatever_else_is_said(desk, monkeypatch, capfd, command):
    """What libraries and other processes write counts too; a warning goes to stderr."""
    words = ASKED[command] if command in ASKED else [*MADE[command], "--verbose"]
    code, out, err = run(monkeypatch, capfd, command, *words, "--json")
    assert code == 0 and isinstance(json.loads(out), dict) and not re.search("[\x1b\r]", out + err)
    assert command not in ("evaluate", "predict") or "warning: " in err


@pytest.mark.parametrize("command", [*MADE, *FILES])
def test_quiet_leaves_warnings_alone(desk, monkeypatch, capfd, command):
    code, out, err = run(monkeypatch, capfd, command, *words_to_make(command), "--quiet")
    assert code == 0 and all(line.startswith("warning: ") for line in err.splitlines())
    assert not re.search("[\x1b\r]", out)


@pytest.mark.parametrize("command", [*MADE, *FILES])
def test_lines_are_plain_without_a_terminal(desk, monkeypatch, capsys, command):
    """With --verbose each line comes after its seconds, and none is broken."""
    code, out, err = run(monkeypatch, capsys, command, *words_to_make(command), "--verbose")
    assert code == 0 and not re.search("[\x1b\r]", out + err)
    lines = err.splitlines()
    assert lines and all(re.match(r" *\d+\.\d\d s  \S", line) for line in lines)
    if command not in ("simulate", "browse", "plot"):
        assert any(" s  opened " in line for line in lines)


def test_more_and_less_at_once_is_an_error(desk, monkeypatch, capsys):
    code, _, err = run(monkeypatch, capsys, "simulate", "x", "-q", "-v")
    assert code == 1 and "--quiet says less and --verbose more: give one of them" in err


@pytest.mark.parametrize("asked", [True, False])
def test_a_terminal_without_color(world, tmp_path, asked):
    """NO_COLOR leaves the bar and takes its colors."""
    words = ["predict", world / "genome.fa", "-m", world / "runs/cnn", "-r", "chr3:1-9000", "-o", tmp_path / "x"]
    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"} | {"TERM": "xterm"}
    master, terminal = pty.openpty()
    words = [sys.executable, "-m", "pmntool", *map(str, words)]
    subprocess.run(words, stderr=terminal, env=environment | ({"NO_COLOR": "1"} if asked else {}), check=True)
    os.close(terminal)
    said = b""
    with suppress(OSError):  # the end, on Linux
        while part := os.read(master, 1 << 16):
            said += part
    os.close(master)
    codes = re.findall(rb"\x1b\[([0-9;]*)m", said)
    assert b"\x1b[?25l" in said and any(re.match(rb"[34]\d", code) for code in codes) != asked
