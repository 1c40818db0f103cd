"""What a command may write: a target that is free, or an older output of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from pmntool import provenance
from pmntool.errors import OutputError


def partial_name(target: Path) -> Path:
    """Return the name under which `target` is written until it is complete."""
    return target.parent / f".{target.name}.partial"


def require_free(target: Path, *, force: bool, marker: str, reads: Iterable[Path | None] = ()) -> None:
    """Refuse a target that cannot be written, or exists; with `force` all but an older output of the same command.

    Parameters
    ----------
    marker
        Name of the file that every folder of this kind holds. A folder without it is replaced only where it is empty,
        and none is in which another output lies.
    reads
        What the command reads; None is nothing. It may not lie in the target, which would take it along when it goes.

    Raises
    ------
    OutputError
        `target` cannot be written, exists and `force` is false, or is not something that the command would replace.
    """
    if _is_free(target):
        return
    if target.is_symlink() or not target.is_dir():
        kind = "link" if target.is_symlink() else "file"
        raise OutputError(f"{target} is a {kind}, not a folder; it is left as it is, even with --force")
    if not (target / marker).is_file() and any(target.iterdir()):
        raise OutputError(f"{target} holds no {marker}, so it was not made by this command; --force leaves it as it is")
    for path in filter(None, reads):
        if Path(os.path.realpath(path)).is_relative_to(os.path.realpath(target)):
            raise OutputError(f"{target} holds {path}, which the command reads; give another -o")
    if inner := next(target.glob(f"*/**/{provenance.CONFIG}"), None):
        raise OutputError(f"{target} holds {inner.parent}, an output of its own; --force leaves both as they are")
    _require_force(target, force)


def room(target: Path) -> int:
    """Return how many bytes `target` may come to take: the disk's free ones and those of its unfinished self."""
    target = Path(target)
    above = next(folder for folder in target.absolute().parents if folder.exists())
    half = (path.stat().st_size for path in partial_name(target).rglob("*"))
    return shutil.disk_usage(above).free + sum(half)


def require_free_file(target: Path, *, force: bool, marker: bytes) -> None:
    """Refuse a file that cannot be written, or exists; with `force` all but an older output of the same command.

    Parameters
    ----------
    marker
        Bytes that stand near the beginning of every file of this kind.

    Raises
    ------
    OutputError
        `target` cannot be written, exists and `force` is false, or is not something that the command would replace.
    """
    if _is_free(target):
        return
    if target.is_symlink() or not target.is_file():
        raise OutputError(f"{target} is no plain file; it is left as it is, even with --force")
    with open(target, "rb") as file:
        if marker not in file.read(1024):
            raise OutputError(f"{target} was not made by this command; --force leaves it as it is")
    _require_force(target, force)


def _is_free(target: Path) -> bool:
    """Say whether there is nothing at a target yet; refuse one that cannot be written."""
    require_writable(Path(target))
    return not os.path.lexists(target)


def _require_force(target: Path, force: bool) -> None:
    """Refuse to replace an older output unasked; who is told of `force` could use it."""
    if not force:
        raise OutputError(f"{target} exists already; give another -o, or --force to replace it")


def require_writable(target: Path) -> None:
    """Refuse a target whose folder, or the next one above that is there, cannot be written."""
    above = next((folder for folder in target.parents if os.path.lexists(folder)), Path())
    if not os.access(above, os.W_OK | os.X_OK) or not above.is_dir():
        raise OutputError(f"{target}: cannot be written ({above} is {'read-only' if above.is_dir() else 'no folder'})")
