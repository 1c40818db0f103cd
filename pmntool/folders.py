"""The folders that commands write: of which kind a path is, and what its JSON says."""

from __future__ import annotations

import difflib
import os
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from pmntool.dataset import read_meta as read_dataset_meta
from pmntool.errors import InputError
from pmntool.staging import partial_name
from pmntool.text import parse_json, read_bytes
from pmntool.track_folder import read_meta as read_track_meta

MARKERS = {kind: f"{kind}.json" for kind in ("dataset", "run", "tracks", "evaluation", "prototypes")}
_NAMES = {"dataset": "a dataset", "run": "a run", "tracks": "tracks", "evaluation": "an evaluation"}


class Folder(NamedTuple):
    """A folder that a command wrote."""

    kind: str  # a key of `MARKERS`
    path: Path
    meta: dict[str, Any]  # what its JSON holds; no checksum is compared


def open_folder(path: Path) -> Folder:
    """Say what a folder is, or the folder of a file like run.json, and read its JSON.

    Raises
    ------
    InputError
        The path is no such folder (what lies nearest to it is said), or its JSON cannot be read.
    """
    path = Path(path)
    folder = path.parent if path.name in MARKERS.values() and path.is_file() else path
    kind = _kind(folder)
    if kind is None:
        raise InputError(
            f"{path}: expected a folder that build-dataset, train, predict, evaluate or prototypes wrote; "
            f"{_nearest(path)}"
        )
    return Folder(kind, folder, _read_meta(kind, folder))


def name_kind(kind: str) -> str:
    """Return a kind of folder as a sentence has it: "a run"."""
    return _NAMES.get(kind, kind)


def _kind(folder: Path) -> str | None:
    return next((kind for kind, marker in MARKERS.items() if (folder / marker).is_file()), None)


def _read_meta(kind: str, folder: Path) -> dict[str, Any]:
    if kind == "dataset":
        return read_dataset_meta(folder)
    if kind == "tracks":
        return read_track_meta(folder)
    if kind == "run":
        from pmntool.checkpoint import Run  # brings torch along, which no other kind needs

        return Run(folder).meta
    path = folder / MARKERS[kind]
    try:
        meta = parse_json(read_bytes(path, InputError))
    except ValueError as error:
        raise InputError(f"{path}: is not JSON") from error
    if not isinstance(meta, dict) or "pmntool" not in meta:
        raise InputError(f"{path}: not what {kind} holds there")
    return meta


def _nearest(path: Path) -> str:
    """Return what there is in place of a folder that is none."""
    if not path.exists():
        if partial_name(path).exists():
            return f"there is only {partial_name(path)}, which a command is still at work on or did not finish"
        names = os.listdir(path.parent) if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, names, n=1)
        return "no such file or folder" + (f"; did you mean {path.parent / near[0]}?" if near else "")
    above = next((folder for folder in path.parents if _kind(folder)), None)
    if above is not None:
        return f"it lies in {above}, {name_kind(_kind(above))}"
    patterns = [f"{depth}{marker}" for depth in ("*/", "*/*/") for marker in MARKERS.values()]
    below = islice((found.parent for pattern in patterns for found in sorted(path.glob(pattern))), 4)
    found = ", ".join(f"{folder} ({name_kind(_kind(folder))})" for folder in below)
    return f"it holds {found or 'none of ' + ', '.join(MARKERS.values())}"
