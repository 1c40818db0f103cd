"""predict: every entry against the model called on one window at a time, cut from the letters of the FASTA."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyBigWig
import pytest
import torch
from given import taken
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference import one_hot, sigmoid
from reference_labels import window_starts

from pmntool import plots, track_writer
from pmntool.checkpoint import Run
from pmntool.errors import GenomeError, InputError, MismatchError, OutputError
from pmntool.genome import Genome
from pmntool.models import Hyperparameters
from pmntool.text import as_bytes
from pmntool.verbs import predict as module
from pmntool.verbs.build_dataset import Options, build_dataset
from pmntool.verbs.predict import predict
from pmntool.verbs.train import Settings, train

W, S = 50, 15  # bp
MARGIN = 17  # bp, the whole part of (50 - 15) / 2: where a window's entry begins
TRAINED = {"chr1": 1500, "chr2": 700, "chr3": 700}  # bp
TFS = ["A/B", "B", "a", "b"]  # as files, two of these names are alike to some systems
HP = Hyperparameters(channels=(8, 6), widths=(9, 5), dropout=0.0, hops=2)
Places = dict[tuple[str, int], float]  # chromosome and start of an entry → probability


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, Path]:
    """Train `cnn` and `pmn` on bound windows, and `unbound`, a cnn, on unbound ones too, of `genome`."""
    folder, rng = tmp_path_factory.mktemp("runs"), np.random.default_rng(0)
    write(folder / "genome.fa", {chrom: draw(rng, length) for chrom, length in TRAINED.items()})
    sheet = ""
    for number, tf in enumerate(TFS):
        places = [(chrom, place) for chrom, n in TRAINED.items() for place in sorted(rng.integers(0, n, n // 60))]
        (folder / f"{number}.bed").write_text("".join(f"{chrom}\t{place}\t{place + 1}\n" for chrom, place in places))
        sheet += f"{tf}\t{number}.bed\n"
    (folder / "sheet.tsv").write_text(sheet)
    options = Options(W, S, valid_chroms=("chr2",), test_chroms=("chr3",))
    with pytest.MonkeyPatch.context() as patch:
        for figure in ("curves", "tf_frequencies"):
            patch.setattr(plots, figure, lambda *args: None)
        for name, negatives in (("bound", 0.0), ("all", 0.2)):
            source = folder / "genome.fa", [folder / "sheet.tsv"]
            build_dataset(*source, folder / name, options._replace(negatives=negatives))
        for name, variant, dataset in (("cnn", "cnn", "bound"), ("pmn", "pmn", "bound"), ("unbound", "cnn", "all")):
            how = Settings(variant, learning_rate=0.02, batch_size=16, epochs=6)
            train(folder / dataset, folder / name, how, taken(HP, variant), device="cpu")
    return {name: folder / name for name in ("cnn", "pmn", "unbound")} | {"genome": folder / "genome.fa"}


def draw(rng: np.random.Generator, length: int, letters: str = "ACGT") -> str:
    return "".join(rng.choice(list(letters), length))


def write(path: Path, letters: Mapping[str, str], width: int = 60) -> Path:
    """Write a FASTA; a chromosome without letters has a header alone."""
    lines = []
    for chrom, text in letters.items():
        lines += [f">{chrom} said to be made up", *(text[i : i + width] for i in range(0, len(text), width))]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def letters() -> dict[str, str]:
    """Return a genome in which names stand in no order, with N, other letters, and both cases."""
    rng = np.random.default_rng(1)
    letters = {"z": draw(rng, 700, "ACGTacgt"), "chr10": draw(rng, 400, "ACGTacgtNRYKn"), "b": draw(rng, 911)}
    return letters | {"b": letters["b"][:300] + "N" * 120 + letters["b"][420:]}


@pytest.fixture(scope="module")
def fasta(tmp_path_factory, letters) -> Path:
    return write(tmp_path_factory.mktemp("genome") / "genome.fa", letters)


def one_by_one(run: Path, letters: Mapping[str, str]) -> dict[str, Places]:
    """Return each TF's entries by calling the model on one window after the other."""
    opened = Run(run)
    model = opened.model(torch.device("cpu"))
    found: dict[str, Places] = {tf: {} for tf in opened.tfs}
    for chrom, text in letters.items():
        for start in window_starts(len(text), W, S):
            window = text[start : start + W].upper()
            x = one_hot(["ACGT".index(base) if base in "ACGT" else 4 for base in window])
            with torch.no_grad():
                logits = model(torch.tensor(x, dtype=torch.float32)[None]).logits[0].tolist()
            for tf, logit in zip(opened.tfs, logits, strict=True):
                found[tf][chrom, start + MARGIN] = sigmoid(logit)
    return found


