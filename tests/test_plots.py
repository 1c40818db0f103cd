"""Figures: what the curves hold, read from the axes before they are written."""

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
