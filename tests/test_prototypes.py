"""The verb: from runs whose prototypes are planted to tables, figures and refusals."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from pmntool.checkpoint import save
from pmntool.clustering import cosines
from pmntool.errors import InputError, MismatchError
from pmntool.models import Hyperparameters, build
from pmntool.run_json import sizes
from pmntool.verbs.prototypes import prototypes

HP = Hyperparameters(channels=(4, 4, 16), widths=(3, 2, 2), dropout=0.0, hops=2)
TFS = [f"{group}{i}" for group in "ABX" for i in range(6)]


def make_run(
    folder: Path, seed: int, tfs: list[str] = TFS, variant: str = "pmn", weight: float = 1.0, prototypes=None
) -> Path:
    """Write a run whose prototypes hold two groups, A and B, each around a direction of the seed's, and the X apart."""
    model = build(variant, tfs, HP)
    if hasattr(model, "prototypes"):
        rng = np.random.default_rng(seed)
        directions = np.linalg.qr(rng.normal(size=(16, 16)))[0]
        column = [{"A": 0, "B": 1}.get(tf[0], 2 + int(tf[1:])) for tf in tfs]
        table = directions[column] + rng.normal(0, 0.1, (len(tfs), 16))
        model.lookup.data = torch.tensor(table, dtype=torch.float32) if prototypes is None else prototypes
    meta = {
        "variant": variant,
        "hyperparameters": sizes(HP),
        "tfs": tfs,
        "window": 20,
        "stride": 5,
        "dataset": {"sha256": "", "chroms": {}},
        "settings": {"prototype_weight": weight, "seed": seed},
        "epochs": [],
    }
    folder.mkdir(parents=True)
    save(folder, meta, epoch=1, best_epoch=1, best=model.state_dict(), model=model, optimizer=None)
    return folder


@pytest.fixture
def runs(tmp_path):
    """Four runs in folders that are called alike; the TFs of the last stand in another order."""
    tfs = [TFS, TFS, TFS, TFS[::-1]]
    return [make_run(tmp_path / str(seed) / "pmn", seed, tfs[seed]) for seed in range(4)]


def test_several_runs_are_clustered_by_their_mean_cosine(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = prototypes([path.relative_to(tmp_path) for path in runs], Path("out"), n_clusters=8)
    members = pd.read_csv("out/clusters.tsv", sep="\t").set_index("tf")
    stable = members[members["stable"] == 1]
    assert sorted(stable.index) == TFS[:12] and sorted(stable.groupby("cluster").size()) == [6, 6]
    assert (stable["stability"] == 1).all() and (stable["p"] < 0.05).all()
    about = json.loads(Path("out/prototypes.json").read_text())
    assert about["runs"] == ["0/pmn", "1/pmn", "2/pmn", "3/pmn"]
    assert about["stability"]["stable_clusters"] == sorted(stable["cluster"].unique())
    vectors = pd.read_csv("out/prototypes.tsv", sep="\t").set_index(["run", "tf"])
    mean = np.mean([cosines(vectors.loc[run].loc[TFS].to_numpy()) for run in about["runs"]], axis=0)
    np.testing.assert_allclose(found.clustering.similarity, mean, atol=1e-6)
    written = pd.read_csv("out/similarity.tsv", sep="\t", index_col="tf")
    np.testing.assert_allclose(written.loc[TFS, TFS], mean, atol=1e-6)
    assert "2 stable clusters; the other 6 groups" in Path("out/dendrogram.svg").read_text()
    assert "2 stable clusters" in Path("out/plane.svg").read_text()


def test_one_run_has_groups_of_which_no_figure_says_cluster(runs, tmp_path):
    found = prototypes(runs[:1], tmp_path / "out")
    assert found.stability is None
    assert "stable" not in pd.read_csv(tmp_path / "out/clusters.tsv", sep="\t").columns
    for name in ("dendrogram.svg", "plane.svg"):
        text = (tmp_path / "out" / name).read_text()
        assert "groups; only several runs can say which are stable" in text and " clusters" not in text


def test_runs_that_do_not_fit_are_refused(runs, tmp_path):
    other = make_run(tmp_path / "soft", 9, variant="pmn-softmax")
    with pytest.raises(MismatchError, match="soft: of the variant pmn-softmax, but .*pmn is pmn$"):
        prototypes([runs[0], other], None)
    other = make_run(tmp_path / "fewer", 9, TFS[:-1] + ["Y0"])
    with pytest.raises(MismatchError, match="fewer: its TFs are not those of .*: only one has X5, Y0$"):
        prototypes([runs[0], other], None)
    other = make_run(tmp_path / "copy", 0)
    (other / "run.json").write_bytes((runs[0] / "run.json").read_bytes())
    with pytest.raises(InputError, match="copy: holds the weights of .*0/pmn; expected each run once"):
        prototypes([*runs, other], None)
    with pytest.raises(InputError, match="named twice"):
        prototypes([runs[0], runs[0]], None)
    with pytest.raises(InputError, match="2 TFs are too few to cluster; expected at least 3"):
        prototypes([make_run(tmp_path / "two", 0, TFS[:2])], None)


def test_runs_of_another_lambda_are_warned_of(runs, tmp_path, caplog):
    other = make_run(tmp_path / "half", 7, weight=0.5)
    prototypes([*runs[:2], other], None)
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        f"{other} and {runs[0]} differ in more than their seed: prototype_weight"
    ]


