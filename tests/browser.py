"""Pages in a real Chromium, without a driver: a script at the page's end does what a person would, and tells.

`--dump-dom` writes the page as it is when everything has run. Without a Chromium, tests that need one are skipped.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome here")

LISTEN = """<script>
window.said = [];
for (const kind of ["error", "warn"]) console[kind] = (...words) => said.push(words.join(" "));
window.addEventListener("error", (event) => said.push(event.message));
</script>"""
TELL = """<pre id="told"></pre><script>
const all = (selector) => [...document.querySelectorAll(selector)];
const one = (selector) => document.querySelector(selector);
const enter = (selector, value, kind) => {
  one(selector).value = value;
  one(selector).dispatchEvent(new Event(kind, { bubbles: true }));
};
const told = (() => { %s })();
one("#told").textContent = JSON.stringify({ told, said });
</script>"""


def open_page(path: Path, width: int = 1280, *options: str) -> tuple[str, list[str]]:
    """Open a page as it is; return its DOM when its scripts have run, and what the console says."""
    words = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    words += [f"--window-size={width},900", f"--user-data-dir={path.parent / 'chromium'}", "--enable-logging=stderr"]
    words += ["--v=0", "--virtual-time-budget=5000", *options, "--dump-dom", path.resolve().as_uri()]
    done = subprocess.run([CHROMIUM, *words], capture_output=True, text=True, check=True, timeout=120)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def ask(page: str, folder: Path, body: str, width: int = 1280) -> Any:
    """Run the body of a function on a page that has been drawn, and return what it returns; errors there fail the test.

    The page's own policy forbids foreign scripts, so it is left out of the copy that is asked.
    """
    page, count = re.subn(r'<meta http-equiv="Content-Security-Policy"[^>]*>', LISTEN, page)
    assert count == 1
    path = folder / "asked.html"
    path.write_text(page.replace("</body>", TELL % body + "</body>"), encoding="utf-8")
    dom, _ = open_page(path, width)
    told = json.loads(html.unescape(re.search(r'<pre id="told">(.*?)</pre>', dom, re.DOTALL)[1]))
    assert told["said"] == []
    return told["told"]
