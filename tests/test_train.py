"""Training: the run's files, resuming, the best epoch, what must not be touched, and that something is learnt."""

import copy
import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
from given import taken

from pmntool import checkpoint, epochs, metrics
from pmntool.checkpoint import Run
from pmntool.dataset import Dataset, write_arrays, write_meta
from pmntool.errors import CheckpointError, DatasetError, InputError, MismatchError, OutputError, PmnError
from pmntool.inference import scan
from pmntool.models import Hyperparameters
from pmntool.progress import Progress
from pmntool.verbs import train as module
from pmntool.verbs.train import Settings, train

WINDOW, STRIDE = 40, 20  # bp
COUNTS = {"train": 300, "valid": 120, "test": 40}  # windows
TFS = ["A", "B", "C"]
MOTIFS = [[0, 3, 3, 1, 2, 0, 2], [2, 2, 1, 3, 0, 1, 1], [3, 1, 0, 0, 1, 3, 2]]
HP = Hyperparameters(channels=(8, 8, 8), widths=(5, 3, 3), dropout=0.2, hops=2, window=WINDOW)
SETTINGS = Settings(learning_rate=0.01, batch_size=64, epochs=2, precision="32")
CPU = torch.device("cpu")
REMEMBERING = ["cnn-rnn", "matching-net", "prototypical"]


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def no_curves(monkeypatch):
    """Leave out the figure, which takes longer than the epoch."""
    monkeypatch.setattr(module.plots, "curves", lambda runs, path: None)


class Made(NamedTuple):
    """A dataset's arrays, labels unpacked."""

    codes: np.ndarray
    offsets: np.ndarray
    y: np.ndarray

    def rows(self, split: str) -> slice:
        names = list(COUNTS)
        first = sum(COUNTS[name] for name in names[: names.index(split)])
        return slice(first, first + COUNTS[split])

    def copy(self) -> "Made":
        return copy.deepcopy(self)


def make(seed: int = 0) -> Made:
    """Plant each TF's motif in a third of the windows, which are positive where the whole motif lies in them."""
    rng = np.random.default_rng(seed)
    codes, offsets, y = [], [], []
    for count in COUNTS.values():
        length = (count - 1) * STRIDE + WINDOW
        part, sites = rng.integers(0, 4, length, dtype=np.uint8), [[] for _ in TFS]
        for place in range(2, length - 10, 11):
            if rng.random() < 0.5:
                tf = rng.integers(len(TFS))
                part[place : place + 7] = MOTIFS[tf]
                sites[tf].append(place)
        starts = np.arange(count) * STRIDE
        offsets.append(starts + sum(map(len, codes)))
        codes.append(part)
        y.append([[any(s <= p and p + 7 <= s + WINDOW for p in places) for places in sites] for s in starts])
    return Made(np.concatenate(codes), np.concatenate(offsets), np.concatenate(y).astype(np.uint8))


def write(folder: Path, made: Made, tfs: list[str] = TFS) -> Path:
    folder.mkdir(parents=True)
    split = np.repeat(list(COUNTS), list(COUNTS.values()))
    windows = pd.DataFrame({"chrom": "c", "start": made.offsets, "end": made.offsets + WINDOW, "split": split})
    files = write_arrays(folder, windows, made.codes, made.offsets, np.packbits(made.y, axis=1))
    splits = {name: {"windows": count} for name, count in COUNTS.items()}
    sizes = {"window": WINDOW, "stride": STRIDE, "negatives": 0.0}
    write_meta(folder, {"tfs": tfs, **sizes, "splits": splits, "chroms": {}, "files": files})
    return folder


@pytest.fixture(scope="module")
def made() -> Made:
    return make()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory, made) -> Path:
    return write(tmp_path_factory.mktemp("dataset") / "dataset", made)


def go(dataset: Path, output: Path, hp: Hyperparameters = HP, **changes) -> Run:
    """Train with SETTINGS but for `changes`, of which some are train's own arguments."""
    own = {key: changes.pop(key) for key in ("tfs", "motifs", "resume", "force", "progress") if key in changes}
    settings = SETTINGS._replace(**changes)
    return train(dataset, output, settings, taken(HP, settings.variant) if hp is HP else hp, device="cpu", **own)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def same_weights(a: Run, b: Run, which: str = "last") -> bool:
    a, b = a.tensors(which), b.tensors(which)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


