"""Evaluate runs on a dataset's held-out windows: the paper's metrics, Table 4 and paired tests (§4.2)."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pmntool import __version__, metrics, plots
from pmntool.checkpoint import Run, run_names
from pmntool.dataset import Dataset
from pmntool.errors import InputError, MismatchError
from pmntool.inference import choose_device, describe, scan
from pmntool.labels import SPLITS
from pmntool.progress import Progress
from pmntool.staging import new_directory, require_free, write_json

log = logging.getLogger("pmntool")

EXTREMES = 10  # TFs in the groups of the rarest and of the commonest


class Evaluation(NamedTuple):
    """What was measured; means and tests are over the TFs that all runs share and for which the metric is defined."""

    tfs: pd.DataFrame  # run, tf, positives, auroc, aupr, recall_at_fdr
    table_4: pd.DataFrame  # one row a run: mean, std and % increase over the baseline, of each metric
    tests: pd.DataFrame  # metric, a, b, p: one-tailed paired t-test that a is larger than b
    extremes: pd.DataFrame  # run, group, tfs and the mean of each metric, of the rarest and the commonest TFs
    baseline: str
    n_tfs: int  # TFs that all runs share


def evaluate(
    runs: Sequence[Path],
    dataset: Path,
    output: Path | None,
    *,
    split: str = "test",
    baseline: str | None = None,
    device: str = "auto",
    force: bool = False,
    progress: Progress = Progress(),
) -> Evaluation:
    """Measure each run's best weights on one split, TF by TF, and compare the runs.

    Parameters
    ----------
    runs
        Run folders.
    dataset
        The dataset they were trained on, or another that holds their TFs and no window of their training chromosomes.
    output
        Folder for tables and figures; None writes nothing.
    split
        "test", "valid" or "train".
    baseline
        Name of the run that increases are taken over; by default `cnn-single`, else `cnn`, else the first.

    Raises
    ------
    InputError
        A run or the dataset cannot be read, or there is nothing to evaluate.
    MismatchError
        A run does not fit the dataset, the runs share no TF, or `baseline` is none of them.
    OutputError
        `output` exists (without `force`) or cannot be written.
    """
    if split not in SPLITS:
        raise InputError(f"--split {split}: expected {', '.join(SPLITS)}")
    if output is not None:
        require_free(output, force=force)
    data = Dataset(dataset)
    opened = dict(zip(run_names(runs), map(Run, runs), strict=True))
    for run in opened.values():
        _check_fit(run, data, split)
    baseline = _baseline(opened, baseline)
    place = choose_device(device)
    codes, starts = data.stretch(split)
    log.info("evaluating %d windows of the %s split on %s", len(starts), split, describe(place))
    progress.start("evaluating", len(opened), "runs")
    scores = {}
    for name, run in opened.items():
        logits = scan(run.model(place), codes, starts, data.window, place)
        scores[name] = _to_table(run.tfs, metrics.evaluate_labels(data.targets(split, run.tfs), logits))
        progress.advance(1, name)
    progress.finish()
    evaluation = compare(scores, opened, baseline, _windows_per_tf(data))
    if output is not None:
        _write(output, evaluation, opened, data, split, force=force)
    return evaluation


def compare(scores: dict[str, pd.DataFrame], runs: dict[str, Run], baseline: str, windows: pd.Series) -> Evaluation:
    """Set runs beside one another on the TFs that they share.

    Parameters
    ----------
    scores
        Run name to a table with a row a TF (the index) and the columns positives, auroc, aupr, recall_at_fdr.
    windows
        Bound windows of each TF in the whole dataset, by which it is rare or common.
    """
    shared = [tf for tf in windows.index if all(tf in table.index for table in scores.values())]
    if not shared:
        raise MismatchError(f"the runs {', '.join(scores)} share no TF")
    for name, table in scores.items():
        undefined = int(table["auroc"].isna().sum())
        if undefined:
            log.warning("%s: no auROC for %d TFs, which have no positive or no negative window", name, undefined)
    if any(len(table) > len(shared) for table in scores.values()):
        log.warning("means and tests are over the %d TFs that all runs share", len(shared))
    common = {name: table.loc[shared] for name, table in scores.items()}
    order = windows.loc[shared].sort_values(kind="stable").index
    size = min(EXTREMES, len(shared) // 2)
    groups = {"rarest": order[:size], "commonest": order[len(order) - size :]} if size else {}
    tfs = pd.concat([table.rename_axis("tf").reset_index().assign(run=name) for name, table in scores.items()])
    return Evaluation(
        tfs=tfs[["run", "tf", "positives", *metrics.NAMES]].reset_index(drop=True),
        table_4=pd.DataFrame([_table_4_row(name, common, runs[name], baseline) for name in common]),
        tests=pd.DataFrame(
            [
                {
                    "metric": metric,
                    "a": a,
                    "b": b,
                    "p": metrics.paired_t_test(*(common[x][metric].to_numpy() for x in (a, b))),
                }
                for metric in metrics.NAMES
                for a, b in itertools.permutations(common, 2)
            ],
            columns=["metric", "a", "b", "p"],
        ),
        extremes=pd.DataFrame(
            [
                {"run": name, "group": group, "tfs": len(members)}
                | {metric: metrics.mean(table.loc[members, metric].to_numpy()) for metric in metrics.NAMES}
                for group, members in groups.items()
                for name, table in common.items()
            ]
        ),
        baseline=baseline,
        n_tfs=len(shared),
    )


def _table_4_row(name: str, scores: dict[str, pd.DataFrame], run: Run, baseline: str) -> dict[str, Any]:
    row: dict[str, Any] = {"run": name, "variant": run.variant, "lambda": run.meta["settings"]["prototype_weight"]}
    for metric in metrics.NAMES:
        values, base = scores[name][metric].to_numpy(), metrics.mean(scores[baseline][metric].to_numpy())
        row[f"{metric}_mean"] = metrics.mean(values)
        row[f"{metric}_std"] = metrics.std(values)
        row[f"{metric}_increase"] = 100 * (row[f"{metric}_mean"] / base - 1) if base else float("nan")
    return row


def _baseline(runs: dict[str, Run], asked: str | None) -> str:
    """Return the name of the run that increases are taken over."""
    if asked is None:
        by_variant = {run.variant: name for name, run in reversed(runs.items())}
        return by_variant.get("cnn-single") or by_variant.get("cnn") or next(iter(runs))
    if asked not in runs:
        raise MismatchError(f"--baseline {asked}: expected one of the runs, {', '.join(runs)}")
    return asked


def _check_fit(run: Run, data: Dataset, split: str) -> None:
    """Refuse a run whose windows or TFs are others, or that has seen a chromosome of the split in training."""
    if (run.window, run.stride) != (data.window, data.stride):
        raise MismatchError(
            f"{run.path}: trained on windows of {run.window} bp every {run.stride} bp, "
            f"but {data.path} has windows of {data.window} bp every {data.stride} bp"
        )
    data.columns(run.tfs)
    if run.meta["dataset"]["sha256"] == data.checksum:
        return
    trained = run.meta["dataset"]["chroms"]
    seen = [
        chrom
        for chrom, here in data.meta["chroms"].items()
        if here["split"] == split and trained.get(chrom) == here | {"split": "train"}
    ]
    if seen and split != "train":
        raise MismatchError(f"{run.path}: was trained on {', '.join(seen)}, which {data.path} has in its {split} split")
    log.warning("%s was trained on another dataset than %s", run.path, data.path)


def _to_table(tfs: list[str], measured: metrics.Metrics) -> pd.DataFrame:
    return pd.DataFrame(measured._asdict(), index=tfs)[["positives", *metrics.NAMES]]


def _windows_per_tf(data: Dataset) -> pd.Series:
    """Count each TF's bound windows over all splits."""
    return pd.Series(sum(data.targets(split).sum(axis=0, dtype=np.int64) for split in SPLITS), index=data.tfs)


