"""Evaluate runs on a dataset's held-out windows: the paper's metrics, Table 4 and paired tests (§4.2)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from pmntool import __version__, metrics, plots
from pmntool.bootstrap import Bootstrap, Draws, draw_blocks, resample
from pmntool.checkpoint import Run, run_names
from pmntool.checksums import checksums
from pmntool.dataset import Dataset, is_same_sequence
from pmntool.device import choose_device, choose_precision, describe
from pmntool.errors import InputError, MismatchError
from pmntool.inference import scan
from pmntool.labels import SPLITS
from pmntool.progress import Progress
from pmntool.staging import new_directory, write_json
from pmntool.targets import require_free
from pmntool.text import counted, shorten
from pmntool.verbs.compare import Evaluation, Measured, choose_baseline, compare, group_runs

log = logging.getLogger("pmntool")

UNPACKED = 100_000  # windows whose labels are in memory, a byte each, while they are counted
FEW_BLOCKS = 30  # fewer say too little about how much windows vary


def evaluate(
    runs: Sequence[Path],
    dataset: Path,
    output: Path | None,
    *,
    split: str = "test",
    baseline: str | None = None,
    bootstrap: Bootstrap = Bootstrap(),
    all_pairs: bool = False,
    other_genome: bool = False,
    device: str = "auto",
    precision: str = "auto",
    force: bool = False,
    progress: Progress = Progress(),
) -> Evaluation:
    """Measure each run's best weights on one split, TF by TF, and compare the runs.

    Parameters
    ----------
    runs
        Run folders; those that differ in their seed alone count as one.
    dataset
        The dataset they were trained on, or another that holds their TFs and no window of their training chromosomes.
    output
        Folder for tables and figures; None writes nothing.
    split
        "test", "valid" or "train".
    baseline
        Name of the run that increases are taken over; by default `cnn-single`, else `cnn`, else the first.
    all_pairs
        Take differences of every two runs, not only those to the baseline.
    other_genome
        Take a dataset whose chromosomes are other sequences than those of the same names in training.

    Raises
    ------
    InputError
        A run or the dataset cannot be read, an option is out of range, or there is nothing to evaluate.
    MismatchError
        A run does not fit the dataset, the runs share no TF, or `baseline` is none of them.
    OutputError
        `output` exists (without `force`) or cannot be written.
    """
    if split not in SPLITS:
        raise InputError(f"--split {split}: expected {', '.join(SPLITS)}")
    if output is not None:
        require_free(output, force=force, marker="evaluation.json", reads=[dataset, *runs])
    data = Dataset(dataset)
    opened = dict(zip(run_names(runs), map(Run, runs), strict=True))
    for run in opened.values():
        _check_fit(run, data, split, other_genome=other_genome)
    groups = group_runs(opened)
    baseline = choose_baseline(groups, opened, baseline)
    draws = _draws(data, split, bootstrap)
    leaks = data.leaks(split)
    place = choose_device(device)
    precision = choose_precision(precision, place)
    n_windows = len(leaks)
    on = describe(place, precision)
    log.info("evaluating %s of the %s split on %s", counted(n_windows, "window"), split, on)
    progress.start("evaluating", len(opened), "runs")
    measured = {}
    for name, run in opened.items():
        measured[name] = _measure(run, data, split, place, precision, leaks, draws)
        progress.advance(1, name)
    progress.finish()
    counts = {"all": n_windows, "without leaking": n_windows - int(leaks.sum())}
    bound = _windows_per_tf(data)
    evaluation = compare(measured, opened, groups, baseline, bound, counts, bootstrap.block, all_pairs=all_pairs)
    if output is not None:
        _write(output, evaluation, opened, data, split, bootstrap, force=force)
    return evaluation


def _measure(
    run: Run, data: Dataset, split: str, place: torch.device, precision: str, leaks: np.ndarray, draws: Draws | None
) -> Measured:
    """Run a model over a split and measure it, TF by TF: all windows, those that do not leak, those drawn again."""
    codes, starts = data.stretch(split)
    model = run.model(place, precision)
    if list(model.parameters()):  # of the others one epoch is all
        _warn_if_short(run)
    logits = scan(model, codes, starts, data.window, place)
    y = data.targets(split, run.tfs)
    drawn = resample(y, logits, draws) if draws else {}
    return Measured(
        table=_to_table(run.tfs, metrics.evaluate_labels(y, logits)),
        drawn={metric: pd.DataFrame(values, columns=run.tfs) for metric, values in drawn.items()},
        clean=_to_table(run.tfs, metrics.evaluate_labels(y[~leaks], logits[~leaks])) if leaks.any() else None,
        curves={tf: metrics.curve(y[:, i], logits[:, i]) for i, tf in enumerate(run.tfs)},
    )


def _draws(data: Dataset, split: str, how: Bootstrap) -> Draws | None:
    """Draw blocks of a split's windows; None where none are asked for."""
    if not (0 <= how.draws < 2**31 and 1 <= how.block < 2**31):
        raise InputError(
            f"--bootstrap {how.draws}, --block {how.block}: expected at least 0 draws and 1 bp, each below {2**31}"
        )
    if not how.draws:
        return None
    draws = draw_blocks(data.windows()[data.rows(split)], how)
    n_blocks = len(draws.times)
    if n_blocks < 2:
        log.warning("the %s windows lie in %d block of %d bp: no intervals", split, n_blocks, how.block)
        return None
    log.info("bootstrap: %s of %d blocks of %d bp", counted(how.draws, "draw"), n_blocks, how.block)
    if n_blocks < FEW_BLOCKS:
        log.warning("%d blocks are few: intervals are too narrow and p too small; give a smaller --block", n_blocks)
    return draws


