"""Figures, from plain tables and arrays to PNG and SVG; the only home of matplotlib.

A figure's bytes depend on its data alone: no clock and no version is written into it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

# The colors of Okabe and Ito (2008), which stay apart for color-blind readers.
BLACK, ORANGE, SKY, GREEN, BLUE, VERMILION = "#000000", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00"


def tf_frequencies(table: pd.DataFrame, path: Path) -> None:
    """Draw the paper's Figure 2: per TF, the share of windows that are positive, and of those shared with another TF.

    Parameters
    ----------
    table
        As from `labels.tf_table`.
    """
    table = table.sort_values("percent_positive", ascending=False, kind="stable")
    figure, axes = _figure(max(6.0, 0.14 * len(table) + 1.5), 4.2)
    place = np.arange(len(table))
    axes.bar(place, table["percent_positive"], color=BLUE, width=0.8)
    axes.set_ylabel("windows that the TF binds (%)", color=BLUE)
    axes.set_xlim(-0.7, len(table) - 0.3)
    axes.set_xticks(place, table["tf"], rotation=90, fontsize=6 if len(table) > 30 else 8)
    right = axes.twinx()
    right.plot(place, table["percent_shared"], "o", color=ORANGE, markersize=3)
    right.set_ylim(0, 103)
    right.set_ylabel("of these, bound by another TF too (%)", color=VERMILION)
    axes.set_title(f"{len(table)} TFs", fontsize=9)
    _save(figure, path)


def curves(runs: dict[str, pd.DataFrame], path: Path) -> None:
    """Draw the paper's Figure 3: mean auROC per epoch, training windows on the left, validation windows on the right.

    Parameters
    ----------
    runs
        Name to table with the columns epoch, train_auroc, valid_auroc.
    """
    figure, (left, right) = _figure(8.5, 3.6, columns=2, sharey=True)
    for axes, split in ((left, "train"), (right, "valid")):
        for index, (name, table) in enumerate(runs.items()):
            color = (BLUE, VERMILION, GREEN, ORANGE, SKY, BLACK)[index % 6]
            axes.plot(
                table["epoch"], table[f"{split}_auroc"].astype(float), "-o", markersize=2.5, linewidth=1.2, color=color,
                label=name,
            )  # fmt: skip
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
    left.set_ylabel("mean auROC over TFs")
    left.set_title("training windows (a sample)", fontsize=9)
    right.set_title("validation windows", fontsize=9)
    right.legend(fontsize=8)
    _save(figure, path)


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
    figure, panels = _figure(3.6 * columns, 3.6 * rows, columns, rows, squeeze=False, sharex=True, sharey=True)
    low = min(base.min(), others.min().min()) - 0.02
    high = max(base.max(), others.max().max()) + 0.02
    for axes in panels.flat[others.shape[1] :]:
        axes.set_visible(False)
    for axes, (name, values) in zip(panels.flat, others.items(), strict=False):
        axes.plot([low, high], [low, high], color=BLACK, linewidth=0.8)
        axes.plot(base, values, "o", color=BLUE, markersize=3.5, alpha=0.75, markeredgewidth=0)
        gain = values - base
        for tf in gain.abs().sort_values(kind="stable").index[-4:]:
            axes.annotate(tf, (base[tf], values[tf]), fontsize=6, xytext=(3, 2), textcoords="offset points")
        axes.set_title(f"{(gain > 0).sum()} of {len(gain)} TFs above the line", fontsize=8)
        axes.set_xlim(low, high)
        axes.set_ylim(low, high)
        axes.set_aspect("equal")
        axes.set_xlabel(f"auROC, {base.name}", fontsize=8)
        axes.set_ylabel(f"auROC, {name}", fontsize=8)
        axes.tick_params(labelsize=7, labelbottom=True, labelleft=True)
    _save(figure, path)


def dendrogram(
    linkage: np.ndarray, order: np.ndarray, tfs: list[str], similarity: np.ndarray, clusters: np.ndarray, path: Path
) -> None:
    """Draw the paper's Figure 8 beside a heat map of cosines, TFs in the order of the tree's leaves.

    Parameters
    ----------
    linkage, order, similarity, clusters
        As in `prototypes.Clustering`.
    """
    from matplotlib.patches import Rectangle
    from scipy.cluster.hierarchy import dendrogram as draw

    side = max(5.0, 0.13 * len(tfs))
    figure, (left, right) = _figure(side * 1.45 + 1, side + 0.8, 2, width_ratios=(0.45, 1))
    n_clusters = int(clusters.max())
    cut = linkage[-n_clusters, 2] if n_clusters <= len(linkage) else 0.0
    above = linkage[-(n_clusters - 1), 2] if n_clusters > 1 else linkage[-1, 2]
    draw(linkage, orientation="left", no_labels=True, ax=left, color_threshold=0, above_threshold_color=BLACK)
    left.axvline((cut + above) / 2, color=VERMILION, linewidth=1, linestyle="--")
    left.set_xlabel("1 − cosine")
    for edge in ("top", "left", "right"):
        left.spines[edge].set_visible(False)
    image = right.imshow(
        similarity[np.ix_(order, order)], cmap="RdBu_r", vmin=-1, vmax=1, origin="lower", aspect="auto"
    )
    font = 5 if len(tfs) > 60 else 7
    right.set_yticks(range(len(tfs)), [tfs[i] for i in order], fontsize=font)
    right.set_xticks(range(len(tfs)), [tfs[i] for i in order], fontsize=font, rotation=90)
    right.yaxis.tick_right()
    for cluster in range(1, n_clusters + 1):
        first, size = int(np.argmax(clusters[order] == cluster)), int((clusters == cluster).sum())
        right.add_patch(Rectangle((first - 0.5, first - 0.5), size, size, fill=False, edgecolor=BLACK, linewidth=0.8))
    figure.colorbar(image, ax=right, label="cosine of prototypes", shrink=0.5, pad=0.12)
    left.set_title(f"{len(tfs)} prototypes, {n_clusters} clusters (cut at the dashed line)", fontsize=8, loc="left")
    _save(figure, path)


def plane(place: np.ndarray, tfs: list[str], clusters: np.ndarray, path: Path) -> None:
    """Draw the prototypes in a plane: (L, 2), colored and numbered by cluster."""
    figure, axes = _figure(7.5, 6.5)
    palette = (BLUE, VERMILION, GREEN, ORANGE, SKY, "#CC79A7", "#7F7F7F")
    markers = "os^Dv"
    for cluster in np.unique(clusters):
        rows = clusters == cluster
        style = {"color": palette[(cluster - 1) % len(palette)], "marker": markers[(cluster - 1) // len(palette) % 5]}
        axes.plot(*place[rows].T, linestyle="none", markersize=5, **style)
    for (x, y), tf in zip(place, tfs, strict=True):
        axes.annotate(tf, (x, y), fontsize=6, xytext=(3, 2), textcoords="offset points")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title("prototypes by t-SNE on 1 − cosine; color and shape: cluster", fontsize=9)
    _save(figure, path)


def _figure(width: float, height: float, columns: int = 1, rows: int = 1, **kwargs):
    """Return a figure and its axes, in inches, drawn without a screen and without global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, **kwargs)


def _save(figure, path: Path) -> None:
    """Write the figure in the format of the path's suffix, without date or version."""
    import matplotlib

    from pmntool.staging import new_file

    metadata = {"Software": None} if path.suffix == ".png" else {"Date": None, "Creator": None}
    with matplotlib.rc_context({"svg.hashsalt": "pmntool"}), new_file(path) as partial:
        figure.savefig(partial, dpi=150, metadata=metadata, format=path.suffix.removeprefix("."))
