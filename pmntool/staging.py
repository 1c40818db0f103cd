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


def require_free(target: Path, *, force: bool) -> None:
    """Refuse a target that exists, unless `force`.

    Raises
    ------
    OutputError
        `target` exists and `force` is false, or it is not something that pmntool would replace.
    """
    if not os.path.lexists(target):
        return
    if not force:
        raise OutputError(f"{target} exists already; give another -o, or --force to replace it")
    if target.is_symlink() or not (target.is_dir() or target.is_file()):
        raise OutputError(f"{target} is neither a folder nor a regular file; it is left as it is")


@contextmanager
def new_directory(target: Path, *, force: bool = False) -> Iterator[Path]:
    """Yield an empty folder that becomes `target` when the block ends without an error.

    An old `target` is replaced only then, and only with `force`. After an error nothing is left behind.

    Raises
    ------
    OutputError
        `target` exists (without `force`), or its parent cannot be written.
    """
    target = Path(target)
    require_free(target, force=force)
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
        target.unlink(missing_ok=True)
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
        if error.filename is None and error.errno is None:
            raise
        raise OutputError(f"{target}: cannot be written ({error.strerror or error})") from error
