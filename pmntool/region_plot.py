"""A picture of a place: tracks, peaks beneath them, genes, scale and coordinates.

All of it is one pair of axes: bp from left to right, inches from top to bottom.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pmntool.genes import Gene, Interval
from pmntool.plots import BLACK, BLUE, GRAY, VERMILION, new_figure, save
from pmntool.regions import Region

WIDTH = 7.2  # inches, two columns of a journal's page
TRACK, PEAKS, GAP = 0.42, 0.11, 0.13  # inches: a track, its peaks, what is between two TFs
GENE, NAME = 0.13, 0.13  # inches: a row of genes, their names beneath
LETTER = 0.062  # inches, about the width of one in a gene's name
MOST_NAMED = 80  # genes; more are drawn without names
LIGHT = "#E6E6E6"


class Panel(NamedTuple):
    """A TF in the picture."""

    name: str
    values: np.ndarray  # float (n,): the highest probability in each of n equal parts of the region, NaN where none
    peaks: tuple[Interval, ...] | None  # None: not given


def draw_region(
    region: Region, panels: Sequence[Panel], genes: Sequence[Gene] | None, path: Path, *, title: str, top: float | None
) -> None:
    """Draw a region.

    Parameters
    ----------
    genes
        Those of the region, in ascending order; None: not given.
    title
        What the tracks show.
    top
        Upper end of every track's scale; None: each has its own.
    """
    from matplotlib import rc_context

    chrom, start, end = region
    bp_per_inch = (end - start) / (WIDTH - 1.3)  # about
    rows = pack(genes or [], region, bp_per_inch)
    named = len(rows) <= MOST_NAMED
    row_height = GENE + NAME * named
    beneath = [PEAKS if panel.peaks is not None else 0 for panel in panels]
    height = sum(TRACK + GAP + more for more in beneath) + row_height * (max(rows, default=-1) + 1) + 0.25
    with rc_context({"text.parse_math": False}):  # a name may hold $
        figure, axes = new_figure(WIDTH, height + 0.85)
        axes.set_xlim(start + 0.5, end + 0.5)  # base n, from 1, is centered on n
        axes.set_ylim(height, 0)
        y, middles = 0.05, []
        for panel, more in zip(panels, beneath, strict=True):
            middles.append(y + TRACK / 2)
            _track(axes, region, panel, y, top)
            if panel.peaks is not None:
                _peaks(axes, region, panel.peaks, y + TRACK)
            y += TRACK + GAP + more
        axes.set_yticks(middles, [shorten_name(panel.name) for panel in panels], fontsize=8)
        for gene, row in zip(genes or [], rows, strict=True):
            _gene(axes, region, gene, y + row_height * row)
            if named:
                left, right = _name_extent(gene, region, bp_per_inch)
                axes.text((left + right) / 2, y + row_height * row + 0.1, shorten_name(gene.name), fontsize=6,
                          ha="center", va="top", style="italic")  # fmt: skip
        _frame(axes, region, title, height - 0.1)
        save(figure, path)


def pack(genes: Sequence[Gene], region: Region, bp_per_inch: float) -> list[int]:
    """Return a row for each gene, the first in which neither it nor its name touches another."""
    taken: list[float] = []  # where each row is free from, bp
    rows = []
    for gene in genes:
        left, right = max(gene.start, region[1]), min(gene.end, region[2])
        if len(genes) <= MOST_NAMED:
            name = _name_extent(gene, region, bp_per_inch)
            left, right = min(left, name[0]), max(right, name[1])
        row = next((i for i, free in enumerate(taken) if free <= left), len(taken))
        taken[row:] = [right + 0.04 * bp_per_inch, *taken[row + 1 :]]
        rows.append(row)
    return rows


def merge_equal(region: Region, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges (n + 1,) of equal parts of a region and their values (n,), neighbors of one value united."""
    _, start, end = region
    edges = start + (end - start) * np.arange(len(values) + 1) // len(values) + 0.5
    first = np.append(True, np.nan_to_num(values[1:], nan=-1) != np.nan_to_num(values[:-1], nan=-1))
    return np.append(edges[:-1][first], edges[-1]), values[first]


def shorten_name(name: str, most: int = 22) -> str:
    """Return a name in one line of at most so many letters."""
    name = " ".join(name.split())
    return name if len(name) <= most else name[: most - 1] + "…"


def _name_extent(gene: Gene, region: Region, bp_per_inch: float) -> tuple[float, float]:
    """Return from where to where a gene's name reaches, bp: beneath the gene's middle, within the region."""
    _, start, end = region
    width = LETTER * len(shorten_name(gene.name)) * bp_per_inch
    middle = (max(gene.start, start) + min(gene.end, end)) / 2
    left = max(start, min(middle - width / 2, end - width))
    return left, left + width