def listed(folder: Path) -> dict[str, tuple[str, int]]:
    """Return file and number of entries of each TF, from tracks.tsv."""
    header, *lines = (folder / "tracks.tsv").read_text().splitlines()
    assert header == "tf\tfile\tentries"
    return {tf: (file, int(entries)) for tf, file, entries in (line.split("\t") for line in lines)}


def read(folder: Path) -> dict[str, Places]:
    """Return each TF's entries as the files hold them, each as long as the stride."""
    found = {}
    for tf, (name, entries) in listed(folder).items():
        if name.endswith(".bw"):
            with pyBigWig.open(str(folder / name)) as track:
                rows = [(chrom, *row) for chrom in track.chroms() for row in track.intervals(chrom) or ()]
        else:
            fields = [line.split("\t") for line in gzip.decompress((folder / name).read_bytes()).decode().splitlines()]
            rows = [(chrom, int(start), int(end), float(value)) for chrom, start, end, value in fields]
        assert {end - start for _, start, end, _ in rows} <= {S}
        assert rows == sorted(rows, key=lambda row: row[:2])
        assert len(rows) == entries
        found[tf] = {(chrom, start): value for chrom, start, _, value in rows}
        assert len(found[tf]) == len(rows)
    return found


def check(found: Places, wanted: Places, atol: float = 1e-6) -> None:
    """Compare places exactly, and probabilities within what float32 leaves open."""
    assert sorted(found) == sorted(wanted)
    np.testing.assert_allclose([found[place] for place in wanted], list(wanted.values()), atol=atol)


def restrict(places: Places, regions: list[tuple[str, int, int]]) -> Places:
    """Keep the entries that begin in any of the regions: bp, 0-based, half-open."""
    return {
        (chrom, start): value
        for (chrom, start), value in places.items()
        if any(name == chrom and first <= start < last for name, first, last in regions)
    }


# Values


@pytest.mark.parametrize("kind", ["bigwig", "bedgraph"])
@pytest.mark.parametrize("name", ["cnn", "pmn"])
def test_entries_are_those_of_window_by_window(runs, letters, fasta, tmp_path, name, kind):
    done = predict(fasta, tmp_path / "out", runs[name], kind=kind, device="cpu")
    found, wanted = read(tmp_path / "out"), one_by_one(runs[name], letters)
    assert list(found) == list(wanted) == TFS
    for tf in TFS:
        check(found[tf], wanted[tf])
        assert np.std(list(found[tf].values())) > 1e-3  # more than the comparison forgives
    assert done.windows == len(wanted["B"]) and done.chroms == {
        chrom: len(window_starts(len(letters[chrom]), W, S)) for chrom in sorted(letters)
    }
    assert done.files == {tf: file for tf, (file, _) in listed(tmp_path / "out").items()}
    assert len({file.casefold() for file in done.files.values()}) == len(TFS)


def test_a_bedgraph_holds_the_values_of_the_bigwig(runs, fasta, tmp_path):
    for kind in ("bigwig", "bedgraph"):
        predict(fasta, tmp_path / kind, runs["pmn"], kind=kind)
    bigwig, bedgraph = read(tmp_path / "bigwig"), read(tmp_path / "bedgraph")
    for tf in TFS:
        assert {place: np.float32(value) for place, value in bedgraph[tf].items()} == bigwig[tf]


def test_the_first_and_the_last_bases_have_no_value(runs, tmp_path):
    """A chromosome of 50 + 15 + 14 bp has two windows; its entries are 17 to 32 and 32 to 47."""
    fasta = write(tmp_path / "genome.fa", {"c": draw(np.random.default_rng(0), 79)})
    predict(fasta, tmp_path / "out", runs["cnn"], kind="bedgraph", tfs=["B"])
    assert sorted(read(tmp_path / "out")["B"]) == [("c", 17), ("c", 32)]