def _check_fit(run: Run, data: Dataset, split: str, *, other_genome: bool) -> None:
    """Refuse a run of other windows, TFs or sequences, or that has seen a chromosome of the split in training."""
    if (run.window, run.stride) != (data.window, data.stride):
        raise MismatchError(
            f"{run.path}: trained on windows of {run.window} bp every {run.stride} bp, "
            f"but {data.path} has windows of {data.window} bp every {data.stride} bp"
        )
    data.columns(run.tfs)
    if run.meta["dataset"]["sha256"] == data.checksum:
        return
    here, trained = data.meta["chroms"], run.meta["dataset"]["chroms"]
    same = {chrom: is_same_sequence(here[chrom], trained[chrom]) for chrom in here if chrom in trained}
    other = [chrom for chrom, known in same.items() if known is False]
    if other and not other_genome:
        raise MismatchError(
            f"{run.path}: was trained on other sequences under the names {shorten(other)} than {data.path} has; of "
            "another assembly it cannot be told which windows a run has seen. Give a dataset of the run's assembly, or "
            "--other-genome where it is another species'"
        )
    seen = [chrom for chrom in same if chrom not in other and trained[chrom]["split"] == "train"]
    seen = [chrom for chrom in seen if here[chrom]["split"] == split]
    if seen and split != "train":
        raise MismatchError(f"{run.path}: was trained on {shorten(seen)}, which {data.path} has in its {split} split")
    log.warning("%s was trained on another dataset than %s", run.path, data.path)
    if None in same.values():
        log.warning("%s or %s holds no checksums: whether their genomes are the same is unknown", run.path, data.path)


def _warn_if_short(run: Run) -> None:
    """Warn of a run with fewer epochs than it was asked for, unless its patience ended it."""
    settings, done = run.meta["settings"], len(run.meta["epochs"])
    asked, patience = settings.get("epochs", done), settings.get("patience", 0)
    waited = done - max(run.meta.get("best_epochs", []), default=done)
    if done < asked and not 0 < patience <= waited:
        log.warning(
            "%s has %d of the %s that were asked for; train --resume goes on", run.path, done, counted(asked, "epoch")
        )


def _to_table(tfs: list[str], measured: metrics.Metrics) -> pd.DataFrame:
    return pd.DataFrame(measured._asdict(), index=tfs)[["positives", *metrics.NAMES]]


def _windows_per_tf(data: Dataset) -> pd.Series:
    """Count each TF's bound windows over all splits."""
    parts = (data.packed[first : first + UNPACKED] for first in range(0, len(data), UNPACKED))
    counts = sum(np.unpackbits(part, axis=1, count=len(data.tfs)).sum(axis=0, dtype=np.int64) for part in parts)
    return pd.Series(counts, index=data.tfs)


def _write(
    output: Path, evaluation: Evaluation, runs: dict[str, Run], data: Dataset, split: str, how: Bootstrap, *,
    force: bool,
) -> None:  # fmt: skip
    """Write the tables as TSV and JSON, and the figures."""
    tables = {
        "tfs": evaluation.tfs,
        "table4": evaluation.table_4,
        "tests": evaluation.tests,
        "extremes": evaluation.extremes,
        "differences": evaluation.differences,
        "leakage": evaluation.leakage,
    }
    with new_directory(output, force=force, marker="evaluation.json") as folder:
        for name, table in tables.items():
            table.to_csv(folder / f"{name}.tsv", sep="\t", index=False, lineterminator="\n", na_rep="nan")
        about = {"pmntool": __version__, "split": split, "dataset": data.checksum, "baseline": evaluation.baseline}
        about |= {"models": {name: run.checksums() for name, run in runs.items()}}
        about |= {"shared_tfs": evaluation.n_tfs, "groups": evaluation.groups, "bootstrap": how._asdict()}
        content = {
            name: table.astype(object).where(table.notna(), None).to_dict("records") for name, table in tables.items()
        }
        epochs = {
            group: [pd.DataFrame(runs[name].meta["epochs"]) for name in names]
            for group, names in evaluation.groups.items()
        }
        plots.curves(epochs, folder / "curves.png")
        others = [group for group in evaluation.groups if group != evaluation.baseline]
        if others:
            auroc = evaluation.tfs.pivot(index="tf", columns="run", values="auroc").dropna()
            auroc = pd.DataFrame({group: auroc[names].mean(axis=1) for group, names in evaluation.groups.items()})
            if len(auroc):
                plots.scatter(auroc[evaluation.baseline], auroc[others], folder / "scatter.png")
        about["files"] = checksums(folder, sorted(path.name for path in folder.iterdir()))
        write_json(folder / "evaluation.json", about | content)
