"""The server as a stranger meets it: it answers for the names of a site, to this machine, and for nothing else."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import threading

import pytest

from pmntool.browser.server import HOST, listen, make_app, require_server
from pmntool.errors import OutputError, PmnError

pytest.importorskip("starlette", reason="Starlette is not installed (pip install 'pmntool[browse]')")
uvicorn = pytest.importorskip("uvicorn", reason="uvicorn is not installed (pip install 'pmntool[browse]')")

KEY = "k3y"


def refuse() -> bytes:
    raise PmnError("a.bed, line 1: end 1 is not after start 5")


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """Serve a file, bytes and what makes bytes."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "track.bw").write_bytes(bytes(range(256)) * 10)
    (folder / "secret").write_text("secret")
    site = {
        "index.html": b"<!doctype html>",
        "tracks/a.bw": folder / "track.bw",
        "tracks/gone.bw": folder / "gone.bw",
        "peaks/a.bed": lambda: b"chr1\t0\t1\n",
        "peaks/bad.bed": refuse,
    }
    with serving(site) as port:
        yield port


class serving:
    """A site on a port of its own, in a thread."""

    def __init__(self, site):
        self._site = site

    def __enter__(self) -> int:
        self._listener = listen(0)
        self._server = uvicorn.Server(uvicorn.Config(make_app(self._site, KEY), log_level="critical", lifespan="off"))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]})
        self._thread.start()
        return self._listener.getsockname()[1]

    def __exit__(self, *error):
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()


def ask(port, path, *, method="GET", **headers):
    connection = http.client.HTTPConnection(HOST, port)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def test_a_file_that_cannot_be_read_is_told_in_a_sentence(port, caplog):
    answer, body = ask(port, f"/{KEY}/peaks/bad.bed")
    assert (answer.status, body) == (500, b"a.bed, line 1: end 1 is not after start 5\n")
    assert [record.getMessage() for record in caplog.records] == ["a.bed, line 1: end 1 is not after start 5"]


def test_names_of_the_site_are_answered_with_their_kind(port):
    answer, body = ask(port, f"/{KEY}/")
    assert (answer.status, body) == (200, b"<!doctype html>") and answer.headers["Content-Type"].startswith("text/html")
    answer, body = ask(port, f"/{KEY}/peaks/a.bed")
    assert (answer.status, body) == (200, b"chr1\t0\t1\n")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    for name, value in {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}.items():
        assert answer.headers[name] == value
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    ("words", "part"),
    [("0-9", slice(0, 10)), ("256-300", slice(256, 301)), ("2550-", slice(2550, 2560)), ("-3", slice(-3, None))],
)
def test_byte_ranges(port, words, part):
    answer, body = ask(port, f"/{KEY}/tracks/a.bw", Range=f"bytes={words}")
    assert answer.status == 206 and body == (bytes(range(256)) * 10)[part]
    assert answer.headers["Content-Range"].endswith("/2560")


def test_a_range_past_the_end_is_refused_and_none_is_the_whole(port):
    assert ask(port, f"/{KEY}/tracks/a.bw", Range="bytes=9999-")[0].status == 416
    answer, body = ask(port, f"/{KEY}/tracks/a.bw")
    assert answer.status == 200 and len(body) == 2560
    answer, body = ask(port, f"/{KEY}/tracks/a.bw", method="HEAD")
    assert answer.status == 200 and body == b"" and answer.headers["Content-Length"] == "2560"


@pytest.mark.parametrize(
    "path",
    [
        "/", "/index.html", "/other/", f"/{KEY}/secret", f"/{KEY}/tracks/", f"/{KEY}/tracks/../secret",
        f"/{KEY}/tracks/..%2fsecret", f"/{KEY}/%2e%2e/secret", f"/{KEY}//etc/passwd", f"/{KEY}/tracks/gone.bw",
        f"/{KEY}/tracks/a.bw%00", f"/{KEY}/tracks/A.BW", f"/{KEY}/..\\secret", "/tracks/a.bw", "//etc/passwd",
    ],
)  # fmt: skip
def test_everything_else_is_not_there(port, path):
    answer, body = ask(port, path)
    assert answer.status == 404 and b"secret" not in body and b"root:" not in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_is_taken(port, method):
    assert ask(port, f"/{KEY}/", method=method)[0].status == 405


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("localhost:{}", 200),
        ("evil.example", 400),
        ("127.0.0.1.evil.example", 400),
        ("0.0.0.0", 400),
    ],
)
def test_a_name_that_is_not_this_machine_s_is_refused(port, host, status):
    assert ask(port, f"/{KEY}/", Host=host.format(port))[0].status == status


def test_other_machines_cannot_reach_it(port):
    with listen(0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"
        taken = listener.getsockname()[1]
        with pytest.raises(OutputError, match=f"--port {taken}: 127.0.0.1 does not give it"):
            listen(taken)


def test_a_missing_extra_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(
        PmnError, match=r"browse needs uvicorn, which is not installed: pip install 'pmntool\[browse\]'"
    ):
        require_server()


def test_ctrl_c_ends_it(tmp_path):
    code = f"""
from pmntool.browser.server import listen, make_app, serve
with listen(0) as listener:
    print(listener.getsockname()[1], flush=True)
    serve(make_app({{"index.html": b"x"}}, {KEY!r}), listener)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    port = int(process.stdout.readline())
    assert ask(port, f"/{KEY}/")[1] == b"x"
    os.kill(process.pid, signal.SIGINT)
    assert process.communicate(timeout=20)[1] == "" and process.returncode == 0
