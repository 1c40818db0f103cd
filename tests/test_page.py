"""What the figures draw: against what the dataset was built with, and a tree by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pmntool.clustering import cluster, cosines
from pmntool.dataset import Dataset
from pmntool.verbs.page import frequencies, merges


def test_frequencies_are_those_that_the_dataset_was_built_with(world):
    written = pd.read_csv(world / "dataset" / "tfs.tsv", sep="\t")
    pd.testing.assert_frame_equal(frequencies(Dataset(world / "dataset")), written, check_dtype=False)


def test_merges_of_a_tree_by_hand():
    angles = np.radians([0, 90, 100, 95])
    found = cluster(["far", "b", "d", "c"], cosines(np.stack([np.cos(angles), np.sin(angles)], axis=1)), n_clusters=2)
    rows = merges(found)
    assert [row[5:] for row in rows[1:]] == [[1, 3], [0, 3]] or [row[5:] for row in rows[1:]] == [[0, 2], [0, 3]]
    assert rows[0][6] - rows[0][5] == 1 and rows[0][4] == pytest.approx(1 - np.cos(np.radians(5)), abs=1e-4)
    for left, left_height, right, right_height, height, first, last in rows:
        assert first <= left < right <= last and height >= max(left_height, right_height)
    members = [set(some) for some in found.members()]
    assert {"far"} in members and {"b", "c", "d"} in members