@pytest.mark.parametrize("chunk", [1, 7, 45])
def test_what_memory_holds_does_not_matter(runs, fasta, tmp_path, monkeypatch, chunk):
    predict(fasta, tmp_path / "whole", runs["pmn"])
    scanned = []
    monkeypatch.setattr(module, "CHUNK", chunk)
    monkeypatch.setattr(module, "scan", lambda *args, scan=module.scan: scanned.append(len(args[2])) or scan(*args))
    predict(fasta, tmp_path / "parts", runs["pmn"])
    whole, parts = read(tmp_path / "whole"), read(tmp_path / "parts")
    for tf in TFS:
        check(parts[tf], whole[tf])
    assert max(scanned) == chunk and sum(scanned) == len(whole["B"])


def test_lower_case_is_upper_case_and_other_letters_are_n(runs, tmp_path):
    rng = np.random.default_rng(2)
    text = draw(rng, 500, "ACGTN")
    strange = "".join(rng.choice(list("NRYKMSWBDHVnry-.*")) if base == "N" else base for base in text)
    versions = {
        "upper": text,
        "lower": text.lower(),
        "mixed": "".join(rng.choice([base, base.lower()]) for base in text),
        "strange": strange,
        "rna": text.replace("N", "U"),  # a letter like any other, not T
    }
    contents = {}
    for name, version in versions.items():
        fasta = write(tmp_path / f"{name}.fa", {"c": version})
        predict(fasta, tmp_path / name, runs["cnn"], kind="bedgraph")
        contents[name] = {file: (tmp_path / name / file).read_bytes() for file, _ in listed(tmp_path / name).values()}
    assert all(content == contents["upper"] for content in contents.values())
    other = write(tmp_path / "other.fa", {"c": text.replace("N", "A")})
    predict(other, tmp_path / "other", runs["cnn"], kind="bedgraph")
    assert read(tmp_path / "other") != read(tmp_path / "upper")


def test_a_chromosome_of_nothing_but_n(runs, tmp_path):
    fasta = write(tmp_path / "genome.fa", {"c": "N" * 300, "d": "ACGGT" * 50})
    predict(fasta, tmp_path / "out", runs["pmn"])
    with torch.no_grad():
        [logits] = Run(runs["pmn"]).model(torch.device("cpu"))(torch.zeros(1, 4, W)).logits.tolist()
    found = read(tmp_path / "out")
    for tf, logit in zip(TFS, logits, strict=True):
        values = list(restrict(found[tf], [("c", 0, 300)]).values())
        assert len(values) == 17
        np.testing.assert_allclose(values, sigmoid(logit), atol=1e-6)
        assert not np.allclose(list(restrict(found[tf], [("d", 0, 300)]).values()), sigmoid(logit), atol=1e-4)


@pytest.mark.parametrize("kind", ["bigwig", "bedgraph"])
def test_a_chromosome_that_is_too_short_has_no_entry(runs, tmp_path, kind):
    """The others keep their values and the bigWig names all; one base more makes a window."""
    rng = np.random.default_rng(3)
    letters = {"long": draw(rng, 200), "short": draw(rng, 49), "just": draw(rng, 50), "base": "A"}
    done = predict(write(tmp_path / "genome.fa", letters), tmp_path / "out", runs["cnn"], kind=kind)
    assert list(done.chroms.items()) == [("long", 11), ("short", 0), ("just", 1), ("base", 0)]
    found, wanted = read(tmp_path / "out"), one_by_one(runs["cnn"], letters)
    for tf in TFS:
        check(found[tf], wanted[tf])
    assert {chrom for chrom, _ in found["B"]} == {"long", "just"}
    if kind == "bigwig":
        for file in done.files.values():
            with pyBigWig.open(str(tmp_path / "out" / file)) as track:
                assert list(track.chroms().items()) == [("base", 1), ("just", 50), ("long", 200), ("short", 49)]


def test_an_empty_chromosome_does_not_shift_the_others(runs, tmp_path):
    letters = {"a": draw(np.random.default_rng(4), 150), "empty": "", "c": draw(np.random.default_rng(5), 150)}
    predict(write(tmp_path / "genome.fa", letters), tmp_path / "out", runs["cnn"])
    found, wanted = read(tmp_path / "out"), one_by_one(runs["cnn"], letters)
    for tf in TFS:
        check(found[tf], wanted[tf])
    with pytest.raises(GenomeError, match="last.fa, line 5: the sequence has no bases"):
        predict(write(tmp_path / "last.fa", {"a": letters["a"], "empty": ""}), tmp_path / "last", runs["cnn"])


