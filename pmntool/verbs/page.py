"""What the page's figures draw, as plain lists that JSON holds; names stand once, everything else is by position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pmntool import labels, metrics
from pmntool.checkpoint import Run
from pmntool.clustering import Clustering
from pmntool.dataset import Dataset
from pmntool.verbs.compare import Evaluation
from pmntool.verbs.prototypes import Prototypes

EPOCH_COLUMNS = ("train_loss", "valid_loss", "train_auroc", "valid_auroc", "valid_aupr", "valid_recall_at_fdr")


def frequencies(data: Dataset) -> pd.DataFrame:
    """Return the numbers of the paper's Figure 2, as `labels.tf_table` does, from a dataset's own arrays."""
    splits = {chrom: here["split"] for chrom, here in data.meta["chroms"].items()}
    parts = labels.from_rows(data.windows(), np.asarray(data.packed), data.stride)
    return labels.tf_table(parts, labels.count_positives(parts, splits, data.tfs))


def figures(
    evaluation: Evaluation, data: Dataset, runs: Mapping[str, Run], found: Mapping[str, Prototypes], split: str
) -> dict[str, Any]:
    """Return the content of the page's figures and of its table of TFs.

    Values of a TF stand in the order of "tfs"; null where a run lacks the TF or the metric is not defined.
    """
    tfs = [tf for tf in data.tfs if tf in set(evaluation.tfs["tf"])]
    groups = list(evaluation.groups)
    positives = evaluation.tfs.drop_duplicates("tf").set_index("tf")["positives"]
    table = evaluation.table_4.set_index("run")
    return {
        "tfs": tfs,
        "split": split,
        "windows": data.meta["splits"][split]["windows"],
        "positives": positives.loc[tfs].tolist(),
        "metrics": metrics.TITLES,
        "groups": groups,
        "baseline": groups.index(evaluation.baseline),
        "values": {name: _values(evaluation, tfs, name) for name in metrics.NAMES},
        "means": {
            name: [_rounded(table.loc[group].reindex([f"{name}_{what}" for what in ("mean", "low", "high")]), 5)
                   for group in groups]
            for name in metrics.NAMES
        },
        "differences": _differences(evaluation, tfs),
        "runs": [_run(name, run, groups, evaluation) for name, run in runs.items()],
        "curves": [[_steps(evaluation.curves[name].get(tf)) for tf in tfs] for name in runs],
        "frequency": _frequency(data),
        "chroms": [[chrom, here["length"], here["split"]] for chrom, here in data.meta["chroms"].items()],
        "trees": [_tree(one) for one in found.values()],
    }  # fmt: skip


def _values(evaluation: Evaluation, tfs: Sequence[str], metric: str) -> list[list[float | None]]:
    """Return a list a group of the mean over its seeds, a value a TF."""
    wide = evaluation.tfs.pivot(index="tf", columns="run", values=metric).reindex(tfs)
    return [_rounded(wide[names].mean(axis=1), 4) for names in evaluation.groups.values()]


def _differences(evaluation: Evaluation, tfs: Sequence[str]) -> list[dict[str, Any]]:
    """Return an entry for each two groups and metric: low, high, and 1, −1 or 0 for gained, lost or neither."""
    groups, found = list(evaluation.groups), []
    for (run, baseline, metric), part in evaluation.differences.groupby(["run", "baseline", "metric"], sort=False):
        part = part.set_index("tf").reindex(tfs)
        change = part["change"].map({"gained": 1, "lost": -1}).fillna(0).astype(int)
        found.append(
            {"a": groups.index(run), "b": groups.index(baseline), "metric": metric, "change": change.tolist()}
            | {edge: _rounded(part[edge], 4) for edge in ("low", "high")}
        )
    return found


def _run(name: str, run: Run, groups: Sequence[str], evaluation: Evaluation) -> dict[str, Any]:
    """Return a run's curves of training; its best epoch where the whole model has one."""
    group = next(group for group, names in evaluation.groups.items() if name in names)
    epochs = pd.DataFrame(run.meta["epochs"]).reindex(columns=EPOCH_COLUMNS)
    best = run.meta.get("best_epochs", [])
    return {
        "name": name,
        "group": groups.index(group),
        "best": best[0] if len(best) == 1 else None,
        "epochs": {column: _rounded(epochs[column].astype(float), 5) for column in EPOCH_COLUMNS},
    }


def _steps(points: np.ndarray | None) -> list[list[int]] | None:
    """Return a curve's points as steps from each to the next, which are shorter to write."""
    return None if points is None else np.diff(points, axis=0).T.tolist()


def _frequency(data: Dataset) -> dict[str, Any]:
    table = frequencies(data).sort_values("percent_positive", ascending=False, kind="stable")
    return {
        "tfs": table["tf"].tolist(),
        "windows": table["windows"].tolist(),
        "bound": _rounded(table["percent_positive"], 2),
        "shared": _rounded(table["percent_shared"], 2),
    }


def _tree(found: Prototypes) -> dict[str, Any]:
    """Return a tree and its heat map, TFs in the order of the leaves; cosines in hundredths, row by row above the
    diagonal."""
    clustering, order = found.clustering, found.clustering.order
    shown = clustering.similarity[np.ix_(order, order)]
    n_clusters = int(clustering.clusters.max())
    return {
        "tfs": [clustering.tfs[i] for i in order],
        "clusters": clustering.clusters[order].tolist(),
        "stable": [True] * n_clusters if found.stability is None else found.stability.stable.tolist(),
        "cosines": np.rint(100 * shown[np.triu_indices(len(order), 1)]).astype(int).tolist(),
        "merges": merges(clustering),
        "cut": round(_cut(clustering, n_clusters), 4),
    }


def merges(clustering: Clustering) -> list[list[float]]:
    """Return a row for each merge of the tree: place and height of its two sides, its height, its first and last leaf.

    Places count the leaves from left to right, from 0; a height is 1 − cosine.
    """
    nodes = {int(leaf): (float(place), 0.0, place, place) for place, leaf in enumerate(clustering.order)}
    rows = []
    for number, (a, b, height, _) in enumerate(clustering.linkage, start=len(clustering.order)):
        left, right = sorted((nodes[int(a)], nodes[int(b)]))
        rows.append([left[0], round(left[1], 4), right[0], round(right[1], 4), round(height, 4), left[2], right[3]])
        nodes[number] = ((left[0] + right[0]) / 2, float(height), left[2], right[3])
    return rows


def _cut(clustering: Clustering, n_clusters: int) -> float:
    """Return a height between the last merge that the cut keeps and the first that it undoes."""
    heights = clustering.linkage[:, 2]
    below = heights[-n_clusters] if n_clusters < len(clustering.tfs) else 0.0
    return float(below + heights[1 - n_clusters]) / 2


def _rounded(values: pd.Series, digits: int) -> list[float | None]:
    """Return numbers for JSON, which has no NaN."""
    return [None if np.isnan(value) else round(float(value), digits) for value in values]
