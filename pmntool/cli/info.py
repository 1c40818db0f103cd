"""`pmntool info`."""

from pathlib import Path
from typing import Annotated

import typer

from pmntool.cli.facts import AsJson, show
from pmntool.cli.options import Config, example, listen
from pmntool.cli.root import app


@app.command(epilog=example("info dataset/", "info runs/pmn-lambda1 --json"))
def info(
    path: Annotated[
        Path,
        typer.Argument(
            help="A dataset, run, tracks, an evaluation or prototypes; a genome or a peak file.", show_default=False
        ),
    ],
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Say what a folder or file is. Nothing is computed or checked: `verify` does that."""
    listen(quiet=False)
    from pmntool.verbs.info import info as verb

    found = verb(path)
    show({"kind": found.kind, "path": str(found.path)} | found.facts, as_json=as_json)
