"""What a model's prototypes say: similarities, clusters, a tree (§4.2 and Figure 8 of the paper)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from pmntool import __version__, plots
from pmntool.checkpoint import Run
from pmntool.errors import InputError, MismatchError
from pmntool.staging import new_directory, require_free, write_json
from pmntool.variants import WITH_PROTOTYPES

log = logging.getLogger("pmntool")

LEAST_TFS = 3


class Clustering(NamedTuple):
    """The prototypes of L TFs, clustered."""

    tfs: list[str]  # L names
    prototypes: np.ndarray  # float32 (L, D)
    similarity: np.ndarray  # float64 (L, L): cosines
    linkage: np.ndarray  # float64 (L − 1, 4), as from scipy.cluster.hierarchy.linkage
    order: np.ndarray  # int64 (L,): the leaves from left to right
    clusters: np.ndarray  # int64 (L,): cluster numbers from 1, in the order of the leaves
    place: np.ndarray  # float64 (L, 2): a plane in which near prototypes lie near


def prototypes(
    run: Path,
    output: Path | None,
    *,
    n_clusters: int | None = None,
    seed: int = 0,
    force: bool = False,
) -> Clustering:
    """Cluster the prototypes of a trained model by the cosine that the model itself compares with.

    Average linkage on 1 − cosine. Where no number of clusters is given, the tree is cut where the mean silhouette is
    best, among the cuts that leave at least four TFs a cluster on average.

    Parameters
    ----------
    run
        A run folder.
    output
        Folder for tables and figures; None writes nothing.
    n_clusters
        From 2 to L; by the silhouette where None.
    seed
        Of the plane (t-SNE).

    Raises
    ------
    InputError
        The run cannot be read, has fewer than 3 TFs, or `n_clusters` is out of range.
    MismatchError
        The variant has no prototypes.
    OutputError
        `output` exists (without `force`) or cannot be written.
    """
    if output is not None:
        require_free(output, force=force)
    opened = Run(run)
    if opened.variant not in WITH_PROTOTYPES:
        raise MismatchError(
            f"{run}: the variant {opened.variant} has no prototypes; those that have are {', '.join(WITH_PROTOTYPES)}"
        )
    if len(opened.tfs) < LEAST_TFS:
        raise InputError(f"{run}: {len(opened.tfs)} TFs are too few to cluster; expected at least {LEAST_TFS}")
    if n_clusters is not None and not 2 <= n_clusters <= len(opened.tfs):
        raise InputError(f"--clusters {n_clusters}: expected 2 to {len(opened.tfs)}, the number of TFs")
    table = opened.model(torch.device("cpu")).prototypes.detach().numpy()
    if opened.meta["settings"]["prototype_weight"] == 0:
        log.warning("%s was trained with lambda 0: its prototypes are not tied to the TFs whose names they carry", run)
    clustering = cluster(opened.tfs, table, n_clusters=n_clusters, seed=seed)
    if output is not None:
        _write(output, clustering, opened, force=force)
    return clustering


def cluster(tfs: list[str], table: np.ndarray, *, n_clusters: int | None = None, seed: int = 0) -> Clustering:
    """Cluster vectors (L, D) by cosine; see `prototypes`."""
    from scipy.cluster.hierarchy import fcluster, leaves_list, linkage, optimal_leaf_ordering
    from scipy.spatial.distance import squareform

    unit = table.astype(np.float64) / np.linalg.norm(table.astype(np.float64), axis=1, keepdims=True).clip(1e-12)
    similarity = (unit @ unit.T).clip(-1, 1)
    np.fill_diagonal(similarity, 1)
    distance = (1 - similarity + (1 - similarity).T) / 2
    condensed = squareform(distance, checks=False)
    tree = optimal_leaf_ordering(linkage(condensed, method="average"), condensed)
    order = leaves_list(tree)
    n_clusters = n_clusters or _best_cut(tree, distance)
    raw = fcluster(tree, n_clusters, criterion="maxclust")
    number = {old: new for new, old in enumerate(dict.fromkeys(raw[order]), start=1)}
    clusters = np.array([number[old] for old in raw])
    return Clustering(tfs, table, similarity, tree, order, clusters, _plane(distance, seed))


def to_newick(clustering: Clustering) -> str:
    """Return the tree in Newick form; a branch is as long as the merge's distance above its part."""
    heights = np.concatenate([np.zeros(len(clustering.tfs)), clustering.linkage[:, 2]])
    text = ["'" + tf.replace("'", "''") + "'" for tf in clustering.tfs]
    for left, right, height, _ in clustering.linkage:
        parts = (f"{text[int(child)]}:{max(0.0, height - heights[int(child)]):.6g}" for child in (left, right))
        text.append(f"({','.join(parts)})")
    return text[-1] + ";\n"


def _best_cut(tree: np.ndarray, distance: np.ndarray) -> int:
    """Return the number of clusters, from 2 to a quarter of the TFs, with the best mean silhouette."""
    from scipy.cluster.hierarchy import fcluster
    from sklearn.metrics import silhouette_score

    scores = {}
    for count in range(2, max(2, len(distance) // 4) + 1):
        labels = fcluster(tree, count, criterion="maxclust")
        if 1 < len(set(labels)) < len(distance):
            scores[count] = silhouette_score(distance, labels, metric="precomputed")
    return max(scores, key=scores.get) if scores else 2


def _plane(distance: np.ndarray, seed: int) -> np.ndarray:
    """Lay the prototypes out in a plane by t-SNE on their distances: (L, L) to (L, 2)."""
    from sklearn.manifold import TSNE

    perplexity = max(1.0, min(15.0, (len(distance) - 1) / 3))
    method = TSNE(metric="precomputed", init="random", perplexity=perplexity, random_state=seed, method="exact")
    return method.fit_transform(distance.clip(0)).astype(np.float64)


def _write(output: Path, clustering: Clustering, run: Run, *, force: bool) -> None:
    """Write tables, tree and figures."""
    tfs, order = clustering.tfs, clustering.order
    features = [f"d{i}" for i in range(clustering.prototypes.shape[1])]
    members = pd.DataFrame({"cluster": clustering.clusters, "tf": tfs}).iloc[order]
    nearest = clustering.similarity - 2 * np.eye(len(tfs))
    members["nearest_tf"] = [tfs[i] for i in nearest.argmax(axis=1)[order]]
    members["cosine_to_nearest"] = nearest.max(axis=1)[order].round(6)
    tables = {
        "clusters": members,
        "prototypes": pd.DataFrame(clustering.prototypes, columns=features).assign(tf=tfs)[["tf", *features]],
        "similarity": pd.DataFrame(clustering.similarity.round(6), columns=tfs).assign(tf=tfs)[["tf", *tfs]],
    }
    n_clusters = int(clustering.clusters.max())
    about = {"pmntool": __version__, "run": run.name, "variant": run.variant, "clusters": n_clusters}
    with new_directory(output, force=force) as folder:
        for name, table in tables.items():
            table.to_csv(folder / f"{name}.tsv", sep="\t", index=False, lineterminator="\n")
        (folder / "tree.nwk").write_text(to_newick(clustering), encoding="utf-8")
        write_json(folder / "prototypes.json", about)
        for suffix in ("png", "svg"):
            plots.dendrogram(clustering.linkage, order, tfs, clustering.similarity, clustering.clusters,
                             folder / f"dendrogram.{suffix}")  # fmt: skip
            plots.plane(clustering.place, tfs, clustering.clusters, folder / f"plane.{suffix}")
