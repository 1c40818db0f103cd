"""The example scripts: shell reads them, and pmntool takes every command in them."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import typer

from pmntool.cli import app
from pmntool.peaks import find_peaks
from pmntool.variants import VARIANTS

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "examples").rglob("*.sh"))
GM12878 = ROOT.parent / "shared/data/gm12878"

# Stands in for what scripts call: notes the words of pmntool, a line a call; makes the file or folder that is expected.
STAND_IN = """#!/bin/sh
[ "${0##*/}" != pmntool ] || { printf '%s\\t' "$@"; echo; } >> "$CALLS"
[ "$1" != simulate ] || mkdir -p "$2"
while [ $# -gt 0 ]; do
  [ "$1" != --output ] || echo x > "$2"
  shift
done
"""

every_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(ROOT / "examples")))


def parse(words: list[str]) -> tuple[str, dict]:
    """Return the command and its parameters; what pmntool would refuse as wrong usage raises."""
    group = typer.main.get_command(app)
    context = group.make_context("pmntool", list(words))
    name, command, rest = group.resolve_command(context, list(words))
    return name, command.make_context(name, rest, parent=context).params


def calls(script: Path, folder: Path) -> list[list[str]]:
    """Run a script with stand-ins for what it calls, and return the words of each call of pmntool."""
    (folder / "bin").mkdir()
    for name in ("pmntool", "python", "curl", "gunzip"):
        (folder / "bin" / name).write_text(STAND_IN)
        (folder / "bin" / name).chmod(0o755)
    (folder / "data").mkdir()
    (folder / "motifs").touch()
    yeast = script.parent.name == "yeast"
    before, after = ([folder / "data"], [folder / "motifs"]) if yeast else ([], [])
    environment = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "CALLS": str(folder / "calls")}
    words = ["sh", script, *before, folder / "out", *after]
    subprocess.run(words, check=True, env=environment, capture_output=True)
    return [line.split("\t")[:-1] for line in (folder / "calls").read_text().splitlines()]


@every_script
def test_shell_reads_the_script(script):
    subprocess.run(["sh", "-n", str(script)], check=True)


@every_script
def test_pmntool_takes_every_command(script, tmp_path):
    made = calls(script, tmp_path)
    assert len(made) >= 5
    for words in made:
        parse(words)


def test_a_wrong_option_would_be_found():
    with pytest.raises(Exception, match="--lamda"):
        parse(["train", "--variant", "pmn", "--lamda", "1"])
    with pytest.raises(Exception, match="pnm"):
        parse(["train", "--variant", "pnm"])


def test_the_paper_s_recipe_has_every_row_of_table_4_at_the_paper_s_size(tmp_path):
    made = [parse(words) for words in calls(ROOT / "examples/paper/run.sh", tmp_path)]
    fits = [params for name, params in made if name == "train"]
    assert {(fit["variant"], fit["prototype_weight"]) for fit in fits} == {
        ("cnn-single", None), ("cnn", None), ("pmn-no-lstm", 1), ("pmn-softmax", 1),
        ("pmn", 0), ("pmn", 0.5), ("pmn", 1),
    }  # fmt: skip
    for fit in fits:
        assert (fit["channels"], fit["widths"], fit["batch_size"], fit["epochs"]) == ("512,256,128", "9,5,3", 512, 40)
        assert not fit["resume"]
    names = [name for name, _ in made]
    assert names[0] == "build-dataset" and names[-3:] == ["evaluate", "prototypes", "predict"]
    assert len(made[0][1]["chroms"].split(",")) == 24


def test_the_yeast_runs_are_of_every_variant_and_the_paper_s_of_three_seeds(tmp_path):
    made = [parse(words) for words in calls(ROOT / "examples/yeast/run.sh", tmp_path)]
    fits = [params for name, params in made if name == "train"]
    assert {fit["variant"] for fit in fits} == set(VARIANTS)
    assert len({fit["output"] or fit["variant"] for fit in fits}) == len(fits)
    paper = Counter(
        (fit["variant"], fit["prototype_weight"]) for fit in fits if fit["seed"] or "seed" in str(fit["output"])
    )
    assert len(paper) == 8 and set(paper.values()) == {3}  # the paper's seven rows, and deepbind
    assert [name for name, _ in made][-4:] == ["evaluate", "evaluate", "prototypes", "predict"]


def test_strata_from_rare_to_common(tmp_path):
    (tmp_path / "tfs.tsv").write_text("tf\ttrain\n" + "".join(f"T{i}\t{(i * 7) % 20}\n" for i in range(20)))
    words = [sys.executable, ROOT / "examples/yeast/draw_tfs.py", tmp_path, "5"]
    drawn = subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip().split(",")
    assert [(int(tf[1:]) * 7) % 20 // 4 for tf in drawn] == [0, 1, 2, 3, 4]


def test_the_paper_s_recipe_goes_on_where_it_stopped(tmp_path):
    for name in ("runs/cnn", "dataset"):
        (tmp_path / "out" / name).mkdir(parents=True)
    made = [parse(words) for words in calls(ROOT / "examples/paper/run.sh", tmp_path)]
    assert "build-dataset" not in [name for name, _ in made]
    resumed = {params["variant"] for name, params in made if name == "train" and params["resume"]}
    assert resumed == {"cnn"}


def test_the_commands_in_the_paper_s_readme_are_taken():
    text = (ROOT / "examples/paper/README.md").read_text()
    commands = re.findall(r"`pmntool ([^`]+)`", text)
    assert len(commands) >= 12
    for command in commands:
        parse(command.split())


@pytest.mark.skipif(not GM12878.is_dir(), reason=f"real data not there: {GM12878}")
def test_the_sheet_names_the_files_that_were_counted(tmp_path):
    shutil.copy(ROOT / "examples/paper/peaks.tsv", tmp_path)
    (tmp_path / "peaks").symlink_to(GM12878 / "peaks")
    sources = find_peaks([tmp_path / "peaks.tsv"])
    assert len(sources) == 76 and sum(map(len, sources.values())) == 77 and len(sources["EBF1"]) == 2
    assert {file.name for files in sources.values() for file in files} == {
        file.name for file in (GM12878 / "peaks").iterdir()
    }
