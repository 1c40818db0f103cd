"""The documentation: pmntool takes every command in it, the ten minutes run, and what a build makes is whole."""

import importlib.util
import itertools
import re
import shlex
from pathlib import Path

import pytest
import typer
from test_cli import run
from test_examples import ROOT, parse

import pmntool
from pmntool.cli import app

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TINY = {  # options that make the ten minutes seconds; a later one counts
    "simulate": ["--chrom-length", "20000"],
    "train": ["--channels", "8,4,4", "--epochs", "1"],
    "evaluate": ["--bootstrap", "20"],
    "report": ["--bootstrap", "20"],
    "browse": ["--export", "site/"],
}


def commands(text: str) -> list[list[str]]:
    """Return the words of each line within fences that begins with `pmntool` or `cd`, continued lines joined."""
    fences = re.findall(r"(?ms)^```\w*\n(.*?)^```", text)
    lines = "\n".join(fences).replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True) for line in lines if re.match(r"(pmntool|cd) ", line)]


def hook():
    """Import `.mkdocs.py`, which is no module's name."""
    spec = importlib.util.spec_from_file_location("mkdocs_hook", ROOT / ".mkdocs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_pmntool_takes_every_command(page, tmp_path, monkeypatch):
    """Up to a pipe; a file of options holds what the page shows of one."""
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    for program, *words in commands(text):
        if program == "pmntool":
            words = list(itertools.takewhile("|".__ne__, words))
            if "--config" in words:
                file = Path(words[words.index("--config") + 1])
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text("".join(re.findall(r"(?ms)^```toml\n(.*?)^```", text)))
            parse(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_commands_take_every_option_that_the_text_gives_them(page):
    known_commands = typer.main.get_command(app).load()
    prose = re.sub(r"(?ms)^```.*?^```", "", page.read_text(encoding="utf-8"))
    for code in re.findall(r"`([^`]+)`", prose):
        name, _, rest = code.removeprefix("pmntool ").partition(" ")
        if command := known_commands.get(name):
            known = {option for param in command.params for option in param.opts}
            assert set(re.findall(r"(?<!\S)--?[a-zA-Z@][\w-]*", rest)) <= known, code


def test_commands_are_found():
    text = "```\npmntool train --seed 1 \\\n  --force  # why\nls\n```\npmntool no\n\n```sh\ncd x\npmntool report\n```\n"
    assert commands(text) == [["pmntool", "train", "--seed", "1", "--force"], ["cd", "x"], ["pmntool", "report"]]
    assert sum(len(commands(page.read_text(encoding="utf-8"))) for page in PAGES) > 50


def test_the_ten_minutes_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs/quickstart.md").read_text(encoding="utf-8")
    for program, *words in commands(re.search(r"(?ms)^## Ten minutes.*?(?=^## )", page)[0]):
        if program == "cd":
            monkeypatch.chdir(*words)
            continue
        words = [found for word in words for found in (sorted(map(str, Path().glob(word))) if "*" in word else [word])]
        code, _, said = run(monkeypatch, capsys, *words, *TINY.get(words[0], []))
        assert code == 0, said
    for name in ("evaluation/table4.tsv", "prototypes/tree.nwk", "report.html", "site.png", "site/index.html"):
        assert Path(name).stat().st_size > 0


def test_figures_are_there_and_small():
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = set(re.findall(r"\]\((?:docs/)?(figures/[^)]+)\)", text))
    there = {f"figures/{path.name}": path.stat().st_size for path in (ROOT / "docs/figures").iterdir()}
    assert named == there.keys()
    assert max(there.values()) < 150_000


def test_numbers_on_comparing_models_are_those_of_the_results():
    told = re.findall(r"\d\.\d{4,}", (ROOT / "docs/comparing.md").read_text(encoding="utf-8"))
    results = (ROOT / "docs/results.md").read_text(encoding="utf-8")
    assert len(told) >= 4 and [number for number in told if number not in results] == []


def test_options_stay_in_one_piece():
    html = "<p><code>train --batch-size 8</code> pre-trained</p><pre><code><a></a>--x</code></pre>"
    assert hook().on_page_content(html) == html.replace("--batch-size", '<span class="option">--batch-size</span>')


def test_the_reference_has_every_command_and_option():
    page = hook().command_reference()
    for name, command in typer.main.get_command(app).load().items():
        section = re.search(rf"(?ms)^## {name}$.*?(?=^## |\Z)", page)[0]
        for param in command.params:
            for option in (option for option in param.opts if option.startswith("-")):
                assert re.search(rf"^`[^`]*{option}(?![\w-])[^`]*`\n:   \S", section, re.M), (name, option)
        assert section.count(f"```\npmntool {name}") == 2, "usage and examples"
    assert "<TF>" not in re.sub(r"(?s)```.*?```|`[^`]*`", "", page), "a browser would take it for an element"


def test_the_reference_has_every_function_with_its_arguments():
    page = hook().python_reference()
    for name in pmntool._HOMES:
        section = re.search(rf"(?ms)^## pmntool\.{name}$.*?(?=^## |\Z)", page)[0]
        assert re.search(rf"^def {name}\(", section, re.M), name
    assert "min_overlap: float = 0.5  # a window is positive" in page  # a field with its comment
    assert "`exclude`\n:   BED (a blacklist); windows that touch its intervals are left out." in page
    assert "`InputError, MismatchError`\n:   As for `evaluate` and `prototypes`." in page


def test_a_page_is_made_ready():
    text = "Two:\n- a\n  b\n- c\n\n1. d\n2. e\n\n```\nx\n- y\n```\nThree:\n- z\n"
    parted = "Two:\n\n- a\n  b\n- c\n\n1. d\n2. e\n\n```\nx\n- y\n```\nThree:\n\n- z\n"
    assert hook().on_page_markdown(text) == parted
    linked = "[a run](../examples/run.sh), [b](b.md)\n"
    assert hook().on_page_markdown(linked) == "a run (`examples/run.sh`), [b](b.md)\n"
