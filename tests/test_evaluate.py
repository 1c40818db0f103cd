"""evaluate: every number against a second implementation or a count by hand, and what is refused or said."""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
from pathlib import Path
from statistics import mean, stdev
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
from given import taken
from reference import auroc, average_precision, one_hot, paired_t, recall_at_fdr
from reference_labels import label_rows, peak_window, window_starts

from pmntool import plots
from pmntool.bootstrap import Bootstrap
from pmntool.checkpoint import Run
from pmntool.dataset import Dataset, write_arrays, write_meta
from pmntool.errors import InputError, MismatchError, OutputError
from pmntool.metrics import NAMES
from pmntool.models import Hyperparameters
from pmntool.text import counted
from pmntool.verbs.build_dataset import Options, build_dataset
from pmntool.verbs.compare import Evaluation, Measured, compare
from pmntool.verbs.evaluate import evaluate
from pmntool.verbs.train import Settings, train

W, S = 50, 15  # bp
CHROMS = {"train": ("c1",), "valid": ("c2",), "test": ("c3", "c4")}
LENGTHS = {"c1": 1500, "c2": 900, "c3": 700, "c4": 600}  # bp
PEAKS = {"A": 3, "B": 8, "C": 12, "D": 16, "NA": 20}  # TF → peaks a kb; "NA" is a name as good as any
OPTIONS = Options(W, S, valid_chroms=CHROMS["valid"], test_chroms=CHROMS["test"])
HP = Hyperparameters(channels=(8, 6), widths=(25, 11), dropout=0.0, hops=2)  # so wide that no two windows are alike
RUNS = {  # name → variant, TFs
    "cnn": ("cnn", None),
    "pmn": ("pmn", None),
    "single": ("cnn-single", ["B", "D", "NA"]),
    "few": ("pmn-no-lstm", ["B", "C"]),
    "one": ("cnn", ["A"]),
}


