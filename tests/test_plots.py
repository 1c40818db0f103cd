"""Figures: what the curves hold, read from the axes before they are written."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pmntool import plots


@pytest.fixture
def drawn(monkeypatch):
    """Catch figures in place of writing them."""
    figures = []
    monkeypatch.setattr(plots, "save", lambda figure, path: figures.append(figure))
    return figures


def table(valid: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"epoch": range(1, len(valid) + 1), "train_auroc": 0.9, "valid_auroc": valid})


def test_a_chain_of_many_merges_is_drawn(tmp_path):
    """Each TF joins all before it: a tree as deep as it has leaves."""
    n = 1200
    linkage = np.array([[max(0, n + i - 1) if i else 0, i + 1, (i + 1) / n, i + 2] for i in range(n - 1)])
    limit = sys.getrecursionlimit()
    plots.dendrogram(
        linkage, np.arange(n), [f"T{i}" for i in range(n)], np.eye(n), np.minimum(np.arange(n) + 1, 2), None,
        tmp_path / "chain.png",
    )  # fmt: skip
    assert (tmp_path / "chain.png").stat().st_size and sys.getrecursionlimit() == limit


def test_several_runs_are_their_mean_and_a_band(drawn):
    plots.curves({"cnn": [table([0.5, 0.7]), table([0.6, 0.7, 0.8])], "gc": [table([0.55])]}, Path("x.png"))
    right = drawn[0].axes[1]
    cnn, gc = right.lines
    assert np.allclose(cnn.get_xydata(), [[1, 0.55], [2, 0.7], [3, 0.8]])
    assert np.allclose(gc.get_xydata(), [[1, 0.55]])
    assert len(right.collections) == 1
    edge = right.collections[0].get_paths()[0].vertices
    assert edge[:, 1].min() == 0.5 and edge[:, 1].max() == 0.8
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["cnn (2 runs)", "gc"]


def test_no_two_of_many_runs_look_the_same(drawn):
    plots.curves({f"run {i}": [table([0.5, 0.6])] for i in range(18)}, Path("x.png"))
    looks = {(line.get_color(), line.get_linestyle()) for line in drawn[0].axes[1].lines}
    assert len(looks) == 18


def test_a_single_epoch_has_whole_numbers_beneath(tmp_path, monkeypatch):
    drawn, real = [], plots.new_figure
    monkeypatch.setattr(plots, "new_figure", lambda *args, **more: drawn.append(real(*args, **more)) or drawn[-1])
    table = pd.DataFrame({"epoch": [1], "train_auroc": [0.5], "valid_auroc": [0.4]})
    plots.curves({"a": [table]}, tmp_path / "a.png")
    for axes in drawn[0][1]:
        assert all(float(tick).is_integer() for tick in axes.get_xticks())


@pytest.mark.parametrize("n_runs", [1, 2, 3, 5])
def test_titles_of_the_scatter_lie_within_it(drawn, n_runs):
    tfs = pd.DataFrame({f"run {i}": [0.45, 0.6, 0.9] for i in range(n_runs + 1)}, index=["A", "B", "C"])
    plots.scatter(tfs["run 0"], tfs.drop(columns="run 0"), Path("x.png"))
    drawn[0].canvas.draw()
    panels = [axes for axes in drawn[0].axes if axes.get_visible()]
    assert len(panels) == n_runs
    assert max(axes.title.get_window_extent().y1 for axes in panels) < drawn[0].bbox.y1
