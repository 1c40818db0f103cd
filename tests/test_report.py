"""The page: its numbers are the verbs' own, its words follow from them, and a browser shows it."""

from __future__ import annotations

import json
import logging
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from browser import ask, needs_chromium, open_page
from sklearn.metrics import auc

from pmntool.bootstrap import Bootstrap
from pmntool.build_dataset import Options, build_dataset
from pmntool.clustering import cluster, cosines
from pmntool.dataset import Dataset
from pmntool.errors import OutputError
from pmntool.evaluate import evaluate
from pmntool.models import Hyperparameters
from pmntool.page import merges
from pmntool.report import report
from pmntool.train import Settings, train

HOW = Bootstrap(draws=40, block=1000)
HOSTILE = "<img src=x onerror=alert(1)>"
CLOSING = "</script><b>"


def content(page: str) -> dict:
    """Return what the page's figures draw."""
    return json.loads(re.search(r'<script type="application/json" id="content">(.*?)</script>', page, re.DOTALL)[1])


@pytest.fixture(scope="module")
def runs(world, tmp_path_factory):
    """The world's CNN and PMN, and the PMN with another seed."""
    folder = tmp_path_factory.mktemp("runs")
    for name in ("cnn", "pmn-lambda1"):
        shutil.copytree(world / "runs" / name, folder / name)
    settings = Settings("pmn", 1.0, learning_rate=3e-3, batch_size=64, epochs=2, seed=1)
    train(world / "dataset", folder / "second", settings, Hyperparameters(channels=(16, 8, 8)))
    return [folder / name for name in ("cnn", "pmn-lambda1", "second")]


@pytest.fixture(scope="module")
def made(world, runs, tmp_path_factory):
    """The page of the three runs, with a table in which all TFs share their targets."""
    trrust = tmp_path_factory.mktemp("trrust") / "trrust.tsv"
    tfs = Dataset(world / "dataset").tfs
    lines = [f"{tf}\tG{i}\tUnknown\t1\n" for tf in tfs for i in range(3)] + [f"{tfs[0]}\tH\tUnknown\t1\n"]
    trrust.write_text("".join(lines))
    return report(runs, world / "dataset", None, bootstrap=HOW, trrust=trrust)


def test_numbers_are_those_of_evaluate(made, world, runs):
    found = content(made.page)
    evaluation = evaluate(runs, world / "dataset", None, bootstrap=HOW, all_pairs=True)
    assert found["groups"] == ["cnn", "pmn-lambda1"] and [run["group"] for run in found["runs"]] == [0, 1, 1]
    table = evaluation.tfs.set_index(["run", "tf"])
    for i, tf in enumerate(found["tfs"]):
        assert found["positives"][i] == table.loc[("cnn", tf), "positives"]
        for metric, values in found["values"].items():
            both = [table.loc[(name, tf), metric] for name in ("pmn-lambda1", "second")]
            assert values[0][i] == pytest.approx(table.loc[("cnn", tf), metric], abs=5e-5)
            assert values[1][i] == pytest.approx(np.mean(both), abs=5e-5)
    row = evaluation.table_4.set_index("run").loc["pmn-lambda1"]
    expected = row[["aupr_mean", "aupr_low", "aupr_high"]].tolist()
    assert found["means"]["aupr"][1] == pytest.approx(expected, abs=1e-5)
    assert f"{row['auroc_mean']:.4f}" in made.page
    pair = next(one for one in found["differences"] if one["metric"] == "auroc")
    part = evaluation.differences.query("metric == 'auroc'")
    assert pair["low"] == pytest.approx(part["low"].tolist(), abs=5e-5) and (pair["a"], pair["b"]) == (1, 0)


def test_curves_have_the_area_that_the_table_says(made):
    found = content(made.page)
    for run, curves in zip(found["runs"], found["curves"], strict=True):
        if run["name"] != "cnn":
            continue
        for tf, steps in enumerate(curves):
            false, true = (np.concatenate([[0], np.cumsum(some)]) for some in steps)
            assert true[-1] == found["positives"][tf] and true[-1] + false[-1] == found["windows"]
            area = auc(false / false[-1], true / true[-1])
            assert area == pytest.approx(found["values"]["auroc"][0][tf], abs=0.01)


def test_same_inputs_same_bytes_and_nothing_of_the_machine(made, world, runs, tmp_path, monkeypatch):
    monkeypatch.chdir(runs[0].parent)
    again = report([Path(run.name) for run in runs], world / "dataset", tmp_path / "a.html", bootstrap=HOW)
    absolute = report(runs, world / "dataset", tmp_path / "b.html", bootstrap=HOW)
    assert again.page == absolute.page == (tmp_path / "b.html").read_text(encoding="utf-8")
    assert str(world) not in absolute.page and str(runs[0].parent) not in absolute.page
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", absolute.page)


