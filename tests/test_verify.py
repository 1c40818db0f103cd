"""verify: every file of every kind of folder, with one byte changed, is the one that is named."""

from __future__ import annotations

import hashlib
import json
import shutil

import pytest
from test_cli import run

from pmntool.bootstrap import Bootstrap
from pmntool.errors import InputError, MismatchError, PmnError
from pmntool.folders import MARKERS
from pmntool.verbs.evaluate import evaluate
from pmntool.verbs.predict import predict
from pmntool.verbs.prototypes import prototypes
from pmntool.verbs.verify import Check, verify

WITHOUT = {"dataset": {"tfs.tsv", "tfs.png"}, "run": {"epochs.tsv", "epochs.png"}}  # files that have no checksum


@pytest.fixture(scope="module")
def made(world, tmp_path_factory):
    """Return a folder of each kind, by kind."""
    folder, runs = tmp_path_factory.mktemp("made"), [world / "runs" / name for name in ("cnn", "pmn-lambda1")]
    predict(world / "genome.fa", folder / "tracks", runs[0], regions=["chr2:1-3000"], device="cpu")
    evaluate(runs, world / "dataset", folder / "evaluation", bootstrap=Bootstrap(20, 1000, 0), device="cpu")
    prototypes(runs[1:], folder / "prototypes", n_clusters=3)
    made = {kind: folder / kind for kind in ("tracks", "evaluation", "prototypes")}
    return made | {"dataset": world / "dataset", "run": runs[1]}


@pytest.mark.parametrize("kind", MARKERS)
def test_a_flipped_byte_is_found_in_each_file_and_a_lost_file_too(made, tmp_path, kind):
    folder = shutil.copytree(made[kind], tmp_path / "copy")
    files = {path.name for path in folder.iterdir()} - {MARKERS[kind]} - WITHOUT.get(kind, set())
    done = verify(folder)
    assert (done.kind, done.differences, done.unchecked) == (kind, [], [])
    assert {check.what for check in done.checks} == files
    for name in files:
        good = (folder / name).read_bytes()
        middle = len(good) // 2
        bad = good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :]
        (folder / name).write_bytes(bad)
        expected = Check(name, *(hashlib.sha256(content).hexdigest() for content in (good, bad)))
        assert verify(folder).differences == [expected]
        (folder / name).unlink()
        assert verify(folder).differences == [expected._replace(found=None)]
        (folder / name).write_bytes(good)


@pytest.mark.parametrize("kind", sorted(set(MARKERS) - {"run"}))
def test_a_file_whose_checksum_was_lost_is_named(made, tmp_path, caplog, kind):
    folder = shutil.copytree(made[kind], tmp_path / "copy")
    assert verify(folder).unchecked == [] and not caplog.messages
    meta = json.loads((folder / MARKERS[kind]).read_text())
    lost = next(name for name in sorted(meta["files"]) if not name.endswith(".npy"))  # an array is missed at once
    del meta["files"][lost]
    (folder / MARKERS[kind]).write_text(json.dumps(meta))
    (folder / lost).write_bytes(b"x")
    for name in ("notes.txt", ".hidden", "config.toml"):
        (folder / name).touch()
    done = verify(folder)
    assert (done.differences, done.unchecked) == ([], sorted([lost, "notes.txt"]))
    assert caplog.messages == [f"{folder / MARKERS[kind]}: not checked, no checksum there: {', '.join(done.unchecked)}"]


@pytest.mark.parametrize("kind", ["run", "evaluation"])
def test_a_dataset_that_was_made_again(made, tmp_path, kind):
    assert verify(made[kind], dataset=made["dataset"]).differences == []
    (tmp_path / "dataset.json").write_bytes((made["dataset"] / "dataset.json").read_bytes() + b"\n")
    [found] = verify(made[kind], dataset=tmp_path).differences
    assert found.what == f"{tmp_path}/dataset.json"
    assert found.expected == hashlib.sha256((made["dataset"] / "dataset.json").read_bytes()).hexdigest()


