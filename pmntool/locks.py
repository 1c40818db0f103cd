"""A lock file beside a target, held by one process at a time: the system's own lock, which ends with its process."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from contextlib import suppress
from pathlib import Path

from pmntool.errors import OutputError

log = logging.getLogger("pmntool")

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)  # a file system without locks


def take(lock: Path, target: Path) -> int:
    """Return a lock file, open and held; it has to be made again where another process gave it up and away meanwhile.

    Whoever closes it gives it up. On a disk without locks it is not held, and that is said.

    Raises
    ------
    OutputError
        Another process holds it.
    OSError
        The file cannot be made.
    """
    tries = 100
    while True:
        lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:  # the folder went with the other process, or takes no file (/proc)
            tries -= 1
            if not tries:
                raise
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file), os.stat(lock)):
                    os.truncate(file, 0)
                    with suppress(OSError):  # a full disk has locks, but no room for the holder's name
                        os.write(file, f"process {os.getpid()} on {os.uname().nodename}".encode())
                    return file
        except BlockingIOError as error:
            who = os.read(file, 200).decode(errors="replace") or "it does not say which"
            os.close(file)
            raise OutputError(f"{target}: another pmntool command is at work on it ({who})") from error
        except OSError as error:
            if error.errno in _NO_LOCKS:
                log.warning("%s: this disk has no locks; see to it that no other command writes there", target)
                return file
            os.close(file)
            raise
        os.close(file)
