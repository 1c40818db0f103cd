"""Set runs beside one another: Table 4, paired tests, and the TFs that gained or lost (§4.2).

Runs that differ in their seed alone are one group and count once: a TF's metric is the mean over the group's seeds.
"""

from __future__ import annotations

import itertools
import json
import logging
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pmntool import bootstrap, metrics
from pmntool.checkpoint import Run, but_for_seed
from pmntool.errors import MismatchError
from pmntool.text import counted, shorten
from pmntool.variants import folder_name

log = logging.getLogger("pmntool")

EXTREMES = 10  # TFs in the groups of the rarest and of the commonest
TESTS = ["metric", "a", "b", "p", "difference", "low", "high"]
EXTREME_COLUMNS = ["run", "group", "tfs", *metrics.NAMES]
DIFFERENCES = ["run", "baseline", "tf", "metric", "difference", "low", "high", "p", "q", "change"]
LEAKAGE = ["run", "windows", "count", *metrics.NAMES]

Drawn = Mapping[str, pd.DataFrame]  # metric → a row a draw, a column a TF


class Measured(NamedTuple):
    """What one run reaches, or the mean over the runs of a group."""

    table: pd.DataFrame  # a row a TF (the index): positives, auroc, aupr, recall_at_fdr
    drawn: Drawn  # the same of windows drawn again; of no metric where none were
    clean: pd.DataFrame | None = None  # as `table`, without the windows that leak; None where none does
    curves: Mapping[str, np.ndarray] | None = None  # TF → points as from `metrics.curve`; of one run alone


class Evaluation(NamedTuple):
    """What was measured; a "run" is a group of runs, but in `tfs`.

    Means and tests are over the TFs that all runs share and for which the metric is defined.
    """

    tfs: pd.DataFrame  # run, tf, positives, auroc, aupr, recall_at_fdr: each run by itself
    table_4: pd.DataFrame  # one row a run: of each metric mean, std over TFs, spread over seeds, % increase, interval
    tests: pd.DataFrame  # metric, a, b, p: one-tailed paired t-test that a is larger than b; difference, interval
    extremes: pd.DataFrame  # run, group, tfs and the mean of each metric, of the rarest and the commonest TFs
    differences: pd.DataFrame  # run − baseline of each TF, with what `bootstrap` says of it
    leakage: pd.DataFrame  # run, windows, their count and the mean of each metric: with and without those that leak
    groups: dict[str, list[str]]  # name of a group to those of its runs
    baseline: str
    n_tfs: int  # TFs that all runs share
    block: int  # bp that were drawn together
    curves: dict[str, Mapping[str, np.ndarray]]  # run → TF → points as from `metrics.curve`: each run by itself


def group_runs(runs: Mapping[str, Run]) -> dict[str, list[str]]:
    """Put runs together that differ in their seed alone.

    Returns
    -------
    Group name to run names, in the order of `runs`. A group of one is called as its run, another as `train` would call
    its folder, or after all its runs where that name is taken. A second run of the same seed stands apart.
    """
    members: dict[tuple[str, int], list[str]] = {}
    seen: Counter = Counter()
    for name, run in runs.items():
        seed = run.meta["settings"].get("seed")
        made = json.dumps(but_for_seed(run), sort_keys=True)
        members.setdefault((made, seen[made, seed]), []).append(name)
        seen[made, seed] += 1
    short = [names[0] if len(names) == 1 else _default_name(runs[names[0]]) for names in members.values()]
    return {
        name if len(names) == 1 or short.count(name) == 1 else "+".join(names): names
        for name, names in zip(short, members.values(), strict=True)
    }


def choose_baseline(groups: Mapping[str, Sequence[str]], runs: Mapping[str, Run], asked: str | None) -> str:
    """Return the name of the group that increases are taken over.

    Raises
    ------
    MismatchError
        `asked` is neither a group nor a run.
    """
    if asked is None:
        by_variant = {runs[names[0]].variant: group for group, names in reversed(groups.items())}
        return by_variant.get("cnn-single") or by_variant.get("cnn") or next(iter(groups))
    found = [group for group, names in groups.items() if asked == group or asked in names]
    if not found:
        raise MismatchError(f"--baseline {asked}: expected one of the runs, {', '.join(runs)}")
    return found[0]


