"""The page: its numbers are the verbs' own, its words follow from them, and a browser shows it."""

from __future__ import annotations

import json
import logging
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from chromium import CHROMIUM, WITHOUT, Page
from sklearn.metrics import auc

from pmntool import stalls
from pmntool.bootstrap import Bootstrap
from pmntool.dataset import Dataset
from pmntool.errors import InputError, OutputError
from pmntool.models import Hyperparameters
from pmntool.verbs.build_dataset import Options, build_dataset
from pmntool.verbs.evaluate import evaluate
from pmntool.verbs.report import _overheard, report
from pmntool.verbs.train import Settings, train

in_chromium = pytest.mark.skipif(CHROMIUM is None, reason=WITHOUT)

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
    for force in (False, True):
        with pytest.raises(OutputError, match="was not made by this command"):
            report(runs[:1], world / "dataset", target, bootstrap=HOW, force=force)
    assert target.read_text() == "my thesis"
    target.unlink()
    report(runs[:1], world / "dataset", target, bootstrap=HOW)
    with pytest.raises(OutputError, match="exists already; give another -o"):
        report(runs[:1], world / "dataset", target, bootstrap=HOW)
    report(runs[:1], world / "dataset", target, bootstrap=HOW, force=True)
    with pytest.raises(OutputError, match="is no plain file"):
        report(runs[:1], world / "dataset", tmp_path, bootstrap=HOW, force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize(
    ("file", "change", "place"),
    [
        ("dataset.json", {"inputs": "1"}, "inputs"),
        ("dataset.json", {"inputs": [{"tf": "A", "file": "a", "peaks": -1, "sha256": "0"}]}, "inputs.0.peaks"),
        ("dataset.json", {"left_out": {"tfs": {}, "peaks": {}}}, "left_out.windows"),
        ("dataset.json", {"min_overlap": None}, "min_overlap"),
        ("dataset.json", {"exclude": "x"}, "exclude"),
        ("dataset.json", {"peak_windows": None}, "peak_windows"),
        ("run.json", {"torch": 2}, "torch"),
        ("run.json", {"settings": {"prototype_weight": None}}, "settings.prototype_weight"),
        ("run.json", {"epochs": [{"epoch": 1}]}, "epochs.0.valid_auroc"),
        ("run.json", {"best_epochs": [9]}, "best_epochs"),
        ("run.json", {"motifs": [1]}, "motifs"),
    ],
)
def test_what_the_page_cannot_show_is_refused(runs, world, tmp_path, file, change, place):
    folders = {"dataset.json": tmp_path / "dataset", "run.json": tmp_path / "run"}
    shutil.copytree(world / "dataset", folders["dataset.json"])
    shutil.copytree(runs[0], folders["run.json"])
    path = folders[file] / file
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError, match=rf"{file}: {place} is not what pmntool writes there"):
        report([folders["run.json"]], folders["dataset.json"], None, bootstrap=HOW)


def test_one_run_and_no_draws(runs, world):
    made = report(runs[:1], world / "dataset", None, bootstrap=Bootstrap(0))
    assert re.findall("<dt>(.*)</dt><dd>.*, arXiv 1710.11238, §4.1", made.page) == ["cnn"]
    assert "cnn reaches a mean auROC of" in made.page and "None of these runs has prototypes" in made.page
    assert content(made.page)["means"]["auroc"][0][1:] == [None, None] and content(made.page)["trees"] == []
    assert "nan" not in re.sub(r"<script.*?</script>", "", made.page, flags=re.DOTALL).lower().split()


def test_a_disk_that_stalls_is_not_on_the_page():
    with _overheard({}) as said:
        stalls.log.warning("waiting for %s", "a.bed")
        logging.getLogger("pmntool").warning("%d peaks", 3)
    assert said == ["3 peaks"]


def test_warnings_of_the_verbs_are_on_the_page_without_paths(runs, world, tmp_path, caplog):
    elsewhere = shutil.copytree(world / "dataset", tmp_path / "elsewhere")
    meta = json.loads((elsewhere / "dataset.json").read_text())
    (elsewhere / "dataset.json").write_text(json.dumps(meta))  # other bytes
    made = report(runs[:1], elsewhere, None, bootstrap=HOW)
    assert "cnn was trained on another dataset than elsewhere" in made.cautions
    assert str(tmp_path) not in made.page and str(elsewhere) in caplog.text
    assert not [one for one in logging.getLogger("pmntool").handlers if type(one).__name__ == "_Listener"]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Page(tmp_path_factory.mktemp("chromium"), 1280, 900) as page:
        show(page, "light")
        yield page
        assert page.problems == []


