"""Look at tracks in a genome browser: the person's own web browser, or a folder for others."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import sys
import threading
import webbrowser
from pathlib import Path

from pmntool.browser.hub import write_hub
from pmntool.browser.server import HOST, listen, make_app, require_server, serve
from pmntool.browser.sessions import genome_tracks, igv_session
from pmntool.browser.site import Site, make_site
from pmntool.browser.view import View
from pmntool.staging import new_directory
from pmntool.targets import require_free
from pmntool.text import counted

log = logging.getLogger("pmntool")


def browse(view: View, *, port: int = 0, open_browser: bool = True) -> None:
    """Serve a view on 127.0.0.1 until Ctrl-C, and open the web browser.

    Raises
    ------
    PmnError
        Starlette or uvicorn is not installed.
    OutputError
        The port cannot be had.
    """
    require_server()
    key = secrets.token_urlsafe(12)
    app = make_app(make_site(view), key)
    with listen(port) as listener:
        port = listener.getsockname()[1]
        url = f"http://{HOST}:{port}/{key}/"
        log.info("%s at %s (Ctrl-C ends it)", counted(len(view.rows), "TF"), url)
        if open_browser and _has_screen():
            threading.Thread(target=webbrowser.open, args=[url], daemon=True).start()
        else:
            log.info(
                "from another machine: ssh -N -L %d:%s:%d THIS_MACHINE, then the same address there", port, HOST, port
            )
        serve(app, listener)


def export(view: View, output: Path, *, ucsc: str | None = None, force: bool = False) -> None:
    """Write a view as a folder that any web server can serve, and that UCSC, IGV and pyGenomeTracks read.

    Parameters
    ----------
    ucsc
        As for `hub.write_hub`. Tracks that are bedGraph have no hub, which is said.

    Raises
    ------
    InputError
        `ucsc` is no name of a genome.
    OutputError
        `output` exists (without `force`) or cannot be written.
    """
    shown = (path for row in view.rows for path in (row.track, *row.peaks))
    require_free(output, force=force, marker="view.json", reads=[view.genome, view.genes, *shown])
    with new_directory(output, marker="view.json", force=force) as folder:
        _write(make_site(view) | {"igv.xml": igv_session(view), "tracks.ini": genome_tracks(view)}, folder)
        if view.kind == "bigwig":
            write_hub(view, folder, ucsc)
        else:
            log.warning("no track hub: UCSC reads bigWig, and the tracks are bedGraph (predict --format bigwig)")


def _write(site: Site, folder: Path) -> None:
    """Write what is behind each name of a site."""
    for name, content in site.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            shutil.copyfile(content, path)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content())


def _has_screen() -> bool:
    """Say whether a web browser has a screen to open on; one that draws in the terminal would take it."""
    return sys.platform in ("darwin", "win32") or any(name in os.environ for name in ("DISPLAY", "WAYLAND_DISPLAY"))
