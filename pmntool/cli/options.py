"""What several commands share: the words that options take, the options themselves, and how they become arguments."""

import csv
import enum
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from pmntool.cli import config
from pmntool.cli.facts import show
from pmntool.cli.root import RANK, watch
from pmntool.errors import InputError
from pmntool.progress import Progress
from pmntool.variants import LOGGERS, PRECISIONS, STRANDS, VARIANTS

log = logging.getLogger("pmntool")

VariantName = enum.Enum("VariantName", {name: name for name in VARIANTS}, type=str)
StrandsName = enum.Enum("StrandsName", {name: name for name in STRANDS}, type=str)
PrecisionName = enum.Enum("PrecisionName", {name: name for name in PRECISIONS}, type=str)
SplitName = enum.Enum("SplitName", {name: name for name in ("train", "valid", "test")}, type=str)
MetricName = enum.Enum("MetricName", {name: name for name in ("auroc", "aupr", "recall_at_fdr")}, type=str)
LoggerName = enum.Enum("LoggerName", {name: name for name in LOGGERS}, type=str)
PeakWindows = enum.Enum("PeakWindows", {name: name for name in ("summit", "own")}, type=str)
TrackFormat = enum.Enum("TrackFormat", {name: name for name in ("bigwig", "bedgraph")}, type=str)

COMMAS = "separated by commas (a name that holds one: '\"A,B\",C')"

Force = Annotated[bool, typer.Option("--force", "-f", help="Replace the output if it exists.")]
Device = Annotated[str, typer.Option(help="cpu, cuda or cuda:N; auto takes a GPU where there is one.")]
Precision = Annotated[
    PrecisionName,
    typer.Option(
        help="32: float32; tf32: NVIDIA's, on GPUs; bf16: encoders in bfloat16, half the time and more where the "
        "processor knows it; auto takes bf16 there."
    ),
]
Threads = Annotated[int, typer.Option("--threads", "-@", min=0, max=4096, help="CPU threads; 0: one per core.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="On stderr, say nothing but warnings and errors.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="On stderr, also say what is read and written, and when.")
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config", callback=config.load, is_eager=True, show_default=False,
        help="TOML file of options, by their names without dashes; the command line wins.",
    ),
]  # fmt: skip
Data = Annotated[Path, typer.Option("--dataset", "-d", help="Folder that build-dataset wrote.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything random.")]
Split = Annotated[SplitName, typer.Option(help="Windows to evaluate on.")]
Baseline = Annotated[
    str,
    typer.Option(
        help="Run that increases are taken over. [default: cnn-single, else cnn, else the first]", show_default=False
    ),
]
Draws = Annotated[int, typer.Option(min=0, help="Draws behind intervals and the p of a TF's difference; 0: none.")]
Block = Annotated[int, typer.Option(min=1, help="Length of the genomic blocks that are drawn, bp.")]
OtherGenome = Annotated[
    bool, typer.Option("--other-genome", help="The dataset is of another genome than the runs', of the same names.")
]
Trrust = Annotated[
    Path | None, typer.Option(help="TRRUST's raw table: do TFs of one cluster share target genes (Table 5)?")
]
TracksFolder = Annotated[Path, typer.Option(help="Folder that predict wrote.")]
PeakPaths = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="<path>",
        help="Peaks, as for build-dataset: a folder, a file or a sheet; may be repeated.",
        show_default=False,
    ),
]
Genes = Annotated[Path | None, typer.Option(help="Genes: GFF3 or BED, plain or .gz.", show_default=False)]
Tfs = Annotated[str, typer.Option(help=f"TFs, {COMMAS}; all by default.", show_default=False)]


def example(*lines: str) -> str:
    """Return a command's epilog."""
    return "\b\nExamples:\n" + "\n".join(f"  pmntool {line}" for line in lines)


def run_or_newest(path: Path | None, variants: tuple[str, ...] = tuple(VARIANTS)) -> Path:
    """Return the run that is asked for, or the newest one, and say which."""
    if path is not None:
        return path
    from pmntool.checkpoint import find_newest

    newest = find_newest(Path("runs"), variants)
    log.info("taking the newest run, %s", newest)
    return newest


def runs_or_all(paths: list[Path] | None) -> list[Path]:
    """Return the runs that are asked for, or all under runs/."""
    found = paths or sorted(path.parent for path in Path("runs").glob("[!.]*/run.json"))
    if not found:
        raise InputError("runs: no run there; `pmntool train` makes one")
    return found


def words(text: str) -> tuple[str, ...]:
    """Split what is separated by commas, or lines; a word that holds a comma stands in double quotes, as in CSV.

    Examples
    --------
    >>> words('Reb1, Abf1,'), words('"SP1,2",MAX')
    (('Reb1', 'Abf1'), ('SP1,2', 'MAX'))
    """
    try:
        rows = list(csv.reader(text.splitlines(), skipinitialspace=True, strict=True))
    except csv.Error as error:
        raise InputError(f"{text}: expected words {COMMAS} ({error})") from error
    found = tuple(word.strip() for row in rows for word in row if word.strip())
    if text and not found:
        raise InputError(f"{text!r}: expected words {COMMAS}; there is none")
    return found


def numbers(text: str, option: str) -> tuple[int, ...]:
    """Return the whole numbers that an option holds."""
    try:
        return tuple(int(word) for word in words(text))
    except ValueError as error:
        raise InputError(f"{option} {text}: expected whole numbers, separated by commas") from error


def use_threads(threads: int) -> None:
    """Let torch use so many threads; 0 leaves it to torch."""
    if threads:
        import torch

        torch.set_num_threads(threads)


def answer(output: Path | None, content: Mapping[str, Any]) -> None:
    """Print what came of a command as JSON; of several processes the first alone does."""
    if RANK == 0:
        show({"output": None if output is None else str(output)} | dict(content), as_json=True)


def listen(quiet: bool, verbose: bool = False) -> Progress:
    """Send messages to stderr, and return how progress is shown; of several processes the first alone speaks."""
    if quiet and verbose:
        raise InputError("--quiet says less and --verbose more: give one of them")
    from pmntool import terminal

    progress = watch(terminal.listen(quiet=quiet or RANK > 0, verbose=verbose))
    if RANK:
        log.setLevel(logging.ERROR)
    return progress