def compare(
    measured: Mapping[str, Measured],
    runs: Mapping[str, Run],
    groups: Mapping[str, list[str]],
    baseline: str,
    windows: pd.Series,
    counts: Mapping[str, int],
    block: int,
    *,
    all_pairs: bool = False,
) -> Evaluation:
    """Set runs beside one another on the TFs that they share.

    Parameters
    ----------
    measured
        What each run reaches.
    groups
        As from `group_runs`.
    windows
        Bound windows of each TF in the whole dataset, by which it is rare or common.
    counts
        What kind of windows to how many, as the rows of `Evaluation.leakage`: all, and those that do not leak.
    block
        bp that were drawn together.
    all_pairs
        Take differences of every two groups, not only those to the baseline.

    Raises
    ------
    MismatchError
        The runs share no TF.
    """
    shared = [tf for tf in windows.index if all(tf in run.table.index for run in measured.values())]
    if not shared:
        raise MismatchError(f"the runs {', '.join(measured)} share no TF")
    for name, run in measured.items():
        undefined = int(run.table["auroc"].isna().sum())
        if undefined:
            log.warning("%s: no auROC for %s without a positive or a negative window", name, counted(undefined, "TF"))
    if any(len(run.table) > len(shared) for run in measured.values()):
        log.warning("means and tests are over the %s that all runs share", counted(len(shared), "TF"))
    common = {group: _mean([_restrict(measured[name], shared) for name in names]) for group, names in groups.items()}
    tables = {group: run.table for group, run in common.items()}
    means = {
        group: [[metrics.mean(measured[name].table.loc[shared, metric].to_numpy()) for metric in metrics.NAMES]
                for name in names]
        for group, names in groups.items()
    }  # fmt: skip
    tfs = pd.concat([run.table.rename_axis("tf").reset_index().assign(run=name) for name, run in measured.items()])
    pairs = [(group, baseline) for group in groups if group != baseline]
    if all_pairs:
        pairs += [(b, a) for a, b in itertools.combinations([group for group in groups if group != baseline], 2)]
    differences = _concat([_differences(common, *pair) for pair in pairs], DIFFERENCES)
    _warn_of_few_draws(differences, max(map(len, common[baseline].drawn.values()), default=0))
    return Evaluation(
        tfs=tfs[["run", "tf", "positives", *metrics.NAMES]].reset_index(drop=True),
        table_4=pd.DataFrame(
            [
                _table_4_row(group, common[group], common[baseline].table, runs[names[0]], np.array(means[group]))
                for group, names in groups.items()
            ]
        ),
        tests=pd.DataFrame(_tests(common), columns=TESTS),
        extremes=pd.DataFrame(_extremes(tables, windows.loc[shared]), columns=EXTREME_COLUMNS),
        differences=differences,
        leakage=pd.DataFrame(_leakage(common, counts), columns=LEAKAGE),
        groups=dict(groups),
        baseline=baseline,
        n_tfs=len(shared),
        block=block,
        curves={name: run.curves or {} for name, run in measured.items()},
    )


def _default_name(run: Run) -> str:
    strands = run.meta["hyperparameters"]["strands"]
    return folder_name(run.variant, run.meta["settings"]["prototype_weight"], strands)


def _restrict(run: Measured, tfs: list[str]) -> Measured:
    """Return what a run reaches on some TFs, in their order."""
    clean = None if run.clean is None else run.clean.loc[tfs]
    return Measured(run.table.loc[tfs], {metric: table[tfs] for metric, table in run.drawn.items()}, clean)


def _mean(runs: Sequence[Measured]) -> Measured:
    """Return the mean over runs, TF by TF, draw by draw."""

    def mean(tables: list[pd.DataFrame]) -> pd.DataFrame:
        return sum(tables[1:], start=tables[0]) / len(tables)

    clean = None if runs[0].clean is None else mean([run.clean for run in runs])
    return Measured(
        mean([run.table for run in runs]), {m: mean([run.drawn[m] for run in runs]) for m in runs[0].drawn}, clean
    )


