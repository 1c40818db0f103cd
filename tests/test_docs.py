"""The documentation: its options, figures and numbers are there, and what a build makes of it is whole."""

import importlib.util
import re

import pytest
import typer
from test_examples import ROOT

import pmntool
from pmntool.cli import app

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def hook():
    """Import `.mkdocs.py`, which is no module's name."""
    spec = importlib.util.spec_from_file_location("mkdocs_hook", ROOT / ".mkdocs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_commands_take_every_option_that_the_text_gives_them(page):
    known_commands = typer.main.get_command(app).load()
    prose = re.sub(r"(?ms)^```.*?^```", "", page.read_text(encoding="utf-8"))
    for code in re.findall(r"`([^`]+)`", prose):
        name, _, rest = code.removeprefix("pmntool ").partition(" ")
        if command := known_commands.get(name):
            known = {option for param in command.params for option in param.opts}
            assert set(re.findall(r"(?<!\S)--?[a-zA-Z@][\w-]*", rest)) <= known, code


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