@pytest.mark.parametrize(("kind", "name"), [("tracks", "cnn"), ("evaluation", "cnn"), ("prototypes", "pmn-lambda1")])
def test_a_run_that_changed(made, world, tmp_path, kind, name):
    copy = shutil.copytree(world / "runs" / name, tmp_path / name)
    assert verify(made[kind], runs=[copy]).differences == []
    weights = copy / json.loads((copy / "run.json").read_text())["best"]["file"]
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    assert [check.what for check in verify(made[kind], runs=[copy]).differences] == [str(weights)]
    (copy / "run.json").write_text((copy / "run.json").read_text() + "\n")
    different = verify(made[kind], runs=[copy]).differences
    assert [check.what for check in different] == [f"{copy}/run.json", str(weights)]


@pytest.mark.parametrize("kind", ["dataset", "run", "tracks"])
def test_another_genome(made, world, tmp_path, kind):
    """One base of chr2 changed, chr3 gone: of tracks, which know the MD5 of chr2 alone, others by length."""
    assert verify(made[kind], genome=world / "genome.fa").differences == []
    records = {text.split("\n")[0]: text for text in (world / "genome.fa").read_text().split(">")[1:]}
    of_chr2 = next(name for name in records if name.split()[0] == "chr2")
    text = records[of_chr2]
    records[of_chr2] = text[:-2] + ("A" if text[-2] in "Cc" else "C") + "\n"
    fasta = tmp_path / "other.fa"
    fasta.write_text("".join(f">{text}" for name, text in records.items() if name.split()[0] != "chr3"))
    different = {check.what: check for check in verify(made[kind], genome=fasta).differences}
    assert set(different) == {f"{fasta}, chr2", f"{fasta}, chr3"}
    letters = "".join(records[of_chr2].split("\n")[1:]).upper()
    assert different[f"{fasta}, chr2"].found == hashlib.md5(letters.encode()).hexdigest()
    assert different[f"{fasta}, chr3"].found is None
    assert different[f"{fasta}, chr3"].expected.endswith(" bp") == (kind == "tracks")


def test_no_name_in_the_json_leads_out_of_the_folder(made, tmp_path):
    folder = shutil.copytree(made["prototypes"], tmp_path / "copy")
    (tmp_path / "secret").touch()
    meta = json.loads((folder / "prototypes.json").read_text()) | {"files": {"../secret": ""}}
    (folder / "prototypes.json").write_text(json.dumps(meta))
    assert verify(folder).checks == [Check("../secret", "", None)]


@pytest.mark.parametrize("files", [None, [], {}, "x"])
def test_a_folder_without_checksums_is_no_folder_that_is_well(made, tmp_path, files):
    folder = shutil.copytree(made["tracks"], tmp_path / "copy")
    meta = json.loads((folder / "tracks.json").read_text()) | {"files": files}
    (folder / "tracks.json").write_text(json.dumps(meta))
    with pytest.raises(InputError, match="copy/tracks.json: lacks the checksums that this pmntool writes; was it made"):
        verify(folder)


def test_what_cannot_be_compared(made, world):
    with pytest.raises(
        MismatchError, match="--run: .*dataset is a dataset; what that can be compared with is --genome"
    ):
        verify(made["dataset"], runs=[made["run"]])
    with pytest.raises(MismatchError, match="cnn: none of the runs of .*prototypes, which are pmn-lambda1"):
        verify(made["prototypes"], runs=[world / "runs" / "cnn"])
    with pytest.raises(PmnError, match="no run there"):
        verify(made["tracks"], runs=[made["dataset"]])


def test_the_command(made, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(shutil.copytree(made["tracks"], tmp_path / "tracks").parent)
    n_files = len(list((tmp_path / "tracks").iterdir())) - 1
    assert run(monkeypatch, capsys, "verify", "tracks")[:2] == (0, f"tracks: all {n_files} checksums fit\n")
    code, out, err = run(monkeypatch, capsys, "verify", "tracks", "--json")
    assert (code, err) == (0, "") and json.loads(out)["fits"] is True
    (tmp_path / "tracks" / "tracks.tsv").unlink()
    code, out, err = run(monkeypatch, capsys, "verify", "tracks/tracks.json")
    assert code == 1 and out.startswith("tracks.tsv: expected ") and out.endswith(", found no such thing\n")
    assert err == f"pmntool: error: tracks: 1 of {n_files} checksums differ: tracks.tsv\n"
    code, out, err = run(monkeypatch, capsys, "verify", "tracks", "--json")
    found = json.loads(out)
    assert code == 1 and found["fits"] is False and len(found["checks"]) == n_files
    assert [check["what"] for check in found["checks"] if check["found"] != check["expected"]] == ["tracks.tsv"]
