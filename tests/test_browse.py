"""browse, in Chromium: what a person sees and clicks; and the folder that --export writes."""

from __future__ import annotations

import functools
import http.server
import json
import re
import threading
from pathlib import Path

import pytest
from chromium import CHROMIUM, WITHOUT, Page
from test_cli import run
from test_server import KEY, serving
from test_view import TFS, make_world

from pmntool.browser.server import HOST
from pmntool.browser.site import make_site
from pmntool.browser.view import make_view

in_chromium = pytest.mark.skipif(CHROMIUM is None, reason=WITHOUT)

ROOT = "document.getElementById('igv').shadowRoot"
LABELS = f"[...{ROOT}.querySelectorAll('.igv-track-label')].map(label => label.textContent)"
BLUE, VERMILION = "#0072B2", "#D55E00"
SEEN = "[...document.querySelectorAll('#tfs label')].filter(l => l.offsetParent).map(l => l.textContent)"


def box(tf):
    return (
        f"[...document.querySelectorAll('#tfs label')].find(l => l.title === {json.dumps(tf)}).querySelector('input')"
    )


@pytest.fixture
def here(tmp_path, monkeypatch):
    folder = tmp_path / "here"
    folder.mkdir()
    make_world(folder, monkeypatch)
    (folder / "genes.bed").write_text("chr2\t60200\t63000\tABC1\t0\t+\nchr2\t90000\t91000\tXYZ9\t0\t-\n")
    return folder


def view(**more):
    peaks = [Path("peaks/High.bed"), Path("peaks/sheet.tsv")]
    more = {"peaks": peaks, "genes": Path("genes.bed"), "tfs": ["High"], "region": "chr2:60001-64000"} | more
    return make_view(Path("tracks"), Path("genome.fa"), **more)


@in_chromium
@pytest.mark.parametrize("width", [360, 720, 1000, 1600])
def test_the_page_is_no_wider_than_its_screen(here, tmp_path, width):
    with serving(make_site(view())) as port, Page(tmp_path / "profile", width, 800) as page:
        page.open(f"http://{HOST}:{port}/{KEY}/")
        page.wait("document.body?.dataset.ready")
        for element in ("document.documentElement", "document.querySelector('main')"):
            assert page.evaluate(f"{element}.scrollWidth <= {element}.clientWidth")
        assert page.problems == []


@in_chromium
def test_a_person_finds_a_tf_and_sees_its_track(here, tmp_path):
    with serving(make_site(view())) as port, Page(tmp_path / "profile") as page:
        page.open(f"http://{HOST}:{port}/{KEY}/")
        page.wait("document.body?.dataset.ready")
        assert page.evaluate("document.getElementById('about').textContent") == "4 TFs predicted by cnn on genome.fa"
        assert page.evaluate(LABELS) == ["Genes", "High", "High peaks"]
        page.wait_for_points(BLUE, 5000)  # the track and its peaks
        assert page.points(VERMILION) < 1000  # the swatches of the list
        summaries = "[...document.querySelectorAll('summary')].map(s => s.textContent)"
        assert page.evaluate(summaries) == ["Cluster 1 (1)", "Cluster 2 (2)", "In no cluster (1)"]

        page.click("document.getElementById('search')")
        page.type("IMG")
        assert page.evaluate(SEEN) == ["<img src=x>"]
        assert page.evaluate("document.getElementById('count').textContent") == "1 found, 1 open"
        page.click(box("<img src=x>"))
        page.wait(f"{LABELS}.length === 5")
        assert page.evaluate(LABELS) == ["Genes", "High", "High peaks", "<img src=x>", "<img src=x> peaks"]
        page.wait_for_points(VERMILION, 5000)
        assert page.evaluate(f"document.images.length + {ROOT}.querySelectorAll('img').length") == 0

        page.click(box("<img src=x>"))
        page.wait(f"{LABELS}.length === 3")
        page.click("document.getElementById('close')")
        page.wait(f"{LABELS}.length === 1")
        assert not page.evaluate(f"{box('High')}.checked")
        assert page.problems == []
        address = f"http://{HOST}:{port}/{KEY}/"
        assert all(url.startswith((address, "data:", "blob:")) for url in page.requests)
        asked = {url.removeprefix(address) for url in page.requests}
        assert "tracks/High.bw" in asked and not any("Low" in name for name in asked)  # only what is open is loaded


