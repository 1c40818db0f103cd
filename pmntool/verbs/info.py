"""Tell what a folder or file is, by what it says of itself; no checksum is computed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pmntool.errors import InputError
from pmntool.folders import Folder, open_folder
from pmntool.genome import Genome
from pmntool.kinds import MARKERS
from pmntool.labels import SPLITS
from pmntool.peaks import PEAK_SUFFIXES, read_peaks
from pmntool.track_folder import TrackFolder
from pmntool.variants import WITH_PROTOTYPES

FASTA_SUFFIXES = (".fa", ".fasta", ".fna")


class Info(NamedTuple):
    """What is known of a path."""

    kind: str  # dataset, run, tracks, evaluation, prototypes; genome, peaks
    path: Path
    facts: dict[str, Any]  # of JSON's types


def info(path: Path) -> Info:
    """Return what a folder that a command wrote says of itself; of a FASTA or peak file, what it holds.

    Raises
    ------
    InputError
        The path is nothing of the kind, or cannot be read.
    """
    path = Path(path)
    plain = path.name.removesuffix(".gz")
    if path.is_file() and plain.endswith(FASTA_SUFFIXES):
        return Info("genome", path, _genome(path))
    if path.is_file() and plain.endswith(PEAK_SUFFIXES):
        return Info("peaks", path, _peaks(path))
    folder = open_folder(path)
    try:
        facts = _FACTS[folder.kind](folder)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise InputError(f"{folder.path / MARKERS[folder.kind]}: is not as this pmntool writes it") from error
    size = sum(file.stat().st_size for file in folder.path.iterdir() if file.is_file())
    return Info(folder.kind, folder.path, {"pmntool": folder.meta.get("pmntool")} | facts | {"bytes": size})


def _dataset(folder: Folder) -> dict[str, Any]:
    meta = folder.meta
    return {
        "tfs": meta["tfs"],
        "window": meta["window"],
        "stride": meta["stride"],
        **{
            what: {split: meta["splits"][split].get(what) for split in SPLITS}
            for what in ("windows", "bound", "leaking")
        },
        "unbound_per_bound": meta["negatives"],
        "chroms": _by_split(meta["chroms"]),
        "bases": sum(known["length"] for known in meta["chroms"].values()),
        "tfs_left_out": len(meta["left_out"]["tfs"]),
    }


def _run(folder: Folder) -> dict[str, Any]:
    meta, settings = folder.meta, folder.meta["settings"]
    best = meta["best"]["epoch"]
    row = next((row for row in meta["epochs"] if row.get("epoch") == best), {})
    return {
        "variant": meta["variant"],
        **({"lambda": settings["prototype_weight"]} if meta["variant"] in WITH_PROTOTYPES else {}),
        "seed": settings["seed"],
        "precision": settings.get("precision", "32"),
        "tfs": meta["tfs"],
        "window": meta["window"],
        "stride": meta["stride"],
        "epochs": {"done": len(meta["epochs"]), "asked": settings.get("epochs"), "best": best},
        "validation": {name: row.get(f"valid_{name}") for name in ("auroc", "aupr", "recall_at_fdr")},
        "chroms": _by_split(meta["dataset"]["chroms"]),
        "dataset": meta["dataset"]["sha256"],
    }


def _tracks(folder: Folder) -> dict[str, Any]:
    meta, chroms = folder.meta, folder.meta["chroms"]
    scanned = {chrom: known for chrom, known in chroms.items() if known["windows"]}
    return {
        "model": meta["model"].get("name"),
        "variant": meta["model"]["variant"],
        "tfs": list(TrackFolder(folder.path).files),
        "format": meta["kind"],
        "window": meta["window"],
        "stride": meta["stride"],
        "windows": sum(known["windows"] for known in scanned.values()),
        "chroms": _by_split(scanned),
        "other_sequence": [chrom for chrom, known in scanned.items() if known.get("same_sequence") is False],
        "decimals": meta["decimals"],
        "least": meta["least"],
    }


def _evaluation(folder: Folder) -> dict[str, Any]:
    meta = folder.meta
    return {
        "split": meta["split"],
        "runs": list(meta["groups"]),
        "baseline": meta["baseline"],
        "shared_tfs": meta["shared_tfs"],
        **{name: {row["run"]: row[f"{name}_mean"] for row in meta["table4"]} for name in ("auroc", "aupr")},
        "bootstrap": meta["bootstrap"],
        "dataset": meta["dataset"],
    }


def _prototypes(folder: Folder) -> dict[str, Any]:
    meta = folder.meta
    return {
        "runs": meta["runs"],
        "variant": meta["variant"],
        "clusters": meta["clusters"],
        "stable_clusters": meta["stability"]["stable_clusters"] if "stability" in meta else None,
        "trrust_pairs": meta["trrust"]["pairs_tested"] if "trrust" in meta else None,
    }


def _genome(path: Path) -> dict[str, Any]:
    with Genome(path) as genome:
        return {"chroms": genome.sizes, "bases": sum(genome.sizes.values())}


def _peaks(path: Path) -> dict[str, Any]:
    peaks = read_peaks(path)
    lengths = peaks.end - peaks.start
    return {
        "peaks": len(lengths),
        "chroms": list(dict.fromkeys(peaks.chrom)),
        "median_length": float(np.median(lengths)) if len(lengths) else None,
        "without_p": int(np.isnan(peaks.log10p).sum()),
    }


def _by_split(chroms: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the chromosomes of each split; "none" are those that training did not know."""
    splits: dict[str, list[str]] = {}
    for chrom, known in chroms.items():
        splits.setdefault(known["split"] or "none", []).append(chrom)
    return splits


_FACTS = {"dataset": _dataset, "run": _run, "tracks": _tracks, "evaluation": _evaluation, "prototypes": _prototypes}
