"""The command line: options, help, and the one place where errors become exit codes.

Every command is thin: it turns words into arguments, calls the verb of the same name and shows what came of it. Verbs
are imported inside their commands, so that `--help` does not wait for torch.
"""

from __future__ import annotations

import enum
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pmntool import __version__
from pmntool.errors import InputError, PmnError
from pmntool.variants import STRANDS, VARIANTS, WITH_PROTOTYPES, folder_name

if TYPE_CHECKING:
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
log = logging.getLogger("pmntool")

_watched: list[Progress] = []  # what has a bar open, perhaps
_OUT_OF_MEMORY = ("out of memory", "not enough memory", "can't allocate memory")  # as torch says it

VariantName = enum.Enum("VariantName", {name: name for name in VARIANTS}, type=str)
StrandsName = enum.Enum("StrandsName", {name: name for name in STRANDS}, type=str)
SplitName = enum.Enum("SplitName", {name: name for name in ("train", "valid", "test")}, type=str)
MetricName = enum.Enum("MetricName", {name: name for name in ("auroc", "aupr", "recall_at_fdr")}, type=str)
PeakWindows = enum.Enum("PeakWindows", {name: name for name in ("summit", "own")}, type=str)
TrackFormat = enum.Enum("TrackFormat", {name: name for name in ("bigwig", "bedgraph")}, type=str)

