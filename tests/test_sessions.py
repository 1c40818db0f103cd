"""What other programs open names files that are there, and holds names as names."""

from __future__ import annotations

import configparser
import functools
import http.server
import threading
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest
from chromium import CHROMIUM, WITHOUT, Page
from test_browse import LABELS, Quiet
from test_view import make_world

from pmntool.browser.server import HOST
from pmntool.browser.sessions import genome_tracks, igv_session
from pmntool.browser.view import make_view
from pmntool.verbs.browse import export

SHOWN = ["High", "<img src=x>"]


@pytest.fixture
def site(tmp_path, monkeypatch):
    """An exported folder."""
    here = tmp_path / "here"
    here.mkdir()
    make_world(here, monkeypatch)
    (here / "genes.bed").write_text("chr2\t60200\t63000\tABC1\t0\t+\n")
    peaks = [Path("peaks/High.bed")]
    view = make_view(
        Path("tracks"), Path("genome.fa"), peaks=peaks, genes=Path("genes.bed"), tfs=SHOWN, region="chr2:60001-64000"
    )
    export(view, Path("site"))
    return here / "site"


def test_the_session_s_files_are_there(site):
    root = xml.parse(site / "igv.xml").getroot()
    assert root.tag == "Session" and root.get("locus") == "chr2:60001-64000" and (site / root.get("genome")).is_file()
    resources = [resource.attrib for resource in root.iter("Resource")]
    assert [about["name"] for about in resources] == ["High", "High peaks", "<img src=x>", "Genes"]
    assert all((site / about["path"]).is_file() for about in resources)
    assert [track.get("id") for track in root.iter("Track")] == [about["path"] for about in resources]
    assert b"<img" not in (site / "igv.xml").read_bytes()


def test_the_ini_is_read_as_it_was_meant(site):
    parser = configparser.ConfigParser()  # as pyGenomeTracks reads it
    parser.read(site / "tracks.ini")
    sections = [dict(parser[name]) for name in parser.sections()]
    assert [about.get("title") for about in sections] == [None, "High", "peaks", "_img src_x_", "genes"]
    assert all((site / about["file"]).is_file() for about in sections[1:])
    assert [about["file_type"] for about in sections[1:]] == ["bigwig", "bed", "bigwig", "bed"]


def test_a_name_of_control_characters_is_no_broken_xml(tmp_path, monkeypatch):
    make_world(tmp_path, monkeypatch)
    view = make_view(Path("tracks"), Path("genome.fa"), tfs=["Low"])
    rows = [row._replace(tf="a\x00\n]\x1b%(b)s") if row.tf == "Low" else row for row in view.rows]
    view = view._replace(rows=rows, shown=["a\x00\n]\x1b%(b)s"])
    assert xml.fromstring(igv_session(view)).find(".//Track").get("name") == "a ] %(b)s"
    parser = configparser.ConfigParser()
    parser.read_string(genome_tracks(view).decode())
    assert [parser[name].get("title") for name in parser.sections()] == [None, "a_ ___(b)s"]


@pytest.mark.skipif(CHROMIUM is None, reason=WITHOUT)
def test_igv_js_reads_the_session_and_the_hub(site, tmp_path):
    """igv.js has readers of its own for both."""
    (site / "other.html").write_text(
        "<!doctype html><link rel=icon href=data:,><script src=igv.min.js></script><p id=igv>"
    )
    handler = functools.partial(Quiet, directory=site)
    with http.server.ThreadingHTTPServer((HOST, 0), handler) as server, Page(tmp_path / "profile") as page:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page.open(f"http://{HOST}:{server.server_port}/other.html")
        page.wait("typeof window.igv?.loadHub === 'function'")
        groups = page.evaluate(
            "igv.loadHub('hub.txt').then(hub => hub.getGroupedTrackConfigurations('pmntool_genome'))"
        )
        names = [
            [c["label"].split(":")[0], [[v["label"], len(v["tracks"])] for v in c["children"]]]
            for c in groups[0]["children"]
        ]
        predicted, peaks = "Predicted probability of binding", "Peaks of ChIP-seq"
        assert names == [
            ["Cluster 1", [[predicted, 1], [peaks, 1]]],
            ["Cluster 2", [[predicted, 2]]],
            ["In no cluster", [[predicted, 1]]],
        ]
        options = "{sessionURL: 'igv.xml', loadDefaultGenomes: false}"
        page.evaluate(f"igv.createBrowser(document.getElementById('igv'), {options}).then(() => true)")
        page.wait(f"{LABELS}.length === 4")
        page.wait_for_points("#0072B2", 5000)
        server.shutdown()
