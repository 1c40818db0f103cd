"""What a command computes on: the device, the precision of its convolutions, the memory that torch works in."""

from __future__ import annotations

import ctypes
import sys

import torch
from torch import nn

from pmntool.errors import InputError
from pmntool.variants import PRECISIONS

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # of mallopt(3)
_MOST = 1 << 30  # bytes


def choose_device(name: str) -> torch.device:
    """Return the device of that name; "auto" is the GPU where there is one.

    Raises
    ------
    InputError
        There is no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.ones(1, device=device).item()  # a device that cannot compute says so
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        first = str(error).strip().splitlines()[0]
        raise InputError(f"--device {name}: not to be had here ({first}); this machine has {_devices()}") from error
    if device.type == "cpu":
        keep_memory()
    return device


def choose_precision(name: str, device: torch.device) -> str:
    """Return "32" or "bf16"; "auto" is bf16 where the device multiplies bfloat16 by itself (docs/benchmarks.md).

    Raises
    ------
    InputError
        There is no such precision.
    """
    if name not in PRECISIONS:
        raise InputError(f"--precision {name}: expected one of {', '.join(PRECISIONS)}")
    if name != "auto":
        return name
    return "bf16" if _multiplies_bfloat16(device) else "32"


def describe(device: torch.device, precision: str) -> str:
    """Return a device's name and what it computes in, for people."""
    kind = "bfloat16 convolutions" if precision == "bf16" else "float32"
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, {kind}"
    n = torch.get_num_threads()
    return f"CPU, {n} {'thread' if n == 1 else 'threads'}, {kind}"


def use_precision(net: nn.Module, precision: str, device: torch.device) -> str:
    """Let every encoder in a model compute in bfloat16, under autocast, if `precision` says so.

    Weights, gradients and what encoders return stay float32; so does all that follows them: matches, hops, logits.

    Returns
    -------
    What the model computes in: "bf16", or "32" if it has no encoder or is not asked to.
    """
    encoders = [module.encoder for module in net.modules() if hasattr(module, "encoder")]
    if precision != "bf16" or not encoders:
        return "32"
    for encoder in encoders:
        for name in ("trunk", "forward"):
            if hasattr(encoder, name):
                setattr(encoder, name, _in_bfloat16(getattr(encoder, name), device))
    return "bf16"


def keep_memory() -> None:
    """Let glibc keep the memory that tensors free, where it would give it back to the system at once.

    A third of a training step on a CPU would go into asking for it again, page by page. Elsewhere nothing happens.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _MOST)
        mallopt(_TRIM_THRESHOLD, _MOST)


def _in_bfloat16(method, device: torch.device):
    """Return a method that computes under autocast and returns float32."""

    def call(x: torch.Tensor) -> torch.Tensor:
        with torch.autocast(device.type, torch.bfloat16):
            return method(x).float()

    return call


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type != "cpu":
        return False
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def _devices() -> str:
    count = torch.cuda.device_count()
    return "cpu" + "".join(f", cuda:{i}" for i in range(count))
