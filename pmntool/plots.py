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
                table["epoch"], table[f"{split}_auroc"], "-o", markersize=2.5, linewidth=1.2, color=color, label=name
            )
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
    left.set_ylabel("mean auROC over TFs")
    left.set_title("training windows (a sample)", fontsize=9)
    right.set_title("validation windows", fontsize=9)
    right.legend(fontsize=8)
    _save(figure, path)


def _figure(width: float, height: float, columns: int = 1, **kwargs):
    """Return a figure and its axes, in inches, drawn without a screen and without global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, columns, **kwargs)


def _save(figure, path: Path) -> None:
    """Write the figure in the format of the path's suffix, without date or version."""
    import matplotlib

    from pmntool.staging import new_file

    metadata = {"Software": None} if path.suffix == ".png" else {"Date": None, "Creator": None}
    with matplotlib.rc_context({"svg.hashsalt": "pmntool"}), new_file(path) as partial:
        figure.savefig(partial, dpi=150, metadata=metadata, format=path.suffix.removeprefix("."))