def show(page: Page, scheme: str, media: str = "", width: int = 1280) -> None:
    """Set the width and what the page may ask about the reader."""
    features = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
    features = [{"name": name, "value": value} for name, value in features.items()]
    page.call("Emulation.setEmulatedMedia", media=media, features=features)
    page.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)


def open_text(page: Page, text: str, path: Path) -> None:
    """Open a page and wait until its figures are drawn."""
    path.write_text(text, encoding="utf-8")
    page.requests.clear()
    page.open(path.as_uri())
    page.wait(f"location.href === {json.dumps(path.as_uri())} && document.querySelector('#shown')?.textContent")


def press(page: Page, key: str) -> None:
    """Press a key where the focus is."""
    text = {"Enter": "\r"}.get(key, "")
    codes = {"Enter": 13, "Tab": 9, "ArrowRight": 39, "ArrowDown": 40}
    for kind in ("keyDown", "keyUp"):
        page.call("Input.dispatchKeyEvent", type=kind, key=key, text=text, windowsVirtualKeyCode=codes[key])


def select(page: Page, which: str, value: str) -> None:
    """Choose from a list as a person does: the browser's own list is no part of the page."""
    page.evaluate(f"(s => {{ s.value = {value!r}; s.dispatchEvent(new Event('change')) }})({one(which)})")


def one(selector: str) -> str:
    return f"document.querySelector({json.dumps(selector)})"


ROWS = "[...document.querySelectorAll('#tf-table tbody tr')].filter(row => row.checkVisibility())"
NAMES = f"{ROWS}.map(row => row.cells[0].textContent)"
HEADS = "document.querySelectorAll('#tf-table thead button')"


@in_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280, 1920])
def test_the_page_draws_all_figures_at_every_width_and_asks_for_nothing(made, browser, tmp_path, width, scheme):
    show(browser, scheme, width=width)
    open_text(browser, made.page, tmp_path / "report.html")
    drawn = "[...document.querySelectorAll('[data-figure]')].filter(box => box.querySelector('svg[role=img]'))"
    assert browser.evaluate(f"{drawn}.map(box => box.dataset.figure)") == [
        "forest", "chromosomes", "frequency", "training", "validation", "roc", "pr", "scatter", "tree",
    ]  # fmt: skip
    assert browser.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    figures = "[...document.querySelectorAll('svg[role=img]')]"
    shrunk = f"{figures}.filter(one => one.getBoundingClientRect().width < 0.97 * one.viewBox.baseVal.width)"
    assert browser.evaluate(f"{shrunk}.map(one => one.ariaLabel)") == []
    right = "(one => one.getBoundingClientRect().right)"
    cut = f"one => [...one.querySelectorAll('text')].filter(text => {right}(text) > {right}(one) + 1)"
    assert browser.evaluate(f"{figures}.flatMap({cut}).map(text => text.textContent)") == []
    background = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") == (scheme == "light")
    asked = [url for url in browser.requests if not url.startswith("data:")]  # these may be the page's before
    assert asked == [(tmp_path / "report.html").as_uri()] and browser.problems == []


@in_chromium
def test_print_shows_whole_tables_and_no_controls(made, browser, tmp_path):
    open_text(browser, made.page, tmp_path / "report.html")
    browser.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    drawn = "['roc', 'scatter', 'frequency'].map(name => box(name).querySelector('svg').viewBox.baseVal.width)"
    roc, scatter, frequency = browser.evaluate(drawn)
    assert roc < 344 and scatter < 430 and frequency <= 688  # as on paper: shrunk there, words could not be read
    show(browser, "light", media="print", width=688)  # A4 less its margins
    wide = "[...document.querySelectorAll('table')].filter(one => one.getBoundingClientRect().right > innerWidth)"
    assert browser.evaluate(f"{wide}.map(one => one.textContent)") == []
    cut = (
        "[...document.querySelectorAll('.scroll')].filter(box => getComputedStyle(box).overflowY !== 'visible').length"
    )
    assert browser.evaluate(cut) == 0
    seen = "[...document.querySelectorAll('nav, select, input')].filter(one => one.checkVisibility()).length"
    assert browser.evaluate(seen) == 0
    show(browser, "light")
    browser.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert browser.evaluate(cut) > 5 and browser.evaluate(seen) > 5
    assert browser.evaluate("document.querySelector('main').clientWidth") > 1000


