"""What stands twice about versions agrees: pyproject.toml, the floors that are tested, and the recipes in examples/install."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import pmntool

ROOT = Path(__file__).resolve().parents[1]
INSTALL = ROOT / "examples" / "install"


def floors(text: str) -> dict[str, str]:
    """Return name → least version of everything in a text that is written `name>=version`."""
    return {name.lower(): version for name, version in re.findall(r"([A-Za-z][\w-]*) ?>=([\d.]+)", text)}


def section(name: str) -> str:
    """Return a value of pyproject.toml, a list; tomllib is not in Python 3.10."""
    return re.search(rf"^{name} = \[(.*?)\]$", (ROOT / "pyproject.toml").read_text(), re.S | re.M)[1]


def as_numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]


def test_the_floors_that_are_tested_are_those_of_the_metadata():
    wanted = floors(section("dependencies") + section("browse") + section("dev"))
    wanted = {name: version for name, version in wanted.items() if name not in ("ruff", "hatchling")}  # not of a test
    lines = [line for line in (ROOT / ".ci/floors.txt").read_text().splitlines() if not line.startswith("#")]
    tested = {name.lower(): version for name, version in (line.split("==") for line in lines)}
    assert tested.keys() == wanted.keys()
    for name, version in tested.items():
        assert as_numbers(version)[: len(as_numbers(wanted[name]))] == as_numbers(wanted[name]), name


def test_a_wrong_floor_would_be_found():
    assert floors('"numpy>=1.26", "pyBigWig>=0.3.23; x < \'3.14\'"') == {"numpy": "1.26", "pybigwig": "0.3.23"}
