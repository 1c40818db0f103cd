"""Labels: which TFs bind which windows of a genome, and the paper's Table 3 and Figure 2 about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from pmntool import intervals

SPLITS = ("train", "valid", "test")
Regions = Mapping[str, tuple[np.ndarray, np.ndarray]]  # chromosome → start, end (bp) of one TF's intervals


class Labels(NamedTuple):
    """The bound windows of one chromosome, n of them, and which of L TFs bind each."""

    numbers: np.ndarray  # int64 (n,): window numbers, ascending
    packed: np.ndarray  # uint8 (n, ceil(L / 8)): TF j's bit, most significant first
    touched: np.ndarray  # int64: numbers of all windows that any TF binds, TFs that are left out included

    def dense(self, n_labels: int) -> np.ndarray:
        """Return the labels unpacked: uint8, shape (n, n_labels)."""
        return np.unpackbits(self.packed, axis=1, count=n_labels)


def tf_and_cell(label: str) -> tuple[str, str]:
    """Split a label's name, `TF` or `TF@cell`; the cell type of a label that names none is the empty string.

    Examples
    --------
    >>> tf_and_cell("CTCF@K562"), tf_and_cell("CTCF")
    (('CTCF', 'K562'), ('CTCF', ''))
    """
    tf, _, cell = label.partition("@")
    return tf, cell


def label_chrom(
    regions: Sequence[Regions], chrom: str, *, n_windows: int, window: int, stride: int, least: int,
    allowed: np.ndarray | None = None,
) -> Labels:  # fmt: skip
    """Label the windows of one chromosome.

    Parameters
    ----------
    regions
        Each TF's intervals, L of them.
    least
        Overlap in bp that makes a window positive, as from `intervals.least_overlap`.
    allowed
        bool, shape (n_windows,): windows that may be kept; all by default.
    """
    hits = [
        intervals.label(*found[chrom], n_windows=n_windows, window=window, stride=stride, least=least)
        if chrom in found else np.empty(0, np.int64)
        for found in regions
    ]  # fmt: skip
    bound = np.zeros(n_windows, dtype=bool)
    for numbers in hits:
        bound[numbers] = True
    touched = np.flatnonzero(bound)
    if allowed is not None:
        bound &= allowed
    kept = np.flatnonzero(bound)
    row = np.empty(n_windows, dtype=np.int64)  # of the bound windows; nothing else is ever touched
    row[kept] = np.arange(len(kept))
    dense = np.zeros((len(kept), len(hits)), dtype=bool)
    for column, numbers in enumerate(hits):
        dense[row[numbers[bound[numbers]]], column] = True
    return Labels(kept, np.packbits(dense, axis=1), touched)


def count_positives(labels: Mapping[str, Labels], splits: Mapping[str, str], tfs: Sequence[str]) -> pd.DataFrame:
    """Count each TF's positive windows: one row a TF, one column a split."""
    counts = {split: np.zeros(len(tfs), np.int64) for split in SPLITS}
    for chrom, part in labels.items():
        counts[splits[chrom]] += part.dense(len(tfs)).sum(axis=0, dtype=np.int64)
    return pd.DataFrame(counts, index=list(tfs))


def choose_tfs(counts: pd.DataFrame, min_windows: int) -> tuple[list[str], dict[str, str]]:
    """Return the TFs with enough positive windows, and the reason for each of the others."""
    left_out = {}
    for tf, row in counts.iterrows():
        total, empty = int(row.sum()), [split for split in SPLITS if not row[split]]
        if total == 0:
            left_out[tf] = "no positive window"
        elif total < min_windows:
            left_out[tf] = f"{total} positive windows, fewer than {min_windows}"
        elif empty:
            left_out[tf] = f"no positive window in {', '.join(empty)}"
    return [tf for tf in counts.index if tf not in left_out], left_out


def reason_kind(reason: str) -> str:
    """Return one of `choose_tfs`'s reasons without the TF's own number.

    Examples
    --------
    >>> reason_kind("35 positive windows, fewer than 1000"), reason_kind("no positive window in test")
    ('fewer than 1000 positive windows', 'no positive window in test')
    """
    return f"{reason.split(', ', 1)[1]} positive windows" if reason[0].isdigit() else reason


def keep_tfs(part: Labels, tfs: Sequence[str], chosen: Sequence[str]) -> Labels:
    """Drop the labels of the TFs that were not chosen, and the windows that only they bind."""
    position = {tf: column for column, tf in enumerate(tfs)}
    dense = part.dense(len(tfs))[:, [position[tf] for tf in chosen]]
    rows = dense.any(axis=1)
    return part._replace(numbers=part.numbers[rows], packed=np.packbits(dense[rows], axis=1))


def from_rows(windows: pd.DataFrame, packed: np.ndarray, stride: int) -> dict[str, Labels]:
    """Return the labels of each chromosome from the rows of a dataset; `touched` is not known there and empty."""
    bound = packed.any(axis=1)
    numbers, packed = windows["start"].to_numpy()[bound] // stride, packed[bound]
    rows = windows[bound].groupby("chrom", sort=False).indices
    return {chrom: Labels(numbers[at], packed[at], np.empty(0, np.int64)) for chrom, at in rows.items()}


def split_table(labels: Mapping[str, Labels], splits: Mapping[str, str], n_labels: int) -> dict[str, dict[str, int]]:
    """Count, for each split, what the paper's Table 3 is made of.

    Returns
    -------
    Per split: `bound` windows, `cobound` ones (by more than one TF), and `bindings`, pairs of a window and a TF.
    """
    table = {split: Counter(bound=0, cobound=0, bindings=0) for split in SPLITS}
    for chrom, part in labels.items():
        per_window = part.dense(n_labels).sum(axis=1, dtype=np.int64)
        table[splits[chrom]].update(
            bound=len(per_window), cobound=int((per_window > 1).sum()), bindings=int(per_window.sum())
        )
    return {split: dict(counts) for split, counts in table.items()}


def tf_table(labels: Mapping[str, Labels], counts: pd.DataFrame) -> pd.DataFrame:
    """Return the numbers of the paper's Figure 2.

    Returns
    -------
    One row a TF: tf, windows, percent_positive (of all bound windows), percent_shared (of its own windows, those that
    another TF binds too), and its windows in each split.
    """
    shared, total = np.zeros(len(counts), np.int64), 0
    for part in labels.values():
        dense = part.dense(len(counts))
        shared += dense[dense.sum(axis=1, dtype=np.int64) > 1].sum(axis=0, dtype=np.int64)
        total += len(dense)
    windows = counts.sum(axis=1).to_numpy()
    table = pd.DataFrame({"tf": counts.index, "windows": windows})
    table["percent_positive"] = (100 * windows / total).round(3)
    table["percent_shared"] = (100 * shared / windows).round(3)
    return pd.concat([table, counts.reset_index(drop=True)], axis=1)
