"""doctor: it answers in sound and in broken installations, and knows the dependencies that pyproject.toml declares."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch

from pmntool import machine
from pmntool.verbs import doctor as module
from pmntool.verbs.doctor import BIGWIG, EXTRAS, MODULES, doctor

ROOT = Path(__file__).resolve().parents[1]


def ask(path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command where the modules of a folder go first."""
    environment = os.environ | {"PYTHONPATH": str(path)}
    command = [sys.executable, "-m", "pmntool", "doctor", *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT)


def test_a_sound_installation():
    found = doctor()
    assert found.problems == []
    facts = found.facts
    assert torch.__version__.startswith(facts["packages"]["torch"])
    assert facts["packages"]["numpy"] == np.__version__
    assert facts["threads"] == 1 and facts["cores"] >= 1  # tests run on one thread
    expected = ("cuda", None) if torch.cuda.is_available() else ("cpu", "32")
    assert facts["device_auto"] == expected[0] and expected[1] in (None, facts["precision_auto"])
    assert len(facts["gpus"]) == torch.cuda.device_count()
    assert facts["free_gb"]["here"] > 0 and facts["formats"]["bedGraph"] and facts["formats"]["PDF"]
    json.dumps(facts)


def test_what_cannot_be_imported_is_said(tmp_path):
    """Typer alone is not tried: without it there is no command line to ask."""
    for name in ("torch", "pyBigWig", "pybigtools", "uvicorn"):
        (tmp_path / f"{name}.py").write_text('raise ImportError("libx.so.12: cannot open")')
    done = ask(tmp_path)
    assert done.returncode == 1 and done.stdout.startswith("pmntool ")
    lines = [line for line in done.stdout.splitlines() if line.startswith(("broken: ", "note: "))]
    error = r"\S+ cannot be imported \(ImportError: libx.so.12: cannot open\): pip install --force-reinstall"
    wanted = [
        f"broken: torch {error} 'torch>=[0-9.]+'",
        f"broken: lightning-fabric {error} 'lightning-fabric>=[0-9.]+'",
        f"note: pyBigWig {error} 'pyBigWig>=[0-9.]+' \\(no bigWig without it, but bedGraph\\)",
        r"note: browse lacks uvicorn: pip install 'pmntool\[browse\]'",
    ]
    assert len(lines) == len(wanted) and all(map(re.fullmatch, wanted, lines))
    assert done.stderr.splitlines()[-1].startswith("pmntool: error: what pmntool needs is not in order (2 found): ")


def test_json_is_one_object_where_nearly_all_is_broken(tmp_path):
    (tmp_path / "numpy.py").write_text('raise ValueError("numpy.dtype size changed")')
    (tmp_path / "rich.py").write_text('raise ImportError("no")')
    done = ask(tmp_path, "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 1 and "cannot be imported (ValueError: numpy.dtype" in found["problems"][0]
    assert any(problem.startswith("rich ") for problem in found["problems"])
    assert found["formats"] == dict.fromkeys(("bigWig", "bedGraph", "PNG", "SVG", "PDF"), False)


def test_a_torch_that_imports_but_does_not_work(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1 / 0)
    assert doctor().problems == [
        "torch does not work (ZeroDivisionError: division by zero): pip install --force-reinstall torch"
    ]


def test_versions_below_the_floor_and_missing_packages(monkeypatch):
    monkeypatch.setattr(module, "_floors", lambda: {"numpy": "999", "scipy": "0.1"})
    monkeypatch.setitem(MODULES, "no-such-thing", "no_such_thing")
    assert doctor().problems == [
        f"numpy {np.__version__} is older than 999: pip install 'numpy>=999'",
        "no-such-thing is not installed: pip install no-such-thing",
    ]


def test_a_gpu_that_torch_does_not_see(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_NVIDIA", tmp_path)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.version, "cuda", None)
    [hint] = [hint for hint in doctor().hints if "NVIDIA" in hint]
    assert hint.startswith("an NVIDIA driver is here, but torch, built for no GPU, sees none")


def test_no_temporary_folder(monkeypatch):
    def none() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    found = doctor()
    assert found.facts["free_gb"]["temporary"] is None
    assert found.problems == [
        "temporary folder: cannot be used (No usable temporary directory found); set TMPDIR, or go to another"
    ]


def test_it_knows_the_dependencies_that_are_declared():
    tomllib = pytest.importorskip("tomllib")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    def names(lines: list[str]) -> set[str]:
        return {re.match(r"[\w.-]+", line)[0] for line in lines}

    assert {*MODULES, *BIGWIG} == names(project["dependencies"]) - {"tomli"}  # Python 3.10's
    extras = {extra: names(lines) for extra, lines in project["optional-dependencies"].items()}
    assert {extra: set(needed) for extra, needed in EXTRAS.items()} == {
        extra: extras[extra] for extra in extras.keys() - {"audit", "dev", "docs", "fuzz", "workflow"}
    }


@pytest.mark.parametrize(
    ("text", "sets"),
    [
        ("processor\t: 0\nflags\t\t: fpu avx2 avx512f amx_bf16\nflags\t\t: fpu\n", ["avx2", "avx512f", "amx_bf16"]),
        ("flags\t\t: fpu avx avx2x\n", []),
        ("processor\t: 0\nFeatures\t: asimd\n", None),
    ],
)
def test_instruction_sets(monkeypatch, tmp_path, text, sets):
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(machine, "_CPUINFO", str(tmp_path / "cpuinfo"))
    assert machine.instruction_sets() == sets


def test_no_instruction_sets_where_the_system_does_not_say(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "_CPUINFO", str(tmp_path / "none"))
    assert machine.instruction_sets() is None
