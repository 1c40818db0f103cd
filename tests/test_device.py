"""Devices and precision: what is there, what it is called, and what bfloat16 leaves alone."""

import pytest
import torch
from given import TRAINED, random_windows, remember

from pmntool.device import choose_device, choose_precision, describe, use_precision
from pmntool.errors import InputError
from pmntool.models import Hyperparameters, build

CPU = torch.device("cpu")


def test_choose_device(monkeypatch):
    assert choose_device("cpu") == CPU
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == CPU


@pytest.mark.parametrize("name", ["gpu", "", "cpu:x"])
def test_no_name_of_a_device(name):
    with pytest.raises(InputError, match=f"^--device {name}: expected auto, cpu, cuda or cuda:N; this machine has cpu"):
        choose_device(name)


def test_a_device_that_is_not_there():
    with pytest.raises(InputError, match=r"^--device cuda:99: not to be had here \(.+\); this machine has cpu"):
        choose_device("cuda:99")


def test_a_device_that_cannot_compute():
    with pytest.raises(InputError, match="^--device meta: not to be had here"):
        choose_device("meta")


@pytest.mark.parametrize("there", [False, True])
def test_auto_is_bfloat16_where_the_processor_knows_it(there, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: there)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert choose_precision("auto", CPU) == ("bf16" if there else "32")
    assert choose_precision("32", CPU) == "32"
    assert choose_precision("bf16", CPU) == "bf16"


def test_a_precision_that_is_none():
    with pytest.raises(InputError, match="^--precision 16: expected one of auto, 32, tf32, bf16$"):
        choose_precision("16", CPU)


def test_tf32_is_of_gpus():
    with pytest.raises(InputError, match="^--precision tf32: for NVIDIA GPUs only, and this is cpu"):
        choose_precision("tf32", CPU)
    assert choose_precision("tf32", torch.device("cuda")) == "tf32"


@pytest.mark.parametrize(("precision", "allowed"), [("32", False), ("tf32", True), ("bf16", False)])
def test_float32_on_a_gpu_is_float32(precision, allowed):
    convolutions, products = torch.backends.cudnn, torch.backends.cuda.matmul
    before = convolutions.allow_tf32, products.allow_tf32
    try:
        convolutions.allow_tf32 = products.allow_tf32 = not allowed
        assert use_precision(torch.nn.Identity(), precision, torch.device("cuda")) == precision.replace("bf16", "32")
        assert convolutions.allow_tf32 == products.allow_tf32 == allowed
    finally:
        convolutions.allow_tf32, products.allow_tf32 = before


def test_describe():
    assert describe(CPU, "32").endswith(", float32")
    assert describe(CPU, "bf16").endswith(", bfloat16 convolutions")
    assert describe(CPU, "tf32").endswith(", TF32")


@pytest.mark.parametrize("variant", TRAINED)
def test_bfloat16_changes_an_encoder_and_little_else(variant):
    torch.manual_seed(0)
    net = remember(build(variant, ["a", "b", "c"], Hyperparameters()._replace(window=200)), 200, 3).eval()
    windows = random_windows(16, 200, 3, seed=1)
    x = windows.x(torch.arange(16))
    with torch.inference_mode():
        exact = net(x).logits
        assert use_precision(net, "bf16", CPU) == "bf16"
        found = net(x).logits
    assert found.dtype == torch.float32
    assert not torch.equal(found, exact)
    assert (found - exact).abs().max() < 0.02 * max(1.0, float(exact.abs().max()))


@pytest.mark.parametrize("variant", ["cnn", "pmn", "danq"])
def test_weights_and_gradients_stay_float32(variant):
    net = build(variant, ["a", "b", "c"], Hyperparameters()._replace(channels=(8, 8, 8)))
    use_precision(net, "bf16", CPU)
    windows = random_windows(16, 200, 3, seed=1)
    net(windows.x(torch.arange(16))).logits.square().sum().backward()
    assert {weight.dtype for weight in net.parameters()} == {torch.float32}
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in net.output.parameters())
    first = next(net.parameters())
    assert first.grad.dtype == torch.float32 and first.grad.abs().sum() > 0


def test_float32_is_left_as_it_is():
    net = build("cnn", ["a"], Hyperparameters())
    assert use_precision(net, "32", CPU) == "32"
    assert "forward" not in vars(net.encoder)


def test_a_model_without_an_encoder_is_float32():
    assert use_precision(build("gc", ["a"], Hyperparameters()), "bf16", CPU) == "32"
