"""Runs on disk: what comes back is what was saved, what is damaged is refused by name, nothing is unpickled."""

import hashlib
import json
import os
import pickle
from pathlib import Path

import pytest
import torch
from given import TRAINED, remember

from pmntool import checkpoint
from pmntool.checkpoint import Run, find_newest, restore, run_names, save
from pmntool.errors import CheckpointError
from pmntool.losses import total_loss
from pmntool.models import BUILDERS, Hyperparameters, build
from pmntool.run_json import sizes

HP = Hyperparameters(channels=(6, 5, 4), widths=(5, 3, 2), dropout=0.0, hops=2)
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


class Trainee:
    """A small model that learns from random windows and saves itself."""

    TFS = ["A", "B", "C"]

    def __init__(self, folder: Path, variant: str = "pmn", seed: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.window = max(20, build(variant, self.TFS, HP).receptive_field)  # bp
        torch.manual_seed(seed)
        self.model = remember(build(variant, self.TFS, HP._replace(window=self.window)), self.window, 3)
        self.adam = torch.optim.Adam(self.model.parameters(), lr=0.01)
        self.x, self.y = torch.rand(8, 4, self.window), torch.randint(0, 2, (8, 3)).float()
        self.best: dict[str, torch.Tensor] = {}
        self.meta = {
            "variant": variant,
            "hyperparameters": sizes(HP),
            "tfs": self.TFS,
            "window": self.window,
            "stride": 5,
            "dataset": {"sha256": "0" * 64, "chroms": {}},
            "settings": {},
            "epochs": [],
        }

    def step(self) -> None:
        self.adam.zero_grad()
        total_loss(self.model(self.x, self.y), self.y, 1).backward()
        self.adam.step()

    def epoch(self, number: int, *, better: bool) -> None:
        self.step()
        if better:
            self.best, self.best_epoch = {k: v.clone() for k, v in self.model.state_dict().items()}, number
        save(
            self.folder, self.meta, epoch=number, best_epoch=self.best_epoch, best=self.best, model=self.model,
            optimizer=self.adam,
        )  # fmt: skip

    def logits(self) -> torch.Tensor:
        return self.model.eval()(self.x).logits


@pytest.fixture
def trainee(tmp_path) -> Trainee:
    """Return one whose folder holds a run after an epoch."""
    trainee = Trainee(tmp_path / "run")
    trainee.epoch(1, better=True)
    return trainee


def edit(folder: Path, **changes) -> None:
    """Change run.json; None takes a key out."""
    meta = json.loads((folder / "run.json").read_text()) | changes
    (folder / "run.json").write_text(json.dumps({key: value for key, value in meta.items() if value is not None}))


@pytest.mark.parametrize("variant", TRAINED)
def test_save_and_open(tmp_path, variant):
    trainee = Trainee(tmp_path / "a" / "my run", variant)
    trainee.epoch(1, better=True)
    expected = trainee.logits()
    trainee.epoch(2, better=False)
    assert not torch.equal(trainee.logits(), expected)
    torch.manual_seed(99)
    run = Run(str(trainee.folder))
    model = run.model(CPU)
    assert not model.training
    assert torch.equal(model(trainee.x).logits, expected)  # those of the best epoch, bit for bit
    assert (run.name, run.variant, run.tfs, run.stride) == ("my run", variant, ["A", "B", "C"], 5)
    assert run.window == trainee.window
    assert run.meta["best"]["epoch"] == 1
    assert run.meta["last"]["epoch"] == 2
    names = {"run.json", "best-0001.safetensors", "last-0002.safetensors"}
    assert {path.name for path in trainee.folder.iterdir()} == names


def test_name_of_a_folder_given_as_a_dot(trainee, monkeypatch):
    monkeypatch.chdir(trainee.folder)
    assert Run(".").name == "run"


def test_restore_goes_on_as_if_never_stopped(tmp_path, trainee):
    trainee.epoch(2, better=False)
    fresh = Trainee(tmp_path / "fresh", seed=5)
    restore(Run(trainee.folder), fresh.model, fresh.adam)
    fresh.x, fresh.y = trainee.x, trainee.y
    for _ in range(3):
        trainee.step()
        fresh.step()
    for name, tensor in trainee.model.state_dict().items():
        assert torch.equal(fresh.model.state_dict()[name], tensor), name


# Damage


@pytest.mark.parametrize("which", ["best", "last"])
@pytest.mark.parametrize("place", [0, 200, -1], ids=["length", "header", "weights"])
def test_a_flipped_bit_is_refused_by_name(trainee, which, place):
    path = trainee.folder / f"{which}-0001.safetensors"
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    run = Run(trainee.folder)
    with pytest.raises(CheckpointError, match=rf"{which}-0001\.safetensors: not as it was written"):
        run.tensors(which)
    if which == "best":
        with pytest.raises(CheckpointError, match="best-0001"):
            run.model(CPU)
    else:
        with pytest.raises(CheckpointError, match="last-0001"):
            restore(run, trainee.model, trainee.adam)


def test_missing_weights(trainee):
    (trainee.folder / "best-0001.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"best-0001\.safetensors: cannot be read .* but run\.json names it"):
        Run(trainee.folder).model(CPU)


def test_weights_of_another_size(trainee):
    old = Run(trainee.folder).meta["hyperparameters"]
    for change in ({"hyperparameters": old | {"channels": [6, 5, 3]}}, {"tfs": ["A", "B"]}, {"variant": "cnn"}):
        edit(trainee.folder, **{"hyperparameters": old, "tfs": Trainee.TFS, "variant": "pmn"} | change)
        with pytest.raises(CheckpointError, match="weights do not fit the model"):
            Run(trainee.folder).model(CPU)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": 2}, r"run\.json: format 'pmntool-run' version 2; this pmntool reads"),
        ({"format": "other"}, r"run\.json: format 'other' version 1; this pmntool reads 'pmntool-run'"),
        ({"format": None}, "not a run's JSON"),
        ({"variant": "transformer"}, r"run\.json: variant 'transformer'; this pmntool has .*pmn"),
        ({"variant": {"pmn": 1}}, r"run\.json: variant \{'pmn': 1\}; this pmntool has .*pmn"),
        *(({key: None}, rf"run\.json: lacks {key}$") for key in ("variant", "hyperparameters", "tfs", "window")),
        *(({key: None}, rf"run\.json: lacks {key}$") for key in ("stride", "dataset", "settings", "epochs", "best")),
        ({"last": None, "tfs": None}, r"run\.json: lacks tfs, last$"),
    ],
)
def test_run_json_of_another_kind(trainee, changes, message):
    edit(trainee.folder, **changes)
    with pytest.raises(CheckpointError, match=message):
        Run(trainee.folder)


