"""The folders that commands write, opened: of which kind one is, and what its JSON says."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from pmntool.dataset import read_meta as read_dataset_meta
from pmntool.errors import InputError
from pmntool.kinds import MARKERS, kind_of, nearest
from pmntool.text import parse_json, read_bytes
from pmntool.track_folder import read_meta as read_track_meta


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
    kind = kind_of(folder)
    if kind is None:
        raise InputError(
            f"{path}: expected a folder that build-dataset, train, predict, evaluate or prototypes wrote; "
            f"{nearest(path)}"
        )
    return Folder(kind, folder, _read_meta(kind, folder))


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
