"""What an evaluation amounts to, in a few words: which model is best, by how much, and what to be careful about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from pmntool.checkpoint import Run
from pmntool.dataset import Dataset
from pmntool.verbs.compare import Evaluation

RANKED_BY = "auroc"


class Lead(NamedTuple):
    """How far a model is ahead of another, in the mean over TFs."""

    over: str
    difference: float
    low: float  # of the 95 % interval; NaN where nothing was drawn
    high: float
    p: float  # one-tailed paired t-test over TFs
    gained: int  # TFs
    lost: int

    @property
    def clear(self) -> bool:
        """Say whether the windows show a difference; where nothing was drawn, the TFs by their t-test."""
        return self.p < 0.05 if np.isnan(self.low) else self.low > 0


class Verdict(NamedTuple):
    """The best model."""

    best: str
    ranking: list[str]  # all models, the best first
    leads: dict[str, list[Lead]]  # metric → over each other model, in the order of `ranking`
    agreeing: dict[str, str]  # each metric's best model


def judge(evaluation: Evaluation) -> Verdict:
    """Rank models by their mean auROC over TFs; one without comes last."""
    table = evaluation.table_4.set_index("run")
    ranking = table.sort_values(f"{RANKED_BY}_mean", ascending=False, kind="stable").index.tolist()
    best, *others = ranking
    tests = evaluation.tests.set_index(["metric", "a", "b"])
    metrics = evaluation.tests["metric"].unique()
    leads = {
        metric: [
            Lead(other, *tests.loc[(metric, best, other), ["difference", "low", "high", "p"]].astype(float),
                 *count_changes(evaluation, best, other, metric))
            for other in others
        ]
        for metric in metrics
    }  # fmt: skip
    means = {metric: table[f"{metric}_mean"].dropna() for metric in metrics}
    return Verdict(best, ranking, leads, {metric: mean.idxmax() for metric, mean in means.items() if len(mean)})


def count_changes(evaluation: Evaluation, a: str, b: str, metric: str) -> tuple[int, int]:
    """Count the TFs that gained and those that lost in model `a` over `b`, whichever way round they were compared."""
    table = evaluation.differences[evaluation.differences["metric"] == metric]
    counts = [
        table[(table["run"] == one) & (table["baseline"] == two)]["change"].value_counts()
        for one, two in ((a, b), (b, a))
    ]
    gained, lost = (sum(int(count.get(kind, 0)) for count, kind in zip(counts, kinds, strict=True))
                    for kinds in (("gained", "lost"), ("lost", "gained")))  # fmt: skip
    return gained, lost


def cautions(
    evaluation: Evaluation, verdict: Verdict, data: Dataset, runs: Mapping[str, Run], split: str
) -> Iterator[str]:
    """Yield what a reader of the numbers should know, a sentence or two each; what commands warn of is not among it."""
    leakage = evaluation.leakage.set_index(["run", "windows"]) if len(evaluation.leakage) else None
    if leakage is not None:
        every, clean = (leakage.loc[(verdict.best, kind)] for kind in ("all", "without leaking"))
        leaking = int(every["count"] - clean["count"])
        yield (
            f"{leaking:,} of {int(every['count']):,} {split} windows ({100 * leaking / every['count']:.1f} %) have a "
            f"sequence that stands in training too. Without them the mean auROC of {verdict.best} is "
            f"{clean['auroc']:.4f}, not {every['auroc']:.4f}."
        )
    if not data.meta["negatives"]:
        yield (
            "The dataset holds only windows that some TF binds. The numbers say how well TFs are told apart there, not "
            "how well binding is found in a whole genome, where auPR would be lower."
        )
    learned = {group: names for group, names in evaluation.groups.items() if len(runs[names[0]].meta["epochs"]) > 1}
    single = [group for group, names in learned.items() if len(names) == 1]
    if single and len(evaluation.groups) > 1:
        yield (
            f"Trained with one seed only: {', '.join(single)}. Intervals say how much windows vary; how much another "
            "seed would change is not known."
        )
    unfinished = [name for name, run in runs.items() if _best_at_the_end(run)]
    if unfinished:
        yield f"Best in the last epoch, so that more epochs may help: {', '.join(unfinished)}."
    hopeless = _hopeless(evaluation, verdict.best)
    if hopeless:
        yield (
            f"For {hopeless} of {evaluation.n_tfs} TFs no threshold of {verdict.best} gives calls of which at least "
            "half are right (recall at 50 % FDR is 0): its tracks of these TFs rank places, and are no list of sites."
        )


def _best_at_the_end(run: Run) -> bool:
    """Say whether a joint model was still improving in its last epoch."""
    n_epochs = len(run.meta["epochs"])
    return n_epochs > 1 and run.meta.get("best_epochs") == [n_epochs]


def _hopeless(evaluation: Evaluation, group: str) -> int:
    """Count the TFs with a recall at 50 % FDR of 0 in every run of a group."""
    table = evaluation.tfs[evaluation.tfs["run"].isin(evaluation.groups[group])]
    return int((table.groupby("tf")["recall_at_fdr"].max() == 0).sum())
