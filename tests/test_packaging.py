"""What stands twice about versions agrees: pyproject.toml, the tested floors, and the recipes in examples/install."""

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
    wanted = {name: version for name, version in wanted.items() if name not in ("ruff", "hatchling", "snakemake")}
    # ruff and hatchling are of no test, snakemake is of no Python 3.10
    lines = [line for line in (ROOT / ".ci/floors.txt").read_text().splitlines() if not line.startswith("#")]
    tested = {name.lower(): version for name, version in (line.split("==") for line in lines)}
    assert tested.keys() == wanted.keys()
    for name, version in tested.items():
        assert as_numbers(version)[: len(as_numbers(wanted[name]))] == as_numbers(wanted[name]), name


def test_a_wrong_floor_would_be_found():
    assert floors('"numpy>=1.26", "pyBigWig>=0.3.23; x < \'3.14\'"') == {"numpy": "1.26", "pybigwig": "0.3.23"}


def test_the_conda_recipe_asks_for_what_the_metadata_asks_for():
    text = (INSTALL / "conda/meta.yaml").read_text()
    host, run = re.search(r"  host:\n(.*)  run:\n(.*)\ntest:", text, re.S).groups()
    found = floors(run)
    assert {found.pop("python"), floors(host)["python"]} == {"3.11"}
    found["torch"], found["matplotlib"] = found.pop("pytorch"), found.pop("matplotlib-base")
    wanted = floors(section("dependencies") + section("browse"))
    del wanted["pybigtools"]  # conda has pyBigWig on every system
    del wanted["tomli"]  # the recipe asks for a Python that has tomllib
    assert found == wanted
    assert floors(host)["hatchling"] == re.search(r"hatchling>=([\d.]+)", (ROOT / "pyproject.toml").read_text())[1]
    assert f'version = "{pmntool.__version__}"' in text and "pmntool = pmntool.cli:main" in text


@pytest.mark.parametrize("name", ["Dockerfile", "pmntool.def"])
def test_containers_take_the_torch_of_the_constraints(name):
    text = (INSTALL / name).read_text()
    wanted = re.search(r"^torch==([\d.]+)", (ROOT / ".ci/constraints.txt").read_text(), re.M)[1]
    assert re.findall(r"torch==([\d.]+)", text) == [wanted]
    assert set(re.findall(r"python:([\d.]+)-slim", text)) == {"3.13"}
    assert all(version == pmntool.__version__ for version in re.findall(r"Version ([\d.]+)", text))


def test_the_container_s_user_has_no_rights():
    lines = (INSTALL / "Dockerfile").read_text().splitlines()
    assert "USER user" in lines and lines.index("USER user") < lines.index('ENTRYPOINT ["pmntool"]')
