"""The commands that make a dataset and its runs again, read off what their folders say of themselves."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from pmntool.dataset import Dataset
from pmntool.epochs import Settings
from pmntool.models import Hyperparameters
from pmntool.run_json import hyperparameters
from pmntool.variants import VARIANTS, WITH_PROTOTYPES
from pmntool.verbs.build_dataset import Options


def build_command(meta: Mapping[str, Any]) -> str:
    """Return the command that builds a dataset from `genome.fa` and `peaks/`; options at their defaults are left out.

    Parameters
    ----------
    meta
        The content of dataset.json, which knows neither the genome's path nor the peaks'.
    """
    options = {name: value for name, value in meta.items() if name in Options._fields}
    for split in ("valid", "test"):
        chroms = [chrom for chrom, here in meta["chroms"].items() if here["split"] == split]
        options[f"{split}_chroms"] = ",".join(map(_quoted, chroms))
    options["chroms"] = ",".join(map(_quoted, meta["chroms"]))
    words = _options(options, Options._field_defaults)
    if meta.get("exclude"):
        words += ["--exclude", meta["exclude"]["file"]]
    return _join("build-dataset", "genome.fa", "peaks", *words)


def train_command(name: str, meta: Mapping[str, Any], data: Dataset) -> str:
    """Return the command that trains a run, into `runs/NAME` where `name` is no path."""
    settings = {key: value for key, value in meta["settings"].items() if key != "prototype_weight"}
    weight = meta["settings"]["prototype_weight"]
    words = ["--variant", meta["variant"]]
    if meta["variant"] in WITH_PROTOTYPES:
        words += ["--lambda", f"{weight:g}"]
    taken = ("strands", *VARIANTS[meta["variant"]].sizes)
    sizes = {
        key.replace("strands", "reverse_complement"): ",".join(map(str, value)) if isinstance(value, tuple) else value
        for key, value in hyperparameters(meta)._asdict().items()
        if key in taken and value != Hyperparameters._field_defaults[key]
    }
    words += _options(sizes, {}) + _options(settings, Settings._field_defaults)
    if set(meta["tfs"]) != set(data.tfs):
        words += ["--tfs", ",".join(map(_quoted, meta["tfs"]))]
    if meta.get("motifs"):
        words += ["--motifs", meta["motifs"]["file"]]
    return _join("train", *words, "-d", "dataset", "-o", run_path(name))


def run_path(name: str) -> str:
    """Return where a run of this name is said to be."""
    return name if "/" in name else f"runs/{name}"


def report_command(names: Sequence[str], options: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """Return the command that makes the page of these runs."""
    return _join("report", *map(run_path, names), "-d", "dataset", *_options(options, defaults))


def _options(options: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[str]:
    """Return options as words, without those at their defaults."""
    words = []
    for name, value in options.items():
        if name in defaults and value == defaults[name]:
            continue
        words += [f"--{name.replace('_', '-')}"] + ([] if value is True else [str(value)])
    return words


def _quoted(name: str) -> str:
    """Return a name as it stands among others that are separated by commas."""
    return '"' + name.replace('"', '""') + '"' if "," in name or name.startswith('"') else name


def _join(*words: str) -> str:
    return shlex.join(["pmntool", *words])
