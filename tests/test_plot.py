"""plot: from a folder of tracks to a picture."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from test_cli import run
from test_track_folder import make_tracks

from pmntool.errors import InputError, MismatchError, OutputError
from pmntool.verbs import plot as module
from pmntool.verbs.plot import plot

PLACE = "chr2:60001-61000"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder with tracks/, peaks/ and genes.bed."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    make_tracks(tmp_path / "tracks", {f"TF{i}": rng.random(15) * (0.5 + i / 20) for i in range(10)})
    (tmp_path / "peaks").mkdir()
    (tmp_path / "peaks/TF1.bed").write_text("chr2\t60100\t60200\nchr2\t60150\t70000\nchr1\t5\t9\nchr2\t61000\t61001\n")
    (tmp_path / "genes.bed").write_text("chr2\t60100\t60900\tABC1\t0\t+\nchr2\t61000\t62000\tABC2\t0\t+\n")
    return tmp_path


def drawn(monkeypatch):
    """Keep what would be drawn."""
    kept = []
    monkeypatch.setattr(module, "draw_region", lambda *args, **more: kept.append((*args, more)))
    return kept


@pytest.mark.parametrize("kind", ["bigwig", "bedgraph"])
def test_what_is_drawn(here, monkeypatch, kind):
    values = {"B": np.float32([0.5, 0.25]), "A": np.float32([0.125, 1])}
    make_tracks(here / "two", values, kind=kind)
    (here / "peaks/A.bed").write_text("chr2\t60040\t60045\nchr2\t1\t9\n")
    kept = drawn(monkeypatch)
    done = plot("chr2:60026-60125", here / "two", here / "a.png", tfs=["A", "B"], peaks=[here / "peaks"])
    region, panels, genes, path, more = kept[0]
    assert region == done.region == ("chr2", 60_025, 60_125) and genes is None and path == here / "a.png"
    assert [panel.name for panel in panels] == ["A", "B"] and done.n_peaks == 1 and done.n_genes is None
    for panel in panels:
        np.testing.assert_array_equal(panel.values, np.repeat(values[panel.name], 50))
    assert panels[0].peaks == ((60_040, 60_045),) and panels[1].peaks is None
    assert more == {"title": "predicted probability (cnn, each on its own scale); test chromosome", "top": None}


def test_peaks_are_united_and_cut_and_genes_are_those_that_touch(here, monkeypatch):
    kept = drawn(monkeypatch)
    plot(PLACE, here / "tracks", here / "a.svg", tfs=["TF1"], peaks=[here / "peaks"], genes=here / "genes.bed", top=1)
    assert kept[0][1][0].peaks == ((60_100, 61_000),)
    assert [gene.name for gene in kept[0][2]] == ["ABC1"]


def test_the_command_draws_the_strongest_and_says_so(here, monkeypatch, capsys):
    words = ["plot", PLACE, "--peaks", "peaks", "--genes", "genes.bed", "-o", "new/site.svg"]
    code, _, err = run(monkeypatch, capsys, *words)
    assert code == 0 and "8 of 10 TFs, those with the highest values there" in err
    order = re.search(r"wrote new/site.svg: (.*)", err).group(1).split(", ")
    assert len(order) == 8 and order == module.TrackFolder("tracks").strongest(("chr2", 60_000, 61_000), 8)
    assert (here / "new/site.svg").read_text().startswith("<?xml")
    code, _, err = run(monkeypatch, capsys, *words)
    assert code == 1 and "new/site.svg exists already; give another -o, or --force to replace it" in err
    assert run(monkeypatch, capsys, *words, "--force")[0] == 0


@pytest.mark.parametrize(
    ("region", "more", "kind", "sentence"),
    [
        (PLACE, {"output": "a.jpg"}, InputError, "--output a.jpg: expected a name that ends with .png, .svg, .pdf"),
        (PLACE, {"tfs": ["TF11"]}, MismatchError, "tracks: no TF TF11 there; did you mean TF1?"),
        (PLACE, {"top": 0.0}, InputError, "--top 0.0: expected a finite number above 0"),
        (PLACE, {"peaks": ["gone"]}, InputError, "gone: no such file or folder"),
        (PLACE, {"peaks": ["x.bed"]}, MismatchError, "x.bed: peaks of x; none of them has a track in tracks"),
        (PLACE, {"genes": "gone.bed"}, InputError, "gone.bed: cannot be read (No such file or directory)"),
        ("chr2:60001-59000", {}, InputError, "its end is before its start"),
        ("chr2:120001-120100", {}, InputError, "holds no base of chr2"),
        ("chr1:1-100", {}, InputError, "tracks: chr1 was not scanned; scanned were chr2"),
        ("2:1-100", {}, MismatchError, "no chromosome 2 in the genome (it has chr1, chr2: '2' here is 'chr2' there)"),
        ("chr2:1-100", {}, InputError, "tracks: no track has a value in chr2:1-100; it was not scanned there"),
        (PLACE, {"output": "genes.bed/a.png"}, OutputError, "genes.bed/a.png: cannot be written"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(here, region, more, kind, sentence):
    (here / "x.bed").write_text("chr2\t1\t2\n")
    paths = {"genes": Path, "output": Path, "peaks": lambda names: [Path(name) for name in names]}
    more = {"output": "a.png"} | more
    with pytest.raises(kind) as caught:
        plot(region, Path("tracks"), **{key: paths.get(key, lambda x: x)(value) for key, value in more.items()})
    assert sentence in str(caught.value)
    assert not list(here.glob("*a.png*"))
