"""Labels and their tables: against bases and rows counted one by one."""

import numpy as np
import pandas as pd
import pytest
import reference_labels as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from pmntool import intervals
from pmntool.labels import (
    SPLITS,
    Labels,
    choose_tfs,
    count_positives,
    keep_tfs,
    label_chrom,
    split_table,
    tf_table,
)  # fmt: skip

WINDOW, STRIDE, LENGTH = 10, 4, 90
CHROMS = {"c1": "valid", "c2": "train", "c3": "test", "c4": "train"}


@st.composite
def genomes(draw) -> tuple[dict[str, reference.Rows], dict[str, Labels], list[str]]:
    """Return the labels of four chromosomes, as loops and as pmntool gives them, and 1 to 17 TFs: up to three bytes."""
    n_tfs = draw(st.integers(1, 17))
    interval = st.tuples(st.integers(-5, LENGTH), st.integers(1, 30)).map(lambda pair: (pair[0], sum(pair)))
    rows, labels = {}, {}
    for chrom in CHROMS:
        found = draw(st.lists(st.lists(interval, max_size=2), min_size=n_tfs, max_size=n_tfs))
        rows[chrom] = reference.label_rows(LENGTH, WINDOW, STRIDE, found, 0.5)
        labels[chrom] = label_chrom(regions(found, chrom), chrom, **tiling())
    return rows, labels, [f"TF{i}" for i in range(n_tfs)]


def regions(found: list[list[tuple[int, int]]], chrom: str) -> list[dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Return each TF's intervals by chromosome; a TF without any does not name the chromosome."""
    return [{chrom: tuple(np.array(pairs, dtype=np.int64).T)} if pairs else {} for pairs in found]


def tiling() -> dict[str, int]:
    least = intervals.least_overlap(WINDOW, 0.5)
    return {"n_windows": intervals.tile(LENGTH, WINDOW, STRIDE), "window": WINDOW, "stride": STRIDE, "least": least}


def bound(rows: reference.Rows) -> list[int]:
    return [number for number, row in enumerate(rows) if any(row)]


@settings(deadline=None, max_examples=50)
@given(genomes())
def test_labels_equal_the_marking_of_bases(case):
    rows, labels, tfs = case
    for chrom, part in labels.items():
        assert part.numbers.tolist() == part.touched.tolist() == bound(rows[chrom])
        assert part.dense(len(tfs)).tolist() == [rows[chrom][number] for number in bound(rows[chrom])]
        assert part.packed.shape == (len(part.numbers), -(-len(tfs) // 8))


def test_windows_that_are_not_allowed_are_touched_but_not_kept():
    found = [[(0, 20)], [(12, 40)]]
    rows = reference.label_rows(LENGTH, WINDOW, STRIDE, found, 0.5)
    allowed = np.ones(len(rows), dtype=bool)
    allowed[[1, 4, 20]] = False
    part = label_chrom(regions(found, "c1"), "c1", **tiling(), allowed=allowed)
    assert bound(rows) == list(range(9))
    assert part.touched.tolist() == bound(rows)
    assert part.numbers.tolist() == [number for number in bound(rows) if number not in (1, 4)]
    assert part.dense(2).tolist() == [rows[number] for number in part.numbers]


def test_a_chromosome_shorter_than_a_window_has_no_labels():
    part = label_chrom(regions([[(0, 5)]], "c1"), "c1", n_windows=0, window=10, stride=4, least=1)
    assert [len(part.numbers), len(part.touched), part.dense(1).shape] == [0, 0, (0, 1)]


@pytest.mark.parametrize(
    ("counts", "min_windows", "reason"),
    [
        ((0, 0, 0), 1, "no positive window"),
        ((0, 0, 0), 5, "no positive window"),
        ((2, 1, 1), 5, "4 positive windows, fewer than 5"),
        ((2, 0, 1), 5, "3 positive windows, fewer than 5"),
        ((5, 0, 1), 5, "no positive window in valid"),
        ((0, 9, 0), 1, "no positive window in train, test"),
        ((3, 1, 1), 5, None),
        ((1, 1, 1), 0, None),
    ],
)
def test_a_tf_needs_enough_windows_and_one_in_each_split(counts, min_windows, reason):
    table = pd.DataFrame([(9, 9, 9), counts], index=["Z", "A"], columns=SPLITS)
    chosen, left_out = choose_tfs(table, min_windows)
    assert left_out == ({} if reason is None else {"A": reason})
    assert chosen == (["Z", "A"] if reason is None else ["Z"])


@settings(deadline=None, max_examples=50)
@given(genomes(), st.data())
def test_keep_tfs_drops_columns_and_the_windows_that_only_they_bind(case, data):
    rows, labels, tfs = case
    chosen = data.draw(st.lists(st.sampled_from(tfs), min_size=1, unique=True))
    for chrom, part in labels.items():
        narrowed = [[row[tfs.index(tf)] for tf in chosen] for row in rows[chrom]]
        kept = keep_tfs(part, tfs, chosen)
        assert kept.numbers.tolist() == bound(narrowed)
        assert kept.dense(len(chosen)).tolist() == [narrowed[number] for number in bound(narrowed)]
        assert kept.touched.tolist() == bound(rows[chrom])  # these stay bound, by TFs that were left out


@settings(deadline=None, max_examples=50)
@given(genomes())
def test_the_tables_equal_the_counts_of_loops(case):
    rows, labels, tfs = case
    assert split_table(labels, CHROMS, len(tfs)) == reference.split_numbers(rows, CHROMS)
    counts = count_positives(labels, CHROMS, tfs)
    for column, tf in enumerate(tfs):
        assert [counts.loc[tf, split] for split in SPLITS] == [
            sum(row[column] for chrom in rows if CHROMS[chrom] == split for row in rows[chrom]) for split in SPLITS
        ]
    tfs_bound = [tf for tf in tfs if counts.loc[tf].sum()]
    if not tfs_bound:
        return
    table = tf_table({chrom: keep_tfs(part, tfs, tfs_bound) for chrom, part in labels.items()}, counts.loc[tfs_bound])
    narrowed = {chrom: [[row[tfs.index(tf)] for tf in tfs_bound] for row in rows[chrom]] for chrom in rows}
    assert list(table.columns) == ["tf", "windows", "percent_positive", "percent_shared", *SPLITS]
    for column, row in enumerate(table.to_dict("records")):
        assert row.pop("tf") == tfs_bound[column]
        assert row == pytest.approx(reference.tf_numbers(narrowed, CHROMS, column), abs=0.0005001)
