"""What an evaluation amounts to, from tables made by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd

from pmntool.verbs.findings import Lead, cautions, judge


def judged(difference, low, high):
    """Judge two models, of which b is ahead so far in the mean auROC."""
    tests = [(metric, *pair, 0.2, sign * difference, low, high)
             for metric in ("auroc", "aupr") for pair, sign in ((("a", "b"), -1), (("b", "a"), 1))]  # fmt: skip
    columns = ["metric", "a", "b", "p", "difference", "low", "high"]
    changes = pd.DataFrame(
        [("a", "b", tf, "auroc", change) for tf, change in (("x", "gained"), ("y", "lost"), ("z", "lost"))],
        columns=["run", "baseline", "tf", "metric", "change"],
    )
    table = pd.DataFrame({"run": ["a", "b"], "auroc_mean": [0.6, 0.6 + difference], "aupr_mean": [0.2, 0.1]})
    return judge(SimpleNamespace(tests=pd.DataFrame(tests, columns=columns), differences=changes, table_4=table))


def test_the_verdict_by_hand():
    found = judged(0.1, 0.05, 0.2)
    assert (found.best, found.ranking, found.agreeing) == ("b", ["b", "a"], {"auroc": "b", "aupr": "a"})
    assert found.leads["auroc"] == [Lead("a", 0.1, 0.05, 0.2, 0.2, gained=2, lost=1)] and found.leads["auroc"][0].clear
    assert not judged(0.1, -0.05, 0.2).leads["auroc"][0].clear
    assert not judged(0.1, np.nan, np.nan).leads["auroc"][0].clear  # p is 0.2


def test_what_to_be_careful_about():
    leakage = pd.DataFrame(
        [("b", "all", 200, 0.7), ("b", "without leaking", 190, 0.65)], columns=["run", "windows", "count", "auroc"]
    )
    tfs = pd.DataFrame(
        [("b0", "x", 0.0), ("b0", "y", 0.0), ("b0", "z", 0.2), ("b1", "x", 0.0), ("b1", "y", 0.1), ("b1", "z", 0.2)],
        columns=["run", "tf", "recall_at_fdr"],
    )
    evaluation = SimpleNamespace(leakage=leakage, tfs=tfs, groups={"a": ["a"], "b": ["b0", "b1"]}, n_tfs=3)
    runs = {
        name: SimpleNamespace(meta={"epochs": [{}] * n, "best_epochs": best})
        for name, n, best in (("a", 5, [5]), ("b0", 5, [4]), ("b1", 5, [5, 3]))
    }
    verdict, data = SimpleNamespace(best="b"), SimpleNamespace(meta={"negatives": 0.0})
    leaks, bound, seeds, unfinished, hopeless = cautions(evaluation, verdict, data, runs, "test")
    assert leaks.startswith("10 of 200 test windows (5.0 %) have") and "of b is 0.6500, not 0.7000" in leaks
    assert "only windows that some TF binds" in bound
    assert seeds.startswith("Trained with one seed only: a. ")
    assert unfinished == "Best in the last epoch, so that more epochs may help: a."
    assert hopeless.startswith("For 1 of 3 TFs no threshold of b ")  # x, in both runs
    evaluation.leakage = leakage[:0]
    data.meta["negatives"], tfs["recall_at_fdr"] = 1.0, 0.5
    runs = {name: SimpleNamespace(meta={"epochs": [{}], "best_epochs": [1]}) for name in runs}
    assert list(cautions(evaluation, verdict, data, runs, "test")) == []
