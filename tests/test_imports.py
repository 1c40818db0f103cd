"""Imports point one way, libraries stay at home, and the command line starts without the heavy ones."""

import ast
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import pmntool

ROOT = Path(pmntool.__file__).parent

# A module imports from layers above its own in this list, and from its own layer where that makes no circle.
LAYERS = (
    {"", "errors", "variants", "progress", "machine", "provenance", "stalls"},  # "": pmntool/__init__.py
    {"locks", "targets", "staging", "text", "checksums", "kinds"},
    {"chroms", "fasta_index", "fasta", "genome", "peaks", "motifs", "intervals", "labels", "regions", "npy", "dataset"}
    | {"genes", "bigwig", "tracks", "track_reader", "track_folder", "plots", "region_plot", "browser"}
    | {"scanned", "track_writer", "leakage", "metrics", "bootstrap", "clustering", "trrust"},
    {"models", "losses"},
    {"device", "ranks"},
    {"run_json", "checkpoint", "inference", "folders"},
    {"epochs", "epoch_log", "trained"},
    {"verbs"},
    {"terminal"},
    {"cli"},
    {"__main__"},
)
HOMES = {
    "typer": {"cli"},
    "rich": {"cli", "terminal"},
    "pysam": {"fasta"},
    "jinja2": {"verbs.report"},
    "markupsafe": {"verbs.report"},
    "pyBigWig": {"bigwig"},
    "pybigtools": {"bigwig"},
    "matplotlib": {"plots", "region_plot"},
    "starlette": {"browser.server"},
    "uvicorn": {"browser.server"},
    "torch": set().union(*LAYERS[3:]),
}
HEAVY = ("torch", "pandas", "sklearn", "scipy", "matplotlib")

Sources = dict[str, str]  # module's name within pmntool, "models.pmn" and "models" for a package → its text


def read_sources() -> Sources:
    names = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in ROOT.rglob("*.py")}
    return {name.removesuffix("__init__").removesuffix("."): path.read_text() for path, name in names.items()}


def imports(text: str, sources: Sources) -> tuple[set[str], set[str]]:
    """Return what a module imports anywhere in its text: modules of pmntool, and other top-level names."""
    inner, outer = set(), set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            full = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            full = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in full:
            head, _, rest = name.partition(".")
            if head != "pmntool":
                outer.add(head)
                continue
            while rest not in sources:  # a name inside a module: up to the module
                rest = rest.rpartition(".")[0]
            inner.add(rest)
    return inner, outer


def mistakes(sources: Sources) -> list[str]:
    """Return one line for each import that should not be."""
    layer = {name: number for number, names in enumerate(LAYERS) for name in names}
    found, graph = [], {}
    for module, text in sources.items():
        here = module.partition(".")[0]
        if here not in layer:
            found.append(f"{module} is in no layer")
            continue
        inner, outer = imports(text, sources)
        graph[module] = inner
        found += [f"{module} → {name}" for name in inner if layer.get(name.partition(".")[0], 0) > layer[here]]
        found += [f"{module} → {name}" for name in outer if not {here, module} & HOMES.get(name, {here})]
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        found.append("circle: " + " → ".join(error.args[1]))
    return sorted(found)


def test_imports_point_one_way():
    sources = read_sources()
    assert {"", "verbs.train", "models", "models.pmn"} <= sources.keys()
    assert mistakes(sources) == []


def test_the_architecture_page_has_every_module_below_what_it_imports():
    page = Path(__file__).parents[1] / "docs" / "architecture.md"
    rows = [line.split("|")[1] for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    row = {name: number for number, cell in enumerate(rows) for name in re.findall("`([a-z_]+)/?`", cell)}
    sources = read_sources()
    at = {module: row[module.partition(".")[0]] for module in sources if module not in ("", "__main__")}
    inner = [(module, name) for module in at for name in imports(sources[module], sources)[0] if name]
    assert [f"{module} → {name}" for module, name in inner if at[name] > at[module]] == []


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ({}, []),
        ({"dataset": "import numpy\nfrom pmntool import __version__\nfrom pmntool.labels import SPLITS"}, []),
        ({"errors": "from pmntool.staging import new_file"}, ["errors → staging"]),
        ({"losses": "def f():\n    from pmntool.verbs import train"}, ["losses → verbs.train"]),
        ({"models.pmn": "if 1:\n    import pmntool.checkpoint as c"}, ["models.pmn → checkpoint"]),
        ({"verbs.evaluate": "from rich.table import Table"}, ["verbs.evaluate → rich"]),
        ({"verbs.train": "import jinja2", "verbs.report": "import jinja2"}, ["verbs.train → jinja2"]),
        ({"metrics": "def f():\n    import torch.nn"}, ["metrics → torch"]),
        ({"labels": "from pmntool.dataset import x", "dataset": "import pmntool.labels"}, ["circle: "]),
        ({"models.cnn": "from pmntool.models import x", "models": "from pmntool.models.cnn import y"}, ["circle: "]),
        ({"newcomer": ""}, ["newcomer is in no layer"]),
    ],
)
def test_the_check_finds_what_is_planted(planted, found):
    names = [name for names in LAYERS for name in names] + ["models.pmn", "models.cnn", "verbs.train"]
    lines = mistakes(dict.fromkeys(names, "") | planted)
    assert [line[: len("circle: ")] if line.startswith("circle") else line for line in lines] == found


COMMANDS = ", ".join(f"pmntool.cli.{name}" for name in pmntool.__all__ if name != "load")


@pytest.mark.parametrize("modules", ["pmntool", COMMANDS, "pmntool.track_writer"])
def test_import_is_light(modules):
    code = f"import sys, {modules}; print(*sorted({{name.partition('.')[0] for name in sys.modules}} & {set(HEAVY)!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_every_command_is_a_function_of_the_package():
    from pmntool.cli import app

    commands = {name.replace("-", "_") for name in typer.main.get_command(app).commands}
    assert set(pmntool.__all__) == commands | {"load"}
    assert {getattr(pmntool, name).__name__ for name in commands} == commands
