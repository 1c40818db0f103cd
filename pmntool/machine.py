"""What the processor is, told without torch; how its memory is asked for; how a process ends."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

INSTRUCTION_SETS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")  # those that decide how fast pmntool is
_CPUINFO = "/proc/cpuinfo"
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # of mallopt(3)
_PDEATHSIG = 1  # of prctl(2)
_MOST = 1 << 30  # bytes


def instruction_sets() -> list[str] | None:
    """Return those of `INSTRUCTION_SETS` that the processor has; None where the system does not say."""
    try:
        with open(_CPUINFO) as file:
            flags = next((line.split() for line in file if line.startswith("flags")), None)
    except OSError:
        return None
    return None if flags is None else [name for name in INSTRUCTION_SETS if name in flags]


def keep_memory() -> None:
    """Let glibc keep the memory that arrays free, where it would give it back to the system at once.

    A third of a training step on a CPU would go into asking for it again, page by page. Elsewhere nothing happens.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _MOST)
        mallopt(_TRIM_THRESHOLD, _MOST)


def end_with(parent: int) -> None:
    """End this process with the one that started it (Linux), or at once where that one is gone already."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


def ending(code: int) -> str:
    """Name the exit code of a process, or the signal that ended it, by what `subprocess` says: -11 is "SIGSEGV"."""
    named = {s.value: s.name for s in signal.Signals}  # not the signals that programs number themselves
    return named.get(-code, f"signal {-code}") if code < 0 else f"exit code {code}"