@pytest.mark.parametrize("moved", [0.05, 2.0])
def test_prototypes_that_training_has_hardly_turned_are_warned_of(tmp_path, caplog, moved):
    torch.manual_seed(3)
    start = build("pmn", TFS, HP).prototypes.data
    path = make_run(tmp_path / "run", 3, prototypes=start * 5 + 5 * moved * start.std() * torch.randn(start.shape))
    prototypes([path], None)
    sentence = f"{path}: training has hardly turned the prototypes (mean cosine to their random start: 1.00); "
    assert [m.startswith(sentence) for m in caplog.messages] == ([True] if moved < 1 else [])


@pytest.fixture
def trrust(tmp_path):
    """A table in which the TFs of group A have the same targets, those of B and X0–X3 their own, and X4, X5 none."""
    targets = {tf: [f"a{i}" for i in range(5)] if tf[0] == "A" else [f"{tf}-{i}" for i in range(5)] for tf in TFS[:-2]}
    targets["a0"] = targets.pop("A0")
    lines = [f"{tf}\t{gene}\tUnknown\t1\r\n" for tf, genes in targets.items() for gene in genes]
    path = tmp_path / "trrust.tsv"
    path.write_text("".join(lines), newline="")
    return path


def test_pairs_of_one_cluster_are_looked_up(runs, trrust, tmp_path, caplog):
    caplog.set_level(logging.INFO, "pmntool")
    found = prototypes(runs, tmp_path / "out", n_clusters=8, trrust=trrust)
    table = pd.read_csv(tmp_path / "out/trrust.tsv", sep="\t")
    assert list(table.columns) == [
        "cluster", "tf_a", "tf_b", "cosine", "targets_a", "targets_b", "shared", "background", "odds_ratio", "p", "q",
    ]  # fmt: skip
    assert len(table) == 15 + 15 and (table["background"] == 5 + 10 * 5).all()  # X0–X3 are alone in their clusters
    same = table["tf_a"].str[0] == "A"
    assert (table["tf_a"].str[0] == table["tf_b"].str[0]).all()
    assert (table[same]["shared"] == 5).all() and (table[~same]["shared"] == 0).all()
    assert (table[same]["q"] < 1e-4).all() and (table[~same]["p"] == 1).all()
    row = table.iloc[0]
    i, j = TFS.index(row["tf_a"]), TFS.index(row["tf_b"])
    assert row["cosine"] == pytest.approx(found.clustering.similarity[i, j], abs=1e-6)
    about = json.loads((tmp_path / "out/prototypes.json").read_text())["trrust"]
    assert about["absent"] == ["X4", "X5"] and about["pairs_tested"] == 30
    assert about["mantel"]["tfs"] == 16 and about["mantel"]["pairs"] == 120
    assert about["mantel"]["rho"] > 0.3 and about["mantel"]["p"] < 0.01
    assert f"{trrust} does not list 2 of 18 TFs: X4, X5" in caplog.messages
    assert f"{trrust}: names matched but for upper and lower case: A0 as a0" in caplog.messages


def test_a_table_of_other_tfs_is_refused(runs, tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text("MYC\tTERT\tActivation\t1\n")
    with pytest.raises(
        MismatchError, match="t.tsv: lists 0 of the run's 18 TFs, too few for a pair; the run has A0, A1"
    ):
        prototypes(runs[:1], None, trrust=path)
