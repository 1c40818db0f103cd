"""Models: one contract for every variant, the paper's equations in loops, networks side by side."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import reference
import torch
from given import TRAINED, remember, scatter

from pmntool.inference import one_hot
from pmntool.losses import total_loss
from pmntool.models import BUILDERS, Hyperparameters, Scannable, build, label_groups
from pmntool.models.dropout import Dropout
from pmntool.models.pmn import cosine
from pmntool.variants import VARIANTS, WITH_PROTOTYPES

HP = Hyperparameters(channels=(6, 5, 4), widths=(5, 3, 2), dropout=0.2, hops=3)
FIELD = 8  # bp, of these widths
W, L = 24, 3
AS_PUBLISHED = ("deepbind", "deepsea", "danq", "dilated")

SIZES = {variant: build(variant, ["tf"], HP).receptive_field + W - FIELD for variant in BUILDERS}  # bp of a window

every_variant = pytest.mark.parametrize("variant", BUILDERS)
every_trained = pytest.mark.parametrize("variant", TRAINED)
not_as_published = pytest.mark.parametrize("variant", [v for v in TRAINED if v not in AS_PUBLISHED])


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def make(variant: str, *, n_labels: int = L, seed: int = 0, **changes) -> torch.nn.Module:
    torch.manual_seed(seed)
    hp = HP._replace(**{"window": SIZES[variant]} | changes)
    model = build(variant, [f"tf{label}@{label % 2}" for label in range(n_labels)], hp)
    for module in model.modules():
        if isinstance(module, Dropout):
            module.rate = min(module.rate, hp.dropout)  # published rates too
    return remember(model, hp.window, n_labels)


def windows(n: int, window: int = W, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Return random codes (n, window), N among them, and targets (n, L)."""
    rng = np.random.default_rng(seed)
    return (
        torch.from_numpy(rng.choice(5, (n, window), p=[0.24] * 4 + [0.04]).astype(np.uint8)),
        torch.from_numpy(rng.integers(0, 2, (n, L)).astype(np.float32)),
    )


def test_the_registry_and_the_names_are_one():
    assert list(BUILDERS) == list(VARIANTS)
    assert tuple(v for v in BUILDERS if make(v)(one_hot(windows(2, SIZES[v])[0])).match is not None) == WITH_PROTOTYPES
    with pytest.raises(KeyError):
        build("pnm", ["tf"], HP)


def test_the_paper_s_sizes_are_the_default():
    assert Hyperparameters()._replace(dropout=None) == ((512, 256, 128), (9, 5, 3), None, 5, 20, "off", 200)


@every_variant
def test_shapes(variant):
    output = make(variant)(one_hot(windows(5, SIZES[variant])[0]))
    for tensor in (output.logits, output.match) if variant in WITH_PROTOTYPES else (output.logits,):
        assert tensor.shape == (5, L)
        assert tensor.dtype == torch.float32
        assert tensor.isfinite().all()
    assert output.match is None or ((output.match >= 0) & (output.match <= 1)).all()


