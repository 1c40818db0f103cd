"""Chromium without a screen, driven through a pipe by its DevTools protocol; needs no package.

Protocol: https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import fcntl
import io
import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import matplotlib.image

CHROMIUM = next((path for path in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if path), None)
WITHOUT = "Chromium is not installed (apt-get install chromium)"
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--remote-debugging-pipe",
)  # fmt: skip
# Chromium reads from file 3 and writes to file 4: another process puts the pipes there.
LAUNCH = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
)


class Page:
    """A page in a Chromium of its own; use as a context manager.

    Attributes
    ----------
    problems : list of str
        Errors and warnings of the console, uncaught exceptions and answers that the page's requests did not get.
    requests : list of str
        The addresses that were asked for.
    """

    def __init__(self, folder: Path, width: int = 1200, height: int = 800) -> None:
        self.problems: list[str] = []
        self.requests: list[str] = []
        inputs, outputs = os.pipe(), os.pipe()
        high = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (inputs[0], outputs[1])]
        options = [*OPTIONS, f"--user-data-dir={folder}", f"--window-size={width},{height}"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, *map(str, high), CHROMIUM, *options],
            pass_fds=high,
            stderr=subprocess.DEVNULL,
        )
        for end in (*high, inputs[0], outputs[1]):
            os.close(end)
        self._write, self._read = inputs[1], outputs[0]
        self._number, self._rest, self._session = 0, b"", None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def call(self, method: str, **params):
        """Call a method of the protocol and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        os.write(
            self._write, json.dumps(message | ({"sessionId": self._session} if self._session else {})).encode() + b"\0"
        )
        while True:
            answer = self._next(60)
            assert answer is not None, f"{method}: no answer"
            if answer.get("id") == self._number:
                assert "result" in answer, answer
                return answer["result"]

    def evaluate(self, script: str):
        """Return what an expression, or what it promises, is worth."""
        done = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def wait(self, script: str, seconds: float = 30):
        """Wait until an expression is true and return it."""
        end = time.monotonic() + seconds
        while not (value := self.evaluate(script)):
            assert time.monotonic() < end, f"waited in vain for {script}; {self.problems}"
            self._next(0.05)
        return value

    def click(self, element: str) -> None:
        """Press the mouse on the middle of an element, given as an expression."""
        self.evaluate(f"{element}.scrollIntoView({{block: 'center'}})")
        x, y = self.evaluate(f"(r => [r.x + r.width / 2, r.y + r.height / 2])({element}.getBoundingClientRect())")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def type(self, text: str) -> None:
        """Write where the cursor is."""
        self.call("Input.insertText", text=text)

    def open(self, url: str) -> None:
        """Go to an address."""
        self.call("Page.navigate", url=url)

    def screenshot(self) -> bytes:
        """Return what is seen as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot")["data"])

    def points(self, color: str) -> int:
        """Count the points of what is seen that have a color, #RRGGBB."""
        seen = (255 * matplotlib.image.imread(io.BytesIO(self.screenshot()))[..., :3]).round()
        return int((abs(seen - list(bytes.fromhex(color[1:]))) < 3).all(axis=-1).sum())

    def wait_for_points(self, color: str, least: int, seconds: float = 30) -> None:
        """Wait until so many points have a color."""
        end = time.monotonic() + seconds
        while (count := self.points(color)) < least:
            assert time.monotonic() < end, f"{count} points of {color}; {self.problems}"
            self._next(0.2)

    def _next(self, seconds: float):
        """Return the next message, or None after some time; note what went wrong in the page."""
        end = time.monotonic() + seconds
        while b"\0" not in self._rest:
            if not select.select([self._read], [], [], max(0, end - time.monotonic()))[0]:
                return None
            more = os.read(self._read, 1 << 16)
            assert more, "Chromium has ended"
            self._rest += more
        text, _, self._rest = self._rest.partition(b"\0")
        message = json.loads(text)
        method, params = message.get("method"), message.get("params", {})
        if method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.problems.append(" ".join(str(argument.get("value", argument)) for argument in params["args"]))
        elif method == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(params["exceptionDetails"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.problems.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        return message

    def __enter__(self) -> Page:
        return self

    def __exit__(self, *error) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._write)
        os.close(self._read)
