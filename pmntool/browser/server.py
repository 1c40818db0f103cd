"""Serve a site on this machine, to this machine: the only home of Starlette and uvicorn."""

from __future__ import annotations

import logging
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pmntool.browser.site import Site
from pmntool.errors import OutputError, PmnError

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

log = logging.getLogger("pmntool")

HOST = "127.0.0.1"
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".json": "application/json"}
HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def require_server() -> None:
    """Raise where Starlette or uvicorn is missing.

    Raises
    ------
    PmnError
        One is not installed.
    """
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise PmnError(
            f"browse needs {error.name}, which is not installed: pip install 'pmntool[browse]'; --export does without"
        ) from error


def make_app(site: Site, key: str) -> Starlette:
    """Return an application that answers for the names of a site beneath /key/, and for nothing else.

    Other users of a machine reach its 127.0.0.1 too: without the key they get nothing. A request must name this machine
    as its host, so that no page of another site can reach it under a name of its own (DNS rebinding).
    """
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.responses import FileResponse, PlainTextResponse, Response
    from starlette.routing import Route

    async def answer(request: Request) -> Response:
        name = request.path_params["name"] or "index.html"
        content = site.get(name)
        if content is None or (isinstance(content, Path) and not content.is_file()):
            return PlainTextResponse("not there\n", status_code=404, headers=HEADERS)
        kind = TYPES.get(Path(name).suffix, "application/octet-stream")
        if isinstance(content, Path):
            return FileResponse(content, media_type=kind, headers=HEADERS)  # knows byte ranges
        try:
            body = content if isinstance(content, bytes) else await run_in_threadpool(content)
        except PmnError as error:  # peaks, which are read when they are asked for
            log.error(error)
            return PlainTextResponse(f"{error}\n", status_code=500, headers=HEADERS)
        return Response(body, media_type=kind, headers=HEADERS)

    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])
    return Starlette(routes=[Route(f"/{key}/{{name:path}}", answer)], middleware=[hosts])


def listen(port: int) -> socket.socket:
    """Return a socket that listens on 127.0.0.1; port 0 takes a free one.

    Raises
    ------
    OutputError
        The port is taken, or not for this user.
    """
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise OutputError(
            f"--port {port}: {HOST} does not give it ({error.strerror}); without --port a free one is taken"
        ) from error


def serve(app: Starlette, listener: socket.socket) -> None:
    """Answer until Ctrl-C."""
    import uvicorn

    settings = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=1)
    with suppress(KeyboardInterrupt):  # how one stops it
        uvicorn.Server(settings).run(sockets=[listener])
