"""Figures, from plain tables and arrays to PNG, SVG and PDF; with `region_plot` the only home of matplotlib.

A figure's bytes depend on its data alone: no clock and no version is written into it.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from pmntool.text import counted

# The colors of Okabe and Ito (2008), which stay apart for color-blind readers.
BLACK, ORANGE, SKY, GREEN, BLUE, VERMILION = "#000000", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00"
GRAY = "#7F7F7F"
_WITHOUT_CLOCK = {
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
HUES = (BLUE, VERMILION, GREEN, ORANGE, SKY, BLACK)
LINES = ("-", "--", ":")  # of those who come after the first six
LONGEST_LABEL = 24  # letters
MOST_NAMES = 300  # along one side; of more, none is written: no one could read them, and they would take minutes
WITHOUT_NAMES = 20.0  # inches of a side


def tf_frequencies(table: pd.DataFrame, path: Path) -> None:
    """Draw the paper's Figure 2: per TF, the share of windows that are positive, and of those shared with another TF.

    Parameters
    ----------
    table
        As from `labels.tf_table`.
    """
    table = table.sort_values("percent_positive", ascending=False, kind="stable")
    figure, axes = new_figure(max(6.0, 0.14 * min(len(table), MOST_NAMES) + 1.5), 4.2)
    place = np.arange(len(table))
    axes.bar(place, table["percent_positive"], color=BLUE, width=0.8)
    axes.set_ylabel("windows that the TF binds (%)", color=BLUE)
    axes.set_xlim(-0.7, len(table) - 0.3)
    axes.set_xticks(*_ticks(table["tf"].tolist()), rotation=90, fontsize=6 if len(table) > 30 else 8)
    right = axes.twinx()
    right.plot(place, table["percent_shared"], "o", color=ORANGE, markersize=3)
    right.set_ylim(0, 103)
    right.set_ylabel("of these, bound by another TF too (%)", color=VERMILION)
    axes.set_title(counted(len(table), "TF"), fontsize=9)
    save(figure, path)


def curves(groups: Mapping[str, Sequence[pd.DataFrame]], path: Path) -> None:
    """Draw the paper's Figure 3: mean auROC per epoch, training windows on the left, validation windows on the right.

    Parameters
    ----------
    groups
        Name to tables with the columns epoch, train_auroc, valid_auroc, one a run. Several runs are drawn as their mean
        and the band that they fill.
    """
    figure, (left, right) = new_figure(8.5 if len(groups) <= len(HUES) else 10.5, 3.6, columns=2, sharey=True)
    for axes, split in ((left, "train"), (right, "valid")):
        for index, (name, tables) in enumerate(groups.items()):
            color, line = HUES[index % len(HUES)], LINES[index // len(HUES) % len(LINES)]
            runs = pd.concat([table.set_index("epoch")[f"{split}_auroc"].astype(float) for table in tables], axis=1)
            mean = runs.mean(axis=1)
            label = _label(name) if len(tables) == 1 else f"{_label(name)} ({len(tables)} runs)"
            axes.plot(mean.index, mean, line, marker="o", markersize=2.5, linewidth=1.2, color=color, label=label)
            if len(tables) > 1:
                axes.fill_between(mean.index, runs.min(axis=1), runs.max(axis=1), color=color, alpha=0.18, linewidth=0)
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
    left.set_ylabel("mean auROC over TFs")
    left.set_title("training windows (a sample)", fontsize=9)
    right.set_title("validation windows", fontsize=9)
    if len(groups) <= len(HUES):
        right.legend(fontsize=8)
    else:
        right.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1))
    save(figure, path)


def scatter(base: pd.Series, others: pd.DataFrame, path: Path) -> None:
    """Draw each TF's auROC of one run against another's, a panel for each other run.

    Parameters
    ----------
    base
        Indexed by TF; its name is the run's.
    others
        Indexed by TF, a column a run.
    """
    columns = min(3, others.shape[1])
    rows = -(-others.shape[1] // columns)
    figure, panels = new_figure(3.6 * columns, 3.6 * rows, columns, rows, squeeze=False, sharex=True, sharey=True)
    figure.set_layout_engine("compressed")  # of squares: "constrained" cuts their titles off
    low = min(base.min(), others.min().min()) - 0.02
    high = max(base.max(), others.max().max()) + 0.02
    for axes in panels.flat[others.shape[1] :]:
        axes.set_visible(False)
    for axes, (name, values) in zip(panels.flat, others.items(), strict=False):
        axes.plot([low, high], [low, high], color=BLACK, linewidth=0.8)
        axes.plot(base, values, "o", color=BLUE, markersize=3.5, alpha=0.75, markeredgewidth=0)
        gain = values - base
        for tf in gain.abs().sort_values(kind="stable").index[-4:]:
            axes.annotate(_label(tf), (base[tf], values[tf]), fontsize=6, xytext=(3, 2), textcoords="offset points")
        axes.set_title(f"{(gain > 0).sum()} of {counted(len(gain), 'TF')} above the line", fontsize=8)
        axes.set_xlim(low, high)
        axes.set_ylim(low, high)
        axes.set_aspect("equal")
        axes.set_xlabel(f"auROC, {_label(base.name)}", fontsize=8)
        axes.set_ylabel(f"auROC, {_label(name)}", fontsize=8)
        axes.tick_params(labelsize=7, labelbottom=True, labelleft=True)
    save(figure, path)


@contextmanager
def _deep(n_merges: int) -> Iterator[None]:
    """Let Python recurse once a merge: scipy draws a tree so, and a chain is as deep as it has leaves."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(before + 2 * n_merges)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def dendrogram(
    linkage: np.ndarray, order: np.ndarray, tfs: list[str], similarity: np.ndarray, clusters: np.ndarray,
    stable: np.ndarray | None, path: Path,
) -> None:  # fmt: skip
    """Draw the paper's Figure 8 beside a heat map of cosines, TFs in the order of the tree's leaves.

    Parameters
    ----------
    linkage, order, similarity, clusters
        As in `clustering.Clustering`.
    stable
        bool (K,): which clusters come back in other runs, and are boxed in black; None where there is one run.
    """
    from matplotlib import rc_context
    from matplotlib.patches import Rectangle
    from scipy.cluster.hierarchy import dendrogram as draw

    named = len(tfs) <= MOST_NAMES
    side = max(5.0, 0.13 * len(tfs)) if named else WITHOUT_NAMES
    figure, (left, right) = new_figure(side * 1.45 + 1, side + 0.8, 2, width_ratios=(0.4, 1))
    heights, n_clusters = linkage[:, 2], int(clusters.max())
    with rc_context({"lines.linewidth": 0.8}), _deep(len(tfs)):
        draw(linkage, orientation="left", no_labels=True, ax=left, color_threshold=0, above_threshold_color=BLACK)
    cut = heights[-n_clusters] if n_clusters < len(tfs) else 0.0
    left.axvline((cut + heights[1 - n_clusters]) / 2, color=VERMILION, linewidth=1, linestyle="--")
    margin = 0.15 * np.ptp(heights) + 0.01
    left.set_xlim(heights.max() + margin / 3, max(0.0, heights.min() - margin))
    left.set_xlabel("1 − cosine")
    for edge in ("top", "left", "right"):
        left.spines[edge].set_visible(False)
    shown = similarity[np.ix_(order, order)]
    limit = max(0.1, np.ceil(10 * np.abs(shown - np.eye(len(tfs))).max()) / 10)  # the diagonal says nothing
    if named:  # a large picture of few squares, for which imshow takes 1.3 GB more
        edges = np.arange(len(tfs) + 1) - 0.5
        image = right.pcolormesh(edges, edges, shown, cmap="RdBu_r", vmin=-limit, vmax=limit)
    else:
        image = right.imshow(shown, cmap="RdBu_r", vmin=-limit, vmax=limit, origin="lower", aspect="auto")
    ticks = _ticks([tfs[i] for i in order])
    right.set_yticks(*ticks, fontsize=6 if len(tfs) > 30 else 8)
    right.set_xticks(*ticks, fontsize=6 if len(tfs) > 30 else 8, rotation=90)
    right.tick_params(length=2, pad=2)
    right.yaxis.tick_right()
    for cluster in range(1, n_clusters + 1):
        first, size = int(np.argmax(clusters[order] == cluster)), int((clusters == cluster).sum())
        style = {"edgecolor": BLACK, "linewidth": 1.2}
        if stable is not None and not stable[cluster - 1]:
            style = {"edgecolor": GRAY, "linewidth": 1, "linestyle": "--"}
        if size > 1:
            right.add_patch(Rectangle((first - 0.5, first - 0.5), size, size, fill=False, **style))
        right.text(-0.9, first + (size - 1) / 2, str(cluster), fontsize=6, ha="right", va="center",
                   color=style["edgecolor"])  # fmt: skip
    figure.colorbar(image, ax=right, label="cosine of prototypes", shrink=0.4, aspect=30, extend="max")
    figure.suptitle(_caption(clusters, stable), fontsize=9, x=0.01, ha="left")
    save(figure, path)