def test_the_window_is_said_once_and_sizes_the_model(tmp_path):
    trainee = Trainee(tmp_path / "run", "danq")
    trainee.epoch(1, better=True)
    run = Run(trainee.folder)
    assert "window" not in run.meta["hyperparameters"]
    assert checkpoint.hyperparameters(run.meta) == HP._replace(window=38)
    edit(trainee.folder, window=200)
    with pytest.raises(CheckpointError, match="weights do not fit the model"):
        Run(trainee.folder).model(CPU)


@pytest.mark.parametrize("changes", [{"hyperparameters": {"kernel": 3}}, {"best": {}}, {"best": []}, {"tfs": 3}])
def test_run_json_with_a_value_of_another_kind(trainee, changes):
    edit(trainee.folder, **changes)
    with pytest.raises(CheckpointError, match=r"run\.json"):
        Run(trainee.folder).model(CPU)


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"3", b"\xff\xfe", b"{}"])
def test_run_json_that_is_none(trainee, content):
    (trainee.folder / "run.json").write_bytes(content)
    with pytest.raises(CheckpointError, match="not a run's JSON"):
        Run(trainee.folder)


def test_truncated_run_json(trainee):
    content = (trainee.folder / "run.json").read_bytes()
    for length in range(0, len(content) - 2, 97):
        (trainee.folder / "run.json").write_bytes(content[:length])
        with pytest.raises(CheckpointError, match="not a run's JSON"):
            Run(trainee.folder)


