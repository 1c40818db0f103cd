"""Write a folder or a file completely or not at all.

Everything that a command makes is written beside its target under a name that starts with a dot, and takes
the target's name when it is complete. What is left of a killed command is such a dot name, never a target
that looks whole.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pmntool.errors import OutputError


def partial_name(target: Path) -> Path:
    """Return the name under which `target` is written until it is complete."""
    return target.parent / f".{target.name}.partial"


def require_free(target: Path, *, force: bool, marker: str) -> None:
    """Refuse a target that cannot be written, or exists; with `force` all but an older output of the same command.

    Parameters
    ----------
    marker
        Name of the file that every folder of this kind holds. A folder without it is replaced only where it is empty.

    Raises
    ------
    OutputError
        `target` cannot be written, exists and `force` is false, or is not something that the command would replace.
    """
    above = next((folder for folder in Path(target).parents if os.path.lexists(folder)), Path())
    if not os.access(above, os.W_OK | os.X_OK) or not above.is_dir():
        raise OutputError(f"{target}: cannot be written ({above} is {'read-only' if above.is_dir() else 'no folder'})")
    if not os.path.lexists(target):
        return
    if not force:
        raise OutputError(f"{target} exists already; give another -o, or --force to replace it")
    if target.is_symlink() or not target.is_dir():
        raise OutputError(f"{target} is not a folder; it is left as it is, even with --force")
    if not (target / marker).is_file() and any(target.iterdir()):
        raise OutputError(f"{target} holds no {marker}, so it was not made by this command; --force leaves it as it is")


@contextmanager
def new_directory(target: Path, *, marker: str, force: bool = False) -> Iterator[Path]:
    """Yield an empty folder that becomes `target` when the block ends without an error.

    An old `target` is replaced only then, and only as `require_free` allows. After an error nothing is left behind.

    Raises
    ------
    OutputError
        `target` exists (without `force`), or its parent cannot be written.
    """
    target = Path(target)
    require_free(target, force=force, marker=marker)
    partial = partial_name(target)
    with _explained(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        if partial.exists():
            shutil.rmtree(partial)
        partial.mkdir()
    try:
        with _explained(target):
            yield partial
            _replace_directory(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """Yield a path that becomes `target` when the block ends without an error.

    An old `target` is replaced in one step.

    Raises
    ------
    OutputError
        The folder of `target` cannot be written.
    """
    target = Path(target)
    partial = partial_name(target)
    try:
        with _explained(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            yield partial
            os.replace(partial, target)
    finally:
        with suppress(OSError):  # not there any more, or never was
            partial.unlink()


def write_json(target: Path, content: Any) -> None:
    """Write `content` as indented JSON, completely or not at all; NaN is refused."""
    with new_file(target) as partial:
        partial.write_text(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def _replace_directory(new: Path, target: Path) -> None:
    """Give `new` the name `target`; what had it before goes only when that is done."""
    if not target.is_dir():
        os.rename(new, target)
        return
    old = target.parent / f".{target.name}.old"
    shutil.rmtree(old, ignore_errors=True)
    os.rename(target, old)
    try:
        os.rename(new, target)
    except OSError:
        os.rename(old, target)
        raise
    shutil.rmtree(old)


@contextmanager
def _explained(target: Path) -> Iterator[None]:
    """Turn the system's refusal to write into a sentence with the path."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror or error})") from error
