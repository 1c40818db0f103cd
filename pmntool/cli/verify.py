"""`pmntool verify`."""

from pathlib import Path
from typing import Annotated

import typer

from pmntool.cli.facts import AsJson, show
from pmntool.cli.options import Config, Quiet, Verbose, example, listen
from pmntool.cli.root import app
from pmntool.errors import MismatchError, printable


@app.command(
    epilog=example(
        "verify dataset/ --genome genome.fa",
        "verify runs/pmn-lambda1 --dataset dataset/",
        "verify tracks/ --genome genome.fa --run runs/pmn-lambda1",
    )
)
def verify(
    path: Annotated[
        Path, typer.Argument(help="A dataset, run, tracks, an evaluation or prototypes.", show_default=False)
    ],
    dataset: Annotated[
        Path | None,
        typer.Option("--dataset", "-d", help="Dataset that a run or an evaluation was made from.", show_default=False),
    ] = None,
    genome: Annotated[
        Path | None,
        typer.Option(help="FASTA that a dataset, a run or tracks were made from: about 12 s a Gb.", show_default=False),
    ] = None,
    runs: Annotated[
        list[Path] | None,
        typer.Option(
            "--run",
            metavar="<path>",
            help="Run that tracks, an evaluation or prototypes were made from; may be repeated.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    config: Config = None,
) -> None:
    """Compute checksums again and say what differs.

    The exit code is 1 where a file is no longer as it was written.
    """
    progress = listen(quiet, verbose)
    from pmntool.text import shorten
    from pmntool.verbs.verify import verify as verb

    done = verb(path, dataset=dataset, genome=genome, runs=runs or (), progress=progress)
    different = done.differences
    if as_json:
        checks = [check._asdict() for check in done.checks]
        facts = {"kind": done.kind, "path": str(done.path), "fits": not different}
        show(facts | {"checks": checks, "unchecked": done.unchecked}, as_json=True)
    for check in different if not as_json else ():
        typer.echo(printable(f"{check.what}: expected {check.expected}, found {check.found or 'no such thing'}"))
    if different:
        raise MismatchError(
            f"{done.path}: {len(different)} of {len(done.checks)} checksums differ: "
            f"{shorten([check.what for check in different])}"
        )
    if not as_json:
        typer.echo(printable(f"{done.path}: all {len(done.checks)} checksums fit"))
