"""Clusters of vectors by cosine: a tree, where to cut it, and what of it comes back in other runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

NEIGHBORS = 5
LEAST_STABILITY = 0.5
LARGEST_P = 0.05
SHUFFLES, FEW_SHUFFLES = 999, 99  # of few TFs and of many
MOST_EXACT = 500  # TFs up to which nothing is done the quick way


class Clustering(NamedTuple):
    """L TFs, clustered."""

    tfs: list[str]  # L names
    similarity: np.ndarray  # float64 (L, L): cosines
    linkage: np.ndarray  # float64 (L − 1, 4), as from scipy.cluster.hierarchy.linkage
    order: np.ndarray  # int64 (L,): the leaves from left to right
    clusters: np.ndarray  # int64 (L,): cluster numbers from 1, in the order of the leaves
    place: np.ndarray  # float64 (L, 2): a plane in which near prototypes lie near

    def members(self) -> list[list[str]]:
        """Return the TFs of each cluster, in the order of the leaves."""
        found: list[list[str]] = [[] for _ in range(self.clusters.max())]
        for leaf in self.order:
            found[self.clusters[leaf] - 1].append(self.tfs[leaf])
        return found


class Stability(NamedTuple):
    """What comes back in R runs of K clusters and of the nearest neighbors of L TFs."""

    size: np.ndarray  # int64 (K,): TFs of a cluster
    together: np.ndarray  # float64 (K,): how often two TFs of a cluster share one in a run; NaN for a single TF
    p: np.ndarray  # float64 (K,): how often shuffled names give a cluster as large and as often together
    stable: np.ndarray  # bool (K,)
    neighbors: np.ndarray  # float64 (L,): share of a TF's nearest that are so in another run too
    neighbors_by_chance: float
    n_neighbors: int


def cosines(table: np.ndarray) -> np.ndarray:
    """Return the cosine of each two rows, 0 where a row has no length: (L, D) to float64 (L, L), ones on the diagonal.

    Examples
    --------
    >>> cosines(np.array([[3.0, 4.0], [6.0, 8.0], [-4.0, 3.0]])).round(2).tolist()
    [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    table = table.astype(np.float64)
    unit = table / np.linalg.norm(table, axis=1, keepdims=True).clip(1e-12)
    similarity = (unit @ unit.T).clip(-1, 1)
    similarity = (similarity + similarity.T) / 2
    np.fill_diagonal(similarity, 1)
    return similarity


def cluster(tfs: list[str], similarity: np.ndarray, *, n_clusters: int | None = None, seed: int = 0) -> Clustering:
    """Cluster L TFs by average linkage on 1 − cosine.

    Parameters
    ----------
    similarity
        Cosines, (L, L), as from `cosines`, or the mean of several such.
    n_clusters
        By default as `best_cut` finds it.
    seed
        Of the plane (t-SNE).
    """
    from scipy.cluster.hierarchy import leaves_list, optimal_leaf_ordering

    tree = _tree(similarity)
    if len(tfs) <= MOST_EXACT:
        tree = optimal_leaf_ordering(tree, _condensed(similarity))
    order = leaves_list(tree)
    raw = _cut(tree, n_clusters or best_cut(tree, similarity))
    number = {old: new for new, old in enumerate(dict.fromkeys(raw[order]), start=1)}
    clusters = np.array([number[old] for old in raw])
    return Clustering(tfs, similarity, tree, order, clusters, _plane(1 - similarity, seed))


def best_cut(tree: np.ndarray, similarity: np.ndarray) -> int:
    """Return how many clusters to cut a tree of L TFs into where nobody says.

    The number from 2 to L / 3 with the best mean silhouette, of those that leave no cluster with more than half of
    the TFs: "one against all the others" often has the best silhouette, and says nothing. L / 3 where all cuts leave
    such a cluster.
    """
    most = max(2, len(similarity) // 3)
    scores, sums, finer = {}, 1 - similarity, np.arange(1, len(similarity) + 1)
    for count in range(most, 1, -1):
        labels = _cut(tree, count)
        sums = _merge(sums, finer, labels)
        if np.bincount(labels).max() <= len(labels) / 2:
            scores[count] = _silhouette(sums, labels)
        finer = labels
    return max(sorted(scores), key=scores.get) if scores else most


def measure_stability(clustering: Clustering, similarities: Sequence[np.ndarray], seed: int = 0) -> Stability:
    """Measure what of a clustering comes back in each of R runs.

    Each run's own tree is cut into as many clusters. A cluster of the clustering is stable where two of its TFs
    share a cluster in at least half of the runs, on average over its pairs, and where chance rarely does as well: the
    TFs' names are shuffled in each run, the mean of the runs is clustered as before, and in fewer than 5 % of the
    shuffles any cluster is both as large and as often together.

    Parameters
    ----------
    clustering
        Of the mean of `similarities`.
    similarities
        R cosine matrices (L, L), TFs in one order.
    """
    rng = np.random.default_rng(seed)
    n_tfs, n_clusters = len(clustering.tfs), int(clustering.clusters.max())
    cuts = [_cut(_tree(similarity), n_clusters) for similarity in similarities]
    size, together = _together(clustering.clusters, cuts)
    as_good = np.zeros(n_clusters)
    shuffles = SHUFFLES if n_tfs <= MOST_EXACT else FEW_SHUFFLES
    for _ in range(shuffles):
        names = [rng.permutation(n_tfs) for _ in similarities]
        mean = np.mean([s[np.ix_(n, n)] for s, n in zip(similarities, names, strict=True)], axis=0)
        chance = _together(_cut(_tree(mean), n_clusters), [cut[n] for cut, n in zip(cuts, names, strict=True)])
        larger, better = (c >= v[:, None] - 1e-9 for c, v in zip(chance, (size, together), strict=True))
        as_good += (larger & better).any(axis=1)
    p = np.where(size > 1, (as_good + 1) / (shuffles + 1), np.nan)
    n_neighbors = min(NEIGHBORS, n_tfs - 1)
    return Stability(
        size, together, p, (together >= LEAST_STABILITY) & (p < LARGEST_P),
        _neighbors(similarities, n_neighbors), n_neighbors / (n_tfs - 1), n_neighbors,
    )  # fmt: skip


def to_newick(clustering: Clustering) -> str:
    """Return the tree in Newick form; a branch is as long as the merge's distance above its part."""
    heights = np.concatenate([np.zeros(len(clustering.tfs)), clustering.linkage[:, 2]])
    text = ["'" + tf.replace("'", "''") + "'" for tf in clustering.tfs]
    for left, right, height, _ in clustering.linkage:
        parts = (f"{text[int(child)]}:{max(0.0, height - heights[int(child)]):.6g}" for child in (left, right))
        text.append(f"({','.join(parts)})")
    return text[-1] + ";\n"


def _condensed(similarity: np.ndarray) -> np.ndarray:
    from scipy.spatial.distance import squareform

    return squareform(1 - similarity, checks=False)


def _tree(similarity: np.ndarray) -> np.ndarray:
    from scipy.cluster.hierarchy import linkage

    return linkage(_condensed(similarity), method="average")


def _cut(tree: np.ndarray, n_clusters: int) -> np.ndarray:
    from scipy.cluster.hierarchy import fcluster

    return fcluster(tree, n_clusters, criterion="maxclust")


def _merge(sums: np.ndarray, finer: np.ndarray, coarser: np.ndarray) -> np.ndarray:
    """Add up columns, (L, K), one for each cluster of a cut, to those of a coarser cut of the same tree."""
    into = np.zeros(finer.max(), np.int64)
    into[finer - 1] = coarser
    order = into.argsort(kind="stable")
    return np.add.reduceat(sums[:, order], np.flatnonzero(np.diff(into[order], prepend=0)), axis=1)


def _silhouette(sums: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean silhouette of clusters, from the sum of each TF's distances to those of each: (L, K)."""
    rows, own, size = np.arange(len(labels)), labels - 1, np.bincount(labels)[1:]
    within = sums[rows, own] / (size[own] - 1).clip(1)
    means = sums / size
    means[rows, own] = np.inf
    between = means.min(axis=1)
    larger = np.maximum(within, between)
    value = np.divide(between - within, larger, out=np.zeros_like(within), where=(size[own] > 1) & (larger > 0))
    return float(value.mean())


def _together(clusters: np.ndarray, cuts: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return each cluster's size, and over its pairs the mean share of `cuts` that leave them together."""
    size = np.bincount(clusters)[1:]
    pairs, counted = size * (size - 1), np.zeros(len(size))
    for cut in cuts:
        both = np.zeros((len(size), cut.max()))  # TFs of a cluster that a part of the cut holds
        np.add.at(both, (clusters - 1, cut - 1), 1)
        counted += (both**2).sum(axis=1) - size
    return size, np.divide(counted / len(cuts), pairs, out=np.full(len(size), np.nan), where=pairs > 0)


def _neighbors(similarities: Sequence[np.ndarray], count: int) -> np.ndarray:
    """Return per TF the share of its nearest in one run that are among its nearest in another, mean over two runs."""
    near = []
    for similarity in similarities:
        others = similarity - 3 * np.eye(len(similarity))
        rank = (-others).argsort(axis=1, kind="stable").argsort(axis=1)
        near.append(rank < count)
    n_runs = len(near)
    shared = [(near[a] & near[b]).sum(axis=1) / count for a in range(n_runs) for b in range(a)]
    return np.mean(shared, axis=0)


def _plane(distance: np.ndarray, seed: int) -> np.ndarray:
    """Lay the prototypes out in a plane by t-SNE on their distances, Barnes and Hut's where many: (L, L) to (L, 2)."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = max(1.0, min(15.0, (len(distance) - 1) / 3))
    method = "exact" if len(distance) <= MOST_EXACT else "barnes_hut"
    layout = TSNE(metric="precomputed", init="random", perplexity=perplexity, random_state=seed, method=method)
    with threadpool_limits(1, "openmp"):  # of several, sums come in any order
        return layout.fit_transform(distance.clip(0)).astype(np.float64)
