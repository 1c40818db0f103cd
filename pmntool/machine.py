"""What the processor is, told without torch."""

from __future__ import annotations

INSTRUCTION_SETS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")  # those that decide how fast pmntool is
_CPUINFO = "/proc/cpuinfo"


def instruction_sets() -> list[str] | None:
    """Return those of `INSTRUCTION_SETS` that the processor has; None where the system does not say."""
    try:
        with open(_CPUINFO) as file:
            flags = next((line.split() for line in file if line.startswith("flags")), None)
    except OSError:
        return None
    return None if flags is None else [name for name in INSTRUCTION_SETS if name in flags]
