"""Windows and intervals: every piece of arithmetic against bases counted one by one."""

import numpy as np
import pytest
import reference_labels as reference
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pmntool import intervals

quick = settings(deadline=None)
tilings = st.tuples(st.integers(0, 80), st.integers(1, 20), st.integers(1, 25))  # length, window, stride: gaps too


@st.composite
def labeled(draw) -> tuple[int, int, int, int, list[tuple[int, int]]]:
    """Return length, window, stride, least overlap and intervals, some past both ends, some shorter than the overlap."""  # noqa: E501
    length, window, stride = draw(tilings)
    least = draw(st.integers(1, window))
    starts = st.integers(-30, length + 30)
    found = draw(st.lists(st.tuples(starts, st.integers(1, 40)), max_size=6))
    return length, window, stride, least, [(start, start + size) for start, size in found]


def arrays(found: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    return tuple(np.array(found, dtype=np.int64).reshape(-1, 2).T)


@quick
@given(tilings)
def test_tile_counts_the_windows_that_lie_within_the_chromosome(tiling):
    assert intervals.tile(*tiling) == len(reference.window_starts(*tiling))


@pytest.mark.parametrize(
    ("window", "min_overlap", "least"),
    [(100, 0.29, 30), (200, 0.5, 101), (200, 0, 1), (200, 0.0, 1), (201, 0.5, 101), (1, 0.5, 1), (200, 0.999, 200),
     (1000, 0.001, 2), (100, 0.07, 8), (100, 0.57, 58), (10, 1 / 3, 4)],
)  # fmt: skip
def test_least_overlap_takes_the_fraction_as_written_in_decimals(window, min_overlap, least):
    assert intervals.least_overlap(window, min_overlap) == least


@quick
@given(st.integers(1, 300), st.integers(0, 999))
def test_least_overlap_is_the_first_number_of_bases_above_the_fraction(window, thousandths):
    expected = next(bases for bases in range(window + 1) if bases * 1000 > window * thousandths)
    assert intervals.least_overlap(window, thousandths / 1000) == expected


@quick
@given(labeled())
@example((50, 10, 5, 6, [(-30, 80)]))  # past both ends
@example((50, 10, 5, 6, [(12, 17)]))  # shorter than the overlap
@example((9, 10, 5, 1, [(0, 9)]))  # no window fits
def test_label_finds_the_windows_that_share_enough_bases(case):
    length, window, stride, least, found = case
    expected = [
        number
        for number, start in enumerate(reference.window_starts(length, window, stride))
        if any(reference.shared_bases((start, start + window), interval) >= least for interval in found)
    ]
    n_windows = intervals.tile(length, window, stride)
    numbers = intervals.label(*arrays(found), n_windows=n_windows, window=window, stride=stride, least=least)
    assert numbers.dtype == np.int64
    assert numbers.tolist() == expected


@quick
@given(labeled())
def test_covered_marks_the_windows_that_share_a_base(case):
    length, window, stride, _, found = case
    starts = reference.window_starts(length, window, stride)
    marked = intervals.covered(*arrays(found), n_windows=len(starts), window=window, stride=stride)
    assert marked.dtype == bool
    assert marked.tolist() == [
        any(reference.shared_bases((start, start + window), interval) > 0 for interval in found) for start in starts
    ]


@quick
@given(st.lists(st.booleans(), max_size=80), st.integers(1, 20), st.integers(1, 25))
def test_count_marked_counts_the_marked_bases_of_each_window(marked, window, stride):
    starts = reference.window_starts(len(marked), window, stride)
    counts = intervals.count_marked(np.array(marked, dtype=bool), n_windows=len(starts), window=window, stride=stride)
    assert counts.tolist() == [sum(marked[start : start + window]) for start in starts]


@quick
@given(st.sets(st.integers(0, 200), max_size=12), st.integers(1, 25))
def test_lay_out_keeps_each_window_and_no_base_twice(starts, window):
    starts = sorted(starts)
    codes = np.random.default_rng(0).integers(0, 5, 230, dtype=np.uint8)
    offsets, stretches = intervals.lay_out(codes, np.array(starts, dtype=np.int64), window)
    laid = np.concatenate([np.empty(0, np.uint8), *stretches])
    for start, offset in zip(starts, offsets.tolist(), strict=True):
        assert laid[offset : offset + window].tolist() == codes[start : start + window].tolist()
    bases = {base for start in starts for base in range(start, start + window)}
    assert len(laid) == len(bases)  # no shorter layout holds every base
    assert laid.tolist() == codes[sorted(bases)].tolist()
    assert len(stretches) == sum(base - 1 not in bases for base in bases)


def test_windows_that_overlap_or_touch_share_a_stretch():
    codes = np.arange(100, dtype=np.uint8)
    offsets, stretches = intervals.lay_out(codes, np.array([0, 5, 15, 26, 60]), 10)
    assert [(piece[0], piece[-1] + 1) for piece in stretches] == [(0, 25), (26, 36), (60, 70)]
    assert offsets.tolist() == [0, 5, 15, 25, 35]
