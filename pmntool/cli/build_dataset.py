"""`pmntool build-dataset`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from pmntool.cli.config import settle
from pmntool.cli.facts import AsJson
from pmntool.cli.options import Config, Force, PeakWindows, Quiet, Seed, Verbose, answer, example, listen, words
from pmntool.cli.root import app, reserve

log = logging.getLogger("pmntool")


@app.command(
    name="build-dataset",
    epilog=example(
        "build-dataset",
        "build-dataset hg38.fa.gz peaks.tsv -o gm12878/ --exclude blacklist.bed",
        "build-dataset hg38.chrom.sizes peaks/ --dry-run",
    ),
)
def build_dataset_command(
    genome: Annotated[Path, typer.Argument(help="FASTA, plain or bgzip; sizes (.fai, .sizes) for --dry-run.")] = Path(
        "genome.fa"
    ),
    peaks: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Folders of <TF>.narrowPeak, .broadPeak or .bed, plain or .gz; such files; sheets (.tsv) of tf, path "
            "and, where wanted, cell. "
            "[default: peaks]",
            show_default=False,
        ),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")] = Path("dataset"),
    window: Annotated[int, typer.Option(min=1, help="Length of a window, bp.")] = 200,
    stride: Annotated[int, typer.Option(min=1, help="Distance of two windows' starts, bp.")] = 50,
    min_overlap: Annotated[
        float, typer.Option(help="A window is positive where a peak's interval covers more than this share of it.")
    ] = 0.5,
    min_log10p: Annotated[
        float, typer.Option(help="Leave out peaks with a smaller -log10 p (column 8, not in BED); -1 counts as none.")
    ] = 1.0,
    peak_windows: Annotated[
        PeakWindows,
        typer.Option(help="summit: a peak stands for one window around its summit or middle; own: for its interval."),
    ] = PeakWindows.summit,
    valid_chroms: Annotated[str, typer.Option(help="Validation chromosomes, separated by commas.")] = "chr1,chr8,chr21",
    test_chroms: Annotated[str, typer.Option(help="Test chromosomes, separated by commas.")] = "chr3,chr12,chr17",
    chroms: Annotated[str, typer.Option(help="Use these chromosomes; all by default.", show_default=False)] = "",
    min_windows: Annotated[
        int, typer.Option(min=1, help="Leave out TFs with fewer positive windows, and those with none in some split.")
    ] = 1,
    exclude: Annotated[
        Path | None, typer.Option(help="BED of places to leave out (blacklist): no window touches them.")
    ] = None,
    max_n: Annotated[float, typer.Option(help="Largest share of N in a window.")] = 1.0,
    negatives: Annotated[
        float, typer.Option(help="Also keep unbound windows, so many per bound window, matched on GC.")
    ] = 0.0,
    seed: Seed = 0,
    no_leakage: Annotated[
        bool, typer.Option("--no-leakage", help="Leave out windows of valid and test whose sequence is in train too.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Report only; write nothing.")] = False,
    force: Force = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Label windows of a genome by the peaks that overlap them.

    Prints the paper's Table 3; the folder also holds its Figure 2 (tfs.png, tfs.tsv).
    """
    listen(quiet, verbose)
    peaks = peaks or [Path("peaks")]
    settle(peaks=peaks)
    if not dry_run:
        reserve(output)
    from pmntool.verbs.build_dataset import Options, build_dataset

    options = Options(
        window, stride, min_overlap, min_log10p, peak_windows.value, words(valid_chroms), words(test_chroms),
        words(chroms), min_windows, max_n, negatives, seed, no_leakage,
    )  # fmt: skip
    target = None if dry_run else output
    built = build_dataset(genome, peaks, target, options, exclude=exclude, force=force)
    from pmntool import terminal

    for note in terminal.dataset_notes(built):
        log.info("%s", note)
    if as_json:
        answer(target, built.meta)
    else:
        terminal.show(terminal.dataset_tables(built))
    log.info("nothing was written (--dry-run)" if dry_run else f"wrote {output}/; Figure 2 is {output / 'tfs.png'}")
