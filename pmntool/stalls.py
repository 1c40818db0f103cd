"""Say of which file a disk does not answer: a thread looks now and then whether another stays in one sleep.

Only what Linux tells in /proc about each thread is looked at: a question about the file itself would wait as well.
Elsewhere nothing is said.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

log = logging.getLogger("pmntool.stalls")  # of its own, by which `report` leaves out what is no matter of the data

LOOKS = 6  # that find a thread in the sleep of the look before
_FUSE = "request_wait_answer"  # where the kernel waits, in state S, for a file system in user space
_LONGEST = 4096  # bytes of a path

processes: set[int] = set()  # that work for this one: their threads are looked at too

Slept = dict[Path, tuple[str, int]]  # of threads that wait for a disk: how often they slept, in how many looks at this


@contextmanager
def said(seconds: float = 30.0) -> Iterator[None]:
    """Warn, once a stall, when this process or one of `processes` has waited for a disk so long.

    That it goes on is said too. A library that holds Python's lock while it waits keeps this thread from speaking.
    """
    ended = threading.Event()
    with suppress(RuntimeError):  # the system gives no thread
        threading.Thread(target=_look_on, args=(ended, seconds), daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def _look_on(ended: threading.Event, seconds: float) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # the first thread's, which may block them
    slept: Slept = {}
    stalled = None
    while not ended.wait(seconds / LOOKS):
        slept = look(_threads(), slept)
        if stalled and stalled[0] not in slept:
            log.info("%s: the disk answers again", stalled[1])
            stalled = None
        if not stalled:
            long = [thread for thread, (_, looks) in slept.items() if looks >= LOOKS]
            stalled = next(((thread, path) for thread in long if (path := awaited(thread))), None)
            if stalled:
                log.warning(
                    "waiting for %s: the disk has not answered for %g s; the command goes on when it does",
                    stalled[1], seconds,
                )  # fmt: skip


def look(threads: Iterable[Path], before: Slept) -> Slept:
    """Return those threads, by their folders in /proc, that wait for a disk, and how many looks in a row found them so.

    State D, and S within FUSE, is waiting for a disk; waiting for a lock, a pipe, a terminal, a child or another rank
    is another S. A disk that is slow but moves ends one sleep and begins the next, which the kernel counts.
    """
    slept = {}
    for thread in threads:
        with suppress(OSError, ValueError):  # it has ended, or the system does not tell
            state = (thread / "stat").read_text().rpartition(") ")[2][:1]
            if state == "D" or (thread / "wchan").read_text() == _FUSE:
                (sleeps,) = re.findall(r"^voluntary_ctxt_switches:\s(\d+)", (thread / "status").read_text(), re.M)
                known, looks = before.get(thread, ("", 0))
                slept[thread] = sleeps, looks + 1 if sleeps == known else 0
    return slept


def awaited(thread: Path) -> str:
    """Return the path that a thread waits for, or nothing where the system does not tell.

    A system call has it as first or second argument: a descriptor or the address of a text. What waits outside of one
    wants mapped memory, of whatever file.
    """
    with suppress(OSError, ValueError):
        number, *words = (thread / "syscall").read_text().split()
        if number == "-1":
            return ""
        path = next(filter(None, (_argument(thread, int(word, 16)) for word in words[:2])), "")
        return path if path.isprintable() and not path.startswith("/dev/") else ""
    return ""


def _argument(thread: Path, value: int) -> str:
    with suppress(OSError):
        return os.readlink(thread / "fd" / str(value))
    with suppress(OSError, OverflowError), open(thread / "mem", "rb", buffering=0) as memory:
        memory.seek(value)
        return os.fsdecode(memory.read(_LONGEST).partition(b"\0")[0])
    return ""


def _threads() -> Iterator[Path]:
    for process in ("self", *processes):
        with suppress(OSError):
            yield from Path("/proc", str(process), "task").iterdir()