# What is scanned

ASKED = {
    "a chromosome": ({"chroms": ["z"]}, [("z", 0, 700)]),
    "two, in another order": ({"chroms": ["z", "b", "z"]}, [("z", 0, 700), ("b", 0, 911)]),
    "a chromosome as a region": ({"regions": ["z"]}, [("z", 0, 700)]),
    "to the end": ({"regions": ["b:400"]}, [("b", 399, 911)]),
    "one base, an entry's first": ({"regions": ["b:198-198"]}, [("b", 197, 198)]),
    "from an entry's first base": ({"regions": ["b:198-212"]}, [("b", 197, 212)]),
    "from the base behind": ({"regions": ["b:199-213"]}, [("b", 198, 213)]),
    "past the end": ({"regions": ["b:800-1,000,000"]}, [("b", 799, 911)]),
    "with commas": ({"regions": ["b:1-0,450"]}, [("b", 0, 450)]),
    "overlapping": ({"regions": ["z:100-200", "z:150-300", "z:301-330"]}, [("z", 99, 330)]),
    "apart": ({"regions": ["z:500-600", "z:100-200", "b:7-100"]}, [("z", 499, 600), ("z", 99, 200), ("b", 6, 100)]),
    "bed": ({"bed": "z\t500\t600\nchr10\t0\t400\nz\t550\t640\n"}, [("z", 500, 640), ("chr10", 0, 400)]),
    "everything at once": (
        {"chroms": ["chr10"], "regions": ["chr10:5-90", "z:1-60"], "bed": "b\t32\t47\n"},
        [("chr10", 0, 400), ("z", 0, 60), ("b", 32, 47)],
    ),
}


@pytest.fixture(scope="module")
def whole(runs, fasta, tmp_path_factory) -> dict[str, Places]:
    folder = tmp_path_factory.mktemp("whole") / "out"
    predict(fasta, folder, runs["cnn"])
    return read(folder)


@pytest.mark.parametrize(("asked", "regions"), ASKED.values(), ids=ASKED)
def test_what_is_asked_for_is_cut_from_the_whole(runs, fasta, tmp_path, whole, asked, regions):
    words = {key: value for key, value in asked.items() if key != "bed"}
    if "bed" in asked:
        (tmp_path / "some.bed").write_text(asked["bed"])
        words["regions_file"] = tmp_path / "some.bed"
    done = predict(fasta, tmp_path / "out", runs["cnn"], **words)
    found = read(tmp_path / "out")
    wanted = {tf: restrict(whole[tf], regions) for tf in TFS}
    for tf in TFS:
        check(found[tf], wanted[tf])
    assert done.windows == len(wanted["B"]) > 0


def test_a_region_without_the_beginning_of_an_entry(runs, fasta, tmp_path, monkeypatch):
    """Entries of b begin at 17, 32, …: bases 18 to 31, counted from 0, hold no beginning. The model is not loaded."""
    monkeypatch.setattr(Run, "model", lambda *_: pytest.fail("the model is loaded"))
    for region in ("b:19-32", "b:1-17", "b:895"):
        with pytest.raises(InputError, match="genome.fa: no window of 50 bp has its center in what is to be scanned"):
            predict(fasta, tmp_path / "out", runs["cnn"], regions=[region])
    assert not any(tmp_path.iterdir())


def test_regions_that_get_no_value_are_said(runs, fasta, tmp_path, caplog):
    """Of four peaks of 1 bp, one lies where an entry begins."""
    (tmp_path / "peaks.bed").write_text("b\t18\t19\nb\t25\t26\nb\t197\t198\nz\t3\t4\n")
    predict(fasta, tmp_path / "a", runs["unbound"], regions_file=tmp_path / "peaks.bed", tfs=["B"])
    assert warnings(caplog) == [
        "3 of 4 regions, first b:19-19: no window has its center there, and no value is written; windows stand every "
        "15 bp, and regions should be as long"
    ]
    caplog.clear()
    predict(fasta, tmp_path / "b", runs["unbound"], regions=["b:19-33"], tfs=["B"])
    predict(fasta, tmp_path / "c", runs["unbound"], tfs=["B"])
    assert warnings(caplog) == []


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.sets(st.integers(1, 910), max_size=8))
def test_regions_that_tile_a_chromosome_share_its_windows_out(runs, fasta, tmp_path, whole, cuts):
    ends = [0, *sorted(cuts), 911]
    parts: list[Places] = []
    for start, end in zip(ends, ends[1:], strict=False):
        words = {"kind": "bedgraph", "tfs": ["b"], "regions": [f"b:{start + 1}-{end}"], "force": True}
        try:
            predict(fasta, tmp_path / "out", runs["cnn"], **words)
        except InputError as error:
            assert "no window of 50 bp" in str(error)
        else:
            parts.append(read(tmp_path / "out")["b"])
    together = {place: value for part in parts for place, value in part.items()}
    assert sum(map(len, parts)) == len(together)
    check(together, restrict(whole["b"], [("b", 0, 911)]))


