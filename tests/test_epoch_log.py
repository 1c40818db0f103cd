"""What watches training: TensorBoard's event files of a run, read back record by record, and its CSV."""

from __future__ import annotations

import csv
import struct
from pathlib import Path

import pytest

from pmntool import epoch_log
from pmntool.checkpoint import Run
from pmntool.errors import InputError, PmnError
from pmntool.models import Hyperparameters
from pmntool.verbs.train import Settings, train

SETTINGS = Settings("cnn", 0.0, learning_rate=3e-3, batch_size=64, epochs=1, precision="32")
HP = Hyperparameters(channels=(8, 8, 8))


def read(folder: Path) -> dict[tuple[str, int], float]:
    """Return each value by its name and step; every one must stand there once."""
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2", reason="tensorboardX is not installed")
    values = []
    for path in folder.iterdir():
        content, place = path.read_bytes(), 0
        while place < len(content):  # a record: its length, 8 bytes, a checksum, 4 bytes, the event, a checksum
            [length] = struct.unpack_from("<Q", content, place)
            event = event_pb2.Event.FromString(content[place + 12 : place + 12 + length])
            values += [((value.tag, event.step), value.simple_value) for value in event.summary.value]
            place += length + 16
    assert len(dict(values)) == len(values)
    return dict(values)


def expected(run: Run) -> dict[tuple[str, int], float]:
    rows = run.meta["epochs"]
    return {
        (name, row["epoch"]): row[name] for row in rows for name in row if name != "epoch" and row[name] is not None
    }


def test_the_events_are_the_epochs_that_the_run_has(world, tmp_path):
    pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
    plain = train(world / "dataset", tmp_path / "plain", SETTINGS, HP, device="cpu")
    train(world / "dataset", tmp_path / "run", SETTINGS, HP, device="cpu", logger="tensorboard")
    more = SETTINGS._replace(epochs=2)
    run = train(world / "dataset", tmp_path / "run", more, HP, device="cpu", logger="tensorboard", resume=True)
    found = read(run.path / "tensorboard")
    assert found == pytest.approx(expected(run)) and {step for _, step in found} == {1, 2} and len(found) == 12
    assert {path.name for path in tmp_path.iterdir()} == {"plain", "run"}
    assert plain.meta["epochs"] == run.meta["epochs"][:1]  # it is watched, and nothing else
    train(world / "dataset", tmp_path / "plain", SETTINGS, HP, device="cpu", logger="tensorboard", resume=True)
    assert read(plain.path / "tensorboard") == pytest.approx(expected(plain))


def test_the_csv_is_the_epochs_that_the_run_has(world, tmp_path):
    """Resumed, or asked for later, it has the bytes of one go; a value that is not known stays empty."""
    more = SETTINGS._replace(epochs=2)
    for name, settings in (("once", more), ("twice", SETTINGS), ("late", more)):
        logger = "csv" if name != "late" else None
        run = train(world / "dataset", tmp_path / name, settings, HP, device="cpu", logger=logger)
    for name in ("twice", "late"):
        train(world / "dataset", tmp_path / name, more, HP, device="cpu", logger="csv", resume=True)
    once, *others = ((tmp_path / name / "csv/metrics.csv").read_bytes() for name in ("once", "twice", "late"))
    assert others == [once, once]
    rows = list(csv.DictReader(once.decode().splitlines()))
    found = {(key, int(row["step"])): float(row[key]) for row in rows for key in row if key != "step"}
    assert found == expected(run) and len(found) == 12
    log = epoch_log.EpochLog(tmp_path, "csv")
    log.write([{"epoch": 1, "a": 0.5, "b": None}])
    log.write([{"epoch": 1, "a": 0.5, "b": None}, {"epoch": 2, "a": 1.5, "b": 2.5}])
    log.close()
    assert (tmp_path / "csv/metrics.csv").read_text().split() == ["a,b,step", "0.5,,1", "1.5,2.5,2"]


def test_what_is_missing_is_said_before_any_work(world, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="^--logger wandb: expected one of tensorboard, csv$"):
        train(world / "dataset", tmp_path / "run", SETTINGS, HP, logger="wandb")
    monkeypatch.setattr(epoch_log, "find_spec", lambda name: None)
    with pytest.raises(
        PmnError, match=r"^--logger tensorboard needs tensorboardX, .*: pip install 'pmntool\[tensorboard\]'$"
    ):
        train(tmp_path / "no dataset", tmp_path / "run", SETTINGS, HP, logger="tensorboard")
