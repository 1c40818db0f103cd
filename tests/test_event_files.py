"""TensorBoard's event files of a run, read back record by record."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from pmntool import event_files
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


def test_what_is_missing_is_said_before_any_work(world, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="^--logger csv: expected tensorboard$"):
        train(world / "dataset", tmp_path / "run", SETTINGS, HP, logger="csv")
    monkeypatch.setattr(event_files, "find_spec", lambda name: None)
    with pytest.raises(PmnError, match=r"^--logger needs tensorboardX, .*: pip install 'pmntool\[tensorboard\]'$"):
        train(tmp_path / "no dataset", tmp_path / "run", SETTINGS, HP, logger="tensorboard")