@in_chromium
def test_sorting_sorts_and_filtering_filters(made, browser, tmp_path):
    found = content(made.page)
    tfs, cnn, pmn = found["tfs"], found["values"]["auroc"][0], found["values"]["aupr"][1]
    bound = dict(zip(tfs, found["positives"], strict=True))
    open_text(browser, made.page, tmp_path / "report.html")

    def sort(column: int) -> tuple[list[str], str]:
        browser.click(f"{HEADS}[{column}]")
        return browser.evaluate(NAMES), browser.evaluate(f"{HEADS}[{column}].parentElement.ariaSort")

    assert [bound[tf] for tf in browser.evaluate(NAMES)] == sorted(bound.values(), reverse=True)
    assert sort(0) == (sorted(tfs, key=natural), "ascending")
    assert sort(0) == (sorted(tfs, key=natural, reverse=True), "descending")
    names, order = sort(2)
    assert [cnn[tfs.index(tf)] for tf in names] == sorted(cnn, reverse=True) and order == "descending"
    press(browser, "Enter")  # the heading keeps the focus
    names = browser.evaluate(NAMES)
    assert [cnn[tfs.index(tf)] for tf in names] == sorted(cnn)
    select(browser, "#metric", "aupr")
    names, _ = sort(3)
    assert [pmn[tfs.index(tf)] for tf in names] == sorted(pmn, reverse=True)
    browser.click(one("#find"))
    browser.type("F1")
    names = browser.evaluate(NAMES)
    assert set(names) == {tf for tf in tfs if "f1" in tf.lower()} and 0 < len(names) < len(tfs)
    assert browser.evaluate(f"{one('#shown')}.textContent") == f"{len(names)} of {len(tfs)} TFs"


def natural(name: str) -> list:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


@in_chromium
def test_only_tfs_that_changed(made, browser, tmp_path):
    found = content(made.page)
    pair = next(pair for pair in found["differences"] if pair["metric"] == "auroc")
    pair["change"] = [(1, -1, 0)[tf % 3] for tf in range(len(found["tfs"]))]
    open_text(browser, with_content(made.page, found), tmp_path / "report.html")
    for value, first in (("1", 0), ("-1", 1)):
        select(browser, "#changed", value)
        assert set(browser.evaluate(NAMES)) == set(found["tfs"][first::3])
    select(browser, "#changed", "")
    marks = "[...document.querySelectorAll('#tf-table td.{}')].map(cell => cell.parentElement.cells[0].textContent)"
    assert set(browser.evaluate(marks.format("gained"))) == set(found["tfs"][0::3])
    assert set(browser.evaluate(marks.format("lost"))) == set(found["tfs"][1::3])
    select(browser, "#across", "1")  # the other way round, a gain is a loss
    select(browser, "#up", "0")
    lost = len(found["tfs"][0::3])
    assert f"▼ {lost} lost" in browser.evaluate(f"{one('#above')}.textContent")


def with_content(page: str, new: dict) -> str:
    """Return the page with other figures."""
    old, new = (json.dumps(some, separators=(",", ":")) for some in (content(page), new))
    assert page.count(old) == 1
    return page.replace(old, new)


@in_chromium
def test_choosing_a_tf_draws_it(made, browser, tmp_path):
    found = content(made.page)
    open_text(browser, made.page, tmp_path / "report.html")
    paths = "[...document.querySelectorAll('[data-figure=roc] path.curve')].map(path => path.getAttribute('d'))"
    chosen = f"{one('tr.chosen')}.cells[0].textContent"
    before, first = browser.evaluate(paths), browser.evaluate(chosen)
    name = next(tf for tf in browser.evaluate(NAMES) if tf != first)
    browser.click(f"{ROWS}.find(row => row.cells[0].textContent === {json.dumps(name)}).querySelector('button')")
    assert browser.evaluate(chosen) == browser.evaluate(f"{one('#tf')}.selectedOptions[0].text") == name
    assert browser.evaluate(f"{one('[data-figure=roc] svg')}.ariaLabel") == f"ROC curves of {name}"
    after = browser.evaluate(paths)
    assert len(after) == len(before) == 3 and after != before
    select(browser, "#tf", "0")
    assert browser.evaluate(chosen) == found["tfs"][0]
    select(browser, "#across", "0")
    select(browser, "#up", "1")
    assert "pmn-lambda1 against cnn" in browser.evaluate(f"{one('[data-figure=scatter] svg')}.ariaLabel")