# The run


def test_the_run_folder(dataset, tmp_path):
    run = go(dataset, tmp_path / "deep" / "run", epochs=3)
    best = max(run.meta["best_epochs"])
    names = {f"best-{best:04d}.safetensors", "last-0003.safetensors", "run.json", "epochs.tsv", "epochs.png"}
    assert content(run.path).keys() == names
    assert [path.name for path in run.path.parent.iterdir()] == ["run"]
    assert (run.path / "epochs.png").read_bytes().startswith(b"\x89PNG")
    table = pd.read_csv(run.path / "epochs.tsv", sep="\t")
    pd.testing.assert_frame_equal(table, pd.DataFrame(run.meta["epochs"]), check_exact=False, rtol=1e-12)
    assert table["epoch"].tolist() == [1, 2, 3]
    assert not table.isna().any(axis=None)
    assert {"train_loss", "valid_loss", "train_auroc", "valid_auroc", "valid_aupr"} < set(table.columns)
    assert (run.variant, run.tfs, run.window, run.stride) == ("pmn", TFS, WINDOW, STRIDE)
    assert run.meta["dataset"]["sha256"] == Dataset(dataset).checksum
    assert checkpoint.hyperparameters(run.meta) == HP
    assert run.meta["settings"] | {"variant": "pmn"} == SETTINGS._replace(epochs=3)._asdict()


@pytest.mark.parametrize("variant", ["pmn", "cnn-single", *REMEMBERING])
def test_a_resumed_run_equals_an_uninterrupted_one(dataset, tmp_path, variant):
    whole = go(dataset, tmp_path / "a" / "run", variant=variant, epochs=4)
    go(dataset, tmp_path / "b" / "run", variant=variant, epochs=2)
    parts = go(dataset, tmp_path / "b" / "run", variant=variant, epochs=4, resume=True)
    assert content(parts.path) == content(whole.path)
    assert len(whole.meta["epochs"]) == 4