def test_no_run(tmp_path):
    for folder in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(CheckpointError, match=rf"{folder}: no run there"):
            Run(folder)


class _Bomb:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


@pytest.mark.parametrize("how", ["pickle", "torch"])
@pytest.mark.parametrize("checksum_fits", [False, True])
def test_nothing_is_unpickled(trainee, tmp_path, how, checksum_fits):
    path, mark = trainee.folder / "best-0001.safetensors", tmp_path / "it ran"
    if how == "pickle":
        path.write_bytes(pickle.dumps({"output.weight": _Bomb(mark)}))
    else:
        torch.save({"output.weight": _Bomb(mark)}, path)
    if checksum_fits:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        edit(trainee.folder, best={"file": path.name, "epoch": 1, "sha256": digest})
    expected = "not a safetensors file" if checksum_fits else "not as it was written"
    with pytest.raises(CheckpointError, match=rf"best-0001\.safetensors: {expected}"):
        Run(trainee.folder).model(CPU)
    assert not mark.exists()
    if how == "pickle":
        pickle.loads(path.read_bytes())
        assert mark.exists()  # the pickle would have run


# Cut short


def test_older_weights_go_only_after_run_json_names_the_new(trainee, monkeypatch):
    there = []

    def spy(target, content):
        there.append({path.name for path in trainee.folder.glob("*.safetensors")})
        write_json(target, content)

    write_json = checkpoint.write_json
    monkeypatch.setattr(checkpoint, "write_json", spy)
    trainee.epoch(2, better=True)
    both = {f"{which}-{number:04d}.safetensors" for which in ("best", "last") for number in (1, 2)}
    assert there == [both]
    assert {path.name for path in trainee.folder.glob("*")} == {
        "run.json", "best-0002.safetensors", "last-0002.safetensors",
    }  # fmt: skip


@pytest.mark.parametrize("killed_in", ["to_bytes", "new_file", "write_json"])
def test_killed_while_saving(trainee, monkeypatch, killed_in):
    expected = trainee.logits()

    def kill(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, killed_in, kill)
        with pytest.raises(KeyboardInterrupt):
            trainee.epoch(2, better=True)
    run = Run(trainee.folder)
    assert torch.equal(run.model(CPU)(trainee.x).logits, expected)
    restore(run, trainee.model, trainee.adam)
    assert torch.equal(trainee.logits(), expected)


# The newest


@pytest.fixture
def runs(tmp_path) -> Path:
    """Return a folder of three runs, the newest in the middle of the alphabet, and things that are none."""
    for name, variant, time in (("a", "pmn", 300), ("b", "cnn", 400), ("c", "pmn", 200)):
        Trainee(tmp_path / name, variant).epoch(1, better=True)
        os.utime(tmp_path / name / "run.json", (time, time))
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").touch()
    return tmp_path


def test_find_newest(runs):
    assert find_newest(runs, list(BUILDERS)) == runs / "b"
    assert find_newest(runs, ["pmn", "pmn-softmax"]) == runs / "a"
    os.utime(runs / "c" / "run.json", (500, 500))
    assert find_newest(runs, list(BUILDERS)) == runs / "c"


def test_find_newest_where_there_is_none(runs):
    for folder, which in ((runs, "no run of danq, gc"), (runs / "empty", "no run"), (runs / "nothing", "no run")):
        with pytest.raises(CheckpointError, match=rf"^{folder}: {which} there; `pmntool train` makes one$"):
            find_newest(folder, ["danq", "gc"])


def test_find_newest_stops_at_one_that_is_damaged(runs):
    (runs / "b" / "run.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"b/run\.json: not a run's JSON"):
        find_newest(runs, ["pmn"])


def test_find_newest_passes_over_what_a_killed_command_left(runs):
    (runs / "b").rename(runs / ".b.partial")
    assert find_newest(runs, list(BUILDERS)) == runs / "a"


def test_a_link_that_leads_to_itself_is_no_run(tmp_path):
    (tmp_path / "run").symlink_to("run")
    assert run_names([tmp_path / "run"]) == ["run"]
    with pytest.raises(CheckpointError, match="run: no run there"):
        Run(tmp_path / "run")
