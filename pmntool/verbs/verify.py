"""Verify a folder: compute its checksums again and say what no longer fits."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pmntool.checkpoint import Run
from pmntool.checksums import file_checksum
from pmntool.errors import InputError, MismatchError
from pmntool.folders import Folder, open_folder
from pmntool.genome import Genome
from pmntool.kinds import MARKERS, name_kind
from pmntool.progress import Progress
from pmntool.provenance import CONFIG
from pmntool.text import shorten

log = logging.getLogger("pmntool")

UNCOVERED = {  # files without a checksum: they say again what the other files say
    "dataset": {"tfs.tsv", "tfs.png"},
    "run": {"epochs.tsv", "epochs.png"},
}
COMPARED = {  # what a folder holds checksums of, besides its own files
    "dataset": ("genome",),
    "run": ("dataset", "genome"),
    "tracks": ("run", "genome"),
    "evaluation": ("run", "dataset"),
    "prototypes": ("run",),
}
Work = list[tuple[str, str, Callable[[], str | None]]]  # what, what is expected of it, how to see what is there


class Check(NamedTuple):
    """One thing that was looked at."""

    what: str  # a file of the folder; a path that was given, or that and a chromosome
    expected: str  # SHA-256 of a file, MD5 of a chromosome or, where that is not known, "N bp"
    found: str | None  # the same; None: it is not there


class Verified(NamedTuple):
    """What was looked at."""

    kind: str
    path: Path
    checks: list[Check]
    unchecked: list[str]  # files in the folder that its JSON does not know

    @property
    def differences(self) -> list[Check]:
        """What no longer fits."""
        return [check for check in self.checks if check.found != check.expected]


def verify(
    path: Path,
    *,
    dataset: Path | None = None,
    genome: Path | None = None,
    runs: Sequence[Path] = (),
    progress: Progress = Progress(),
) -> Verified:
    """Compare a folder's files with the checksums in its JSON, and what it was made from with what is there now.

    The JSON has no checksum of its own: that of dataset.json is in a run and an evaluation, that of run.json in all
    that was made from the run. Nothing is mended.

    Parameters
    ----------
    path
        A dataset, run, tracks, an evaluation or prototypes.
    dataset
        The dataset that a run was trained on or an evaluation measured on.
    genome
        The FASTA of a dataset or of a run's, or that was scanned.
    runs
        Runs that tracks, an evaluation or prototypes were made from.

    Raises
    ------
    InputError
        A path is not what it should be, or the folder holds no such checksums.
    MismatchError
        The folder is not made from what it is to be compared with.
    """
    folder = open_folder(path)
    given = {"dataset": dataset, "genome": genome, "run": runs}
    for option in [option for option, paths in given.items() if paths and option not in COMPARED[folder.kind]]:
        raise MismatchError(
            f"--{option}: {folder.path} is {name_kind(folder.kind)}; what that can be compared with is "
            f"--{' and --'.join(COMPARED[folder.kind])}"
        )
    with ExitStack() as stack:
        sequence = stack.enter_context(Genome(genome)) if genome else None
        work = _collect(folder, dataset, sequence, [Run(run) for run in runs])
        progress.start("checking", len(work), "checksums")
        checks = []
        for what, expected, look in work:
            checks.append(Check(what, expected, look()))
            progress.advance(1, what)
        progress.finish()
    unchecked = _unchecked(folder, {check.what for check in checks})
    if unchecked:
        log.warning("%s: not checked, no checksum there: %s", folder.path / MARKERS[folder.kind], shorten(unchecked))
    return Verified(folder.kind, folder.path, checks, unchecked)


def _collect(folder: Folder, dataset: Path | None, genome: Genome | None, runs: list[Run]) -> Work:
    """Return all that is to be looked at."""
    meta = folder.meta
    trained = meta["dataset"] if folder.kind == "run" else meta
    try:
        if folder.kind == "run":
            files = {meta[which]["file"]: meta[which]["sha256"] for which in ("best", "last")}
        else:
            files = meta["files"]
        if not files:
            raise KeyError
        work = [
            (name, str(sha256), partial(_checksum, folder.path / Path(name).name)) for name, sha256 in files.items()
        ]
        if dataset is not None:
            sha256 = str(meta["dataset"]["sha256"] if folder.kind == "run" else meta["dataset"])
            work.append((f"{dataset / 'dataset.json'}", sha256, partial(_checksum, dataset / "dataset.json")))
        for run in runs:
            known = _model(folder, run)
            for name, key in (("run.json", "sha256"), (run.meta["best"]["file"], "weights")):
                work.append((f"{run.path / name}", str(known[key]), partial(_checksum, run.path / name)))
        for chrom, known in trained["chroms"].items() if genome is not None else ():
            expected = str(known["md5"]) if "md5" in known else f"{known['length']} bp"
            work.append((f"{genome.path}, {chrom}", expected, partial(_sequence, genome, chrom, "md5" in known)))
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{folder.path / MARKERS[folder.kind]}: lacks the checksums that this pmntool writes; "
            "was it made by a version of before?"
        ) from error
    return work


def _unchecked(folder: Folder, checked: set[str]) -> list[str]:
    """Return the files that nothing was expected of; dot names and folders are no part of what a command made."""
    known = checked | {MARKERS[folder.kind], CONFIG} | UNCOVERED.get(folder.kind, set())
    names = sorted(path.name for path in folder.path.iterdir() if path.is_file())
    return [name for name in names if name not in known and not name.startswith(".")]


def _model(folder: Folder, run: Run) -> dict[str, Any]:
    """Return what a folder says of a run that it was made from."""
    if folder.kind == "tracks":
        return folder.meta["model"]
    models = folder.meta["models"]
    name = next((name for name in (run.name, str(run.path)) if name in models), None)
    if name is None:
        raise MismatchError(f"{run.path}: none of the runs of {folder.path}, which are {', '.join(models)}")
    return models[name]


def _checksum(path: Path) -> str | None:
    return file_checksum(path, InputError) if path.is_file() else None


def _sequence(genome: Genome, chrom: str, has_md5: bool) -> str | None:
    """Return the MD5 of a chromosome, or its length where no more was written down."""
    if chrom not in genome.sizes:
        return None
    return genome.checksum(chrom) if has_md5 else f"{genome.sizes[chrom]} bp"
