"""The track hub against UCSC's rules, which hub_check.py holds, and what is in it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyBigWig
import pytest
from hub_check import problems, stanzas
from test_track_folder import SIZES
from test_twobit import read_two_bit
from test_view import TFS, make_world

from pmntool.browser.hub import label
from pmntool.browser.view import make_view
from pmntool.errors import InputError
from pmntool.verbs.browse import export

# a file of a hub, what stands there, what stands there instead, and what the checker says of it
BREAKS = [
    ("hub.txt", "email", "mail", "hub: no email"),
    ("hub.txt", "shortLabel pmn", "shortLabel a label that is too long pmn", "hub: shortLabel"),
    ("genomes.txt", "organism genome\n", "", "genome: no organism"),
    ("genomes.txt", "60001-64000", "60001-640000", "defaultPos"),
    ("genomes.txt", "htmlPath hub", "htmlPath hup", "no file hup.html"),
    ("groups.txt", "priority 1\n", "", "group: no priority"),
    ("chrom.sizes", "900", "901", "chrom.sizes are not those of the 2bit"),
    ("trackDb.txt", "track cluster1\n", "track 1cluster\n", "1cluster: track 1cluster"),
    ("trackDb.txt", "track tf0001_High_predicted", "track cluster1", "two tracks of one name"),
    ("trackDb.txt", "parent cluster1_predicted on", "parent nowhere on", "no parent nowhere"),
    (
        "trackDb.txt",
        "parent cluster1_predicted on",
        "parent cluster2_predicted on",
        "cluster1_predicted: no subtracks",
    ),
    ("trackDb.txt", "viewLimits 0:1", "viewLimits 1:0", "numbers out of order"),
    ("trackDb.txt", "maxHeightPixels 100:40:11", "maxHeightPixels 11:40:100", "numbers out of order"),
    ("trackDb.txt", "windowingFunction maximum", "windowingFunction max", "windowingFunction max"),
    ("trackDb.txt", "autoScale on", "autoscale on", "unknown setting autoscale"),
    ("trackDb.txt", "type bigWig 0 1\n        big", "type bigWig 0 0.1\n        big", "0.75 on chr2 is outside"),
    ("trackDb.txt", "subGroups view=predicted tf=t0001", "subGroups view=predicted tf=t9", "not a member of each"),
    ("trackDb.txt", "view predicted\n", "view peaks\n", "not of its parent's view"),
    ("trackDb.txt", "dimY=tf", "dimY=cell", "dimensions dimY=cell"),
    ("trackDb.txt", "sortOrder tf=+", "sortOrder tf=1", "sortOrder tf=1"),
    ("trackDb.txt", "group pmntool", "group other", "group other is not in groups.txt"),
    ("trackDb.txt", "bigDataUrl tracks/High.bw", "bigDataUrl tracks/None.bw", "no file tracks/None.bw"),
]


@pytest.fixture
def here(tmp_path, monkeypatch):
    return make_world(tmp_path, monkeypatch)


def view(genome=Path("genome.fa"), **more):
    return make_view(Path("tracks"), genome, **({"tfs": ["High"], "region": "chr2:60001-64000"} | more))


def test_the_hub_keeps_ucsc_s_rules(here):
    export(view(peaks=[Path("peaks/High.bed"), Path("peaks/sheet.tsv")]), Path("site"))
    assert problems(here / "site/hub.txt") == []
    (genome,) = stanzas(here / "site/genomes.txt")
    assert genome["defaultPos"] == "chr2:60001-64000"
    found = stanzas(here / "site/trackDb.txt")
    composites = [stanza for stanza in found if "compositeTrack" in stanza]
    assert [c["shortLabel"] for c in composites] == ["Cluster 1", "Cluster 2", "In no cluster"]
    assert [c["visibility"] for c in composites] == ["full", "hide", "hide"]
    leaves = [stanza for stanza in found if "bigDataUrl" in stanza]
    for word, wanted in {"predicted": len(TFS), "peaks": 2}.items():
        assert len([leaf for leaf in leaves if f"view={word} " in leaf["subGroups"]]) == wanted
    assert "<" not in (here / "site/trackDb.txt").read_text()


def test_a_hub_for_a_genome_of_ucsc_s_keeps_them_too(here):
    export(view(), Path("native"), ucsc="sacCer3")
    assert problems(here / "native/hub.txt") == []


@pytest.mark.parametrize("length", [1, 300])
def test_long_names_keep_them_too(here, length):
    long = Path("g" * (length // 2) + ".fa")
    Path("genome.fa").rename(long)
    row = view(genome=long).rows[0]
    odd = view(genome=long)._replace(variant="v" * length, rows=[row._replace(tf="=" * length)], shown=["=" * length])
    export(odd, Path("site"))
    assert problems(here / "site/hub.txt") == []


def test_a_cluster_larger_than_a_subgroup_may_be_is_several_composites(here, monkeypatch):
    monkeypatch.setattr("pmntool.browser.hub.MOST_MEMBERS", 1)
    monkeypatch.setattr("hub_check.MOST_MEMBERS", 1)
    export(view(), Path("site"))
    assert problems(here / "site/hub.txt") == []
    found = stanzas(here / "site/trackDb.txt")
    names = [(c["track"], c["shortLabel"]) for c in found if "compositeTrack" in c]
    assert names == [
        ("cluster1", "Cluster 1"),
        ("cluster2", "Cluster 2"),
        ("cluster2_2", "Cluster 2, 2"),
        ("cluster0", "In no cluster"),
    ]


def test_a_broken_hub_is_seen(here):
    """The checker itself, one rule at a time."""
    export(view(), Path("site"))
    for file, old, new, wanted in BREAKS:
        whole = (here / "site" / file).read_text()
        assert old in whole
        (here / "site" / file).write_text(whole.replace(old, new, 1))
        assert any(wanted in problem for problem in problems(here / "site/hub.txt")), (file, new)
        (here / "site" / file).write_text(whole)
    assert problems(here / "site/hub.txt") == []


def test_peaks_are_ones_in_their_places_and_those_outside_are_counted(here, caplog):
    (here / "High.bed").write_text("chr2\t5\t9\nchr2\t7\t20\nchr2\t119990\t120000\nchr2\t119990\t120001\nchrX\t1\t2\n")
    export(view(peaks=[Path("High.bed")]), Path("site"))
    with pyBigWig.open(str(here / "site/peaks/High.bw")) as track:
        assert track.intervals("chr2") == ((5, 20, 1.0), (119_990, 120_000, 1.0)) and track.intervals("chr1") is None
    assert "left out of the hub: 2 peaks that lie outside the genome" in caplog.messages


def test_the_genome_comes_along_where_ucsc_does_not_know_it(here):
    export(view(), Path("site"))
    letters = "".join((here / "genome.fa").read_text().splitlines()[-1:])
    found = read_two_bit((here / "site/genome.2bit").read_bytes())
    assert {name: len(text) for name, text in found.items()} == SIZES and found["chr2"] == letters
    export(view(), Path("native"), ucsc="sacCer3")
    assert (here / "native/genomes.txt").read_text() == "genome sacCer3\ntrackDb trackDb.txt\n"
    assert not (here / "native/genome.2bit").exists() and not (here / "native/groups.txt").exists()
    with pytest.raises(InputError, match="--ucsc ../x: expected UCSC's name of a genome, such as hg38"):
        export(view(), Path("other"), ucsc="../x")
    assert not (here / "other").exists()


def test_bedgraph_tracks_have_no_hub_which_is_said(tmp_path, monkeypatch, caplog):
    make_world(tmp_path, monkeypatch, kind="bedgraph")
    export(view(), Path("site"))
    assert not (tmp_path / "site/hub.txt").exists() and (tmp_path / "site/igv.xml").exists()
    assert any("no track hub: UCSC reads bigWig" in message for message in caplog.messages)


def test_the_page_holds_names_as_text(here):
    export(view(), Path("site"))
    page = (here / "site/hub.html").read_text()
    assert "<td>&lt;img src=x&gt;</td>" in page and "<img" not in page


@pytest.mark.parametrize("text", ["a\nb]%(x)s [c]", "<b>&amp;\"'", "x" * 99, "é→", "a=b#c;d", ""])
def test_a_label_is_no_markup(text):
    found = label(text, 17)
    assert len(found) <= 17 and re.fullmatch(r"[A-Za-z0-9_ .,:;@()+/-]*", found)


def test_many_peaks_cost_no_call_each(here):
    starts = np.arange(0, 119_000, 4)
    (here / "High.bed").write_text("".join(f"chr2\t{start}\t{start + 2}\n" for start in starts))
    export(view(peaks=[Path("High.bed")]), Path("site"))
    with pyBigWig.open(str(here / "site/peaks/High.bw")) as track:
        assert track.header()["nBasesCovered"] == 2 * len(starts)