def search(page, field, word):
    """Write a word into igv.js's own search field and press Enter."""
    page.click(field)
    page.evaluate(f"{field}.select()")
    page.type(word)
    for kind in ("keyDown", "keyUp"):
        page.call("Input.dispatchKeyEvent", type=kind, key="Enter", text="\r", windowsVirtualKeyCode=13)


@in_chromium
def test_a_gene_is_found_by_its_name_without_asking_anyone(here, tmp_path):
    with serving(make_site(view())) as port, Page(tmp_path / "profile") as page:
        page.open(f"http://{HOST}:{port}/{KEY}/")
        page.wait("document.body?.dataset.ready")
        field = f"{ROOT}.querySelector('.igv-search-input')"
        search(page, field, "xyz9")
        page.wait(f"/^chr2:(89|90),/.test({field}.value)")
        search(page, field, "nobody")
        page.wait(f"/nobody/i.test({ROOT}.textContent)")
        assert not [url for url in page.requests if "igv.org" in url or "ucsc" in url]


@in_chromium
def test_a_file_that_is_gone_is_said(here, tmp_path):
    site = make_site(view())
    del site["tracks/High.bw"]
    with serving(site) as port, Page(tmp_path / "profile") as page:
        page.open(f"http://{HOST}:{port}/{KEY}/")
        page.wait("document.body?.dataset.ready")
        assert "High: the track cannot be shown" in page.evaluate("document.getElementById('message').textContent")
        assert not page.evaluate(f"{box('High')}.checked")


@in_chromium
@pytest.mark.parametrize("kind", ["bigwig", "bedgraph"])
def test_the_export_works_from_any_server(tmp_path, monkeypatch, capsys, kind):
    here = tmp_path / "here"
    here.mkdir()
    make_world(here, monkeypatch, kind=kind)
    words = ["browse", "tracks", "--peaks", "peaks/High.bed", "--region", "chr2:60001-64000", "--tfs", "High"]
    code, _, err = run(monkeypatch, capsys, *words, "--export", "site")
    assert code == 0 and "wrote site/" in err
    handler = functools.partial(Quiet, directory=here / "site")
    with http.server.ThreadingHTTPServer((HOST, 0), handler) as server, Page(tmp_path / "profile") as page:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page.open(f"http://{HOST}:{server.server_port}/")
        page.wait("document.body?.dataset.ready")
        assert page.evaluate(LABELS) == ["High", "High peaks"]
        page.wait_for_points(BLUE, 5000)
        assert page.problems == []
        server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.mark.parametrize(("more", "display", "opened"), [((), "", 0), ((), ":0", 1), (("--no-open",), ":0", 0)])
def test_the_address_is_said_and_opened_where_there_is_a_screen(here, monkeypatch, capsys, more, display, opened):
    served, urls = [], []
    monkeypatch.setattr("pmntool.verbs.browse.serve", lambda app, listener: served.append(listener.getsockname()))
    monkeypatch.setattr("webbrowser.open", urls.append)
    for name, value in {"DISPLAY": display, "WAYLAND_DISPLAY": ""}.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
    code, _, err = run(monkeypatch, capsys, "browse", *more)
    port = served[0][1]
    address = re.search(rf"4 TFs at (http://127\.0\.0\.1:{port}/[\w-]{{16}}/) \(Ctrl-C ends it\)", err).group(1)
    assert code == 0 and urls == [address] * opened and ("ssh -N -L" in err) == (not opened)


def test_an_export_is_the_same_every_time_and_takes_nobody_s_place(here, monkeypatch, capsys):
    words = ["browse", "--peaks", "peaks/High.bed", "--genes", "genes.bed", "--export"]
    contents = []
    for name in ("a", "b"):
        assert run(monkeypatch, capsys, *words, name)[0] == 0
        files = sorted(path for path in (here / name).rglob("*") if path.is_file())
        contents.append({str(path.relative_to(here / name)): path.read_bytes() for path in files})
        assert f'export = "{name}"'.encode() in contents[-1].pop("config.toml")
    assert contents[0] == contents[1] and contents[0]["genome.fa"] == (here / "genome.fa").read_bytes()
    assert len([name for name in contents[0] if name.startswith("tracks/")]) == len(TFS)
    assert not any(str(here).encode() in content for content in contents[0].values())
    code, _, err = run(monkeypatch, capsys, *words, "a")
    assert code == 1 and "a exists already; give another -o, or --force to replace it" in err
    code, _, err = run(monkeypatch, capsys, *words, "tracks", "--force")
    assert code == 1 and "tracks holds no view.json, so it was not made by this command" in err
