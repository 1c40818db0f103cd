"""The application, and the one place where errors become exit codes."""

import math
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from pmntool import __version__, provenance, stalls
from pmntool.cli import config
from pmntool.errors import InputError, OutputError, PmnError, Stopped, printable
from pmntool.progress import Progress
from pmntool.staging import claim

COMMANDS = {  # in the order of --help, with the first lines of their docstrings
    "build-dataset": "Label windows of a genome by the peaks that overlap them.",
    "train": "Train a model on a dataset.",
    "evaluate": "Measure runs on held-out windows and compare them.",
    "predict": "Scan a genome: one track of binding probabilities per TF.",
    "prototypes": "Cluster a model's prototypes: which TFs belong together.",
    "report": "Put all about a dataset and its runs on one page.",
    "plot": "Draw a place of the genome: tracks, peaks beneath, genes.",
    "browse": "Look at tracks in a genome browser in your web browser.",
    "simulate": "Make a small genome and peaks of TFs with known motifs.",
    "info": "Say what a folder or file is.",
    "verify": "Compute checksums again and say what differs.",
    "doctor": "Say what works on this machine, and what mends the rest.",
}


class _Group(TyperGroup):
    """Commands that are imported when they are called: to list them, names and lines do."""

    def __init__(self, *, commands: dict[str, TyperCommand], **how: Any) -> None:
        listed = {name: TyperCommand(name, help=line) for name, line in COMMANDS.items()}
        super().__init__(commands=listed | commands, **how)

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> tuple[str | None, TyperCommand | None, list[str]]:
        if args[0] in COMMANDS:
            return args[0], self.load(args[0])[args[0]], args[1:]
        return super().resolve_command(ctx, args)

    def load(self, *names: str) -> dict[str, TyperCommand]:
        """Import commands, all where none is named; their modules add them to `app`."""
        for name in names or COMMANDS:
            import_module(f"pmntool.cli.{name.replace('-', '_')}")
        return typer.main.get_command(app).commands


app = typer.Typer(
    name="pmntool",
    cls=_Group,
    help="Learn from ChIP-seq peaks and a genome which transcription factors (TFs) bind where and with which others.",
    epilog="\b\nIn a folder with genome.fa and peaks/:\n  pmntool build-dataset\n"
    "  pmntool train --variant pmn --lambda 1\n  pmntool predict genome.fa -o tracks/",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_rank = os.environ.get("RANK", "0")
RANK = int(_rank) if _rank.isdecimal() else 0  # of several processes that torchrun has started for one command
SAME_SIGNAL = 5.0  # seconds within which a signal is the one before, heard again
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_at_end = ExitStack()  # what has to be ended whatever happens: a bar, a lock
_watched: list[Progress] = []  # the command's, once it has one
_OUT_OF_MEMORY = (  # as torch says it, and the system's loader of torch
    "out of memory", "not enough memory", "can't allocate memory", "failed to map segment from shared object",
)  # fmt: skip


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"pmntool {__version__}")
        raise typer.Exit


@app.callback()
def _pmntool(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    try:
        os.getcwd()
    except OSError as error:  # torch would end the process
        raise InputError(f"the working directory: {error.strerror}; change to another") from error


def main() -> None:
    """Run the command line and exit: 0 done, 1 an error that the user can mend, 2 wrong usage, 128 + n signal n."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # of a terminal that knows ASCII alone
    os.environ.pop("MPLBACKEND", None)  # figures need none; one that matplotlib does not know would end it
    _watched.clear()
    with stalls.said(), _signals_heard():
        try:
            try:
                app(prog_name="pmntool")
            finally:
                _at_end.close()
                if sys.stdout is not None:
                    sys.stdout.flush()
        except Stopped as stopped:
            sys.stderr.write(f"pmntool: stopped by {'; '.join(filter(None, (stopped.signal.name, _kept())))}\n")
            sys.exit(128 + stopped.signal)
        except OutputError as error:
            _fail("; ".join(filter(None, (str(error), _kept()))))
        except PmnError as error:
            _fail(config.blame(str(error)))
        except OSError as error:
            if error.filename is None:  # what is left to print finds no taker
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            _fail(f"{error.filename or 'a file or the standard output'}: {error.strerror or error}")
        except Exception as error:
            if isinstance(error, MemoryError) or any(words in str(error) for words in _OUT_OF_MEMORY):
                _fail("not enough memory; give a smaller --batch-size or smaller --channels")
            sys.stderr.write("pmntool: this is a bug; please report it with the command and all of what follows.\n")
            raise


def watch(progress: Progress) -> Progress:
    """See to it that a bar is finished whatever happens."""
    _at_end.callback(progress.finish)  # gives a terminal its cursor back
    _watched[:] = [progress]
    return progress


def reserve(output: Path) -> None:
    """Keep other commands from a target until this one has ended, and let its folder say how it was made."""
    _check_launcher()
    if RANK == 0:
        _at_end.enter_context(claim(output))
        _at_end.callback(provenance.options.reset, provenance.options.set(config.text))


def _check_launcher() -> None:
    """Refuse an environment that names this process one of several, but not as torchrun does."""
    rank, count = (os.environ.get(name) for name in ("RANK", "WORLD_SIZE"))
    if rank is count is None:
        return
    good = all(value is not None and value.isdecimal() for value in (rank, count)) and int(rank) < int(count)
    lacking = {"LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"} - os.environ.keys()
    if not good or (lacking and count != "1"):
        raise InputError(
            f"the environment has RANK={rank} and WORLD_SIZE={count}, but not as torchrun sets them; unset both, or "
            "start several processes by torchrun"
        )


def _kept() -> str:
    return _watched[0].kept if _watched else ""


def _fail(message: str) -> NoReturn:
    sys.stderr.write(f"pmntool: error: {printable(message)}\n")
    sys.exit(1)


@contextmanager
def _signals_heard() -> Iterator[None]:
    """Raise `Stopped` at a signal that asks the command to end; one that is ignored (nohup) stays so.

    `timeout` and some clusters send a signal twice: the second would meet the command while it clears up.
    """
    heard = [-math.inf]

    def stop(number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - heard[0] > SAME_SIGNAL:
            heard[0] = now
            raise Stopped(number)

    wanted = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