def _table_4_row(group: str, measured: Measured, baseline: pd.DataFrame, run: Run, means: np.ndarray) -> dict[str, Any]:
    """Return a group's row; `means`, (seeds, metrics), are those over TFs of each of its runs."""
    row: dict[str, Any] = {
        "run": group, "variant": run.variant, "lambda": run.meta["settings"]["prototype_weight"], "seeds": len(means),
    }  # fmt: skip
    for metric, of_seeds in zip(metrics.NAMES, means.T, strict=True):
        base = metrics.mean(baseline[metric].to_numpy())
        values = measured.table[metric].to_numpy()
        row[f"{metric}_mean"], row[f"{metric}_std"] = metrics.mean(values), metrics.std(values)
        row[f"{metric}_spread"] = metrics.std(of_seeds)
        row[f"{metric}_increase"] = 100 * (row[f"{metric}_mean"] / base - 1) if base else float("nan")
    for metric, drawn in measured.drawn.items():
        row[f"{metric}_low"], row[f"{metric}_high"] = _interval(drawn)
    return row


def _interval(drawn: pd.DataFrame) -> tuple[float, float]:
    """Return the 95 % interval of a mean over TFs, from what each draw gives for each."""
    found = bootstrap.interval(drawn.mean(axis=1).to_numpy()[:, None])
    return float(found.low[0]), float(found.high[0])


def _tests(common: Mapping[str, Measured]) -> list[tuple]:
    rows = []
    for metric, (a, b) in itertools.product(metrics.NAMES, itertools.permutations(common, 2)):
        values = [common[group].table[metric].to_numpy() for group in (a, b)]
        drawn = [common[group].drawn.get(metric) for group in (a, b)]
        interval = (float("nan"), float("nan")) if drawn[0] is None else _interval(drawn[0] - drawn[1])
        rows.append((metric, a, b, metrics.paired_t_test(*values), metrics.mean(values[0] - values[1]), *interval))
    return rows


def _extremes(tables: Mapping[str, pd.DataFrame], windows: pd.Series) -> list[dict[str, Any]]:
    """Return the means over the TFs with the fewest and over those with the most windows."""
    order = windows.sort_values(kind="stable").index
    size = min(EXTREMES, len(order) // 2)
    groups = {"rarest": order[:size], "commonest": order[len(order) - size :]} if size else {}
    return [
        {"run": name, "group": group, "tfs": len(members)}
        | {metric: metrics.mean(table.loc[members, metric].to_numpy()) for metric in metrics.NAMES}
        for group, members in groups.items()
        for name, table in tables.items()
    ]


def _differences(common: Mapping[str, Measured], a: str, b: str) -> pd.DataFrame:
    """Return what TFs gain in group `a` over group `b`, with intervals, p and q over the TFs of each metric."""
    parts = []
    for metric in common[a].drawn:
        found = bootstrap.interval((common[a].drawn[metric] - common[b].drawn[metric]).to_numpy())
        part = pd.DataFrame({"run": a, "baseline": b, "tf": common[a].table.index, "metric": metric})
        part["difference"] = (common[a].table[metric] - common[b].table[metric]).to_numpy()
        part["low"], part["high"], part["p"] = found
        part["q"] = bootstrap.benjamini_hochberg(found.p)
        side = np.where(part["difference"] > 0, "gained", "lost")
        part["change"] = np.where(part["q"] <= bootstrap.FDR, side, "–")
        parts.append(part)
    return _concat(parts, DIFFERENCES)


def _warn_of_few_draws(differences: pd.DataFrame, draws: int) -> None:
    """Warn of comparisons in which no TF stands out where few could have."""
    called = differences["change"].ne("–").groupby([differences["run"], differences["baseline"]], sort=False).any()
    silent = [f"{run} and {baseline}" for run, baseline in called[~called].index]
    n_tfs = differences["tf"][differences["p"].notna()].nunique()
    needed = bootstrap.fewest_together(draws, n_tfs)
    if silent and needed > 1:
        log.warning(
            "%s: no TF gained or lost, but %d draws can show that of no fewer than %d TFs at a time, and there are %d; "
            "--bootstrap %d lets one stand out alone",
            shorten(silent), draws, needed, n_tfs, math.ceil(2 * n_tfs / bootstrap.FDR),
        )  # fmt: skip


def _leakage(common: Mapping[str, Measured], counts: Mapping[str, int]) -> list[tuple]:
    """Return two rows a group, all windows and those that do not leak; none where nothing leaks."""
    return [
        (group, kind, count, *(metrics.mean(table[metric].to_numpy()) for metric in metrics.NAMES))
        for group, run in common.items()
        if run.clean is not None
        for (kind, count), table in zip(counts.items(), (run.table, run.clean), strict=True)
    ]


def _concat(tables: Iterable[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    tables = list(tables)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
