"""Comparison: groups of seeds, their rows and tests by hand, and differences against windows literally repeated."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from pmntool import terminal
from pmntool.bootstrap import Bootstrap, benjamini_hochberg, draw_blocks
from pmntool.checkpoint import Run
from pmntool.dataset import Dataset
from pmntool.errors import InputError, MismatchError
from pmntool.inference import scan
from pmntool.metrics import NAMES, evaluate_labels, paired_t_test
from pmntool.terminal import evaluation_tables
from pmntool.verbs.compare import Measured, choose_baseline, compare, group_runs
from pmntool.verbs.evaluate import evaluate

TFS = ["A", "B", "C", "D"]


def made(variant="pmn", weight=1.0, seed=0, *, rate=1e-3, tfs=TFS, hops=5, dataset="d"):
    """Return what a run says of how it was made."""
    settings = {"prototype_weight": weight, "seed": seed, "learning_rate": rate}
    meta = {"settings": settings, "hyperparameters": {"hops": hops, "strands": "off"}, "dataset": {"sha256": dataset}}
    return SimpleNamespace(variant=variant, tfs=list(tfs), meta=meta)


def measured(auroc, drawn=None) -> Measured:
    """Return a table whose auPR and recall are the auROC halved, and what was drawn of auROC."""
    auroc = np.array(auroc, float)
    table = pd.DataFrame({"positives": 9, "auroc": auroc, "aupr": auroc / 2, "recall_at_fdr": auroc / 2}, index=TFS)
    return Measured(table, {} if drawn is None else {"auroc": pd.DataFrame(drawn, columns=TFS)})


def compared(of_runs, runs, baseline, **options):
    windows = pd.Series([30, 10, 20, 40], index=TFS)
    return compare(of_runs, runs, group_runs(runs), baseline, windows, {}, 10_000, **options)


def test_runs_that_differ_in_the_seed_alone_are_a_group():
    runs = {
        "a": made(seed=0), "cnn": made("cnn", 0.0), "b": made(seed=1), "l2": made(weight=2.0), "rate": made(rate=0.1),
        "c": made(seed=7), "few": made(tfs="AB"), "hops": made(hops=1), "data": made(dataset="e"),
        "cnn-b": made("cnn", 0.0, 1),
    }  # fmt: skip
    assert group_runs(runs) == {
        "pmn-lambda1": ["a", "b", "c"], "cnn": ["cnn", "cnn-b"], "l2": ["l2"], "rate": ["rate"], "few": ["few"],
        "hops": ["hops"], "data": ["data"],
    }  # fmt: skip


def test_a_second_run_of_a_seed_is_no_other_seed():
    assert group_runs({"a": made(), "copy": made()}) == {"a": ["a"], "copy": ["copy"]}
    assert group_runs({"a": made(), "b": made(seed=1), "copy": made()}) == {"pmn-lambda1": ["a", "b"], "copy": ["copy"]}


def test_a_name_is_never_given_twice():
    runs = {"pmn-lambda1": made(rate=0.1), "a": made(), "b": made(seed=1), "c": made(hops=1), "d": made(seed=1, hops=1)}
    assert group_runs(runs) == {"pmn-lambda1": ["pmn-lambda1"], "a+b": ["a", "b"], "c+d": ["c", "d"]}


def test_baseline_is_a_group_or_one_of_its_runs():
    runs = {"a": made(), "b": made(seed=1), "x": made("cnn", 0.0), "y": made("cnn", 0.0, 1), "z": made("cnn", 0.0, 1)}
    groups = group_runs(runs)
    assert choose_baseline(groups, runs, None) == "cnn"
    assert choose_baseline(groups, runs, "pmn-lambda1") == choose_baseline(groups, runs, "b") == "pmn-lambda1"
    assert choose_baseline(groups, runs, "z") == "z"
    assert choose_baseline({"a": ["a"]}, runs, None) == "a"
    with pytest.raises(MismatchError, match="--baseline q: expected one of the runs, a, b, x, y, z"):
        choose_baseline(groups, runs, "q")


def test_a_group_is_one_row_of_means_over_seeds():
    runs = {"a": made(), "cnn": made("cnn", 0.0), "b": made(seed=1), "c": made(seed=2)}
    values = {"a": [0.5, 0.6, 0.7, 0.8], "b": [0.7, 0.6, 0.5, 0.8], "c": [0.9, 0.9, 0.9, 0.2], "cnn": [0.5] * 4}
    found = compared({name: measured(values[name]) for name in runs}, runs, "cnn")
    table = found.table_4.set_index("run")
    assert table.index.tolist() == ["pmn-lambda1", "cnn"] and table["seeds"].tolist() == [3, 1]
    of_tfs = np.array([0.7, 0.7, 0.7, 0.6])  # means over the three seeds
    row = table.loc["pmn-lambda1"]
    assert row["auroc_mean"] == pytest.approx(0.675) and row["auroc_increase"] == pytest.approx(35)
    assert row["auroc_std"] == pytest.approx(of_tfs.std(ddof=1))
    assert row["auroc_spread"] == pytest.approx(np.std([0.65, 0.65, 0.725], ddof=1))
    assert row["aupr_spread"] == pytest.approx(row["auroc_spread"] / 2)
    assert np.isnan(table.loc["cnn", "auroc_spread"])
    p = found.tests.set_index(["metric", "a", "b"])["p"]
    assert p["auroc", "pmn-lambda1", "cnn"] == pytest.approx(paired_t_test(of_tfs, np.full(4, 0.5)))
    extremes = found.extremes.set_index(["group", "run"])["auroc"]
    assert extremes["rarest", "pmn-lambda1"] == pytest.approx(0.7)  # B and C
    assert extremes["commonest", "pmn-lambda1"] == pytest.approx(0.65)  # A and D
    assert found.tfs["run"].unique().tolist() == list(runs)  # each run by itself
    assert len(found.differences) == 0  # nothing was drawn


def test_differences_say_gained_lost_or_nothing():
    runs = {"a": made(), "cnn": made("cnn", 0.0)}
    rng = np.random.default_rng(0)
    base = rng.random((999, 4))
    gain = np.array([0.3, -0.3, 0.0, np.nan])
    drawn = {"a": base + gain + rng.normal(0, 0.05, (999, 4)), "cnn": base}
    values = {"a": 0.5 + gain, "cnn": [0.5, 0.5, 0.5, np.nan]}
    found = compared({name: measured(values[name], drawn[name]) for name in runs}, runs, "cnn").differences
    assert found["tf"].tolist() == TFS and set(found["run"]) == {"a"} and set(found["baseline"]) == {"cnn"}
    assert found["change"].tolist() == ["gained", "lost", "–", "–"]
    np.testing.assert_allclose(found["difference"], gain)
    np.testing.assert_allclose(found["p"][:2], 2 / 1000)
    np.testing.assert_allclose(found["q"], benjamini_hochberg(found["p"].to_numpy()))
    assert found.loc[2, "low"] < 0 < found.loc[2, "high"] and found.loc[3, ["low", "high", "p", "q"]].isna().all()


@pytest.mark.parametrize(("n_better", "warned"), [(1, True), (3, False)])
def test_too_few_draws_for_a_tf_to_stand_out_are_said(n_better, warned, caplog):
    """In 39 draws p is 2/40 at least; q of one of three such TFs is 3 · 0.05, of all three 0.05. D has no auROC."""
    rng = np.random.default_rng(0)
    base = rng.random((39, 4))
    better = base + rng.normal(0, 0.1, (39, 4))
    better[:, :n_better] = base[:, :n_better] + 0.1
    base[:, 3] = np.nan
    runs = {"cnn": made("cnn", 0.0), "pmn": made()}
    compared({"cnn": measured([0.5] * 4, base), "pmn": measured([0.6] * 4, better)}, runs, "cnn")
    said = (
        "pmn and cnn: no TF gained or lost, but 39 draws can show that of no fewer than 3 TFs at a time, and there are "
        "3; --bootstrap 120 lets one stand out alone"
    )
    assert (said in caplog.messages) is warned


def test_all_pairs_are_each_two_once():
    runs = {"a": made(), "cnn": made("cnn", 0.0), "b": made(weight=2.0)}
    of_runs = {name: measured([value] * 4, [[value] * 4] * 9) for name, value in (("a", 0.5), ("cnn", 0.6), ("b", 0.7))}
    pairs = compared(of_runs, runs, "cnn").differences[["run", "baseline"]].drop_duplicates()
    assert pairs.to_numpy().tolist() == [["a", "cnn"], ["b", "cnn"]]
    found = compared(of_runs, runs, "cnn", all_pairs=True).differences
    assert found[["run", "baseline"]].drop_duplicates().to_numpy().tolist() == [["a", "cnn"], ["b", "cnn"], ["b", "a"]]
    assert found["difference"].round(6).unique().tolist() == [-0.1, 0.1, 0.2]


@pytest.fixture
def runs(world, tmp_path):
    """A PMN and a CNN, and the CNN twice more under other seeds."""
    for name in ("cnn", "pmn-lambda1"):
        shutil.copytree(world / "runs" / name, tmp_path / name)
    for seed in (1, 2):  # by name: the weights are the same
        folder = shutil.copytree(tmp_path / "cnn", tmp_path / f"cnn-{seed}")
        meta = json.loads((folder / "run.json").read_text())
        meta["settings"]["seed"] = seed
        (folder / "run.json").write_text(json.dumps(meta))
    return tmp_path


def test_differences_are_those_of_windows_literally_repeated(world, runs):
    how = Bootstrap(draws=15, block=2000, seed=4)
    evaluation = evaluate([runs / "cnn", runs / "pmn-lambda1"], world / "dataset", None, bootstrap=how)
    found = evaluation.differences
    data, cpu = Dataset(world / "dataset"), torch.device("cpu")
    codes, starts = data.stretch("test")
    y = data.targets("test")
    logits = {
        name: scan(Run(runs / name).model(cpu), codes, starts, data.window, cpu) for name in ("cnn", "pmn-lambda1")
    }
    draws = draw_blocks(data.windows()[data.rows("test")], how)
    drawn, means = [], []
    for number in range(15):
        copies = np.repeat(np.arange(len(y)), draws.times[draws.block, number])
        pmn, cnn = (evaluate_labels(y[copies], logits[name][copies]) for name in ("pmn-lambda1", "cnn"))
        drawn.append({"auroc": pmn.auroc - cnn.auroc, "aupr": pmn.aupr - cnn.aupr})
        means.append(np.nanmean(pmn.aupr))
    for metric in ("auroc", "aupr"):
        part = found[found["metric"] == metric].reset_index(drop=True)
        of_draws = np.array([row[metric] for row in drawn])
        np.testing.assert_allclose(part["low"], np.quantile(of_draws, 0.025, axis=0), atol=1e-12)
        np.testing.assert_allclose(part["high"], np.quantile(of_draws, 0.975, axis=0), atol=1e-12)
        whole = [getattr(evaluate_labels(y, logits[name]), metric) for name in ("pmn-lambda1", "cnn")]
        np.testing.assert_allclose(part["difference"], whole[0] - whole[1])
        test = evaluation.tests.set_index(["metric", "a", "b"]).loc[(metric, "pmn-lambda1", "cnn")]
        edges = np.quantile(np.nanmean(of_draws, axis=1), [0.025, 0.975])
        np.testing.assert_allclose(test[["difference", "low", "high"]], [np.mean(whole[0] - whole[1]), *edges])
    row = evaluation.table_4.set_index("run").loc["pmn-lambda1"]
    np.testing.assert_allclose(row[["aupr_low", "aupr_high"]].astype(float), np.quantile(means, [0.025, 0.975]))


def test_seeds_on_disk_and_on_the_screen(world, runs):
    paths = [runs / name for name in ("cnn", "cnn-1", "cnn-2", "pmn-lambda1")]
    options = {"bootstrap": Bootstrap(50, 1000)}
    found = evaluate(paths, world / "dataset", runs / "out", **options)
    single = evaluate([paths[0], paths[3]], world / "dataset", None, **options)
    assert found.groups == {"cnn": ["cnn", "cnn-1", "cnn-2"], "pmn-lambda1": ["pmn-lambda1"]}
    assert found.table_4["seeds"].tolist() == [3, 1]
    assert found.table_4.loc[0, "auroc_spread"] == pytest.approx(0)  # of equal weights
    for metric in NAMES:
        np.testing.assert_allclose(found.table_4[f"{metric}_mean"], single.table_4[f"{metric}_mean"])
    np.testing.assert_allclose(found.differences["low"], single.differences["low"], atol=1e-12)
    assert len(pd.read_csv(runs / "out" / "tfs.tsv", sep="\t")) == 4 * found.n_tfs
    written = json.loads((runs / "out" / "evaluation.json").read_text())
    assert written["groups"] == found.groups and written["bootstrap"] == {"draws": 50, "block": 1000, "seed": 0}
    assert len(written["differences"]) == 2 * found.n_tfs
    cells = [cell for table in evaluation_tables(found) for cell in map(str, table.columns[0]._cells)]
    assert cells[:2] == ["cnn (3 seeds)", "pmn-lambda1"]
    titles = [str(table.title) for table in evaluation_tables(found)]
    assert "TFs that gained or lost, at 5 % FDR: paired bootstrap over blocks of 1,000 bp" in titles


def test_many_runs_are_tested_against_the_baseline_on_the_screen(world, runs, monkeypatch):
    paths = [runs / "cnn", runs / "pmn-lambda1"]
    found = evaluate(paths, world / "dataset", None, bootstrap=Bootstrap(0))
    assert "auROC: p of a paired t-test, row larger than column" in [str(t.title) for t in evaluation_tables(found)]
    monkeypatch.setattr(terminal, "MOST_COLUMNS", 1)
    table = next(t for t in evaluation_tables(found) if str(t.title).startswith("p of paired t-tests"))
    cells = [str(cell) for column in table.columns for cell in column._cells]
    p = found.tests.set_index(["metric", "a", "b"])["p"]
    expected = [p[(metric, *pair)] for metric in NAMES for pair in (("pmn-lambda1", "cnn"), ("cnn", "pmn-lambda1"))]
    assert cells == ["pmn-lambda1", *(f"{value:.2g}" for value in expected)]


def test_same_seed_same_intervals(world, runs):
    paths = [runs / "cnn", runs / "pmn-lambda1"]
    a, b, c = (
        evaluate(paths, world / "dataset", None, bootstrap=Bootstrap(30, 1000, seed)).differences for seed in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(a, b)
    assert (a["low"] != c["low"]).any() and (a["difference"] == c["difference"]).all()


def test_blocks_that_are_too_few(world, runs, caplog):
    paths = [runs / "cnn", runs / "pmn-lambda1"]
    evaluate(paths, world / "dataset", None, bootstrap=Bootstrap(5, 20_000))
    assert "blocks are few" in caplog.text
    for draws, block in ((5, 0), (5, 2**70), (2**70, 5)):
        with pytest.raises(InputError, match=f"--bootstrap {draws}, --block {block}: expected at least 0 draws"):
            evaluate(paths, world / "dataset", None, bootstrap=Bootstrap(draws, block))
    assert not len(evaluate(paths, world / "dataset", None, bootstrap=Bootstrap(0)).differences)
    assert not len(evaluate(paths[:1], world / "dataset", None).differences)  # nothing to compare with