Force = Annotated[bool, typer.Option("--force", "-f", help="Replace the output if it exists.")]
Device = Annotated[str, typer.Option(help="cpu, cuda or cuda:N; auto takes a GPU where there is one.")]
Threads = Annotated[int, typer.Option("--threads", "-@", min=0, help="CPU threads; 0: one per core.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="On stderr, say nothing but warnings and errors.")]
Data = Annotated[Path, typer.Option("--dataset", "-d", help="Folder that build-dataset wrote.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything random.")]
Tfs = Annotated[str, typer.Option(help="TFs, separated by commas; all by default.", show_default=False)]


def _example(*lines: str) -> str:
    return "\b\nExamples:\n" + "\n".join(f"  pmntool {line}" for line in lines)


@app.callback()
def _pmntool(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
) -> None:
    if version:
        typer.echo(f"pmntool {__version__}")
        raise typer.Exit


@app.command(
    name="build-dataset",
    epilog=_example(
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
) -> None:
    """Label the windows of a genome by the peaks that overlap them.

    Prints the paper's Table 3; the folder also holds its Figure 2 (tfs.png, tfs.tsv).
    """
    _listen(quiet)
    from pmntool.build_dataset import Options, build_dataset

    options = Options(
        window, stride, min_overlap, min_log10p, peak_windows.value, _words(valid_chroms), _words(test_chroms),
        _words(chroms), min_windows, max_n, negatives, seed, no_leakage,
    )  # fmt: skip
    target = None if dry_run else output
    built = build_dataset(genome, peaks or [Path("peaks")], target, options, exclude=exclude, force=force)
    from pmntool import report

    for note in report.dataset_notes(built):
        log.info("%s", note)
    report.show(report.dataset_tables(built))
    log.info("nothing was written (--dry-run)" if dry_run else f"wrote {output}/; Figure 2 is {output / 'tfs.png'}")


@app.command(
    epilog="\b\nVariants:\n"
    + "\n".join(f"  {name:<13} {what.summary}" for name, what in VARIANTS.items())
    + "\n\n"
    + _example(
        "train --variant pmn --lambda 1",
        "train --variant cnn --channels 128,64,64 --batch-size 128 --epochs 20",
        "train --variant pwm --motifs JASPAR.meme",
        "train --variant pmn --resume",
    )
)
def train(
    variant: Annotated[
        VariantName, typer.Option(metavar="<variant>", help="Which model; they are listed below.")
    ] = VariantName.pmn,
    prototype_weight: Annotated[
        float | None,
        typer.Option(
            "--lambda", help="Weight of the prototype-matching loss. [default: 1 for pmn*]", show_default=False
        ),
    ] = None,
    dataset: Data = Path("dataset"),
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Run folder. [default: runs/VARIANT, or with lambda runs/VARIANT-lambdaX]",
            show_default=False,
        ),
    ] = None,
    channels: Annotated[str, typer.Option(help="Kernels of each convolution.")] = "512,256,128",
    widths: Annotated[str, typer.Option(help="Widths of the kernels, bp.")] = "9,5,3",
    hops: Annotated[int, typer.Option(help="Hops K of the LSTM over the prototypes.")] = 5,
    sharpness: Annotated[float, typer.Option(help="Weight epsilon of the cosine in a match.")] = 20.0,
    dropout: Annotated[float, typer.Option(help="Share of activations dropped after each convolution.")] = 0.2,
    strands: Annotated[
        StrandsName,
        typer.Option(
            "--reverse-complement",
            help="augment: train on either strand at random; average: mean of both strands' answers; shared: larger "
            "value of each feature of both strands. What was trained so is evaluated and scanned so.",
        ),
    ] = StrandsName.off,
    learning_rate: Annotated[float, typer.Option(help="Of Adam.")] = 1e-3,
    batch_size: Annotated[int, typer.Option(help="Windows in a batch.")] = 512,
    epochs: Annotated[int, typer.Option(help="Times that all training windows are seen.")] = 40,
    patience: Annotated[int, typer.Option(help="Stop after so many epochs without a better validation; 0: never.")] = 0,
    select_by: Annotated[
        MetricName, typer.Option(help="Validation metric, mean over TFs, of which the best epoch is kept.")
    ] = MetricName.auroc,
    tfs: Tfs = "",
    motifs: Annotated[
        Path | None,
        typer.Option(help="Known motifs, in MEME's or JASPAR's format, named after TFs; for pwm.", show_default=False),
    ] = None,
    seed: Seed = 0,
    device: Device = "auto",
    threads: Threads = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the output folder.")] = False,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Train a model on a dataset.

    The run folder is complete after every epoch: weights of the best and of the last one, metrics (epochs.tsv) and
    their curves (epochs.png, the paper's Figure 3).
    """
    name = variant.value
    if prototype_weight is not None and name not in WITH_PROTOTYPES:
        raise InputError(f"--lambda: {name} has no prototypes; the variants that have are {', '.join(WITH_PROTOTYPES)}")
    if resume and force:
        raise InputError("--resume goes on with a run and --force replaces it: give one of them")
    progress = _listen(quiet)
    _use_threads(threads)
    from pmntool.models import Hyperparameters
    from pmntool.train import Settings
    from pmntool.train import train as verb

    weight = 1.0 if prototype_weight is None and name in WITH_PROTOTYPES else prototype_weight or 0.0
    hyperparameters = Hyperparameters(
        _numbers(channels, "--channels"), _numbers(widths, "--widths"), dropout, hops, sharpness, strands.value
    )
    settings = Settings(name, weight, learning_rate, batch_size, epochs, patience, seed, select_by.value)
    output = output or Path("runs", folder_name(name, weight, strands.value))
    run = verb(
        dataset, output, settings, hyperparameters, tfs=_words(tfs) or None, motifs=motifs, device=device,
        resume=resume, force=force, progress=progress,
    )  # fmt: skip
    log.info(
        "wrote %s/: best weights of epoch %d, curves in %s", output, max(run.meta["best_epochs"]), output / "epochs.png"
    )


@app.command(epilog=_example("evaluate runs/*", "evaluate runs/cnn runs/pmn-lambda1 --split valid -o evaluation/"))
def evaluate(
    runs: Annotated[list[Path], typer.Argument(help="Run folders.", show_default=False)],
    dataset: Data = Path("dataset"),
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for tables and figures.")] = Path("evaluation"),
    split: Annotated[SplitName, typer.Option(help="Windows to evaluate on.")] = SplitName.test,
    baseline: Annotated[
        str,
        typer.Option(
            help="Run that increases are taken over. [default: cnn-single, else cnn, else the first]",
            show_default=False,
        ),
    ] = "",
    all_pairs: Annotated[
        bool, typer.Option("--all-pairs", help="Compare every two runs TF by TF, not only each with the baseline.")
    ] = False,
    bootstrap: Annotated[
        int, typer.Option(min=0, help="Draws behind the intervals and p of a TF's difference; 0: none.")
    ] = 2000,
    block: Annotated[int, typer.Option(min=1, help="Length of the genomic blocks that are drawn, bp.")] = 10_000,
    seed: Seed = 0,
    device: Device = "auto",
    threads: Threads = 0,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Measure runs on held-out windows and compare them.

    auROC, auPR and recall at 50 % FDR of every TF; the paper's Table 4 with one-tailed paired t-tests; which TFs gained
    or lost, by a paired bootstrap over genomic blocks; the rarest and the commonest TFs apart; per-TF scatter plots and
    the runs' curves. Runs that differ in their seed alone are one row.
    """
    progress = _listen(quiet)
    _use_threads(threads)
    from pmntool import report
    from pmntool.bootstrap import Bootstrap
    from pmntool.evaluate import evaluate as verb

    evaluation = verb(
        runs,
        dataset,
        output,
        split=split.value,
        baseline=baseline or None,
        bootstrap=Bootstrap(bootstrap, block, seed),
        all_pairs=all_pairs,
        device=device,
        force=force,
        progress=progress,
    )
    report.show(report.evaluation_tables(evaluation))
    figures = "curves.png and scatter.png" if len(runs) > 1 else "curves.png"
    log.info("wrote %s/: tables as TSV and JSON, figures %s", output, figures)


@app.command(
    epilog=_example(
        "predict genome.fa -o tracks/",
        "predict genome.fa --model runs/cnn -r chr3:1-50000 --tfs Reb1,Abf1 -o site/",
        "predict genome.fa --format bedgraph --decimals 3 --min-probability 0.05",
    )
)
def predict(
    genome: Annotated[Path, typer.Argument(help="FASTA, plain or bgzip.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of tracks.")] = Path("tracks"),
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", help="Run folder. [default: the newest under runs/]", show_default=False),
    ] = None,
    chroms: Annotated[
        str, typer.Option(help="Chromosomes, separated by commas. --chroms, -r and -R add up.", show_default=False)
    ] = "",
    region: Annotated[
        list[str] | None, typer.Option("--region", "-r", help="chrom:start-end, from 1; may be repeated.")
    ] = None,
    regions: Annotated[Path | None, typer.Option("--regions", "-R", help="BED of regions.")] = None,
    tfs: Tfs = "",
    kind: Annotated[TrackFormat, typer.Option("--format", help="bedgraph is gzip-compressed.")] = TrackFormat.bigwig,
    decimals: Annotated[int | None, typer.Option(min=0, max=7, help="Round probabilities to so many.")] = None,
    min_probability: Annotated[float | None, typer.Option(min=0, max=1, help="Leave smaller values out.")] = None,
    device: Device = "auto",
    threads: Threads = 0,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Scan a genome: one track of binding probabilities per TF, for genome browsers.

    A window's probability stands on its central stride, [start + (window - stride) / 2, + stride). tracks.tsv lists the
    files by TF.
    """
    progress = _listen(quiet)
    _use_threads(threads)
    from pmntool.predict import predict as verb

    done = verb(
        genome, output, _run(model), chroms=_words(chroms), regions=region or (), regions_file=regions,
        tfs=_words(tfs) or None, kind=kind.value, decimals=decimals, least=min_probability, device=device, force=force,
        progress=progress,
    )  # fmt: skip
    skipped = [chrom for chrom, windows in done.chroms.items() if not windows]
    if skipped and not (chroms or region or regions):
        log.warning("no window fits %s: shorter than one", ", ".join(skipped[:10]))
    log.info("wrote %s/: %d tracks of %d windows each, listed in tracks.tsv", output, len(done.files), done.windows)


@app.command(
    epilog=_example(
        "prototypes",
        "prototypes runs/pmn-lambda1 --clusters 12 -o clusters/",
        "prototypes runs/seed0 runs/seed1 runs/seed2 --trrust trrust_rawdata.human.tsv",
    )
)
def prototypes(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Run folders: one, or several that differ in their seed. "
            "[default: the newest under runs/ that has prototypes]",
            show_default=False,
        ),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for tables and figures.")] = Path("prototypes"),
    clusters: Annotated[
        int | None,
        typer.Option(
            "--clusters",
            "-k",
            help="Number of clusters. [default: best mean silhouette without a cluster of more than half of the TFs]",
        ),
    ] = None,
    trrust: Annotated[
        Path | None, typer.Option(help="TRRUST's raw table: do TFs of one cluster share target genes (Table 5)?")
    ] = None,
    seed: Seed = 0,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Cluster the prototypes that a model has learned: which TFs belong together.

    Average linkage on 1 - cosine, of several runs on the mean of their cosines: clusters.tsv, tree.nwk (Newick),
    dendrogram with heat map and a plane as PNG and SVG. Several runs also say which clusters are stable.
    """
    _listen(quiet)
    from pmntool import report
    from pmntool.prototypes import prototypes as verb

    paths = runs or [_run(None, WITH_PROTOTYPES)]
    found = verb(paths, output, n_clusters=clusters, trrust=trrust, seed=seed, force=force)
    report.show(report.prototype_tables(found))
    log.info("wrote %s/: clusters.tsv, tree.nwk, %s", output, output / "dendrogram.png")


@app.command(epilog=_example("simulate example/", "simulate example/ --seed 7 --chrom-length 400000"))
def simulate(
    output: Annotated[Path, typer.Argument(help="Folder to write.", show_default=False)],
    chrom_length: Annotated[int, typer.Option(help="Length of a chromosome, about, bp.")] = 200_000,
    seed: Seed = 0,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Make a small genome and peaks of TFs whose motifs and partners are known: genome.fa, peaks/, truth.json."""
    _listen(quiet)
    from pmntool.simulate import simulate as verb

    made = verb(output, seed=seed, chrom_length=chrom_length, force=force)
    log.info(
        "wrote %s/: %d chromosomes, %d peaks of %d TFs; what is true of them is in truth.json",
        output, len(made.sizes), sum(made.peaks.values()), len(made.peaks),
    )  # fmt: skip


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


def _run(path: Path | None, variants: tuple[str, ...] = tuple(VARIANTS)) -> Path:
    """Return the run that is asked for, or the newest one, and say which."""
    if path is not None:
        return path
    from pmntool.checkpoint import find_newest

    newest = find_newest(Path("runs"), variants)
    log.info("taking the newest run, %s", newest)
    return newest


def _words(text: str) -> tuple[str, ...]:
    """Split what is separated by commas."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _numbers(text: str, option: str) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in _words(text))
    except ValueError as error:
        raise InputError(f"{option} {text}: expected whole numbers, separated by commas") from error


def _use_threads(threads: int) -> None:
    if threads:
        import torch

        torch.set_num_threads(threads)


def _listen(quiet: bool) -> Progress:
    """Send messages to stderr, and return how progress is shown."""
    from pmntool import report

    _watched.append(report.listen(quiet=quiet))
    return _watched[-1]
