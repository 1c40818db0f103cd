"""Look at machine and installation. What cannot be imported is a finding here, so nothing heavy is imported on top."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
import tempfile
import warnings
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, NamedTuple

from pmntool import __version__
from pmntool.machine import instruction_sets

MODULES = {  # distribution → module; what others need stands first
    "numpy": "numpy",
    "pandas": "pandas",
    "scipy": "scipy",
    "scikit-learn": "sklearn",
    "matplotlib": "matplotlib",
    "torch": "torch",
    "safetensors": "safetensors",
    "lightning-fabric": "lightning_fabric",
    "pysam": "pysam",
    "jinja2": "jinja2",
    "rich": "rich",
    "threadpoolctl": "threadpoolctl",
    "typer": "typer",
}
if sys.version_info < (3, 11):
    MODULES["tomli"] = "tomli"
BIGWIG = {"pyBigWig": "pyBigWig", "pybigtools": "pybigtools"}  # either will do
EXTRAS = {"browse": ("starlette", "uvicorn"), "tensorboard": ("tensorboardX",)}
_NVIDIA = Path("/proc/driver/nvidia/version")


class Doctor(NamedTuple):
    """What was found."""

    facts: dict[str, Any]
    hints: list[str]  # what does not work here, and needs not
    problems: list[str]  # what has to be mended


def doctor() -> Doctor:
    """Return versions, devices, disk, formats and extras, and what is missing or broken, with what mends it.

    Whatever fails to import is said; nothing is raised.
    """
    versions, broken = _packages()
    problems = [broken[name] for name in MODULES if name in broken]
    hints = []
    if BIGWIG.keys() <= broken.keys():
        hints.append(f"{broken['pyBigWig']} (no bigWig without it, but bedGraph)")
    for extra, needed in EXTRAS.items():
        if lacking := [name for name in needed if name in broken]:
            hints.append(f"{extra} lacks {', '.join(lacking)}: pip install 'pmntool[{extra}]'")
    known = {} if "torch" in broken else _torch(problems, hints)
    facts = {
        "pmntool": __version__,
        "python": f"{platform.python_version()}, {sys.executable}",
        "platform": platform.platform(),
        "packages": versions,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": known.get("threads"),
        "instruction_sets": instruction_sets(),
        "gpus": known.get("gpus"),
        "device_auto": known.get("device"),
        "precision_auto": known.get("precision"),
        "free_gb": _free(problems),
        "formats": {
            "bigWig": "numpy" not in broken and not BIGWIG.keys() <= broken.keys(),
            "bedGraph": not {"numpy", "pandas"} & broken.keys(),
            **dict.fromkeys(("PNG", "SVG", "PDF"), "matplotlib" not in broken),
        },
        "extras": {extra: not set(needed) & broken.keys() for extra, needed in EXTRAS.items()},
    }
    return Doctor(facts, hints, problems)


def _packages() -> tuple[dict[str, str | None], dict[str, str]]:
    """Return each package's version, None where it is not installed; and what is wrong with it, where something is."""
    floors, versions, broken = _floors(), {}, {}
    extras = {name: name for needed in EXTRAS.values() for name in needed}
    for name, module in (MODULES | BIGWIG | extras).items():
        floor = floors.get(name.lower())
        wanted = f"'{name}>={floor}'" if floor else name
        error = _import_error(module)
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            version = None if error else "of unknown version"
        versions[name] = version
        if error:
            what = f"{name} {version} cannot be imported ({error})" if version else f"{name} is not installed"
            broken[name] = f"{what}: pip install {'--force-reinstall ' if version else ''}{wanted}"
        elif floor and _numbers(version) < _numbers(floor):
            broken[name] = f"{name} {version} is older than {floor}: pip install {wanted}"
    return versions, broken


def _floors() -> dict[str, str]:
    """Return the version that each package needs at least, names in lower case; none where pmntool is not installed."""
    try:
        lines = metadata.requires("pmntool") or []
    except metadata.PackageNotFoundError:
        return {}
    return {name.lower(): floor for name, floor in re.findall(r"(?m)^([\w.-]+) *>= *([\d.]+)", "\n".join(lines))}


def _import_error(module: str) -> str | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import_module(module)
    except Exception as error:  # a library that does not fit another ends in more ways than ImportError
        return _first_line(error)
    return None


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {next(iter(str(error).strip().splitlines()), '')}"


def _numbers(version: str) -> list[int]:
    """Return the numbers of a version that are compared.

    Examples
    --------
    >>> _numbers("2.13.0+cu126") > _numbers("2.4")
    True
    """
    return [int(number) for number in re.findall(r"\d+", version.split("+")[0])]


def _torch(problems: list[str], hints: list[str]) -> dict[str, Any]:
    """Return what torch sees; a torch that does not work becomes a problem, a GPU that it does not see a hint."""
    try:
        import torch

        from pmntool.device import choose_device, choose_precision

        device = choose_device("auto")
        gpus = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
        found = {
            "threads": torch.get_num_threads(),
            "gpus": [{"name": gpu.name, "memory_gb": round(gpu.total_memory / 1e9, 1)} for gpu in gpus],
            "device": str(device),
            "precision": choose_precision("auto", device),
        }
    except Exception as error:
        problems.append(f"torch does not work ({_first_line(error)}): pip install --force-reinstall torch")
        return {}
    if _NVIDIA.exists() and not gpus:
        build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "no GPU"
        hints.append(
            f"an NVIDIA driver is here, but torch, built for {build}, sees none: https://pytorch.org/get-started"
        )
    return found


def _free(problems: list[str]) -> dict[str, float | None]:
    """Return the free disk, GB."""
    free: dict[str, float | None] = {"here": None, "temporary": None}
    for name, folder in (("here", os.getcwd), ("temporary", tempfile.gettempdir)):
        try:
            free[name] = round(shutil.disk_usage(folder()).free / 1e9, 1)
        except OSError as error:
            problems.append(f"{name} folder: cannot be used ({error.strerror or error}); set TMPDIR, or go to another")
    return free
