"""info: what each kind of folder and file says of itself, against its JSON and counts by hand."""

from __future__ import annotations

import json

import pytest
from test_cli import here, run  # noqa: F401  a fixture

from pmntool.cli.facts import say
from pmntool.errors import InputError
from pmntool.folders import MARKERS, open_folder
from pmntool.verbs.info import info


@pytest.fixture
def made(here, monkeypatch, capsys):  # noqa: F811
    """A working folder with one of each kind."""
    assert run(monkeypatch, capsys, "predict", "genome.fa", "-m", "runs/cnn", "-r", "chr2:1-3000")[0] == 0
    assert run(monkeypatch, capsys, "evaluate", "runs/cnn", "runs/pmn-lambda1", "--bootstrap", 20)[0] == 0
    assert run(monkeypatch, capsys, "prototypes", "runs/pmn-lambda1", "--clusters", 3)[0] == 0
    return here


def test_each_kind(made, monkeypatch, capsys):
    known = {kind: json.loads((made / kind / name).read_text()) for kind, name in MARKERS.items() if kind != "run"}
    known["run"] = json.loads((made / "runs/pmn-lambda1/run.json").read_text())
    found = {}
    for kind in MARKERS:
        folder = "runs/pmn-lambda1" if kind == "run" else kind
        code, out, err = run(monkeypatch, capsys, "info", folder, "--json")
        assert (code, err) == (0, "")
        found[kind] = json.loads(out)
        assert (found[kind]["kind"], found[kind]["path"], found[kind]["pmntool"]) == (kind, folder, "0.1.0")
        size = sum(path.stat().st_size for path in (made / folder).iterdir())
        assert found[kind]["bytes"] == size
        code, out, err = run(monkeypatch, capsys, "info", folder)
        lines = out.splitlines()
        assert (code, err) == (0, "") and len(lines) == len(found[kind]) and lines[0].split() == ["kind", kind]
    tfs, splits = known["dataset"]["tfs"], known["dataset"]["splits"]
    assert found["dataset"]["tfs"] == found["run"]["tfs"] == found["tracks"]["tfs"] == tfs
    assert found["dataset"]["windows"] == {split: row["windows"] for split, row in splits.items()}
    chroms = found["dataset"]["chroms"]
    assert chroms["test"] == [chrom for chrom, about in known["dataset"]["chroms"].items() if about["split"] == "test"]
    assert found["run"]["chroms"] == chroms and found["run"]["lambda"] == 1
    best = known["run"]["best"]["epoch"]
    assert found["run"]["epochs"] == {"done": 2, "asked": 2, "best": best}
    assert found["run"]["validation"]["auroc"] == known["run"]["epochs"][best - 1]["valid_auroc"]
    # windows whose central 50 bp begin in the first 3,000 bp: at 75, 125, … 2,975
    assert found["tracks"]["windows"] == 59 and found["tracks"]["chroms"] == {"train": ["chr2"]}
    assert found["tracks"]["model"] == "cnn" and found["tracks"]["other_sequence"] == []
    assert found["evaluation"]["runs"] == ["cnn", "pmn-lambda1"] and found["evaluation"]["split"] == "test"
    assert found["evaluation"]["auroc"]["cnn"] == known["evaluation"]["table4"][0]["auroc_mean"]
    assert found["prototypes"]["clusters"] == 3 and found["prototypes"]["stable_clusters"] is None


def test_single_files(tmp_path):
    (tmp_path / "a.fa").write_text(">chr1 x\nACGT\n>chr2\nAC\n")
    assert info(tmp_path / "a.fa").facts == {"chroms": {"chr1": 4, "chr2": 2}, "bases": 6}
    (tmp_path / "A.bed").write_text("chr2\t10\t20\nchr1\t5\t9\nchr2\t1\t4\n")
    wanted = {"peaks": 3, "chroms": ["chr2", "chr1"], "median_length": 4.0, "without_p": 3}
    assert info(tmp_path / "A.bed") == ("peaks", tmp_path / "A.bed", wanted)


EXPECTED = "expected a folder that build-dataset, train, predict, evaluate or prototypes wrote; "


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        ("datast", "no such file or folder; did you mean dataset?"),
        ("nowhere/else", "no such file or folder"),
        ("locked", "no such file or folder"),
        ("runs", "it holds runs/cnn (a run), runs/pmn-lambda1 (a run)"),
        ("dataset/labels.npy", "it lies in dataset, a dataset"),
        ("genome.fa", "it is a file"),
        ("mine", "it holds none of dataset.json, run.json, tracks.json, evaluation.json, prototypes.json"),
        ("unfinished", "there is only .unfinished.partial, which a command is still at work on or did not finish"),
    ],
)
def test_the_nearest_thing_is_said(here, monkeypatch, capsys, path, nearest):  # noqa: F811
    """Of a file, `verify` alone says so: `info` takes files."""
    (here / ".unfinished.partial").mkdir()
    (here / ".locked.lock").touch()  # as a command that looks for its output has made it
    for command in ("info", "verify") if nearest != "it is a file" else ("verify",):
        code, out, err = run(monkeypatch, capsys, command, path)
        assert (code, out, err) == (1, "", f"pmntool: error: {path}: {EXPECTED}{nearest}\n")


@pytest.mark.parametrize(
    ("kind", "content", "sentence"),
    [
        ("evaluation", "{", "evaluation.json: is not JSON"),
        ("evaluation", "[]", "evaluation.json: not what evaluation holds there"),
        ("evaluation", '{"pmntool": "9"}', "evaluation.json: is not as this pmntool writes it"),
        ("prototypes", '{"pmntool": "9", "runs": [], "clusters": 3}', "prototypes.json: is"),
        ("run", "{}", "run.json: not a run's JSON"),
        ("dataset", "{}", "dataset.json: not a dataset's JSON"),
        ("tracks", "{}", "tracks.json: not the JSON of a folder of tracks"),
    ],
)  # fmt: skip
def test_json_of_another_kind(tmp_path, kind, content, sentence):
    (tmp_path / MARKERS[kind]).write_text(content)
    with pytest.raises(InputError, match=sentence):
        info(tmp_path)


def test_the_json_stands_for_its_folder(world):
    assert open_folder(world / "dataset" / "dataset.json").path == world / "dataset"


def test_long_lists_are_cut_on_screen_alone():
    assert say(list(range(2000, 2010))).endswith("2,007, … (10 in all)") and say(None) == say([]) == "–"


def test_a_split_that_is_no_text(made):
    path = made / "tracks" / "tracks.json"
    meta = json.loads(path.read_text())
    meta["chroms"]["chr2"]["split"] = True
    path.write_text(json.dumps(meta))
    with pytest.raises(InputError, match="chroms.chr2.split: not what a folder of tracks holds there"):
        info(made / "tracks")