def plane(place: np.ndarray, tfs: list[str], clusters: np.ndarray, stable: np.ndarray | None, path: Path) -> None:
    """Draw the prototypes in a plane: (L, 2), colored by cluster; `stable` as for `dendrogram`, gray where not."""
    figure, axes = new_figure(7.5, 6.5)
    palette = (BLUE, VERMILION, GREEN, ORANGE, SKY, "#CC79A7", BLACK)
    markers = "os^Dv"
    for cluster in np.unique(clusters):
        rows = clusters == cluster
        style = {"color": palette[(cluster - 1) % len(palette)], "marker": markers[(cluster - 1) // len(palette) % 5]}
        if stable is not None and not stable[cluster - 1]:
            style = {"color": GRAY, "marker": "."}
        axes.plot(*place[rows].T, linestyle="none", markersize=5, **style)
    for (x, y), tf in zip(place, tfs, strict=True) if len(tfs) <= MOST_NAMES else ():
        axes.annotate(_label(tf), (x, y), fontsize=6, xytext=(3, 2), textcoords="offset points")
    axes.margins(0.08)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(f"{_caption(clusters, stable)}\nt-SNE on 1 − cosine", fontsize=8)
    save(figure, path)


def _label(name: str) -> str:
    """Return a name as a figure shows it: cut where it is long, and never read as a formula."""
    short = name if len(name) <= LONGEST_LABEL else name[: LONGEST_LABEL - 1] + "…"
    return short.replace("$", r"\$")


def _ticks(names: list[str]) -> tuple[list[int], list[str]]:
    """Return places and names along a side; none of more than MOST_NAMES."""
    shown = names if len(names) <= MOST_NAMES else []
    return list(range(len(shown))), [_label(name) for name in shown]


def _caption(clusters: np.ndarray, stable: np.ndarray | None) -> str:
    """Return what the groups of a cut may be called."""
    n_tfs, n_groups = len(clusters), int(clusters.max())
    if stable is None:
        return f"{n_tfs} prototypes of one run, cut into {n_groups} groups; only several runs can say which are stable"
    count = int(stable.sum())
    text = f"{n_tfs} prototypes of several runs: {count} stable {'cluster' if count == 1 else 'clusters'}"
    rest = f"; the other {n_groups - count} groups of the cut (gray) may be chance"
    return text + (rest if count < n_groups else "")


def new_figure(width: float, height: float, columns: int = 1, rows: int = 1, **kwargs):
    """Return a figure and its axes, in inches, drawn without a screen and without global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, **kwargs)


def save(figure, path: Path) -> None:
    """Write the figure in the format of the path's suffix, without date or version."""
    import matplotlib

    from pmntool.staging import new_file

    settings = {"svg.hashsalt": "pmntool", "pdf.fonttype": 42}  # letters of a PDF stay letters
    with matplotlib.rc_context(settings), new_file(path) as partial, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a name in letters that the font lacks shows as boxes
        figure.savefig(partial, dpi=150, metadata=_WITHOUT_CLOCK[path.suffix], format=path.suffix.removeprefix("."))