# What is written


def test_bedgraphs_of_chromosomes_put_together_are_that_of_the_genome(runs, fasta, tmp_path, letters):
    predict(fasta, tmp_path / "whole", runs["cnn"], kind="bedgraph")
    files = [file for file, _ in listed(tmp_path / "whole").values()]
    parts = dict.fromkeys(files, b"")
    for chrom in sorted(letters):
        predict(fasta, tmp_path / chrom, runs["cnn"], kind="bedgraph", chroms=[chrom])
        parts = {file: part + (tmp_path / chrom / file).read_bytes() for file, part in parts.items()}
    for file, part in parts.items():
        assert gzip.decompress(part) == gzip.decompress((tmp_path / "whole" / file).read_bytes())


def test_tracks_are_written_in_as_many_processes_as_torch_has_threads(runs, fasta, tmp_path, monkeypatch):
    predict(fasta, tmp_path / "one", runs["cnn"])
    monkeypatch.setattr(track_writer, "WORTH", 1)
    monkeypatch.setattr(track_writer, "_write", None)  # by this process
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    predict(fasta, tmp_path / "two", runs["cnn"])
    assert contents(tmp_path / "two") == contents(tmp_path / "one")


def test_some_tfs_only(runs, fasta, tmp_path, whole):
    done = predict(fasta, tmp_path / "out", runs["cnn"], tfs=["b", "A/B", "b"])
    found = read(tmp_path / "out")
    assert list(found) == list(done.files) == ["A/B", "b"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"tracks.tsv", "tracks.json", *done.files.values()}
    assert found == {tf: whole[tf] for tf in found}


@pytest.mark.parametrize("kind", ["bigwig", "bedgraph"])
@pytest.mark.parametrize(("decimals", "share"), [(None, 0.5), (2, None), (2, 0.5), (0, None), (1, 1.0)])
def test_decimals_and_least_probability(runs, fasta, tmp_path, whole, kind, decimals, share):
    """Rounding comes first: what is written is never below the least."""
    values = sorted(whole["B"].values())
    least = None if share is None else values[round(share * (len(values) - 1))]
    least = least if decimals is None or least is None else round(least, decimals)
    predict(fasta, tmp_path / "out", runs["cnn"], kind=kind, decimals=decimals, least=least, tfs=["B", "b"])
    for tf, found in read(tmp_path / "out").items():
        rounded = {p: v if decimals is None else round(v, decimals) for p, v in whole[tf].items()}
        wanted = {p: v for p, v in rounded.items() if least is None or v >= least - 1e-9}
        check(found, wanted, atol=1e-7)
        assert decimals is None or kind == "bigwig" or {len(str(v).split(".")[1]) for v in found.values()} <= {1, 2}
        if tf == "B" and share is not None:
            assert 0 < len(wanted) < len(whole[tf]) + (decimals == 1)