class Toy(NamedTuple):
    """A folder with genome.fa, peaks/, dataset/ and the runs in runs/; and what the files hold."""

    folder: Path
    letters: dict[str, str]  # chromosome → bases
    summits: dict[str, dict[str, list[int]]]  # TF → chromosome → bp

    @property
    def dataset(self) -> Path:
        return self.folder / "dataset"

    def runs(self, *names: str) -> list[Path]:
        return [self.folder / "runs" / name for name in names]

    def build(self, output: Path, options: Options) -> Path:
        build_dataset(self.folder / "genome.fa", [self.folder / "peaks"], output, options)
        return output


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("toy"), np.random.default_rng(0)
    letters = {chrom: "".join(rng.choice(list("ACGTacgtNR"), n)) for chrom, n in LENGTHS.items()}
    summits = {
        tf: {chrom: sorted(rng.integers(0, n, -(-rate * n // 1000)).tolist()) for chrom, n in LENGTHS.items()}
        for tf, rate in PEAKS.items()
    }
    (folder / "genome.fa").write_text("".join(f">{chrom}\n{text}\n" for chrom, text in letters.items()))
    (folder / "peaks").mkdir()
    for tf, chroms in summits.items():
        lines = [f"{chrom}\t{summit}\t{summit + 1}\n" for chrom in chroms for summit in chroms[chrom]]
        (folder / "peaks" / f"{tf}.bed").write_text("".join(lines))
    toy = Toy(folder, letters, summits)
    with pytest.MonkeyPatch.context() as patch:
        for figure in ("curves", "tf_frequencies"):
            patch.setattr(plots, figure, lambda *args: None)
        toy.build(toy.dataset, OPTIONS)
        for name, (variant, tfs) in RUNS.items():
            settings = Settings(variant, learning_rate=0.02, batch_size=16, epochs=3)
            train(toy.dataset, folder / "runs" / name, settings, taken(HP, variant), tfs=tfs, device="cpu")
    return toy


@pytest.fixture
def no_figures(monkeypatch):
    """Leave out what takes longer than all the rest."""
    for figure in ("curves", "scatter", "tf_frequencies"):
        monkeypatch.setattr(plots, figure, lambda *args: None)


def measure(toy: Toy, run: Path, split: str) -> dict[str, list[float]]:
    """Return positives and the metrics of each TF: labels base by base, logits window by window."""
    opened, y, logits = Run(run), [], []
    model = opened.model(torch.device("cpu"))
    for chrom in CHROMS[split]:
        text = toy.letters[chrom].upper()
        regions = [[peak_window(p, p + 1, -1, W) for p in toy.summits[tf][chrom]] for tf in sorted(PEAKS)]
        rows = label_rows(len(text), W, S, regions, 0.5)
        for start, row in zip(window_starts(len(text), W, S), rows, strict=True):
            if any(row):
                x = one_hot(["ACGT".find(base) % 5 for base in text[start : start + W]])
                with torch.no_grad():
                    logits.append(model(torch.tensor(x, dtype=torch.float32)[None]).logits[0].tolist())
                y.append([row[sorted(PEAKS).index(tf)] for tf in opened.tfs])
    found = {}
    for tf, bound, values in zip(opened.tfs, zip(*y, strict=True), zip(*logits, strict=True), strict=True):
        metrics = auroc(bound, values), average_precision(bound, values), recall_at_fdr(bound, values, "0.5")
        found[tf] = [sum(bound), *metrics]
    return found


def rows_of(evaluation: Evaluation, run: str) -> pd.DataFrame:
    """Return one run's rows of the table of TFs, indexed by TF."""
    return evaluation.tfs[evaluation.tfs["run"] == run].set_index("tf").drop(columns="run")


def write_again(toy: Toy, output: Path, y: np.ndarray) -> Path:
    """Write the dataset once more with other labels, (N, L)."""
    data = Dataset(toy.dataset)
    output.mkdir()
    files = write_arrays(output, data.windows(), data.sequence, data.offsets, np.packbits(y, axis=1))
    write_meta(output, data.meta | {"files": files})
    return output


def without(toy: Toy, output: Path, tf: str, split: str = "test") -> Path:
    """Write the dataset once more, with no positive window of `tf` in `split`."""
    data = Dataset(toy.dataset)
    y = np.unpackbits(data.packed, axis=1, count=len(data.tfs))
    y[data.rows(split), data.tfs.index(tf)] = 0
    return write_again(toy, output, y)


# The numbers


@pytest.mark.parametrize("split", CHROMS)
@pytest.mark.parametrize("name", RUNS)
def test_metrics_equal_those_of_window_by_window_logits(toy, name, split):
    [run] = toy.runs(name)
    found = rows_of(evaluate([run], toy.dataset, None, split=split), name)
    wanted = pd.DataFrame.from_dict(measure(toy, run, split), orient="index", columns=["positives", *NAMES])
    assert list(found.index) == list(wanted.index) == (RUNS[name][1] or sorted(PEAKS))
    assert found["positives"].tolist() == wanted["positives"].tolist() and wanted["positives"].min() > 0
    np.testing.assert_allclose(found, wanted, atol=1e-2)  # floating point may turn a pair round, of 15 or more
    assert wanted["auroc"].between(0.01, 0.99).all()  # 0 or 1 would say little about the order


def set_beside(scores, runs, baseline, windows):
    """Compare tables of metrics, each run a group of its own, nothing drawn again."""
    measured = {name: Measured(table, {}) for name, table in scores.items()}
    return compare(measured, runs, {name: [name] for name in runs}, baseline, windows, {"all": 1}, 10_000)


def test_table_4_of_two_runs_counted_by_hand():
    """Means 0.7 and 0.8; for 2 degrees of freedom p = 1/2 - t / (2 sqrt(2 + t²)), and t² = 0.75."""
    runs = {name: SimpleNamespace(variant=name, meta={"settings": {"prototype_weight": 0.5}}) for name in ("a", "b")}
    scores = {
        "a": pd.DataFrame({"positives": 1, "auroc": [0.6, 0.7, 0.8], "aupr": 0.5, "recall_at_fdr": 0.0}, [*"xyz"]),
        "b": pd.DataFrame({"positives": 1, "auroc": [0.9, 0.8, 0.7], "aupr": 0.6, "recall_at_fdr": 0.2}, [*"xyz"]),
    }
    found = set_beside(scores, runs, "a", pd.Series({"x": 5, "y": 6, "z": 7}))
    table, tests = found.table_4.set_index("run"), found.tests.set_index(["metric", "a", "b"])["p"]
    assert table["auroc_mean"].tolist() == pytest.approx([0.7, 0.8])
    assert table["auroc_std"].tolist() == pytest.approx([0.1, 0.1])
    assert table["auroc_increase"].tolist() == pytest.approx([0, 100 / 7])
    assert table["aupr_increase"].tolist() == pytest.approx([0, 20])
    assert table["recall_at_fdr_increase"].isna().all()  # over nothing
    assert table["variant"].tolist() == ["a", "b"] and table["lambda"].tolist() == [0.5, 0.5]
    p = 0.5 - math.sqrt(0.75) / (2 * math.sqrt(2.75))
    assert tests["auroc", "b", "a"] == pytest.approx(p) and tests["auroc", "a", "b"] == pytest.approx(1 - p)
    assert math.isnan(tests["aupr", "b", "a"])  # the same difference three times has no spread
    assert len(tests) == 6 and found.n_tfs == 3


def test_table_4_and_the_tests_follow_from_the_table_of_tfs(toy):
    names = ["cnn", "pmn", "single"]
    found = evaluate(toy.runs(*names), toy.dataset, None, baseline="pmn")
    values = {name: rows_of(found, name).loc[["B", "D", "NA"]] for name in names}
    table = found.table_4.set_index("run")
    assert list(table.index) == names and table["lambda"].tolist() == [1.0, 1.0, 1.0]
    assert table["variant"].tolist() == ["cnn", "pmn", "cnn-single"]
    for metric in NAMES:
        for name in names:
            column = values[name][metric].tolist()
            assert table.loc[name, f"{metric}_mean"] == pytest.approx(mean(column))
            assert table.loc[name, f"{metric}_std"] == pytest.approx(stdev(column))
            ratio = mean(column) / mean(values["pmn"][metric].tolist())
            assert table.loc[name, f"{metric}_increase"] == pytest.approx(100 * (ratio - 1))
    assert len(found.tests) == 3 * 6
    for row in found.tests.itertuples():
        a, b = (values[name][row.metric].tolist() for name in (row.a, row.b))
        same = len({u - v for u, v in zip(a, b, strict=True)}) == 1
        assert row.p == pytest.approx(math.nan if same else paired_t(a, b), nan_ok=True), row
    assert found.tests.loc[found.tests["metric"] != "recall_at_fdr", "p"].notna().all()


@pytest.mark.parametrize(("count", "size"), [(25, 10), (20, 10), (19, 9), (3, 1), (1, 0)])
def test_the_rarest_and_the_commonest(count, size):
    """The k-th rarest TF has auROC k; TFs stand in another order than their windows."""
    order = np.random.default_rng(count).permutation(count)
    tfs = [f"t{rank}" for rank in order]
    columns = {"positives": 1, "auroc": order / 100, "aupr": order / 200, "recall_at_fdr": 0.5}
    runs = {name: SimpleNamespace(variant="cnn", meta={"settings": {"prototype_weight": 0}}) for name in ("a", "b")}
    scores = {name: pd.DataFrame(columns, tfs) for name in runs}
    if size:
        scores["b"].loc["t0", "auroc"] = np.nan  # the rarest of all is left out of b's mean
    extremes = set_beside(scores, runs, "a", pd.Series(order * 3 + 1, tfs)).extremes
    assert len(extremes) == (4 if size else 0)
    for row in extremes.itertuples():
        ranks = range(size) if row.group == "rarest" else range(count - size, count)
        defined = [rank for rank in ranks if rank or row.run == "a"]
        assert row.tfs == size
        assert row.auroc == pytest.approx(mean(defined) / 100 if defined else np.nan, nan_ok=True)
        assert row.aupr == pytest.approx(mean(ranks) / 200)
    if size:
        assert set(zip(extremes["run"], extremes["group"], strict=True)) == {
            (run, group) for run in "ab" for group in ("rarest", "commonest")
        }


def test_rare_and_common_are_counted_over_all_splits(toy, tmp_path):
    """A, B and C are each common in one split alone, which makes them commoner than the others."""
    data = Dataset(toy.dataset)
    y = np.zeros((len(data), len(data.tfs)), np.uint8)
    for split, counts in {"train": (60, 2, 2, 5, 8), "valid": (2, 50, 2, 5, 8), "test": (2, 2, 55, 5, 8)}.items():
        for column, count in enumerate(counts):
            y[data.rows(split), column] = np.random.default_rng(column).permutation(len(data.targets(split))) < count
    other = write_again(toy, tmp_path / "other", y)
    for split in CHROMS:
        found = evaluate(toy.runs("cnn"), other, None, split=split)
        extremes, values = found.extremes.set_index("group"), rows_of(found, "cnn")
        for group, members in (("rarest", ["D", "NA"]), ("commonest", ["A", "C"])):
            assert extremes.loc[group, "auroc"] == pytest.approx(values.loc[members, "auroc"].mean())


# Which runs


@pytest.mark.parametrize(
    ("names", "shared"),
    [(["cnn", "few"], ["B", "C"]), (["few", "single"], ["B"]), (["few", "single", "cnn"], ["B"]), (["pmn"], None)],
)
def test_runs_are_compared_on_the_tfs_that_they_share(toy, caplog, names, shared):
    found = evaluate(toy.runs(*names), toy.dataset, None)
    shared = shared or sorted(PEAKS)
    said = f"means and tests are over the {counted(len(shared), 'TF')} that all runs share"
    assert [said] * (names != ["pmn"]) == [m for m in caplog.messages if "share" in m]
    assert found.n_tfs == len(shared)
    for name in names:
        rows = rows_of(found, name)
        assert list(rows.index) == (RUNS[name][1] or sorted(PEAKS))  # nothing is dropped from the table of TFs
        row = found.table_4.set_index("run").loc[name]
        assert row["auroc_mean"] == pytest.approx(rows.loc[shared, "auroc"].mean())
    assert found.extremes.empty == (len(shared) == 1)


def test_runs_that_share_no_tf(toy):
    with pytest.raises(MismatchError, match="^the runs few, one share no TF$"):
        evaluate(toy.runs("few", "one"), toy.dataset, None)


def test_two_folders_of_one_name(toy, tmp_path):
    x, y = (
        shutil.copytree(run, tmp_path / place / "same") for run, place in zip(toy.runs("cnn", "pmn"), "xy", strict=True)
    )
    found = evaluate([x, y, *toy.runs("few")], toy.dataset, None, baseline=str(y))
    assert found.table_4["run"].tolist() == [str(x), str(y), "few"]
    assert found.baseline == str(y) and found.table_4["auroc_increase"][1] == 0
    pd.testing.assert_frame_equal(
        rows_of(found, str(y)), rows_of(evaluate(toy.runs("pmn"), toy.dataset, None), "pmn"), check_exact=True
    )
    with pytest.raises(MismatchError, match="^--baseline same: expected one of the runs, "):
        evaluate([x, y], toy.dataset, None, baseline="same")
    (tmp_path / "link").symlink_to(y)
    linked = evaluate([tmp_path / "link"], toy.dataset, None)
    assert linked.table_4["run"].tolist() == ["same"]  # a link goes by the name of what it leads to


def test_a_run_whose_name_no_table_can_hold(toy, tmp_path):
    (other,) = toy.runs("pmn")
    odd = shutil.copytree(other, tmp_path / os.fsdecode(b"run-\xff"))
    (tmp_path / "link").symlink_to(odd)  # a link goes by the name of what it leads to
    for run in (odd, tmp_path / "link"):
        with pytest.raises(InputError, match=f"^{run}: the name is not UTF-8"):
            evaluate([run], toy.dataset, tmp_path / "out")


def test_a_run_given_twice(toy):
    with pytest.raises(InputError, match="^a run is named twice: "):
        evaluate(toy.runs("cnn", "pmn", "cnn"), toy.dataset, None)
    with pytest.raises(InputError, match="^no run is given$"):
        evaluate([], toy.dataset, None)


@pytest.mark.parametrize(
    ("names", "baseline"),
    [
        (["pmn", "few"], "pmn"),
        (["pmn", "cnn"], "cnn"),
        (["cnn", "single", "pmn"], "single"),
        (["one", "cnn"], "one"),
    ],
)
def test_the_baseline_where_none_is_asked_for(toy, names, baseline):
    found = evaluate(toy.runs(*names), toy.dataset, None)
    assert found.baseline == baseline
    assert (found.table_4.set_index("run")["auroc_increase"] == 0).idxmax() == baseline


def test_a_baseline_that_is_no_run(toy):
    with pytest.raises(MismatchError, match="^--baseline nets: expected one of the runs, cnn, pmn$"):
        evaluate(toy.runs("cnn", "pmn"), toy.dataset, None, baseline="nets")


# Which dataset and split


@pytest.mark.parametrize("sizes", [{"window": 40}, {"stride": 10}])
def test_a_run_of_another_window(toy, tmp_path, no_figures, sizes):
    other = toy.build(tmp_path / "other", OPTIONS._replace(**sizes))
    known = {"window": W, "stride": S} | sizes
    here = f"windows of {known['window']} bp every {known['stride']} bp"
    with pytest.raises(MismatchError, match=f"cnn: trained on windows of 50 bp every 15 bp, but .*other has {here}$"):
        evaluate(toy.runs("cnn"), other, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_dataset_without_a_tf_of_the_run(toy, tmp_path, no_figures):
    rarest = sum(Dataset(toy.dataset).targets(split, ["A"]).sum() for split in CHROMS)
    other = toy.build(tmp_path / "other", OPTIONS._replace(min_windows=int(rarest) + 1))
    assert Dataset(other).tfs == ["B", "C", "D", "NA"]
    with pytest.raises(MismatchError, match="other: no TF A there; did you mean NA\\?$"):
        evaluate(toy.runs("cnn"), other, None)
    assert evaluate(toy.runs("few", "single"), other, None).n_tfs == 1  # these do without it


def test_chromosomes_that_a_run_has_seen(toy, tmp_path, no_figures, caplog):
    """The run was trained on c1, which here is held back; that windows overlap otherwise does not hide it."""
    swapped = toy.build(tmp_path / "swapped", Options(W, S, 0.3, valid_chroms=("c1", "c2"), test_chroms=("c4",)))
    with pytest.raises(MismatchError, match="cnn: was trained on c1, which .*swapped has in its valid split$"):
        evaluate(toy.runs("cnn"), swapped, None, split="valid")
    assert not any("another dataset" in message for message in caplog.messages)
    for split in ("test", "train"):  # c4, and c3: neither was trained on
        assert len(evaluate(toy.runs("cnn"), swapped, None, split=split).tfs) == len(PEAKS)
        assert any("cnn was trained on another dataset than" in message for message in caplog.messages)


def without_checksums(folder: Path, output: Path, file: str) -> Path:
    """Copy a dataset or run as it was before there were checksums of chromosomes."""
    shutil.copytree(folder, output)
    meta = json.loads((output / file).read_text())
    for known in meta.get("dataset", meta)["chroms"].values():
        del known["md5"]
    (output / file).write_text(json.dumps(meta))
    return output


def test_without_checksums_lengths_say_what_a_run_has_seen(toy, tmp_path, no_figures, caplog):
    swapped = toy.build(tmp_path / "swapped", OPTIONS._replace(valid_chroms=("c1",), test_chroms=("c2",)))
    old_run = without_checksums(toy.runs("cnn")[0], tmp_path / "cnn", "run.json")
    old_dataset = without_checksums(swapped, tmp_path / "old", "dataset.json")
    for run, dataset in ((old_run, swapped), (toy.runs("cnn")[0], old_dataset), (old_run, old_dataset)):
        caplog.clear()
        with pytest.raises(MismatchError, match="cnn: was trained on c1, which .* has in its valid split$"):
            evaluate([run], dataset, None, split="valid")
        evaluate([run], dataset, None)
        said = f"{run} or {dataset} holds no checksums: whether their genomes are the same is unknown"
        assert caplog.messages.count(said) == 1


def test_a_chromosome_of_the_same_name_and_other_bases(toy, tmp_path, no_figures):
    text = (toy.folder / "genome.fa").read_text()
    other = "".join(f">{chrom}\n{bases[::-1]}\n" for chrom, bases in toy.letters.items())
    assert len(other) == len(text)
    (tmp_path / "genome.fa").write_text(other)
    options = Options(W, S, valid_chroms=("c1",), test_chroms=("c2",))
    build_dataset(tmp_path / "genome.fa", [toy.folder / "peaks"], tmp_path / "dataset", options)
    with pytest.raises(MismatchError, match="cnn: was trained on other sequences under the names c3, c4, c1, c2 than"):
        evaluate(toy.runs("cnn"), tmp_path / "dataset", None, split="valid")
    found = evaluate(toy.runs("cnn"), tmp_path / "dataset", None, split="valid", other_genome=True)
    assert len(found.tfs) == len(PEAKS)


def test_the_training_split_of_its_own_dataset_says_nothing(toy, caplog):
    evaluate(toy.runs("cnn"), toy.dataset, None, split="train", bootstrap=Bootstrap(0))
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == []


def test_a_split_that_is_none(toy):
    with pytest.raises(InputError, match="^--split tests: expected train, valid, test$"):
        evaluate(toy.runs("cnn"), toy.dataset, None, split="tests")


def test_a_tf_without_a_positive_window(toy, tmp_path, caplog):
    other = without(toy, tmp_path / "other", "B")
    found = evaluate(toy.runs("cnn", "pmn"), other, None)
    for name in ("cnn", "pmn"):
        said = f"{name}: no auROC for 1 TF without a positive or a negative window"
        assert caplog.messages.count(said) == 1
        rows = rows_of(found, name)
        assert rows.loc["B", "positives"] == 0 and rows.loc["B", list(NAMES)].isna().all()
        assert rows.drop(index="B").notna().all(axis=None)
        row = found.table_4.set_index("run").loc[name]
        for metric in NAMES:
            assert row[f"{metric}_mean"] == pytest.approx(mean(rows.drop(index="B")[metric]))
            assert row[f"{metric}_std"] == pytest.approx(stdev(rows.drop(index="B")[metric]))
    pair = [rows_of(found, name).drop(index="B")["auroc"].tolist() for name in ("cnn", "pmn")]
    assert found.tests.set_index(["metric", "a", "b"])["p"]["auroc", "cnn", "pmn"] == pytest.approx(paired_t(*pair))
    caplog.clear()
    evaluate(toy.runs("cnn", "pmn"), other, None, split="valid")
    assert not any("no auROC" in message for message in caplog.messages)


# The files


def test_json_and_tables_say_the_same(toy, tmp_path):
    """NaN is `nan` in a table and null in JSON, which has no word for it."""
    other = without(toy, tmp_path / "other", "B", "valid")
    found = evaluate(toy.runs("cnn", "pmn"), other, tmp_path / "out", split="valid")
    content = json.loads((tmp_path / "out" / "evaluation.json").read_text(), parse_constant=pytest.fail)
    frames = {"tfs": found.tfs, "table4": found.table_4, "tests": found.tests, "extremes": found.extremes}
    undefined = dict.fromkeys(frames, 0)
    for name, frame in frames.items():
        with open(tmp_path / "out" / f"{name}.tsv", newline="") as file:
            lines = list(csv.DictReader(file, delimiter="\t"))
        assert len(lines) == len(content[name]) == len(frame) > 0
        for line, row, known in zip(lines, content[name], frame.to_dict("records"), strict=True):
            assert list(line) == list(row) == list(known)
            for key, text in line.items():
                if isinstance(known[key], float) and math.isnan(known[key]):
                    assert (text, row[key]) == ("nan", None)
                    undefined[name] += 1
                elif isinstance(known[key], str):
                    assert text == row[key] == known[key]
                else:
                    assert float(text) == row[key] == known[key]
    assert undefined["tfs"] == 2 * 3 and {row["tf"] for row in content["tfs"]} == set(PEAKS)
    assert (content["split"], content["baseline"], content["shared_tfs"]) == ("valid", "cnn", 5)
    assert content["dataset"] == Dataset(other).checksum
    assert (tmp_path / "out" / "scatter.png").stat().st_size > 5000


def test_the_same_evaluation_has_the_same_bytes(toy, tmp_path, no_figures):
    for name in "ab":
        evaluate(toy.runs("cnn", "pmn"), toy.dataset, tmp_path / name)
    a, b = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in "ab")
    assert a == b and len(a) == 7


def test_an_output_that_exists(toy, tmp_path, no_figures):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "evaluation.json").touch()
    with pytest.raises(OutputError, match="out exists already; give another -o, or --force"):
        evaluate([tmp_path / "nothing"], toy.dataset, tmp_path / "out")  # said before any work
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["evaluation.json"]
    evaluate(toy.runs("cnn"), toy.dataset, tmp_path / "out", force=True)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "differences.tsv", "evaluation.json", "extremes.tsv", "leakage.tsv", "table4.tsv", "tests.tsv", "tfs.tsv",
    ]  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("name", "settings", "best", "said"),
    [
        ("cnn", {"epochs": 3}, [2], False),
        ("cnn", {"epochs": 5}, [2], True),
        ("cnn", {"epochs": 5, "patience": 1}, [2], False),  # which ended it
        ("cnn", {"epochs": 5, "patience": 2}, [2], True),
        ("gc", {"epochs": 5}, [1], False),  # fitted in one epoch, whatever was asked for
    ],
)
def test_a_run_that_was_stopped_is_warned_of(toy, tmp_path, caplog, name, settings, best, said):
    if name == "gc":
        path = train(toy.dataset, tmp_path / "run", Settings("gc", epochs=1), device="cpu").path
    else:
        path = shutil.copytree(toy.runs(name)[0], tmp_path / "run")
    meta = json.loads((path / "run.json").read_text())
    meta["settings"] |= settings
    (path / "run.json").write_text(json.dumps(meta | {"best_epochs": best}))
    evaluate([path], toy.dataset, None, bootstrap=Bootstrap(0))
    sentence = f"{path} has 3 of the 5 epochs that were asked for; train --resume goes on"
    assert (sentence in caplog.messages) == said
    assert any("asked for" in message for message in caplog.messages) == said


def test_a_run_given_twice_in_two_spellings(toy):
    [run] = toy.runs("cnn")
    with pytest.raises(InputError, match="^a run is named twice: "):
        evaluate([run, run.parent / ".." / run.parent.name / run.name], toy.dataset, None)


def test_no_tf_in_common_that_has_an_auroc(toy, tmp_path):
    other = without(toy, tmp_path / "other", "A")
    one = train(toy.dataset, tmp_path / "one", Settings("cnn", epochs=1), taken(HP, "cnn"), tfs=["A"])
    found = evaluate([*toy.runs("cnn"), one.path], other, tmp_path / "out")
    assert found.n_tfs == 1 and found.table_4["auroc_mean"].isna().all()
    assert not (tmp_path / "out" / "scatter.png").exists()
    assert (tmp_path / "out" / "extremes.tsv").read_text() == "run\tgroup\ttfs\tauroc\taupr\trecall_at_fdr\n"
