"""Clusters of vectors whose groups are known, and what of them comes back."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from scipy.cluster.hierarchy import average, cophenet, fcluster
from scipy.spatial.distance import squareform
from sklearn.metrics import silhouette_score

from pmntool import clustering
from pmntool.clustering import best_cut, cluster, cosines, measure_stability, to_newick


def vectors(groups, n_features: int, noise: float, seed: int) -> np.ndarray:
    """Return a vector for each TF around a direction of its group, of unequal lengths."""
    rng = np.random.default_rng(seed)
    groups = np.asarray(groups)
    centers = np.linalg.qr(rng.normal(size=(n_features, n_features)))[0][groups]
    table = (centers + rng.normal(0, noise, centers.shape)) * rng.uniform(0.5, 5, (len(groups), 1))
    return table.astype(np.float32)


@pytest.fixture
def groups():
    """Twelve vectors around three orthogonal directions, in mixed order."""
    label = np.array([0, 1, 2] * 4)
    return label, vectors(label, 8, 0.05, seed=0)


def names(count: int) -> list[str]:
    return [f"t{i}" for i in range(count)]


def test_known_groups_are_found_without_being_told_their_number(groups):
    label, table = groups
    found = cluster(names(12), cosines(table))
    assert found.clusters.max() == 3
    assert len({(a, b) for a, b in zip(label, found.clusters, strict=True)}) == 3
    assert np.diff(found.clusters[found.order]).min() >= 0  # numbered in the order of the leaves


def test_cosines_do_not_depend_on_length(groups):
    _, table = groups
    similarity = cosines(table)
    np.testing.assert_allclose(similarity, cosines(table * 8), atol=1e-12)
    for i, j in ((0, 5), (3, 3), (11, 2)):
        u, v = table[[i, j]].astype(float)
        assert similarity[i, j] == pytest.approx(reference.cosine(u, v))


def test_a_zero_prototype_does_no_harm():
    table = np.eye(4, dtype=np.float32)
    table[2] = 0
    found = cluster([*"abcd"], cosines(table), n_clusters=2)
    assert np.isfinite(found.similarity).all() and found.similarity[2, 0] == 0


def test_one_against_all_others_is_not_a_cut():
    """Ten vectors in two groups of five, near to one another, and one far away, whose own cut is the tightest."""
    table = vectors([0] * 5 + [1] * 5 + [2], 8, 0.02, seed=1)
    table[:10] /= np.linalg.norm(table[:10], axis=1, keepdims=True)
    table[:10] += 2 * table[:10].mean(axis=0)
    similarity = cosines(table)
    tree = average(squareform(1 - similarity, checks=False))
    assert sorted(np.bincount(fcluster(tree, 2, "maxclust"))[1:]) == [1, 10]
    assert best_cut(tree, similarity) == 3
    assert sorted(np.bincount(cluster(names(11), similarity).clusters)[1:]) == [1, 5, 5]


def test_the_best_cut_is_that_of_the_best_silhouette_in_scikit_learn():
    found = []
    for seed in range(8):
        groups = np.random.default_rng(seed).integers(0, 4 + 2 * seed, 45)
        similarity = cosines(vectors(groups, 24, 0.25, seed))
        tree = average(squareform(1 - similarity, checks=False))
        cuts = {count: fcluster(tree, count, "maxclust") for count in range(2, 16)}
        scores = {count: silhouette_score(1 - similarity, cut, metric="precomputed") for count, cut in cuts.items()
                  if np.bincount(cut).max() <= 22}  # fmt: skip
        found.append(best_cut(tree, similarity))
        assert found[-1] == max(scores, key=scores.get)
    assert len(set(found)) > 3


def test_many_tfs_are_clustered_as_few_are(groups, runs, monkeypatch):
    """But for the order of leaves, the plane and the number of shuffles."""
    _, table = groups
    exact = cluster(names(12), cosines(table))
    together = cluster(names(24), np.mean(runs, axis=0), n_clusters=8)
    stable = measure_stability(together, runs).stable
    monkeypatch.setattr(clustering, "MOST_EXACT", 10)
    quick, again = (cluster(names(12), cosines(table)) for _ in range(2))
    assert sorted(map(sorted, quick.members())) == sorted(map(sorted, exact.members()))
    assert np.array_equal(quick.place, again.place) and not np.array_equal(quick.place, exact.place)
    few = measure_stability(together, runs)
    assert few.stable.tolist() == stable.tolist() and np.nanmin(few.p) == 1 / 100


def test_a_third_of_the_tfs_where_one_cluster_is_always_too_large():
    """Merges that add one TF after another: every cut leaves the rest in one cluster."""
    angle = np.cumsum(1.5 ** np.arange(12)) / 400
    similarity = cosines(np.column_stack([np.cos(angle), np.sin(angle)]))
    tree = average(squareform(1 - similarity, checks=False))
    assert all(np.bincount(fcluster(tree, k, "maxclust")).max() > 6 for k in range(2, 5))
    assert best_cut(tree, similarity) == 4


def test_three_tfs_are_cut_in_two():
    near = cosines(np.array([[1, 0, 0], [1, 0.1, 0], [0, 0, 1]]))
    a, b, c = cluster([*"abc"], near).clusters
    assert a == b != c


def test_the_mean_of_cosines_is_the_cosine_of_unit_vectors_end_to_end(groups):
    _, a = groups
    b = vectors([0, 1, 2] * 4, 5, 0.3, seed=2)
    unit = [t / np.linalg.norm(t, axis=1, keepdims=True) for t in (a, b)]
    np.testing.assert_allclose((cosines(a) + cosines(b)) / 2, cosines(np.hstack(unit)), atol=1e-6)


@pytest.fixture
def runs():
    """Four runs of 24 TFs: two groups of six in each run, in a space of its own, and twelve TFs of no group."""
    return [cosines(vectors([0] * 6 + [1] * 6 + [*range(2, 14)], 16, 0.12, seed)) for seed in range(4)]


def test_stable_are_the_groups_that_every_run_has(runs):
    found = cluster(names(24), np.mean(runs, axis=0), n_clusters=8)
    stability = measure_stability(found, runs)
    stable = [set(np.flatnonzero(found.clusters == c + 1)) for c in np.flatnonzero(stability.stable)]
    assert sorted(map(sorted, stable)) == [[*range(6)], [*range(6, 12)]]
    cuts = [fcluster(average(squareform(1 - s, checks=False)), 8, "maxclust") for s in runs]
    for number, (size, share, p) in enumerate(zip(*stability[:3], strict=True), start=1):
        members = np.flatnonzero(found.clusters == number)
        assert size == len(members)
        if size > 1:
            assert share == pytest.approx(reference.together(members, cuts)) and 0 < p <= 1
        else:
            assert np.isnan(share) and np.isnan(p)
    for tf in range(24):
        assert stability.neighbors[tf] == pytest.approx(reference.neighbors_back(tf, runs, 5))
    assert stability.neighbors_by_chance == pytest.approx(5 / 23)


def test_nothing_is_stable_where_each_run_has_other_groups(runs):
    """The same runs, each with its names shuffled: as clear in itself, and nothing comes back."""
    rng = np.random.default_rng(5)
    counts, back = [], []
    for _ in range(3):
        shuffled = [s[np.ix_(n, n)] for s, n in ((s, rng.permutation(24)) for s in runs)]
        stability = measure_stability(cluster(names(24), np.mean(shuffled, axis=0)), shuffled)
        counts.append(stability.stable.sum())
        back.append(stability.neighbors.mean())
    assert sum(counts) <= 1 and np.mean(back) == pytest.approx(5 / 23, abs=0.05)


def test_stability_does_not_depend_on_the_order_of_tfs(runs):
    order = np.random.default_rng(1).permutation(24)
    a = measure_stability(cluster(names(24), np.mean(runs, axis=0), n_clusters=8), runs)
    turned = [s[np.ix_(order, order)] for s in runs]
    b = measure_stability(cluster(names(24), np.mean(turned, axis=0), n_clusters=8), turned)
    assert sorted(a.together[a.size > 1]) == pytest.approx(sorted(b.together[b.size > 1]))
    np.testing.assert_allclose(a.neighbors[order], b.neighbors)


def test_the_tree_keeps_every_distance(groups):
    """Two leaves lie in the Newick tree as far apart as twice the height at which they merge."""
    _, table = groups
    found = cluster([f"t'{i}" for i in range(12)], cosines(table))
    text = to_newick(found)
    assert text.count("'t''") == 12 and text.endswith(";\n")
    longest = max(float(part.split(")")[0].split(",")[0].rstrip(";\n")) for part in text.split(":")[1:])
    assert 0 < longest <= cophenet(found.linkage).max() + 1e-6
