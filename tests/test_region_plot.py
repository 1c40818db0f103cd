"""The picture of a place: what stands where, and that names are letters and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from pmntool.genes import Gene
from pmntool.region_plot import MOST_NAMED, Panel, draw_region, merge_equal, pack, round_length

REGION = ("chr1", 1000, 2000)


def gene(start, end, name=""):
    return Gene("chr1", start, end, name, "+")


def test_genes_that_touch_stand_in_rows_of_their_own():
    genes = [gene(900, 1100), gene(1050, 1200), gene(1060, 1070), gene(1300, 1400)]
    assert pack(genes, REGION, 100) == [0, 1, 2, 0]
    assert pack([gene(1000, 1010, "x" * 20), gene(1100, 1110)], REGION, 100) == [0, 1]  # the name reaches 124 bp
    many = [gene(1000 + 2 * i, 1001 + 2 * i, "long name") for i in range(MOST_NAMED + 1)]
    assert set(pack(many, REGION, 1)) == {0}  # too many for names


def test_equal_neighbors_are_one():
    edges, values = merge_equal(("chr1", 10, 20), np.array([1, 1, 2, np.nan, np.nan]))
    np.testing.assert_array_equal(edges, [10.5, 14.5, 16.5, 20.5])
    np.testing.assert_array_equal(values, [1, 2, np.nan])


@pytest.mark.parametrize("most", [0.1, 1, 1.9, 7, 10, 99.9, 4_321, 2e7])
def test_a_bar_is_1_2_or_5(most):
    length = round_length(most)
    assert str(length).strip("0") in ("1", "2", "5") and (most / 2.5 < length <= most or length == 1)


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_bytes_are_the_same_every_time(tmp_path, suffix):
    panels = [Panel("$x^", np.array([0.1, np.nan, 0.5]), ((1200, 1201),)), Panel("<img src=x>", np.zeros(3), None)]
    for name in ("a", "b"):
        path = tmp_path / f"{name}.{suffix}"
        draw_region(REGION, panels, [gene(900, 1500, "$a$_$"), gene(1600, 1700, "<b>")], path, title="t", top=None)
    content = path.read_bytes()
    assert content == (tmp_path / f"a.{suffix}").read_bytes()
    assert b"<img" not in content and b"<b>" not in content and str(tmp_path).encode() not in content


@pytest.mark.parametrize("top", [1e-320, 1e308])
def test_a_scale_of_any_size_is_drawn(tmp_path, monkeypatch, top):
    drawn = []
    monkeypatch.setattr("pmntool.region_plot.save", lambda figure, path: drawn.append(figure))
    panels = [Panel("a", np.array([0.0, 0.5, np.nan, 1.0]), None)]
    draw_region(REGION, panels, None, tmp_path / "x.png", title="t", top=top)
    heights, _, floor = drawn[0].axes[0].patches[0].get_data()
    np.testing.assert_allclose((floor - heights) / 0.42, [0, 1, 0, 1] if top < 1 else [0, 0, 0, 0])


def test_values_stand_at_their_bases(tmp_path, monkeypatch):
    """The axes count bases from 1: the part [1250, 1500) of four is drawn over bases 1251 to 1500."""
    drawn = []
    monkeypatch.setattr("pmntool.region_plot.save", lambda figure, path: drawn.append(figure))
    panels = [Panel("a", np.array([0.2, 0.4, np.nan, 0.2]), ((1300, 1400),))]
    draw_region(REGION, panels, None, tmp_path / "x.png", title="t", top=0.8)
    axes = drawn[0].axes[0]
    heights, edges, floor = axes.patches[0].get_data()
    np.testing.assert_array_equal(edges, [1000.5, 1250.5, 1500.5, 1750.5, 2000.5])
    np.testing.assert_allclose((floor - heights) / 0.42, [0.25, 0.5, 0, 0.25])
    spans = [path.get_extents() for collection in axes.collections for path in collection.get_paths()]
    assert sorted((span.x0, span.x1) for span in spans) == [(1300.5, 1400.5), (1500.5, 1750.5)]  # peak, no value
    assert {text.get_text() for text in axes.texts} >= {"0.8", "0", "peaks", "200 bp"}