class KillAt(Progress):
    """Stop as Ctrl-C would, within an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch, self.steps = f"epoch {epoch}/", 0

    def start(self, what: str, total: int, unit: str) -> None:
        self.counts = what.startswith(self.epoch)

    def advance(self, count: int, note: str = "") -> None:
        self.steps += self.counts
        if self.steps == 2:
            raise KeyboardInterrupt


@pytest.mark.parametrize("where", ["within an epoch", "to_bytes", "write_json"])
def test_a_killed_run_can_be_resumed(dataset, tmp_path, monkeypatch, no_curves, where):
    whole = go(dataset, tmp_path / "whole", epochs=3)
    go(dataset, tmp_path / "run", epochs=1)

    def kill(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        if where != "within an epoch":
            patch.setattr(checkpoint, where, kill)
        go(dataset, tmp_path / "run", epochs=3, resume=True, progress=KillAt(2))
    assert content(go(dataset, tmp_path / "run", epochs=3, resume=True).path) == content(whole.path)


def test_killed_in_the_first_epoch_leaves_nothing(dataset, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        go(dataset, tmp_path / "run", progress=KillAt(1))
    assert list(tmp_path.iterdir()) == []


def test_resume_of_a_finished_run_changes_nothing(dataset, tmp_path, no_curves):
    before = content(go(dataset, tmp_path / "run").path)
    assert content(go(dataset, tmp_path / "run", resume=True).path) == before
    with pytest.raises(CheckpointError, match="no run there"):
        go(dataset, tmp_path / "other", resume=True)


def test_resume_clears_up_after_a_kill_behind_the_last_run_json(dataset, tmp_path):
    run = go(dataset, tmp_path / "run", epochs=2).path
    whole = content(run)
    (run / "epochs.tsv").write_text("\n".join((run / "epochs.tsv").read_text().splitlines()[:2]) + "\n")
    (run / "epochs.png").unlink()
    for stray in ("last-0001.safetensors", ".best-0003.safetensors.partial", ".epochs.png.partial"):
        (run / stray).write_bytes(b"half")
    go(dataset, run, epochs=2, resume=True)
    assert content(run) == whole


def test_what_is_kept_is_said_once_it_is(dataset, tmp_path, no_curves):
    said = []

    class Listens(Progress):
        def keep(self, what: str) -> None:
            said.append((what, (tmp_path / "run" / "run.json").exists()))

    go(dataset, tmp_path / "run", epochs=2, progress=Listens())
    kept = f"{tmp_path}/run keeps epochs 1 to"
    assert said == [
        ("no epoch is complete, so nothing is kept", False),
        (f"{kept} 1; go on with --resume", True),
        (f"{kept} 2; go on with --resume", True),
    ]


@pytest.fixture(scope="module")
def finished(tmp_path_factory, dataset) -> Run:
    return go(dataset, tmp_path_factory.mktemp("finished") / "run", epochs=1)


@pytest.mark.parametrize(
    ("changes", "hp", "named"),
    [
        ({"variant": "pmn-softmax"}, {}, "variant was pmn and is pmn-softmax now"),
        ({"prototype_weight": 0.5}, {}, "prototype_weight was 1.0 and is 0.5 now"),
        ({"learning_rate": 0.02}, {}, "learning_rate was 0.01 and is 0.02 now"),
        ({"batch_size": 32}, {}, "batch_size was 64 and is 32 now"),
        ({"seed": 1}, {}, "seed was 0 and is 1 now"),
        ({"select_by": "aupr"}, {}, "select_by was auroc and is aupr now"),
        ({"tfs": ["A", "B"]}, {}, "it was trained on other TFs"),
        ({}, {"dropout": 0.1}, "dropout was 0.2 and is 0.1 now"),
        ({}, {"channels": (8, 8, 4)}, r"channels was \[8, 8, 8\] and is \[8, 8, 4\] now"),
        ({}, {"hops": 3}, "hops was 2 and is 3 now"),
        ({}, {"sharpness": 10.0}, "sharpness was 20.0 and is 10.0 now"),
    ],
)
def test_resume_with_another_setting(dataset, finished, changes, hp, named):
    before = content(finished.path)
    with pytest.raises(MismatchError, match=f"run: cannot be resumed, {named}"):
        go(dataset, finished.path, HP._replace(**hp), resume=True, epochs=3, **changes)
    assert content(finished.path) == before


def test_resume_with_another_dataset(tmp_path, finished):
    other = write(tmp_path / "other", make(seed=9))
    with pytest.raises(MismatchError, match="trained on another dataset"):
        go(other, finished.path, resume=True, epochs=3)


def test_the_time_of_the_other_epochs_is_said_after_the_first(dataset, tmp_path, no_curves, caplog, monkeypatch):
    caplog.set_level("INFO", "pmntool")
    seconds = iter((100.0, 3700.0, 0.0, 30.0))
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    go(dataset, tmp_path / "run", epochs=3)
    go(dataset, tmp_path / "run", epochs=5, resume=True)
    said = [message for message in caplog.messages if " left, " in message]
    assert said == ["2 epochs left, about 2 h 0 min", "1 epoch left, about 30 s"]


def test_the_seed_decides(dataset, tmp_path, no_curves):
    a, b, c = (go(dataset, tmp_path / name, seed=seed) for name, seed in (("a", 5), ("b", 5), ("c", 6)))
    assert content(a.path) == content(b.path)
    assert not same_weights(a, c)
    assert a.meta["epochs"] != c.meta["epochs"]


def test_the_first_random_numbers_do_not_depend_on_what_ran_before(dataset, tmp_path, finished, no_curves):
    torch.manual_seed(12345)
    np.random.seed(1)
    assert same_weights(go(dataset, tmp_path / "run", epochs=1), finished)


def test_prototype_weight_matters(dataset, tmp_path, finished, no_curves):
    assert not same_weights(go(dataset, tmp_path / "run", epochs=1, prototype_weight=0.0), finished)


# What a model remembers


@pytest.mark.parametrize("variant", REMEMBERING)
def test_the_model_remembers_before_the_first_epoch_and_after_each(
    dataset, tmp_path, made, monkeypatch, no_curves, variant
):
    events, real = [], module.build

    def spy(*args):
        net = real(*args)
        inner = net.remember
        net.remember = lambda windows: (events.append(windows), inner(windows))
        return net

    def note(name):
        inner = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args, **more: (events.append(name), inner(*args, **more))[1])

    monkeypatch.setattr(module, "build", spy)
    note("run_epoch")
    note("measure")
    go(dataset, tmp_path / "run", variant=variant)
    go(dataset, tmp_path / "run", variant=variant, epochs=3, resume=True)
    windows = events[0]
    epoch = ["run_epoch", "remember", "measure"]
    assert [event if isinstance(event, str) else "remember" for event in events] == ["remember", *3 * epoch]
    rows = torch.arange(len(windows))
    train = made.rows("train")
    assert windows.y(rows).tolist() == made.y[train].tolist()
    codes = [made.codes[offset : offset + WINDOW].tolist() for offset in made.offsets[train]]
    assert windows.x(rows).argmax(dim=1).tolist() == codes


# Variants without parameters


@pytest.fixture(scope="module")
def motifs(tmp_path_factory) -> Path:
    """Write the planted motifs of A and B, and none of C."""
    path = tmp_path_factory.mktemp("motifs") / "known.pfm"
    counts = {tf: "\n".join(" ".join("9" if n == base else "0" for n in MOTIFS[i]) for base in range(4))
              for i, tf in enumerate("AB")}  # fmt: skip
    path.write_text("".join(f">{tf}\n{rows}\n" for tf, rows in counts.items()))
    return path


@pytest.mark.parametrize(("variant", "least"), [("pwm", 0.95), ("kmer", 0.6), ("gc", 0)])
def test_a_variant_without_parameters(dataset, tmp_path, no_curves, motifs, variant, least):
    more = {"motifs": motifs} if variant == "pwm" else {}
    run = go(dataset, tmp_path / "run", variant=variant, **more)
    assert [row["epoch"] for row in run.meta["epochs"]] == [1]
    data = Dataset(dataset)
    logits = scan(run.model(CPU), *data.stretch("valid"), WINDOW, CPU)
    auroc = metrics.evaluate_labels(data.targets("valid"), logits).auroc
    assert run.meta["epochs"][0]["valid_auroc"] == pytest.approx(auroc.mean())
    assert auroc[:2].min() > least
    assert variant != "pwm" or auroc[2] == 0.5
    before = content(run.path)
    assert content(go(dataset, tmp_path / "run", variant=variant, resume=True, **more).path) == before
    assert content(go(dataset, tmp_path / "again" / "run", variant=variant, **more).path) == before


def test_the_run_says_its_motifs_and_holds_them(dataset, tmp_path, no_curves, motifs):
    copy = tmp_path / "gone.pfm"
    shutil.copy(motifs, copy)
    run = go(dataset, tmp_path / "run", variant="pwm", motifs=copy)
    copy.unlink()
    assert run.meta["motifs"]["file"] == "gone.pfm"
    assert run.meta["motifs"]["used"] == {"A": ["A"], "B": ["B"], "C": []}
    assert run.model(CPU).receptive_field == 7
    assert str(tmp_path) not in (run.path / "run.json").read_text()


def test_motifs_that_do_not_fit(dataset, tmp_path, no_curves, motifs):
    for variant, given, sentence in (("cnn", motifs, "takes no motifs"), ("pwm", None, "needs a file of known motifs")):
        with pytest.raises(InputError, match=f"^--motifs: {variant} {sentence}$"):
            go(dataset, tmp_path / "run", variant=variant, motifs=given)
    wide = tmp_path / "wide.pfm"
    wide.write_text(">A\n" + "\n".join(["1 " * 41] * 4))
    with pytest.raises(InputError, match="^pwm reads 41 bp at these sizes, more than the dataset's 40$"):
        go(dataset, tmp_path / "run", variant="pwm", motifs=wide)
    go(dataset, tmp_path / "run", variant="pwm", motifs=motifs)
    wide.write_text(motifs.read_text().replace("9", "8"))
    with pytest.raises(MismatchError, match="run: cannot be resumed, it was made of other motifs"):
        go(dataset, tmp_path / "run", variant="pwm", motifs=wide, resume=True)


# The best epoch


def script(monkeypatch, *epochs: list[float]) -> list[dict[str, torch.Tensor]]:
    """Let the epochs have these validation metrics; return a list that gains the weights after each."""
    rows, weights = iter(epochs), []
    names = ("valid_loss", "train_auroc", "valid_auroc", "valid_aupr", "valid_recall_at_fdr")

    def measure(model, *_):
        weights.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
        return dict.fromkeys(names, 0.5), np.array(next(rows))

    monkeypatch.setattr(module, "measure", measure)
    return weights


@pytest.mark.parametrize(
    ("variant", "best"),
    [("pmn", {"": 3}), ("prototypical", {"": 3}), ("cnn-single", {"nets.0.": 2, "nets.1.": 4, "nets.2.": 1})],
)
@pytest.mark.parametrize("resumed", [False, True])
def test_the_best_weights_are_those_of_the_best_epoch(
    dataset, tmp_path, monkeypatch, no_curves, variant, best, resumed
):
    values = [[0.6, 0.5, 0.9], [0.7, 0.6, 0.4], [0.7, 0.6, 0.8], [0.1, 0.7, 0.9], [0.6, 0.7, 0.3]]
    weights = script(monkeypatch, *values)
    if resumed:
        go(dataset, tmp_path / "run", variant=variant, epochs=3)
    run = go(dataset, tmp_path / "run", variant=variant, epochs=5, resume=resumed)
    assert run.meta["best_epochs"] == list(best.values())
    for name, tensor in run.model(CPU).state_dict().items():
        prefix = next(prefix for prefix in best if name.startswith(prefix))
        equal = [torch.equal(tensor, epoch[name]) for epoch in weights]
        assert equal == [epoch == best[prefix] for epoch in range(1, 6)], name


@pytest.mark.parametrize("select_by", metrics.NAMES)
@pytest.mark.parametrize("variant", ["pmn", "cnn-single", *REMEMBERING])
def test_the_best_weights_score_as_the_run_says(dataset, tmp_path, monkeypatch, no_curves, variant, select_by):
    seen, measure = [], module.measure

    def spy(*args):
        row, values = measure(*args)
        seen.append(values)
        return row, values

    monkeypatch.setattr(module, "measure", spy)
    run = go(dataset, tmp_path / "run", variant=variant, epochs=5, learning_rate=0.05, select_by=select_by)
    data = Dataset(dataset)
    logits = scan(run.model(CPU), *data.stretch("valid"), WINDOW, CPU)
    found = getattr(metrics.evaluate_labels(data.targets("valid"), logits), select_by)
    table = np.array(seen)  # (epochs, L)
    means = table.mean(axis=1)
    assert [row[f"valid_{select_by}"] for row in run.meta["epochs"]] == pytest.approx(means.tolist())
    if variant != "cnn-single":
        table, found = means[:, None], found.mean(keepdims=True)
    assert run.meta["best_epochs"] == (table.argmax(axis=0) + 1).tolist()
    np.testing.assert_allclose(run.meta["best_scores"], table.max(axis=0))
    np.testing.assert_allclose(found, table.max(axis=0))


def test_patience(dataset, tmp_path, monkeypatch, no_curves):
    values = [[0.5] * 3, [0.7] * 3, [0.7] * 3, [0.6] * 3, [0.9] * 3]  # equal is not better
    script(monkeypatch, *values)
    run = go(dataset, tmp_path / "run", epochs=5, patience=2)
    assert len(run.meta["epochs"]) == 4
    assert run.meta["best_epochs"] == [2]
    script(monkeypatch, *values)
    assert len(go(dataset, tmp_path / "never", epochs=5, patience=0).meta["epochs"]) == 5


def test_patience_waits_for_the_last_tf(dataset, tmp_path, monkeypatch, no_curves):
    script(monkeypatch, [0.5, 0.5, 0.5], [0.4, 0.4, 0.6], [0.4, 0.4, 0.5], [0.4, 0.4, 0.5], [0.9, 0.9, 0.9])
    run = go(dataset, tmp_path / "run", variant="cnn-single", epochs=5, patience=2)
    assert len(run.meta["epochs"]) == 4
    assert run.meta["best_epochs"] == [1, 1, 2]
    assert run.meta["best"]["epoch"] == 2


def test_a_metric_that_is_never_defined_keeps_the_first_epoch(dataset, tmp_path, monkeypatch, no_curves):
    script(monkeypatch, [0.5, np.nan, np.nan], [0.6, np.nan, 0.5])
    run = go(dataset, tmp_path / "run", variant="cnn-single")
    assert run.meta["best_epochs"] == [2, 1, 2]


# What goes wrong


@pytest.mark.parametrize("force", [False, True])
def test_loss_that_is_no_number_in_the_first_epoch(dataset, tmp_path, force):
    if force:
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "run.json").touch()
    with pytest.raises(PmnError, match=r"in epoch 1 the loss or the weights .* Try a --learning-rate below 1e\+30"):
        go(dataset, tmp_path / "run", learning_rate=1e30, force=force)
    left = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")]
    assert left == (["run", "run/run.json"] if force else [])


def test_weights_that_the_last_step_of_an_epoch_spoils(dataset, tmp_path):
    with pytest.raises(PmnError, match="Try a --learning-rate below"):
        go(dataset, tmp_path / "run", learning_rate=1e30, batch_size=COUNTS["train"])


@pytest.mark.parametrize("variant", ["pmn", "cnn-single", *REMEMBERING])
@pytest.mark.parametrize("positive", [slice(None), [5, 310, 450]], ids=["every window", "one window a split"])
def test_a_metric_that_is_not_defined(tmp_path, made, no_curves, variant, positive):
    """A single TF binds every window; a rare one is missing from the sample of training windows."""
    y = np.zeros((len(made.y), 1), np.uint8)
    y[positive] = 1
    run = go(write(tmp_path / "one", made._replace(y=y), ["A"]), tmp_path / "run", variant=variant, seed=3)
    assert len(run.meta["epochs"]) == 2


def test_loss_that_is_no_number_keeps_the_last_good_epoch(dataset, tmp_path, monkeypatch, no_curves):
    whole = go(dataset, tmp_path / "whole", epochs=3)
    with monkeypatch.context() as patch:
        calls, steps = [], 2 * -(-COUNTS["train"] // SETTINGS.batch_size)
        real = epochs.total_loss
        patch.setattr(
            epochs, "total_loss",
            lambda *args: real(*args) * (float("nan") if calls.append(0) or len(calls) > steps else 1),
        )  # fmt: skip
        with pytest.raises(PmnError, match=r"run: in epoch 3 .* epoch 2 is kept"):
            go(dataset, tmp_path / "run", epochs=3)
    assert len(Run(tmp_path / "run").meta["epochs"]) == 2
    assert content(go(dataset, tmp_path / "run", epochs=3, resume=True).path) == content(whole.path)


def test_an_output_that_exists(dataset, tmp_path, finished):
    shutil.copytree(finished.path, tmp_path / "run")
    before = content(finished.path)
    with pytest.raises(OutputError, match="exists already"):
        go(dataset, tmp_path / "run", epochs=1, progress=KillAt(1))
    assert content(tmp_path / "run") == before


def test_force_replaces_when_the_first_epoch_is_complete(dataset, tmp_path, finished, no_curves):
    there = []

    class Look(Progress):
        def start(self, what, total, unit):
            there.append((tmp_path / "run" / "old").exists())

        finish = advance = lambda self, *_: there.append((tmp_path / "run" / "old").exists())

    shutil.copytree(finished.path, tmp_path / "run")
    (tmp_path / "run" / "old").touch()
    with pytest.raises(KeyboardInterrupt):
        go(dataset, tmp_path / "run", force=True, progress=KillAt(1))
    assert content(tmp_path / "run") == content(finished.path) | {"old": b""}
    run = go(dataset, tmp_path / "run", force=True, seed=3, progress=Look())
    half = len(there) // 2
    assert there == [True] * half + [False] * half
    assert not (tmp_path / "run" / "old").exists()
    assert run.meta["settings"]["seed"] == 3
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize(
    ("settings", "hp", "named"),
    [
        ({"variant": "pnm"}, {}, "--variant pnm: expected one of cnn-single, "),
        ({"prototype_weight": -0.1}, {}, "--lambda -0.1"),
        ({"prototype_weight": float("nan")}, {}, "--lambda nan"),
        ({"learning_rate": 0.0}, {}, "--learning-rate 0"),
        ({"learning_rate": float("inf")}, {}, "--learning-rate inf"),
        ({"batch_size": 0}, {}, "--batch-size 0"),
        ({"batch_size": 2**64}, {}, "--batch-size 18446744073709551616"),
        ({"epochs": 0}, {}, "--epochs 0"),
        ({"epochs": 2**41}, {}, "--epochs 2199023255552"),
        ({"patience": -1}, {}, "--patience -1"),
        ({"patience": 2**41}, {}, "--patience 2199023255552"),
        ({"select_by": "f1"}, {}, "--select-by f1"),
        ({"seed": -1}, {}, "--seed -1"),
        ({"seed": 2**32}, {}, "--seed 4294967296"),
        ({}, {"channels": (8, 8)}, "--channels and --widths"),
        ({}, {"channels": (), "widths": ()}, "--channels and --widths"),
        ({}, {"widths": (5, 0, 3)}, "--channels and --widths"),
        ({}, {"channels": (8, 8, 2**20 + 1)}, "--channels and --widths: expected whole numbers from 1 to 1048576"),
        ({}, {"widths": (39, 2, 2)}, "pmn reads 41 bp at these sizes, more than the dataset's 40"),
        ({}, {"dropout": 1.0}, "--dropout 1.0"),
        ({}, {"hops": 0}, "--hops 0"),
        ({}, {"sharpness": 0.0}, "--sharpness 0"),
        ({"variant": "danq"}, {}, "--variant danq: has no use for --channels, --widths, --hops$"),
        ({"variant": "gc"}, {"dropout": 0.0}, "--variant gc: has no use for --channels, --widths, --dropout, --hops$"),
        ({"variant": "cnn"}, {"sharpness": 9.0}, "--variant cnn: has no use for --hops, --sharpness$"),
    ],
)
def test_a_setting_out_of_range(dataset, tmp_path, settings, hp, named):
    with pytest.raises(InputError, match=f"^{named}"):
        go(dataset, tmp_path / "run", HP._replace(**hp), **settings)
    assert not (tmp_path / "run").exists()


def test_a_folder_whose_name_is_not_utf_8(dataset, tmp_path):
    output = tmp_path / os.fsdecode(b"run\xff")
    go(dataset, output, epochs=1)
    assert Run(output).meta["epochs"] and (output / "epochs.png").exists()


def test_no_dataset_and_no_such_tf(dataset, tmp_path):
    with pytest.raises(DatasetError, match="no dataset there"):
        go(tmp_path / "nothing", tmp_path / "run")
    with pytest.raises(MismatchError, match="no TF D there; it has A, B, C"):
        go(dataset, tmp_path / "run", tfs=["A", "D"])


def test_a_window_as_wide_as_the_receptive_field(dataset, tmp_path, no_curves):
    assert go(dataset, tmp_path / "run", HP._replace(widths=(38, 2, 2)), epochs=1).meta["epochs"]


def test_a_window_too_short_for_published_sizes(dataset, tmp_path):
    with pytest.raises(InputError, match="^deepsea reads 163 bp at these sizes, more than the dataset's 40$"):
        go(dataset, tmp_path / "run", Hyperparameters(), variant="deepsea")
    assert not (tmp_path / "run").exists()


def test_the_window_is_the_dataset_s(dataset, tmp_path, no_curves):
    run = go(dataset, tmp_path / "run", Hyperparameters(), variant="danq", epochs=1)
    assert checkpoint.hyperparameters(run.meta) == Hyperparameters(window=WINDOW)
    assert run.tensors("best")["encoder.7.weight"].shape == (925, 640)  # 1 position of 40 bp


# Which data


@pytest.mark.parametrize("variant", ["pmn", "cnn-single"])
def test_a_subset_of_tfs_keeps_the_windows(tmp_path, made, no_curves, variant):
    """Labels of 11 TFs fill two bytes; training on two of them equals a dataset that has these alone."""
    rng = np.random.default_rng(0)
    y = np.concatenate([made.y[:, [0]], rng.integers(0, 2, (len(made.y), 9)), made.y[:, [1]]], axis=1).astype(np.uint8)
    names = [f"T{number:02d}" for number in range(11)]
    many = write(tmp_path / "many", made._replace(y=y), names)
    few = write(tmp_path / "few", made._replace(y=y[:, [3, 10]]), ["T03", "T10"])
    a = go(many, tmp_path / "a", variant=variant, tfs=["T10", "T03", "T10"])
    b = go(few, tmp_path / "b", variant=variant)
    assert a.tfs == b.tfs == ["T03", "T10"]
    assert same_weights(a, b)
    assert same_weights(a, b, "best")
    assert a.meta["epochs"] == b.meta["epochs"]


def test_every_training_window_once_an_epoch(dataset, tmp_path, made, monkeypatch, no_curves):
    """What the model is shown is the training split, bases and labels together, in an order that changes."""
    shown = []
    real = module.build

    def spy(*args):
        net = real(*args)
        net.register_forward_pre_hook(note)
        return net

    def note(_net, inputs):
        if len(inputs) == 2:  # x and y: it trains
            x, y = inputs
            shown.extend((tuple(a.argmax(0).tolist()), tuple(b.int().tolist())) for a, b in zip(x, y, strict=True))

    monkeypatch.setattr(module, "build", spy)
    go(dataset, tmp_path / "run", epochs=2)
    n = COUNTS["train"]
    expected = [(tuple(made.codes[o : o + WINDOW].tolist()), tuple(made.y[i].tolist()))
                for i, o in enumerate(made.offsets[made.rows("train")])]  # fmt: skip
    first, second = shown[:n], shown[n:]
    assert sorted(first) == sorted(second) == sorted(expected)
    assert len({tuple(order) for order in (first, second, expected)}) == 3


def test_the_test_split_is_not_touched(dataset, tmp_path, made, monkeypatch, no_curves):
    asked = set()
    for name in ("rows", "stretch", "targets"):

        def spy(self, split, *args, real=getattr(Dataset, name)):  # noqa: B008
            asked.add(split)
            return real(self, split, *args)

        monkeypatch.setattr(Dataset, name, spy)
    run = go(dataset, tmp_path / "a")
    assert asked == {"train", "valid"}
    other, test = made.copy(), made.rows("test")
    other.codes[made.offsets[test][0] :] = 0
    other.y[test] = 1 - other.y[test]
    same = go(write(tmp_path / "other", other), tmp_path / "b")
    assert same_weights(run, same)
    assert same.meta["epochs"] == run.meta["epochs"]


def test_validation_chooses_but_does_not_teach(dataset, tmp_path, made, no_curves):
    other, valid = made.copy(), made.rows("valid")
    other.y[valid] = 1 - other.y[valid]
    a, b = go(dataset, tmp_path / "a"), go(write(tmp_path / "other", other), tmp_path / "b")
    assert same_weights(a, b)
    for row, flipped in zip(a.meta["epochs"], b.meta["epochs"], strict=True):
        assert row["train_loss"] == flipped["train_loss"]
        assert row["valid_auroc"] == pytest.approx(1 - flipped["valid_auroc"])


# Learning


@pytest.mark.parametrize(
    "variant", ["cnn-single", "cnn", "pmn-no-lstm", "pmn-softmax", "pmn", "tfimpute", *REMEMBERING]
)
def test_planted_motifs_are_learnt(dataset, tmp_path, made, no_curves, variant):
    hp = taken(HP._replace(channels=(16, 16, 16), dropout=0.0), variant)
    settings = {"variant": variant, "epochs": 20, "learning_rate": 0.01, "batch_size": 32}
    score = np.mean(go(dataset, tmp_path / "run", hp, **settings).meta["best_scores"])
    assert score > 0.9


@pytest.mark.parametrize(("variant", "epochs"), [("deepbind", 6), ("danq", 6), ("dilated", 12)])
def test_planted_motifs_are_learnt_at_published_sizes(dataset, tmp_path, no_curves, variant, epochs):
    """Not deepsea, which reads longer windows only."""
    settings = {"variant": variant, "epochs": epochs, "learning_rate": 0.003, "batch_size": 32}
    run = go(dataset, tmp_path / "run", Hyperparameters(), **settings)
    assert np.mean(run.meta["best_scores"]) > 0.8


def test_shuffled_labels_are_not_learnt(tmp_path, made, no_curves):
    """The negative control of the test above."""
    shuffled, rng = made.copy(), np.random.default_rng(0)
    shuffled.y[made.rows("train")] = rng.permutation(made.y[made.rows("train")])
    folder = write(tmp_path / "shuffled", shuffled)
    hp = HP._replace(channels=(16, 16, 16), dropout=0.0)
    run = go(folder, tmp_path / "run", hp, epochs=12, batch_size=32)
    assert max(run.meta["best_scores"]) < 0.65
