"""Completion by the shell: what a shell asks for and gets, and what `--install-completion` sets up."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

SHELLS = ("bash", "zsh", "fish")


@pytest.fixture
def environment(tmp_path):
    """A new user, whose `pmntool` is this one."""
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "pmntool"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m pmntool "$@"\n')
    command.chmod(0o755)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    return {**os.environ, "HOME": str(tmp_path), "PATH": path, "PYTHONPATH": os.getcwd()}


def run(words: list[str], environment: dict[str, str], **more: str) -> str:
    return subprocess.run(words, env={**environment, **more}, capture_output=True, text=True, check=True).stdout


def ask(shell: str, line: str, environment: dict[str, str]) -> set[str]:
    """Return what pmntool offers a shell for the last word of a line."""
    about = {"_PMNTOOL_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": line, "COMP_WORDS": line}
    about |= {"COMP_CWORD": str(len(line.split(" ")) - 1), "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    out = run(["pmntool"], environment, **about)
    if shell == "zsh":
        return {word.split('"')[1] for word in out.splitlines() if word.count('"') >= 2}
    return {word.split("\t")[0] for word in out.splitlines()}


@pytest.mark.parametrize(
    ("shell", "line", "offered"),
    [
        *((shell, "pmntool tr", {"train"}) for shell in SHELLS),
        *((shell, "pmntool predict --reg", {"--region", "--regions"}) for shell in SHELLS),
        ("bash", "pmntool p", {"predict", "prototypes", "plot"}),
        ("bash", "pmntool train --variant pmn-", {"pmn-no-lstm", "pmn-softmax"}),
    ],
)
def test_commands_options_and_choices_are_completed(environment, shell, line, offered):
    assert ask(shell, line, environment) == offered


def test_completion_is_installed_by_one_command(environment, tmp_path):
    """And bash uses what was installed."""
    run(["bash", "-c", "pmntool --install-completion; true"], environment)
    rc = (tmp_path / ".bashrc").read_text()
    assert rc.count(str(tmp_path)) == 1
    code = (
        'source ~/.bashrc; COMP_WORDS=(pmntool tr); COMP_CWORD=1; _pmntool_completion pmntool; echo "${COMPREPLY[@]}"'
    )
    assert run(["bash", "-c", code], environment) == "train\n"
    assert "-F _pmntool_completion pmntool" in run(["bash", "-c", "source ~/.bashrc; complete -p pmntool"], environment)


@pytest.mark.skipif(not shutil.which("fish"), reason="no fish on this machine")
def test_fish_completes(environment):
    code = "pmntool --show-completion | source; complete --do-complete 'pmntool tr'"
    assert run(["fish", "-c", code], environment).split("\t")[0] == "train"


@pytest.mark.skipif(not shutil.which("zsh"), reason="no zsh on this machine")
def test_zsh_reads_its_script(environment, tmp_path):
    code = "pmntool --show-completion > script; compdef() { echo $2 }; source ./script"
    assert run(["zsh", "-c", f"cd {tmp_path}; {code}"], environment) == "pmntool\n"