def test_nothing_reaches_the_least_probability(runs, fasta, tmp_path, caplog):
    predict(fasta, tmp_path / "out", runs["cnn"], least=1.0)
    assert f"no value reaches --min-probability 1, so these tracks are empty: {', '.join(TFS)}" in caplog.text
    assert read(tmp_path / "out") == {tf: {} for tf in TFS}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_where_the_tracks_come_from(runs, tmp_path):
    """tracks.json holds the windows scanned and what each chromosome was in training, and no path and no clock."""
    rng = np.random.default_rng(6)
    letters = {"new": draw(rng, 100), **{c: draw(rng, n) for c, n in TRAINED.items()}}
    fasta = write(tmp_path / "genome.fa", letters)
    for name in "ab":
        done = predict(fasta, tmp_path / name, runs["cnn"], chroms=["chr2", "new"], decimals=3, least=0.1)
    content = (tmp_path / "a" / "tracks.json").read_text()
    assert content == (tmp_path / "b" / "tracks.json").read_text() and str(tmp_path) not in content
    found = json.loads(content)
    assert (found["window"], found["stride"], found["decimals"], found["least"]) == (W, S, 3, 0.1)
    run = json.loads((runs["cnn"] / "run.json").read_text())
    assert found["model"] == {
        "variant": "cnn", "name": "cnn", "sha256": sha256(runs["cnn"] / "run.json"), "weights": run["best"]["sha256"]
    }  # fmt: skip
    assert found["files"] == {name: sha256(tmp_path / "a" / name) for name in (*done.files.values(), "tracks.tsv")}
    md5 = hashlib.md5(letters["chr2"].encode()).hexdigest()
    assert found["chroms"] == {
        "chr1": {"length": 1500, "windows": 0, "split": "train", "same_sequence": None},
        "chr2": {"length": 700, "windows": 44, "split": "valid", "same_sequence": False, "md5": md5},
        "chr3": {"length": 700, "windows": 0, "split": "test", "same_sequence": None},
        "new": {"length": 100, "windows": 4, "split": None, "same_sequence": None},
    }
    assert done.splits == {"chr1": "train", "chr2": "valid", "chr3": "test", "new": None}


def test_a_genome_that_is_written_to_during_the_scan(runs, fasta, tmp_path, monkeypatch):
    genome, scan = Path(shutil.copy(fasta, tmp_path / "genome.fa")), module.scan

    def meanwhile(*args):
        os.utime(genome, ns=(1, 1))
        return scan(*args)

    monkeypatch.setattr(module, "scan", meanwhile)
    with pytest.raises(GenomeError, match="genome.fa: was written to while it was read"):
        predict(genome, tmp_path / "out", runs["cnn"])
    assert not (tmp_path / "out").exists()


def test_an_output_that_exists(runs, fasta, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "tracks.json").touch()
    with pytest.raises(OutputError, match="out exists already; give another -o, or --force to replace it"):
        predict(tmp_path / "no.fa", tmp_path / "out", tmp_path / "no")  # said before anything is read
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["tracks.json"]
    predict(fasta, tmp_path / "out", runs["cnn"], force=True, tfs=["B"])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["B.bw", "tracks.json", "tracks.tsv"]


# What a killed command leaves


@pytest.fixture
def broken_off(runs, fasta, tmp_path, monkeypatch):
    """Return a function that breaks a scan of `b` off in its n-th piece of 20 windows."""
    monkeypatch.setattr(module, "CHUNK", 20)
    scan = module.scan

    def begin(n: int, **words) -> list[int]:
        calls = []

        def count(*args):
            calls.append(len(args[2]))
            if len(calls) == n:
                raise KeyboardInterrupt
            return scan(*args)

        monkeypatch.setattr(module, "scan", count)
        words = {"genome": fasta, "output": tmp_path / "out", "model": runs["cnn"]} | words
        try:
            predict(**words)
        except KeyboardInterrupt:
            assert len(calls) == n
        return calls

    return begin


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("kind", ["bigwig", "bedgraph"])
def test_a_scan_goes_on_where_it_was_and_comes_to_the_same_bytes(broken_off, tmp_path, kind):
    words = {"kind": kind, "decimals": 4, "least": 0.2}
    whole = broken_off(0, output=tmp_path / "whole", **words)
    n_tried = [len(broken_off(n, **words)) for n in (3, 2, 1, 4)]  # 2, 1, 0 and 3 pieces come of it
    assert not (tmp_path / "out").exists()
    assert sum(n_tried) - 4 + len(broken_off(0, **words)) == len(whole)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert {path.name for path in tmp_path.iterdir()} == {"out", "whole"}


