"""Write a folder or a file completely or not at all, and for one command at a time.

Everything that a command makes is written beside its target under a name that starts with a dot, brought to the disk,
and takes the target's name when it is complete. What a killed command leaves is such a dot name, never a target that
looks whole:

```
.NAME.lock     who works on NAME; holds nobody up once its process is gone
.NAME.partial  what NAME was to become; the next command that claims NAME clears it away, or goes on with it
.NAME.old      the old NAME, for the moment that --force needs to swap; given back by the next command
```
"""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pmntool import provenance
from pmntool.errors import OutputError
from pmntool.locks import take
from pmntool.targets import partial_name, require_free, require_writable

log = logging.getLogger("pmntool")

_claimed: set[str] = set()  # by this process


@contextmanager
def claim(target: Path) -> Iterator[None]:
    """Keep `target` to this process while the block runs, and give back what a killed command had put aside.

    The lock is the system's, on a file beside the target: it ends with its process, however that ends, and a file that
    was left behind holds nobody up. On a network disk it is as good as that disk's locks; one without is said.

    Raises
    ------
    OutputError
        Another process works on `target`, or its folder cannot be written.
    """
    target = Path(target)
    key = os.path.abspath(target)
    if key in _claimed:
        yield
        return
    require_writable(target)
    made = [folder for folder in target.parents if not folder.exists()]
    lock = target.parent / f".{target.name}.lock"
    with _explained(target):
        file = take(lock, target)
    _claimed.add(key)
    try:
        _give_back(target)
        yield
    finally:
        _claimed.discard(key)
        with suppress(OSError):
            os.unlink(lock)
        os.close(file)
        for folder in made:
            with suppress(OSError):  # it holds something by now
                folder.rmdir()


@contextmanager
def new_directory(target: Path, *, marker: str, force: bool = False, keep: bool = False) -> Iterator[Path]:
    """Yield an empty folder that becomes `target` when the block ends without an error.

    An old `target` is replaced only then, and only as `require_free` allows. After an error nothing is left behind.

    Parameters
    ----------
    keep
        Hand out what an earlier command left of its folder, and leave it there after an error.

    Raises
    ------
    OutputError
        `target` exists (without `force`), another process works on it, or its parent cannot be written.
    """
    target = Path(target)
    partial = partial_name(target)
    with claim(target):
        require_free(target, force=force, marker=marker)
        try:
            with _explained(target):
                if not keep:
                    _remove(partial)
                partial.mkdir(exist_ok=keep)
                yield partial.absolute()  # pandas takes ~/ for a home and http:/ for an address
                write_config(partial)
                _replace_directory(partial, target)
        except BaseException:
            if not keep:
                _remove(partial)
            raise


@contextmanager
def joined_directory(target: Path) -> Iterator[Path]:
    """Yield the folder in which another process of this command makes `target` (`new_directory`)."""
    with _explained(target):
        yield partial_name(target).absolute()


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
            yield partial.absolute()
            _sync(partial)
            os.replace(partial, target)
            _sync(target.parent)
    finally:
        with suppress(OSError):  # not there any more, or never was
            partial.unlink()


def write_json(target: Path, content: Any) -> None:
    """Write `content` as indented JSON, completely or not at all; NaN is refused.

    A name that is not UTF-8 keeps its bytes as JSON's escapes.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with new_file(target) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_config(folder: Path) -> None:
    """Let a folder say how to make it again, in `config.toml`; where no command is at work, nothing says so."""
    path, options = folder / provenance.CONFIG, provenance.options.get()
    if options is None:
        path.unlink(missing_ok=True)
    else:
        with new_file(path) as partial:
            partial.write_text(options(), encoding="utf-8", errors="backslashreplace", newline="\n")


def _give_back(target: Path) -> None:
    """Undo what a command left that was killed between the two steps of a swap."""
    old = _old_name(target)
    if not old.exists():
        return
    if os.path.lexists(target):
        _remove(old)
    else:
        os.rename(old, target)
        log.warning("%s: a command was killed while it replaced this; the old one is back", target)


def _replace_directory(new: Path, target: Path) -> None:
    """Give `new` the name `target`; what had it before goes only when that is done, under the name `new`."""
    for path in (*new.rglob("*"), new):
        _sync(path)
    if target.is_dir():
        old = _old_name(target)
        os.rename(target, old)
        try:
            os.rename(new, target)
        except OSError:
            os.rename(old, target)
            raise
        os.rename(old, new)
    else:
        os.rename(new, target)
    _sync(target.parent)
    _remove(new)


def _old_name(target: Path) -> Path:
    return target.parent / f".{target.name}.old"


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _sync(path: Path) -> None:
    """Bring a file or folder to the disk, and with it the errors that the system has kept for later."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EROFS, errno.ENOTSUP):  # this disk does not sync such a thing
            raise
    finally:
        os.close(file)


@contextmanager
def _explained(target: Path) -> Iterator[None]:
    """Turn the system's refusal into a sentence with the path, and with that of another file that it is about."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        other = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes | Path) else target
        if not any(other.absolute().is_relative_to(own.absolute()) for own in (target, partial_name(target))):
            why = f"{other}: {why}"
        raise OutputError(f"{target}: cannot be written ({why})") from error
    except RecursionError as error:  # of mkdir(parents=True)
        raise OutputError(f"{target}: cannot be written (it lies in too many folders)") from error
