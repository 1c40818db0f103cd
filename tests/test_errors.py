"""docs/errors.md: a row for every message of the source, and none for a message that is gone."""

import re
from pathlib import Path

from messages import templates

PAGE = Path(__file__).resolve().parents[1] / "docs" / "errors.md"


def test_every_message_has_a_row_and_every_row_its_message():
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ``")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]
    assert all(len(cell) == 3 and all(cell) for cell in cells)
    listed = [message.strip("`").strip().replace(r"\|", "|") for message, _, _ in cells]
    there = templates()
    assert sorted(set(listed)) == sorted(listed), "a message stands there twice"
    missing = {message: file for message, file in there.items() if message not in listed}
    assert not missing, "docs/errors.md lacks a row (message, cause, what to do) for these"
    assert not set(listed) - there.keys(), "no source says these any more"


def test_templates_are_found():
    """A sample of each kind: an error, its reason from a function, a rule, a warning, a concatenation."""
    there = templates()
    for message, file in {
        "…: the file is empty; expected FASTA": "fasta.py",
        "end … is not after start …": "peaks.py",
        "--hops …: expected 1 to …": "train.py",
        "… was trained on another dataset than …": "evaluate.py",
        "…: no such file…": "peaks.py",
    }.items():
        assert there[message] == file