@every_variant
def test_a_window_s_answer_is_its_own(variant):
    model, x = scatter(make(variant, sharpness=3.0), std=0.5).eval(), one_hot(windows(9, SIZES[variant])[0])
    order = torch.randperm(9, generator=torch.Generator().manual_seed(0))
    company, permuted, alone = model(x), model(x[order]), [model(window[None]) for window in x]
    for which in ("logits", "match") if variant in WITH_PROTOTYPES else ("logits",):
        expected = getattr(company, which)
        assert expected.std(dim=0).min() > 1e-3  # windows differ, so that a mix-up shows
        one_by_one = torch.cat([getattr(output, which) for output in alone])
        torch.testing.assert_close(one_by_one, expected, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(getattr(permuted, which), expected[order], rtol=1e-5, atol=1e-5)


@every_trained
def test_eval_is_deterministic_and_training_is_not(variant):
    model, x = make(variant), one_hot(windows(9, SIZES[variant])[0])
    assert torch.equal(model(x).logits, model(x).logits) == (variant == "dilated")  # which has no dropout
    model.eval()
    assert torch.equal(model(x).logits, model(x).logits)


@every_trained
@pytest.mark.parametrize("prototype_weight", [0, 1])
def test_gradient_reaches_every_parameter(variant, prototype_weight):
    """With λ = 0 the prototypes still learn, through the read vector of eq. 5."""
    model, (codes, y) = make(variant, dropout=0.0), windows(64, SIZES[variant])
    total_loss(model(one_hot(codes), y), y, prototype_weight).backward()
    for name, parameter in model.named_parameters():
        rows = parameter.grad.abs().flatten(1).sum(1) if parameter.ndim > 1 else parameter.grad.abs()
        assert parameter.grad.isfinite().all(), name
        may_rest = "encoder" in name or "hidden" in name  # a kernel or unit may be dead under ReLU
        assert (rows > 0).any() if may_rest else (rows > 0).all(), name


@every_trained
def test_overfits_16_windows(variant):
    model, (codes, y) = make(variant, channels=(16, 16, 16), dropout=0.0), windows(16, SIZES[variant])
    x = one_hot(codes)
    adam = torch.optim.Adam(model.parameters(), lr=0.001 if variant in ("deepsea", "danq") else 0.01)  # wide ones
    losses: list[float] = []
    for _ in range(300):
        if losses and losses[-1] < 0.05 * losses[0]:
            break
        loss = total_loss(model(x, y), y, 1)
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.05 * losses[0]


@every_variant
def test_window_of_nothing_but_n(variant):
    model, (codes, y) = make(variant), windows(4, SIZES[variant])
    codes[1:3] = 4
    for without_direction in (False, True):
        if without_direction:  # negative biases: the embedding of such a window is all zeros, and so is its cosine
            for name, parameter in model.named_parameters():
                if "encoder" in name and name.endswith("bias"):
                    torch.nn.init.constant_(parameter, -1.0)
            assert not isinstance(model, Scannable) or not model.trunk(one_hot(codes[1:3])).any()
        output = model(one_hot(codes), y)
        if variant in TRAINED:
            total_loss(output, y, 1).backward()
        assert all(tensor.isfinite().all() for tensor in output if tensor is not None)
        assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


@every_trained
def test_the_seed_decides_the_weights(variant):
    weights, same, other = (make(variant, seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(weights[name], same[name]) for name in weights)
    drawn = [name for name, value in weights.items() if value.is_floating_point() and value.ndim and value.any()]
    assert not any(torch.equal(weights[name], other[name]) for name in drawn)
    assert set(dict(make(variant).named_parameters())) - set(drawn) <= {"threshold", "log_scale"}  # constants


@every_variant
def test_groups_share_out_weights_and_labels(variant):
    model = make(variant)
    groups = label_groups(model, L)
    assert sorted(label for _, labels in groups for label in labels) == list(range(L))
    for name in model.state_dict():
        assert sum(name.startswith(prefix) for prefix, _ in groups) == 1
    assert len(groups) == (L if variant in ("cnn-single", "deepbind") else 1)


@not_as_published
def test_a_feature_sees_its_receptive_field(variant):
    model, x = make(variant).eval(), one_hot(windows(1)[0])
    features = model.trunk(x)
    assert model.receptive_field == FIELD
    assert features.shape[2] == W - FIELD + 1
    seen = set()
    for place in range(W):
        changed = x.clone()
        changed[:, :, place] = 5 * torch.rand(4)
        moved = (model.trunk(changed) != features).any(dim=1)[0].nonzero().flatten()
        assert all(position <= place < position + FIELD for position in moved.tolist())
        seen |= {place - position for position in moved.tolist()}
    assert seen == set(range(FIELD))


@every_variant
@pytest.mark.parametrize(
    "change",
    [{"channels": (6, 5, 3)}, {"widths": (5, 3, 1)}, {"dropout": 0.5}, {"hops": 2}, {"sharpness": 3.0}],
    ids=lambda change: next(iter(change)),
)
def test_a_variant_takes_the_sizes_that_change_what_it_computes(variant, change):
    codes, y = windows(8, SIZES[variant])
    found = []
    for hp in (HP, HP._replace(**change)):
        torch.manual_seed(0)
        model = remember(build(variant, ["a", "b", "c"], hp._replace(window=SIZES[variant])), SIZES[variant], L)
        torch.manual_seed(1)  # of dropout
        found.append(model.train()(one_hot(codes), y).logits)
    assert torch.equal(*found) != (change.keys() <= set(VARIANTS[variant].sizes))


# Comparators as published


@pytest.mark.parametrize("variant", AS_PUBLISHED)
def test_as_published_reads_a_window_as_a_whole(variant):
    model = make(variant)
    assert not isinstance(model, Scannable)
    weights = make(variant, channels=(3, 2), widths=(9, 8), dropout=0.5, hops=1, sharpness=1.0).state_dict()
    assert all(torch.equal(weights[name], value) for name, value in model.state_dict().items())
    shortest = model.receptive_field
    for window in (shortest, shortest + 1, shortest + 40, 200):
        assert make(variant, window=window).eval()(one_hot(windows(3, window)[0])).logits.shape == (3, L)
    assert make(variant, window=shortest - 1).receptive_field == shortest  # built, so that the trainer can say so


def all_layers(weights: dict[str, np.ndarray], prefix: str = "") -> list[tuple[np.ndarray, np.ndarray]]:
    """Return weights and biases of the convolutions and dense layers in order."""
    names = [name.removesuffix("weight") for name in weights if name.startswith(prefix) and name.endswith(".weight")]
    return [(weights[f"{name}weight"], weights[f"{name}bias"]) for name in names]


@pytest.mark.parametrize("variant", AS_PUBLISHED)
@pytest.mark.parametrize("window", [0, 200])
def test_as_published_in_numpy(variant, window):
    window = window or SIZES[variant]
    model = scatter(make(variant, window=window), std=0.5).eval()
    codes, _ = windows(2, window)
    w = {name: value.double().numpy() for name, value in model.state_dict().items()}
    for row, found in zip(codes, model(one_hot(codes)).logits, strict=True):
        x = reference.one_hot(row.tolist())
        if variant == "deepbind":
            expected = [reference.deepbind(x, *all_layers(w, f"nets.{label}.")) for label in range(L)]
        elif variant == "danq":
            names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            first, dense, output = all_layers(w)
            ways = [{n: w[f"encoder.4.lstm.{n}_l0{end}"] for n in names} for end in ("", "_reverse")]
            expected = reference.danq(x, first, *ways, dense, output)
        else:
            expected = {"deepsea": reference.deepsea, "dilated": reference.dilated}[variant](x, all_layers(w))
        np.testing.assert_allclose(found.detach(), np.ravel(expected), rtol=1e-4, atol=1e-4)


def test_published_rates_of_dropout():
    expected = {"deepbind": [0.5, 0.5], "deepsea": [0.2, 0.2, 0.5], "danq": [0.2, 0.5], "dilated": []}
    for variant in AS_PUBLISHED:
        modules = build(variant, ["a", "b"], Hyperparameters(dropout=0.1)).modules()
        assert [module.rate for module in modules if isinstance(module, Dropout)] == expected[variant]


def n_parameters(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("variant", AS_PUBLISHED)
def test_the_docs_say_the_number_of_parameters(variant):
    text = (Path(__file__).parents[1] / "docs" / "models.md").read_text()
    figure = re.search(rf"^\| `{variant}` \|.* ([\d,]+) \|$", text, re.MULTILINE)[1]
    assert n_parameters(build(variant, ["tf"] * 87, Hyperparameters())) == int(figure.replace(",", ""))


def test_published_sizes_of_1000_bp():
    """DanQ's 46,926,479 parameters (counted by Li et al. 2021, DeepATT), and the second bias of torch's LSTM cells."""
    hp = Hyperparameters(window=1000)
    assert n_parameters(build("danq", ["feature"] * 919, hp)) == 46_926_479 + 2 * 4 * 320
    assert build("deepsea", ["feature"] * 919, hp).encoder[-2].in_features == 53 * 960
    dilations = [[m.dilation[0] for m in build("dilated", ["tf"], hp._replace(window=window)).modules()
                  if isinstance(m, torch.nn.Conv1d)][1:] for window in (1000, 200, 128)]  # fmt: skip
    assert dilations == [[2, 4, 8, 16, 32, 64, 128, 256, 512], [2, 4, 8, 16, 32, 64, 128], [2, 4, 8, 16, 32, 64]]


# The paper's equations


def layers(weights: dict[str, np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return kernels and biases of the convolutions in order."""
    names = [
        name.removesuffix(".weight") for name, value in weights.items() if name.endswith("weight") and value.ndim == 3
    ]
    return [(weights[f"{name}.weight"], weights[f"{name}.bias"]) for name in names]


def by_loops(variant: str, model: torch.nn.Module, codes: np.ndarray, hp: Hyperparameters):
    """Return logits and match (L,) of one window by `reference`."""
    w = {name: value.double().numpy() for name, value in model.state_dict().items()}
    x = reference.one_hot(codes)
    if variant == "cnn-single":
        nets = [{k.removeprefix(f"nets.{j}."): v for k, v in w.items() if k.startswith(f"nets.{j}.")} for j in range(L)]
        return np.concatenate([reference.cnn(x, layers(n), n["output.weight"], n["output.bias"]) for n in nets]), None
    if variant == "cnn":
        return reference.cnn(x, layers(w), w["output.weight"], w["output.bias"]), None
    if variant == "prototypical":
        scale = math.exp(w["log_scale"])
        return reference.prototypical(reference.encode(x, layers(w)), w["centroids"], w["threshold"], scale), None
    if variant == "matching-net":
        support = [reference.encode(reference.one_hot(row), layers(w)) for row in model.codes.tolist()]
        cell = {name.split(".")[-1]: value for name, value in w.items() if name.startswith("reader.cell.")}
        embedding = reference.encode(x, layers(w))
        return reference.matching_net(embedding, support, model.members.tolist(), cell, hp.hops, hp.sharpness), None
    if variant == "cnn-rnn":
        return reference.cnn_rnn(reference.encode(x, layers(w)), w)[0], None
    if variant == "tfimpute":
        known = [(w["tfs.weight"][label], w["cells.weight"][label % 2]) for label in range(L)]
        dense = [(w[f"{name}.weight"], w[f"{name}.bias"]) for name in ("gate", "hidden", "output")]
        return reference.tfimpute(reference.encode(x, layers(w)), known, *dense), None
    cell = {name.split(".")[-1]: value for name, value in w.items() if name.startswith("matcher.cell.")}
    return reference.pmn(
        x, layers(w), 10 * w["lookup"], cell, w["output.weight"], w["output.bias"],
        hops=hp.hops, sharpness=hp.sharpness, softmax_before_last=variant == "pmn-softmax",
    )  # fmt: skip


@not_as_published
@pytest.mark.parametrize(("hops", "sharpness"), [(1, 20.0), (2, 3.0), (5, 20.0)])
def test_equations(variant, hops, sharpness):
    hp = HP._replace(hops=hops, sharpness=sharpness)
    model = scatter(make(variant, hops=hops, sharpness=sharpness), std=0.5).eval()
    codes, _ = windows(4)
    logits, match, _loss = model(one_hot(codes))
    for b in range(4):
        expected, weights = by_loops(variant, model, codes[b].tolist(), hp)
        np.testing.assert_allclose(logits[b].detach(), expected, rtol=1e-5, atol=1e-5)
        if weights is not None:
            np.testing.assert_allclose(match[b].detach(), weights, rtol=0, atol=1e-5)


def test_cosine():
    u = torch.tensor([[3.0, 4.0], [0.0, 0.0], [-1e-3, 0.0]], requires_grad=True)
    v = torch.tensor([[1.0, 0.0], [0.0, 0.0], [-6.0, -8.0]], requires_grad=True)
    found = cosine(u, v)
    torch.testing.assert_close(found, torch.tensor([[0.6, 0, -1], [0, 0, 0], [-1, 0, 0.6]]))
    found.sum().backward()
    assert u.grad.isfinite().all()
    assert v.grad.isfinite().all()


# Networks side by side


def test_a_label_depends_on_its_own_network_only():
    model, (codes, _y) = make("cnn-single", dropout=0.0), windows(8)
    x = one_hot(codes)
    before = model(x).logits
    before[:, 1].sum().backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None and parameter.grad.any()) == name.startswith("nets.1."), name
    with torch.no_grad():
        for parameter in model.nets[1].parameters():
            parameter.add_(0.1)
    moved = (model(x).logits != before).any(dim=0)
    assert moved.tolist() == [False, True, False]
    torch.testing.assert_close(model.head(model.trunk(x).amax(dim=2)).logits, model(x).logits)


def test_side_by_side_learns_as_each_alone():
    def learn(model, y):
        adam = torch.optim.Adam(model.parameters(), lr=0.01)
        for step in range(20):
            rows = slice(8 * (step % 4), 8 * (step % 4) + 8)
            adam.zero_grad()
            total_loss(model(x[rows]), y[rows], 1).backward()
            adam.step()

    together, (codes, y) = make("cnn-single", dropout=0.0), windows(32)
    x = one_hot(codes)
    for label in range(L):
        alone = make("cnn", n_labels=1, dropout=0.0)
        alone.load_state_dict(make("cnn-single", dropout=0.0).nets[label].state_dict())
        learn(alone, y[:, [label]])
        if label == 0:
            learn(together, y)
        for name, weight in together.nets[label].state_dict().items():
            torch.testing.assert_close(weight, alone.state_dict()[name], rtol=0, atol=1e-6)