@in_chromium
def test_the_heat_map_by_keyboard(made, browser, tmp_path):
    open_text(browser, made.page, tmp_path / "report.html")
    tree = content(made.page)["trees"][0]
    browser.evaluate(f"{one('[data-figure=tree] svg')}.focus()")
    says = f"{one('[data-tree-says]')}.textContent"
    for key, pair in (("ArrowRight", (0, 1)), ("ArrowRight", (0, 2)), ("ArrowDown", (1, 2))):
        press(browser, key)
        a, b = pair
        place = a * len(tree["tfs"]) - a * (a + 1) // 2 + b - a - 1
        cosine = f"{tree['cosines'][place] / 100:.2f}".replace("-", "−")
        assert browser.evaluate(says).startswith(f"{tree['tfs'][a]} and {tree['tfs'][b]}: cosine {cosine}; ")


@in_chromium
def test_hostile_names_are_text(tmp_path, world, browser):
    sheet = tmp_path / "peaks.tsv"
    files = sorted((world / "peaks").iterdir())[:4]
    names = [HOSTILE, CLOSING, "{{ 7 * 7 }}", "a&amp;b"]
    sheet.write_text("".join(f"{tf}\t{file.resolve()}\n" for tf, file in zip(names, files, strict=True)))
    build_dataset(world / "genome.fa", [sheet], tmp_path / "dataset", Options())
    settings = Settings("pmn", 1.0, learning_rate=3e-3, batch_size=64, epochs=2)
    train(tmp_path / "dataset", tmp_path / "<b>run", settings, Hyperparameters(channels=(16, 8, 8)))
    made = report([tmp_path / "<b>run"], tmp_path / "dataset", None, bootstrap=HOW)
    open_text(browser, made.page, tmp_path / "report.html")
    kept = set(Dataset(tmp_path / "dataset").tfs)
    assert {HOSTILE, CLOSING} <= kept
    browser.click(f"{ROWS}[0].querySelector('button')")
    options = browser.evaluate("[...document.querySelectorAll('#tf option')].map(one => one.text)")
    members = browser.evaluate("[...document.querySelectorAll('#prototypes td.words')].map(cell => cell.textContent)")
    assert set(browser.evaluate(NAMES)) == set(options) == set(", ".join(members).split(", ")) == kept
    assert browser.evaluate("document.querySelectorAll('img, h1 b, td b, th b, option b').length") == 0
    assert browser.evaluate(f"{one('h1')}.textContent.trim()").startswith("<b>run reaches")


@in_chromium
def test_four_hundred_tfs_are_quick_and_small(made, browser, tmp_path):
    found, n, rng = content(made.page), 400, np.random.default_rng(0)
    many = {"tfs": [f"TF{i}" for i in range(n)], "positives": rng.integers(5, 900, n).tolist()}
    many["values"] = {m: [rng.random(n).round(4).tolist() for _ in found["groups"]] for m in found["values"]}
    intervals = {key: rng.random(n).round(4).tolist() for key in ("low", "high")}
    intervals["change"] = rng.integers(-1, 2, n).tolist()
    many["differences"] = [one | intervals for one in found["differences"]]
    many["curves"] = [[rng.integers(0, 20_000, (2, 99)).tolist() for _ in range(n)] for _ in found["runs"]]
    many["frequency"] = {"tfs": many["tfs"], "windows": many["positives"]}
    many["frequency"] |= {key: np.sort(rng.random(n).round(2))[::-1].tolist() for key in ("bound", "shared")}
    many["trees"] = [{
        "tfs": many["tfs"], "clusters": np.sort(rng.integers(1, 10, n)).tolist(), "stable": [True] * 9, "cut": 0.9,
        "merges": [[i, i / n, i + 1, 0, (i + 1) / n, 0, i + 1] for i in range(n - 1)],
        "cosines": rng.integers(-99, 99, n * (n - 1) // 2).tolist(),
    }]  # fmt: skip
    text = with_content(made.page, found | many)
    of_one = len(json.dumps(many["curves"][0], separators=(",", ":")))
    assert len(text) + (10 - len(found["runs"])) * of_one < 8e6  # with ten runs, of two million windows
    open_text(browser, text, tmp_path / "report.html")
    took = "(start => {{ {}; document.body.offsetHeight; return performance.now() - start }})(performance.now())"
    acts = f"{HEADS}[0].click()", "drawCurves()", "choose(7)"
    times = [browser.evaluate(took.format(act)) for act in acts]
    assert browser.evaluate(f"{ROWS}.length") == n and max(times) < 5000, times  # ms; a tenth where nothing else runs