def _track(axes, region: Region, panel: Panel, y: float, top: float | None) -> None:
    """Draw the values, stretches without any in gray, and the scale at the right."""
    _, start, end = region
    edges, values = merge_equal(region, panel.values)
    known = ~np.isnan(values)
    limit = top or (values[known].max() if known.any() else 0) or 1.0
    heights = np.where(known, values.clip(0, limit) / limit, 0) * TRACK
    floor = y + TRACK
    axes.stairs(floor - heights, edges, baseline=floor, fill=True, color=BLUE, linewidth=0)
    gaps = np.stack([edges[:-1], np.diff(edges)], axis=1)[~known]
    axes.broken_barh(gaps, (y, TRACK), color=LIGHT, linewidth=0)
    axes.plot([start + 0.5, end + 0.5], [floor, floor], color=GRAY, linewidth=0.5)
    for text, place, align in ((f"{limit:.2g}", y, "top"), ("0", floor, "bottom")):
        axes.annotate(text, (1, place), xycoords=axes.get_yaxis_transform(), xytext=(3, 0), va=align,
                      textcoords="offset points", fontsize=6, color=BLACK)  # fmt: skip


def _peaks(axes, region: Region, peaks: Sequence[Interval], y: float) -> None:
    """Draw the peaks as boxes that are wide enough to be seen."""
    _, start, end = region
    least = (end - start) / 600
    middle = [((a + b) / 2, max(b - a, least)) for a, b in peaks]
    spans = [(center - width / 2 + 0.5, width) for center, width in middle]
    axes.broken_barh(spans, (y + 0.03, PEAKS - 0.03), color=VERMILION, linewidth=0)
    axes.annotate("peaks", (1, y + PEAKS / 2 + 0.015), xycoords=axes.get_yaxis_transform(), xytext=(3, 0), va="center",
                  textcoords="offset points", fontsize=6, color=VERMILION)  # fmt: skip


def _gene(axes, region: Region, gene: Gene, y: float) -> None:
    """Draw a gene's exons as boxes on a line, with a point where it ends."""
    _, start, end = region
    left, right = max(gene.start, start), min(gene.end, end)
    middle, half = y + 0.05, 0.045
    axes.plot([left + 0.5, right + 0.5], [middle, middle], color=BLACK, linewidth=0.7, solid_capstyle="butt")
    exons = gene.exons or ((gene.start, gene.end),)
    first, last = exons[0][0], exons[-1][1]
    for a, b in exons:
        a, b = max(a, left), min(b, right)
        tip = min((end - start) / 110, (b - a) / 2)
        at_a, at_b = gene.strand == "-" and a == first, gene.strand == "+" and b == last
        x = np.array([a, a + tip * at_a, b - tip * at_b, b, b - tip * at_b, a + tip * at_a])
        heights = np.array([0 if at_a else 1, -1, -1, 0 if at_b else -1, 1, 1])
        if a < b:
            axes.fill(x + 0.5, middle + half * heights, color=BLACK, linewidth=0)


def _frame(axes, region: Region, title: str, y: float) -> None:
    """Draw coordinates beneath, above the region and what is shown, and at `y` a bar of a round length."""
    from matplotlib.ticker import MaxNLocator

    chrom, start, end = region
    axes.spines[["left", "right", "top"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=7, length=3)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10], integer=True))
    axes.xaxis.set_major_formatter(lambda place, _: f"{place:,.0f}")
    axes.set_xlabel(f"{chrom} (bp)", fontsize=8)
    axes.set_title(f"{chrom}:{start + 1:,}–{end:,}", fontsize=9, loc="left", fontweight="bold")
    axes.set_title(title, fontsize=7, loc="right")
    length = round_length((end - start) / 5)
    axes.plot([end + 0.5 - length, end + 0.5], [y, y], color=BLACK, linewidth=1.5, solid_capstyle="butt")
    unit, name = next((unit, name) for unit, name in ((10**6, "Mb"), (1000, "kb"), (1, "bp")) if length >= unit)
    axes.annotate(f"{length // unit} {name}", (end + 0.5 - length, y), xytext=(-3, 0), textcoords="offset points",
                  fontsize=6, ha="right", va="center")  # fmt: skip


def round_length(most: float) -> int:
    """Return the largest of 1, 2, 5, 10, 20, … that is not above `most`, and 1 where `most` is less.

    Examples
    --------
    >>> round_length(9_999), round_length(10), round_length(0.3)
    (5000, 10, 1)
    """
    power = 10 ** max(0, len(str(int(most))) - 1)
    return next((step * power for step in (5, 2, 1) if step * power <= most), 1)
