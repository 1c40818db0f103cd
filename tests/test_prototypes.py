"""Clusters of vectors whose groups are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.cluster.hierarchy import cophenet

from pmntool.prototypes import cluster, to_newick


@pytest.fixture
def groups():
    """Twelve vectors around three orthogonal directions, in mixed order, of unequal lengths."""
    rng = np.random.default_rng(0)
    label = np.array([0, 1, 2] * 4)
    table = (np.eye(3, 8)[label] + rng.normal(0, 0.05, (12, 8))) * rng.uniform(0.5, 5, (12, 1))
    return label, table.astype(np.float32)


def test_known_groups_are_found_without_being_told_their_number(groups):
    label, table = groups
    found = cluster([f"t{i}" for i in range(12)], table)
    assert found.clusters.max() == 3
    assert len({(a, b) for a, b in zip(label, found.clusters, strict=True)}) == 3
    assert np.diff(found.clusters[found.order]).min() >= 0  # numbered in the order of the leaves


def test_cosines_do_not_depend_on_length(groups):
    _, table = groups
    a, b = (cluster([*"abcdefghijkl"], part, n_clusters=3) for part in (table, table * 8))
    np.testing.assert_allclose(a.similarity, b.similarity, atol=1e-12)
    u, v = table[0].astype(float), table[5].astype(float)
    assert a.similarity[0, 5] == pytest.approx(u @ v / np.sqrt((u @ u) * (v @ v)))


def test_a_zero_prototype_does_no_harm():
    table = np.eye(4, dtype=np.float32)
    table[2] = 0
    found = cluster([*"abcd"], table, n_clusters=2)
    assert np.isfinite(found.similarity).all() and found.similarity[2, 0] == 0


def test_the_tree_keeps_every_distance(groups):
    """Two leaves lie in the Newick tree as far apart as twice the height at which they merge."""
    _, table = groups
    found = cluster([f"t'{i}" for i in range(12)], table)
    text = to_newick(found)
    assert text.count("'t''") == 12 and text.endswith(";\n")
    longest = max(float(part.split(")")[0].split(",")[0].rstrip(";\n")) for part in text.split(":")[1:])
    assert 0 < longest <= cophenet(found.linkage).max() + 1e-6
