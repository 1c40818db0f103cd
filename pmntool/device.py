"""What a command computes on: the device, the precision of its convolutions, the memory that torch works in."""

from __future__ import annotations

import torch
from torch import nn

from pmntool.errors import InputError
from pmntool.machine import keep_memory
from pmntool.variants import PRECISIONS


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
    except RuntimeError as error:
        raise InputError(
            f"--device {name}: expected auto, cpu, cuda or cuda:N; this machine has {_devices()}"
        ) from error
    try:
        torch.ones(1, device=device).item()  # a device that cannot compute says so
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        first = str(error).strip().splitlines()[0]
        raise InputError(f"--device {name}: not to be had here ({first}); this machine has {_devices()}") from error
    if device.type == "cpu":
        keep_memory()
    return device


def choose_precision(name: str, device: torch.device) -> str:
    """Return "32", "tf32" or "bf16"; "auto" is bf16 where the device itself multiplies bfloat16 (docs/benchmarks.md).

    Raises
    ------
    InputError
        There is no such precision, or this device does not have it.
    """
    if name not in PRECISIONS:
        raise InputError(f"--precision {name}: expected one of {', '.join(PRECISIONS)}")
    if name == "tf32" and device.type != "cuda":
        raise InputError(f"--precision tf32: for NVIDIA GPUs only, and this is {device.type}; expected 32 or bf16")
    if name != "auto":
        return name
    return "bf16" if _multiplies_bfloat16(device) else "32"


def describe(device: torch.device, precision: str) -> str:
    """Return a device's name and what it computes in, for people."""
    kind = {"32": "float32", "tf32": "TF32", "bf16": "bfloat16 convolutions"}[precision]
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, {kind}"
    n = torch.get_num_threads()
    return f"CPU, {n} {'thread' if n == 1 else 'threads'}, {kind}"


def use_precision(net: nn.Module, precision: str, device: torch.device) -> str:
    """Let every encoder in a model compute in bfloat16, under autocast, if `precision` says so.

    Weights, gradients and what encoders return stay float32; so does all that follows them: matches, hops, logits. On a
    GPU, "32" is float32 throughout, where torch by itself would give convolutions TF32.

    Returns
    -------
    What the model computes in: `precision`, or "32" if that is bf16 and the model has no encoder.
    """
    if device.type == "cuda":
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    encoders = [module.encoder for module in net.modules() if hasattr(module, "encoder")]
    if precision != "bf16":
        return precision
    if not encoders:
        return "32"
    for encoder in encoders:
        for name in ("trunk", "forward"):
            if hasattr(encoder, name):
                setattr(encoder, name, _in_bfloat16(getattr(encoder, name), device))
    return "bf16"


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
