"""The track hub against UCSC's rules: stanzas, names, labels, parents, subgroups and files."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyBigWig
import pytest
from test_track_folder import SIZES
from test_twobit import read_two_bit
from test_view import TFS, make_world

from pmntool.browser.hub import label
from pmntool.browser.view import make_view
from pmntool.errors import InputError
from pmntool.verbs.browse import export

REQUIRED = {"track", "type", "shortLabel", "longLabel"}


@pytest.fixture
def here(tmp_path, monkeypatch):
    return make_world(tmp_path, monkeypatch)


def view(**more):
    return make_view(Path("tracks"), Path("genome.fa"), **({"tfs": ["High"], "region": "chr2:60001-64000"} | more))


def stanzas(path: Path) -> list[dict[str, str]]:
    """Read a file of stanzas that blank lines part; a line is a setting and its value."""
    blocks = [block for block in path.read_text(encoding="ascii").split("\n\n") if block.strip()]
    return [dict(line.strip().split(" ", 1) for line in block.splitlines()) for block in blocks]


def test_the_hub_keeps_ucsc_s_rules(here):
    with_peaks = view(peaks=[Path("peaks/High.bed"), Path("peaks/sheet.tsv")])
    export(with_peaks, Path("site"))
    site = here / "site"
    (hub,) = stanzas(site / "hub.txt")
    assert (
        hub["hub"].isidentifier() and (site / hub["genomesFile"]).is_file() and (site / hub["descriptionUrl"]).is_file()
    )
    (genome,) = stanzas(site / "genomes.txt")
    assert genome["defaultPos"] == "chr2:60001-64000" and genome["genome"].isidentifier()
    assert all((site / genome[key]).is_file() for key in ("trackDb", "groups", "twoBitPath", "chromSizes", "htmlPath"))
    (group,) = stanzas(site / genome["groups"])
    found = stanzas(site / genome["trackDb"])
    tracks = {stanza["track"]: stanza for stanza in found}
    assert len(tracks) == len(found)
    for name, stanza in tracks.items():
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) and stanza.keys() >= REQUIRED
        assert (
            len(stanza["shortLabel"]) <= 17 and len(stanza["longLabel"]) <= 76 and "<" not in "".join(stanza.values())
        )
    composites = [stanza for stanza in tracks.values() if stanza.get("compositeTrack") == "on"]
    assert [c["shortLabel"] for c in composites] == ["Cluster 1", "Cluster 2", "In no cluster"]
    assert [c["visibility"] for c in composites] == ["full", "hide", "hide"]
    assert {c["group"] for c in composites} == {group["name"]}
    leaves = [stanza for stanza in tracks.values() if "bigDataUrl" in stanza]
    for leaf in leaves:
        parent, state = leaf["parent"].split(" ")
        between = tracks[parent]
        above = tracks[between["parent"]]
        groups = dict(pair.split("=") for pair in leaf["subGroups"].split(" "))
        assert groups["view"] == between["view"] and f"{between['view']}=" in above["subGroup1"]
        assert f" {groups['tf']}=" in above["subGroup2"] and above["dimensions"] == "dimX=view dimY=tf"
        assert state in ("on", "off") and re.fullmatch(r"\d+,\d+,\d+", leaf["color"])
        with pyBigWig.open(str(site / leaf["bigDataUrl"])) as track:
            assert track.chroms() == SIZES
    for word, wanted in {"predicted": len(TFS), "peaks": 2}.items():
        assert len([leaf for leaf in leaves if f"view={word} " in leaf["subGroups"]]) == wanted


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