def test_tracks_that_are_written_are_not_written_again(broken_off, runs, fasta, tmp_path, monkeypatch):
    broken_off(0, output=tmp_path / "whole")
    written, track = [], track_writer.Track

    def break_off(path, *args, **words):
        written.append(path.name)
        if len(written) == 3:
            raise KeyboardInterrupt
        return track(path, *args, **words)

    monkeypatch.setattr(track_writer, "Track", break_off)
    with pytest.raises(KeyboardInterrupt):
        predict(fasta, tmp_path / "out", runs["cnn"])
    assert broken_off(0) == [] and len(written) == len(TFS) + 1
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_the_old_output_stays_until_the_new_one_is_whole(broken_off, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "tracks.json").touch()
    broken_off(3, force=True)
    assert contents(tmp_path / "out") == {"tracks.json": b""}
    broken_off(1, force=True)
    broken_off(0, force=True)
    assert len(contents(tmp_path / "out")) == len(TFS) + 2


OTHERS = {"tfs": ["B"], "decimals": 3, "least": 0.5, "kind": "bedgraph", "chroms": ["b", "z"]}


@pytest.mark.parametrize("key", [*OTHERS, "model", "genome"])
def test_a_scan_for_something_else_is_not_gone_on_with(broken_off, runs, letters, tmp_path, key):
    others = OTHERS | {"model": runs["pmn"]}
    if key == "genome":  # one base of the first piece of the first chromosome, b
        base = "A" if letters["b"][30] != "A" else "C"
        others["genome"] = write(tmp_path / "g.fa", letters | {"b": letters["b"][:30] + base + letters["b"][31:]})
    other = {key: others[key]}
    whole = broken_off(0, output=tmp_path / "whole", **other)
    broken_off(3)
    with pytest.raises(MismatchError, match="out.partial: what an earlier command left there was made .* another"):
        broken_off(0, **other)
    assert broken_off(0, force=True, **other) == whole
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@pytest.mark.parametrize("damage", ["values cut", "values gone", "journal cut", "journal gone", "a line too many"])
def test_what_is_left_may_be_cut_short_anywhere(broken_off, tmp_path, damage):
    whole = broken_off(0, output=tmp_path / "whole")
    broken_off(4)
    share = tmp_path / ".out.partial" / "0"
    values, journal = share / "2.values", share / "journal.txt"
    if damage == "values cut":
        os.truncate(values, 30 * 4)
    elif damage == "values gone":
        values.unlink()
    elif damage == "journal cut":
        os.truncate(journal, journal.stat().st_size - 5)
    elif damage == "journal gone":
        journal.unlink()
    else:
        with open(values, "ab") as file:
            file.write(bytes(81))  # of a piece that was not journaled
    again = len(broken_off(0))
    assert again == len(whole) - {"values cut": 1, "journal cut": 2, "a line too many": 3}.get(damage, 0)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_full_disk_keeps_what_is_scanned(runs, fasta, small_disk):
    rest = small_disk / "rest"
    rest.write_bytes(bytes(1_000_000))
    with pytest.raises(OutputError, match="cannot be written .No space left on device"):
        predict(fasta, small_disk / "out", runs["cnn"])
    assert not (small_disk / "out").exists()
    rest.unlink()
    predict(fasta, small_disk / "out", runs["cnn"])
    assert len(contents(small_disk / "out")) == len(TFS) + 2


@pytest.mark.parametrize("free", [3.9, 4, 10, 15])  # bytes a value
def test_a_scan_that_has_no_room_is_refused_before_it_starts(runs, fasta, tmp_path, monkeypatch, caplog, free):
    caplog.set_level("INFO", "pmntool")
    whole = predict(fasta, tmp_path / "whole", runs["cnn"])
    values = whole.windows * len(TFS)
    disk = SimpleNamespace(free=int(free * values))
    monkeypatch.setattr("pmntool.targets.shutil.disk_usage", lambda path: disk)
    caplog.clear()
    if free < 4:
        with pytest.raises(OutputError, match="out: the scan takes .* kB there, and .* kB are free; give another -o, "):
            predict(fasta, tmp_path / "out", runs["cnn"])
        assert [path.name for path in tmp_path.iterdir()] == ["whole"]
        half = tmp_path / ".out.partial" / "0.values"  # of a killed command, which may be written over
        half.parent.mkdir()
        half.write_bytes(bytes(values))
    predict(fasta, tmp_path / "out", runs["cnn"])
    warned = any("out: tracks may take" in message for message in caplog.messages)
    assert warned == (free < 6 + 4 / len(TFS))
    said = f"{whole.windows:,} windows of {len(TFS)} TFs: {as_bytes(4 * values)} on disk for the scan, then "
    assert any(message.startswith(said) for message in caplog.messages)


# What is said and what is refused


