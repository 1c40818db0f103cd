"""The application, and the one place where errors become exit codes."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pmntool import __version__
from pmntool.errors import PmnError
from pmntool.progress import Progress

app = typer.Typer(
    name="pmntool",
    help="Learn from ChIP-seq peaks and a genome which transcription factors (TFs) bind where and with which others.",
    epilog="\b\nIn a folder with genome.fa and peaks/:\n  pmntool build-dataset\n"
    "  pmntool train --variant pmn --lambda 1\n  pmntool predict genome.fa -o tracks/",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_watched: list[Progress] = []  # what has a bar open, perhaps
_OUT_OF_MEMORY = ("out of memory", "not enough memory", "can't allocate memory")  # as torch says it


@app.callback()
def _pmntool(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
) -> None:
    if version:
        typer.echo(f"pmntool {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line and exit: 0 done, 1 an error that the user can mend, 2 wrong usage, 130 Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # of a terminal that knows ASCII alone
    try:
        try:
            app(prog_name="pmntool")
        finally:
            while _watched:
                _watched.pop().finish()  # gives a terminal its cursor back
    except PmnError as error:
        sys.stderr.write(f"pmntool: error: {error}\n")
        sys.exit(1)
    except Exception as error:
        if isinstance(error, MemoryError) or any(words in str(error) for words in _OUT_OF_MEMORY):
            sys.stderr.write("pmntool: error: not enough memory; give a smaller --batch-size or smaller --channels\n")
            sys.exit(1)
        sys.stderr.write("pmntool: this is a bug; please report it with the command and all of what follows.\n")
        raise


def watch(progress: Progress) -> Progress:
    """See to it that a bar is finished whatever happens."""
    _watched.append(progress)
    return progress