def _write(
    output: Path, evaluation: Evaluation, runs: dict[str, Run], data: Dataset, split: str, *, force: bool
) -> None:
    """Write the tables as TSV and JSON, and the figures."""
    tables = {
        "tfs": evaluation.tfs,
        "table4": evaluation.table_4,
        "tests": evaluation.tests,
        "extremes": evaluation.extremes,
    }
    with new_directory(output, force=force) as folder:
        for name, table in tables.items():
            table.to_csv(folder / f"{name}.tsv", sep="\t", index=False, lineterminator="\n", na_rep="nan")
        about = {"pmntool": __version__, "split": split, "dataset": data.checksum, "baseline": evaluation.baseline}
        content = {
            name: table.astype(object).where(table.notna(), None).to_dict("records") for name, table in tables.items()
        }
        write_json(folder / "evaluation.json", about | {"shared_tfs": evaluation.n_tfs} | content)
        plots.curves({name: pd.DataFrame(run.meta["epochs"]) for name, run in runs.items()}, folder / "curves.png")
        others = [name for name in runs if name != evaluation.baseline]
        if others:
            auroc = evaluation.tfs.pivot(index="tf", columns="run", values="auroc").dropna()
            plots.scatter(auroc[evaluation.baseline], auroc[others], folder / "scatter.png")
