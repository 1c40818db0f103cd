"""What a browser shows: order, clusters, and what does not fit."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from test_track_folder import SIZES, make_tracks

from pmntool.browser.site import make_site
from pmntool.browser.view import make_view, peaks_as_bed
from pmntool.errors import InputError, MismatchError

TFS = {"Low": 0.25, "High": 0.75, "<img src=x>": 0.5, "../x": 0.125}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder with genome.fa, tracks/, peaks/ and prototypes/."""
    return make_world(tmp_path, monkeypatch)


def make_world(folder, monkeypatch, **more):
    monkeypatch.chdir(folder)
    make_tracks(folder / "tracks", {tf: np.full(100, value) for tf, value in TFS.items()}, **more)
    letters = np.random.default_rng(0).choice(list("ACGT"), 120_000)
    text = "".join(letters)
    (folder / "genome.fa").write_text(f">chr1\n{text[: SIZES['chr1']]}\n>chr2\n{text}\n")
    (folder / "peaks").mkdir()
    (folder / "peaks/High.bed").write_text("chr2\t60200\t60300\nchr2\t60100\t60150\n")
    (folder / "peaks/sheet.tsv").write_text("<img src=x>\tHigh.bed\n")
    (folder / "prototypes").mkdir()
    (folder / "prototypes/clusters.tsv").write_text("cluster\ttf\n1\tHigh\n1\tOther\n2\t<img src=x>\n2\tLow\n")
    return folder


def test_rows_stand_by_cluster_and_those_without_come_last(here):
    view = make_view(Path("tracks"), Path("genome.fa"), peaks=[Path("peaks/sheet.tsv"), Path("peaks/High.bed")])
    assert [(row.tf, row.cluster) for row in view.rows] == [("High", 1), ("<img src=x>", 2), ("Low", 2), ("../x", 0)]
    assert view.rows[1].color == view.rows[2].color != view.rows[0].color != view.rows[3].color
    assert [len(row.peaks) for row in view.rows] == [1, 1, 0, 0]
    assert view.shown == ["High", "<img src=x>", "Low", "../x"] and view.kind == "bigwig"
    chrom, start, end = view.region
    assert chrom == "chr2" and start <= 60_025 < end


def test_without_prototypes_there_is_one_group(here):
    (here / "prototypes/clusters.tsv").unlink()
    view = make_view(Path("tracks"), Path("genome.fa"), tfs=["Low"], region="chr2:1-500")
    assert [row.tf for row in view.rows] == list(TFS) and {row.cluster for row in view.rows} == {0}
    assert view.shown == ["Low"] and view.region == ("chr2", 0, 500)


def test_a_site_s_names_are_safe_whatever_a_tf_is_called(here):
    (here / "a b.bed").write_text("chr2\t60000\t60900\t<b>\t0\t-\n")
    view = make_view(Path("tracks"), Path("genome.fa"), peaks=[Path("peaks/sheet.tsv")], genes=Path("a b.bed"))
    site = make_site(view)
    assert all(part not in ("", "..") and part.strip("._-").replace("-", "").replace("_", "").replace(".", "").isalnum()
               for name in site for part in name.split("/"))  # fmt: skip
    about = json.loads(site["view.json"])
    row = next(row for row in about["tfs"] if row["tf"] == "<img src=x>")
    assert (
        row["label"] == "&lt;img src=x&gt;"
        and row["open"]
        and site[row["peaks"]]() == peaks_as_bed([Path("peaks/High.bed")])
    )
    assert {row["track"] for row in about["tfs"]} == {name for name in site if name.startswith("tracks/")}
    assert about["locus"] == f"chr2:{view.region[1] + 1}-{view.region[2]}" and about["genome"] == "genome.fa"
    assert site["genome.fa"] == Path("genome.fa") and site["genome.fa.fai"].startswith(b"chr1\t900\t")
    assert site["genes.bed"] == b"chr2\t60000\t60900\t<b>\t0\t-\t60000\t60900\t0\t1\t900\t0\n"
    assert str(here) not in json.dumps(about)


def test_peaks_of_several_files_are_one_sorted_table(here):
    (here / "more.bed.gz").write_bytes(gzip.compress(b'chr10\t5\t6\nchr2\t60100\t60120\n"a\t7\t8\n'))
    table = peaks_as_bed([Path("peaks/High.bed"), Path("more.bed.gz")])
    assert table == b'"a\t7\t8\nchr10\t5\t6\nchr2\t60100\t60120\nchr2\t60100\t60150\nchr2\t60200\t60300\n'


@pytest.mark.parametrize(
    ("more", "kind", "sentence"),
    [
        ({"genome": Path("other.fa")}, MismatchError,
         "other.fa: chr2 is not there, in tracks it has 120000 bp; give the genome that was scanned"),
        ({"genome": Path("gone.fa")}, InputError, "gone.fa: cannot be read"),
        ({"genes": Path("gone.bed")}, InputError, "gone.bed: no such file"),
        ({"genes": Path("roman.bed")}, MismatchError, "roman.bed: none of its chromosomes is in the genome (it has "),
        ({"genes": Path("tracks/tracks.tsv")}, InputError, "tracks/tracks.tsv: expected genes as .gff3, .gff or .bed"),
        ({"peaks": [Path("x.bed")]}, MismatchError, "x.bed: peaks of x; none of them has a track in tracks"),
        ({"prototypes": Path("gone")}, InputError, "gone/clusters.tsv: cannot be read as a table of cluster and tf"),
        ({"prototypes": Path("others")}, MismatchError, "others/clusters.tsv: none of its TFs has a track in tracks"),
        ({"prototypes": Path("large")}, InputError, "large/clusters.tsv: cannot be read as a table of cluster and tf"),
        ({"prototypes": Path("zero")}, InputError, "zero/clusters.tsv: cannot be read as a table of cluster and tf"),
        ({"tfs": ["hihg"]}, MismatchError, "tracks: no TF hihg there; did you mean High?"),
        ({"region": "chr1"}, InputError, "tracks: chr1 was not scanned"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said(here, more, kind, sentence):
    (here / "other.fa").write_text(f">chr1\n{'A' * 900}\n")
    (here / "x.bed").write_text("chr2\t1\t2\n")
    (here / "roman.bed").write_text("II\t60200\t63000\tABC1\t0\t+\n")
    (here / "others").mkdir()
    (here / "others/clusters.tsv").write_text("cluster\ttf\n1\tX\n")
    (here / "large").mkdir()
    (here / "large/clusters.tsv").write_text(f"cluster\ttf\n{'9' * 30}\tHigh\n")
    (here / "zero").mkdir()
    (here / "zero/clusters.tsv").symlink_to("/dev/zero")
    with pytest.raises(kind) as caught:
        make_view(Path("tracks"), **({"genome": Path("genome.fa")} | more))
    assert str(caught.value).startswith(sentence)