def warnings(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def test_training_on_bound_windows_only_is_said(runs, fasta, tmp_path, caplog):
    predict(fasta, tmp_path / "a", runs["unbound"], tfs=["B"])
    assert warnings(caplog) == []
    predict(fasta, tmp_path / "b", runs["cnn"], tfs=["B"])
    [said] = warnings(caplog)
    assert said.startswith(f"{runs['cnn']} was trained on bound windows only")


def same_sequences(folder: Path) -> list[bool | None]:
    return [known["same_sequence"] for known in json.loads((folder / "tracks.json").read_text())["chroms"].values()]


def test_another_assembly_is_said(runs, tmp_path, caplog):
    """Of chromosomes by the same names: lengths of all are compared, and the bases of those that are scanned."""
    with Genome(runs["genome"]) as genome:
        text = {chrom: "".join("ACGTN"[code] for code in genome.codes(chrom, 0, n)) for chrom, n in TRAINED.items()}
    other = {"chr1": text["chr1"].lower(), "chr2": text["chr2"] + "A", "chr3": "N" + text["chr3"][1:], "new": "A" * 60}
    fasta = write(tmp_path / "genome.fa", other)
    predict(fasta, tmp_path / "out", runs["unbound"], tfs=["B"])
    assert warnings(caplog) == [
        "chr2 (701 bp, there 700), chr3 (other bases): other sequences than in training: "
        "another assembly, or masked otherwise?"
    ]
    assert same_sequences(tmp_path / "out") == [True, False, False, None]
    predict(fasta, tmp_path / "part", runs["unbound"], tfs=["B"], regions=["chr1:1-100"])
    assert same_sequences(tmp_path / "part") == [True, False, None, None]
    caplog.clear()
    same = write(tmp_path / "same.fa", {chrom: text[chrom] for chrom in ("chr3", "chr1")}, width=7)
    predict(same, tmp_path / "same", runs["unbound"], tfs=["B"])
    assert warnings(caplog) == [] and same_sequences(tmp_path / "same") == [True, True]


def test_a_run_of_before_there_were_checksums(runs, tmp_path, caplog):
    old = shutil.copytree(runs["unbound"], tmp_path / "old")
    meta = json.loads((old / "run.json").read_text())
    for known in meta["dataset"]["chroms"].values():
        del known["md5"]
    (old / "run.json").write_text(json.dumps(meta))
    caplog.set_level("INFO")
    predict(runs["genome"], tmp_path / "out", old, tfs=["B"])
    assert f"{old} holds no checksums: whether it was trained on this genome is unknown" in caplog.messages
    assert same_sequences(tmp_path / "out") == [None, None, None]


@pytest.mark.parametrize(
    ("words", "error", "sentence"),
    [
        (
            {"chroms": ["chrz"]},
            MismatchError,
            r"--chroms: no chromosome chrz in the genome .*: 'chrz' here is 'z' there",
        ),
        ({"chroms": ["z", "q"]}, MismatchError, r"--chroms: no chromosome q in the genome \(it has b, chr10, z\)"),
        ({"regions": ["10:1-90"]}, MismatchError, "region '10:1-90': no chromosome 10 .*: '10' here is 'chr10' there"),
        ({"regions": ["z:701-800"]}, InputError, "region 'z:701-800': holds no base of z, which has bases 1 to 700"),
        ({"bed": "z\t600\t701\n"}, MismatchError, "some.bed: z:600-701 passes the chromosome's end, 700"),
        ({"bed": "q\t0\t70\n"}, MismatchError, "some.bed: no chromosome q in the genome"),
        ({"tfs": ["B", "C", "D"]}, MismatchError, "cnn: no TF C, D in the model; it has A/B, B, a, b$"),
        ({"kind": "wig"}, InputError, "--format wig: expected bigwig or bedgraph"),
        ({"device": "tpu"}, InputError, "--device tpu: expected auto, cpu, cuda or cuda:N"),
    ],
)
def test_what_does_not_fit(runs, fasta, tmp_path, words, error, sentence):
    if "bed" in words:
        (tmp_path / "some.bed").write_text(words["bed"])
        words = {"regions_file": tmp_path / "some.bed"}
    with pytest.raises(error, match=sentence):
        predict(fasta, tmp_path / "out", runs["cnn"], **words)
    assert not (tmp_path / "out").exists() and not (tmp_path / ".out.partial").exists()