def test_an_older_page_is_replaced_and_nothing_else(runs, world, tmp_path):
    target = tmp_path / "report.html"
    target.write_text("my thesis")
    for force, sentence in ((False, "exists already; give another -o"), (True, "was not made by this command")):
        with pytest.raises(OutputError, match=sentence):
            report(runs[:1], world / "dataset", target, bootstrap=HOW, force=force)
    assert target.read_text() == "my thesis"
    target.unlink()
    report(runs[:1], world / "dataset", target, bootstrap=HOW)
    report(runs[:1], world / "dataset", target, bootstrap=HOW, force=True)
    with pytest.raises(OutputError, match="is no plain file"):
        report(runs[:1], world / "dataset", tmp_path, bootstrap=HOW, force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_one_run_and_no_draws(runs, world):
    made = report(runs[:1], world / "dataset", None, bootstrap=Bootstrap(0))
    assert "cnn reaches a mean auROC of" in made.page and "None of these runs has prototypes" in made.page
    assert content(made.page)["means"]["auroc"][0][1:] == [None, None] and content(made.page)["trees"] == []
    assert "nan" not in re.sub(r"<script.*?</script>", "", made.page, flags=re.DOTALL).lower().split()


def test_warnings_of_the_verbs_are_on_the_page_without_paths(runs, world, tmp_path, caplog):
    elsewhere = shutil.copytree(world / "dataset", tmp_path / "elsewhere")
    meta = json.loads((elsewhere / "dataset.json").read_text())
    (elsewhere / "dataset.json").write_text(json.dumps(meta))  # other bytes
    made = report(runs[:1], elsewhere, None, bootstrap=HOW)
    assert "cnn was trained on another dataset than elsewhere" in made.cautions
    assert str(tmp_path) not in made.page and str(elsewhere) in caplog.text
    assert not [one for one in logging.getLogger("pmntool").handlers if type(one).__name__ == "_Listener"]


@needs_chromium
@pytest.mark.parametrize(("width", "options"), [(500, ()), (1280, ()), (1920, ("--force-dark-mode",))])
def test_the_page_opens_as_it_is(made, tmp_path, width, options):
    (tmp_path / "report.html").write_text(made.page, encoding="utf-8")
    dom, said = open_page(tmp_path / "report.html", width, *options)
    assert said == []
    assert len(re.findall(r'<svg viewBox="[^"]*" width="[^"]*" height="[^"]*" role="img"', dom)) == 9


@needs_chromium
def test_sorting_sorts_and_filtering_filters(made, tmp_path):
    found = content(made.page)
    body = """
    const rows = () => all("#tf-table tbody tr").filter((row) => !row.hidden);
    const names = () => rows().map((row) => row.cells[0].innerText.trim());
    const heads = () => all("#tf-table thead button");
    const sort = (column) => { heads()[column].click(); return [names(), heads()[column].parentElement.ariaSort]; };
    const first = names();
    const sorts = [sort(0), sort(0), sort(2), sort(2)];
    const focused = document.activeElement === heads()[2];
    enter("#metric", "aupr", "change");
    const other = sort(3);
    enter("#find", "F1", "input");
    return { first, sorts, focused, other, found: names(), shown: one("#shown").textContent };
    """
    told = ask(made.page, tmp_path, body)
    tfs = found["tfs"]
    by = {column: dict(zip(tfs, values, strict=True)) for column, values in {
        "bound": found["positives"], "cnn": found["values"]["auroc"][0], "pmn": found["values"]["aupr"][1],
    }.items()}  # fmt: skip
    assert [by["bound"][tf] for tf in told["first"]] == sorted(found["positives"], reverse=True)
    assert told["sorts"][0] == [sorted(tfs, key=_natural), "ascending"]
    assert told["sorts"][1] == [sorted(tfs, key=_natural, reverse=True), "descending"]
    assert [by["cnn"][tf] for tf in told["sorts"][2][0]] == sorted(by["cnn"].values(), reverse=True)
    assert told["sorts"][2][1] == "descending" and told["sorts"][3][1] == "ascending" and told["focused"]
    assert [by["cnn"][tf] for tf in told["sorts"][3][0]] == sorted(by["cnn"].values())
    assert [by["pmn"][tf] for tf in told["other"][0]] == sorted(by["pmn"].values(), reverse=True)
    assert set(told["found"]) == {tf for tf in tfs if "f1" in tf.lower()} and 0 < len(told["found"]) < len(tfs)
    assert told["shown"] == f"{len(told['found'])} of {len(tfs)} TFs"


def _natural(name: str) -> list:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


@needs_chromium
def test_choosing_a_tf_draws_it(made, tmp_path):
    body = """
    const look = () => ({
      roc: one("[data-figure=roc] svg").ariaLabel,
      paths: all("[data-figure=roc] path.curve").map((path) => path.getAttribute("d")),
      row: one("tr.chosen").cells[0].innerText.trim(), list: one("#tf").selectedOptions[0].text,
      facts: one("#tf-facts").textContent,
    });
    const before = look();
    const row = all("#tf-table tbody tr").find((row) => !row.classList.contains("chosen"));
    row.querySelector("button").click();
    const after = look();
    enter("#tf", "0", "change");
    const scatter = (across, up) => {
      enter("#across", across, "change");
      enter("#up", up, "change");
      return one("[data-figure=scatter] svg").ariaLabel;
    };
    const first = scatter("0", "1");
    const second = scatter("1", "0");
    const heat = one("[data-figure=tree] svg");
    const words = [];
    for (const key of ["ArrowRight", "ArrowDown", "ArrowUp"]) {
      heat.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
      words.push(one("[data-tree-says]").textContent);
    }
    return { before, name: row.cells[0].innerText.trim(), after, last: look(), first, second, words };
    """
    told = ask(made.page, tmp_path, body)
    found = content(made.page)
    assert told["after"]["row"] == told["after"]["list"] == told["name"] != told["before"]["row"]
    assert told["after"]["roc"] == f"ROC curves of {told['name']}" and told["after"]["facts"].startswith(told["name"])
    assert len(told["after"]["paths"]) == 3 and told["after"]["paths"] != told["before"]["paths"]
    assert told["last"]["row"] == found["tfs"][0]
    assert "pmn-lambda1 against cnn" in told["first"] and "cnn against pmn-lambda1" in told["second"]
    tree = found["trees"][0]
    a, b = tree["tfs"][:2]
    near = f"{a} and {b}: cosine {tree['cosines'][0] / 100:.2f}".replace("-", "−")
    assert told["words"][0].startswith(near) and told["words"][1].startswith(f"{b};")


@needs_chromium
def test_hostile_names_are_text(tmp_path, world):
    peaks = tmp_path / "peaks.tsv"
    files = sorted((world / "peaks").iterdir())[:4]
    names = [HOSTILE, CLOSING, "{{ 7 * 7 }}", "a&amp;b"]
    peaks.write_text("".join(f"{tf}\t{file.resolve()}\n" for tf, file in zip(names, files, strict=True)))
    build_dataset(world / "genome.fa", [peaks], tmp_path / "dataset", Options())
    settings = Settings("pmn", 1.0, learning_rate=3e-3, batch_size=64, epochs=2)
    train(tmp_path / "dataset", tmp_path / "<b>run", settings, Hyperparameters(channels=(16, 8, 8)))
    made = report([tmp_path / "<b>run"], tmp_path / "dataset", None, bootstrap=HOW)
    body = """
    all("#tf-table tbody button")[0].click();
    return {
      rows: all("#tf-table tbody tr").map((row) => row.cells[0].textContent),
      strange: all("img, b:not(nav b, figcaption b)").length,
      list: all("#tf option").map((one) => one.text),
      words: all("#prototypes td.words").map((cell) => cell.textContent),
      title: one("h1").textContent.trim(),
    };
    """
    told = ask(made.page, tmp_path, body)
    kept = set(Dataset(tmp_path / "dataset").tfs)
    assert {HOSTILE, CLOSING} <= kept
    assert set(told["rows"]) == set(told["list"]) == set(", ".join(told["words"]).split(", ")) == kept
    assert told["strange"] == 0 and told["title"].startswith("<b>run reaches")


@needs_chromium
def test_four_hundred_tfs_are_quick_and_small(made, tmp_path):
    found = content(made.page)
    n, runs = 400, len(found["runs"])
    rng = np.random.default_rng(0)
    many = {"tfs": [f"TF{i}" for i in range(n)], "positives": rng.integers(5, 900, n).tolist()}
    many["values"] = {m: [rng.random(n).round(4).tolist() for _ in found["groups"]] for m in found["values"]}
    intervals = {key: rng.random(n).round(4).tolist() for key in ("low", "high")}
    intervals["change"] = rng.integers(-1, 2, n).tolist()
    many["differences"] = [one | intervals for one in found["differences"]]
    many["curves"] = [[rng.integers(0, 20_000, (2, 99)).tolist() for _ in range(n)] for _ in range(runs)]
    many["frequency"] = {"tfs": many["tfs"], "windows": many["positives"]}
    many["frequency"] |= {key: np.sort(rng.random(n).round(2))[::-1].tolist() for key in ("bound", "shared")}
    tree = cluster(many["tfs"], cosines(rng.normal(size=(n, 16))), n_clusters=9)
    many["trees"] = [{
        "tfs": many["tfs"], "clusters": sorted(tree.clusters.tolist()), "stable": [True] * 9, "merges": merges(tree),
        "cosines": rng.integers(-99, 99, n * (n - 1) // 2).tolist(), "cut": 0.9,
    }]  # fmt: skip
    old, new = (json.dumps(some, separators=(",", ":")) for some in (found, found | many))
    assert old in made.page
    page = made.page.replace(old, new)
    of_one = len(json.dumps(many["curves"][0], separators=(",", ":")))
    assert len(page) + (10 - runs) * of_one < 8e6  # with ten runs, of two million windows
    body = """
    const took = (act) => {
      const start = performance.now();
      act();
      document.body.offsetHeight;
      return performance.now() - start;
    };
    return [took(() => all("#tf-table thead button")[0].click()), took(() => enter("#find", "TF39", "input")),
      took(() => enter("#tf", "7", "change")), all("#tf-table tbody tr").length];
    """
    *times, n_rows = ask(page, tmp_path, body)
    assert n_rows == n and max(times) < 1000, times  # ms; some 50 where nothing else runs
