"""What the prototypes of a model say, trained once or several times (§4.2, Table 5 and Figure 8 of the paper)."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from pmntool import __version__, plots
from pmntool.checkpoint import Run, but_for_seed, run_names
from pmntool.checksums import checksums
from pmntool.clustering import LEAST_STABILITY, Clustering, Stability, cluster, cosines, measure_stability, to_newick
from pmntool.errors import InputError, MismatchError
from pmntool.models import build
from pmntool.run_json import hyperparameters
from pmntool.staging import new_directory, write_json
from pmntool.targets import require_free
from pmntool.trrust import Mantel, compare_pairs, jaccard, mantel, match_names, read_trrust
from pmntool.variants import WITH_PROTOTYPES

log = logging.getLogger("pmntool")

LEAST_TFS = 3
MOST_OF_START = 0.7  # mean cosine of the prototypes to where training began, above which one is warned


class SharedTargets(NamedTuple):
    """What TRRUST says about the clusters' pairs."""

    pairs: pd.DataFrame  # a row for each pair of TFs of one cluster, as from `trrust.compare_pairs`
    mantel: Mantel  # cosine against the share of targets that both have, over all pairs
    absent: list[str]  # TFs that TRRUST does not list


class Prototypes(NamedTuple):
    """What was found."""

    clustering: Clustering
    stability: Stability | None  # of several runs
    targets: SharedTargets | None  # with a table of TRRUST


def prototypes(
    runs: Sequence[Path],
    output: Path | None,
    *,
    n_clusters: int | None = None,
    trrust: Path | None = None,
    seed: int = 0,
    force: bool = False,
) -> Prototypes:
    """Cluster the prototypes by the cosine that the model itself compares with.

    Several runs are clustered by the mean of their cosines, which is the cosine of their prototypes, each of length
    1, laid end to end: no run comes first, and no two runs need share a space.

    Parameters
    ----------
    runs
        Run folders: one, or several of one variant and the same TFs, which differ in their seed.
    output
        Folder for tables and figures; None writes nothing.
    n_clusters
        From 2 to L; by default as `clustering.best_cut` finds it.
    trrust
        TRRUST's raw table, to look the clusters' pairs up in.
    seed
        Of the plane (t-SNE) and of the shuffles that p values come from.

    Raises
    ------
    InputError
        A run or the table cannot be read, a run is given twice, there are fewer than 3 TFs, or `n_clusters` is out of
        range.
    MismatchError
        The variant has no prototypes, the runs differ in variant or TFs, or TRRUST lists none of the TFs.
    OutputError
        `output` exists (without `force`) or cannot be written.
    """
    if output is not None:
        require_free(output, force=force, marker="prototypes.json", reads=[*runs, trrust])
    names = run_names(runs)
    opened = _open(runs)
    tfs = opened[0].tfs
    if not 0 <= seed < 2**32:
        raise InputError(f"--seed {seed}: expected 0 to {2**32 - 1}")
    if n_clusters is not None and not 2 <= n_clusters <= len(tfs):
        raise InputError(f"--clusters {n_clusters}: expected 2 to {len(tfs)}, the number of TFs")
    targets = None if trrust is None else read_trrust(trrust)
    tables = [_table(run, tfs) for run in opened]
    similarities = [cosines(table) for table in tables]
    clustering = cluster(tfs, np.mean(similarities, axis=0), n_clusters=n_clusters, seed=seed)
    found = Prototypes(
        clustering,
        measure_stability(clustering, similarities, seed) if len(opened) > 1 else None,
        None if targets is None else _look_up(clustering, targets, trrust, seed),
    )
    if output is not None:
        about = _about(found, dict(zip(names, opened, strict=True)))
        _write(output, found, about, dict(zip(names, tables, strict=True)), force=force)
    return found


def _open(paths: Sequence[Path]) -> list[Run]:
    """Open runs and refuse those that cannot be clustered, or not together."""
    runs = [Run(path) for path in paths]
    first = runs[0]
    seen: dict[str, Run] = {}
    for run in runs:
        if run.variant not in WITH_PROTOTYPES:
            raise MismatchError(
                f"{run.path}: the variant {run.variant} has no prototypes; "
                f"those that have are {', '.join(WITH_PROTOTYPES)}"
            )
        if len(run.tfs) < LEAST_TFS:
            raise InputError(f"{run.path}: {len(run.tfs)} TFs are too few to cluster; expected at least {LEAST_TFS}")
        if run.variant != first.variant:
            raise MismatchError(f"{run.path}: of the variant {run.variant}, but {first.path} is {first.variant}")
        if set(run.tfs) != set(first.tfs):
            other = sorted(set(run.tfs) ^ set(first.tfs))
            raise MismatchError(f"{run.path}: its TFs are not those of {first.path}: only one has {_listed(other)}")
        twin = seen.setdefault(run.meta["best"]["sha256"], run)
        if twin is not run:
            raise InputError(f"{run.path}: holds the weights of {twin.path}; expected each run once")
        if run.meta["settings"]["prototype_weight"] == 0:
            log.warning(
                "%s was trained with lambda 0: its prototypes are not tied to the TFs whose names they carry", run.path
            )
        theirs = but_for_seed(first)
        other = [name for name, value in but_for_seed(run).items() if name != "tfs" and value != theirs.get(name)]
        if other:
            log.warning("%s and %s differ in more than their seed: %s", run.path, first.path, ", ".join(other))
    return runs


def _listed(tfs: Sequence[str]) -> str:
    return ", ".join(tfs[:10]) + (", …" if len(tfs) > 10 else "")


def _table(run: Run, tfs: list[str]) -> np.ndarray:
    """Return the prototypes of `tfs`, float32 (L, D); warn where training has hardly turned them."""
    table = run.model(torch.device("cpu")).prototypes.detach().numpy()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.meta["settings"]["seed"])
        start = build(run.variant, run.tfs, hyperparameters(run.meta)).prototypes.detach().numpy()
    kept = np.mean([cosines(np.stack(pair))[0, 1] for pair in zip(table, start, strict=True)])
    if kept > MOST_OF_START:
        log.warning(
            "%s: training has hardly turned the prototypes (mean cosine to their random start: %.2f); "
            "which of them lie near is mostly chance", run.path, kept,
        )  # fmt: skip
    return table[[run.tfs.index(tf) for tf in tfs]]


def _look_up(clustering: Clustering, targets: dict[str, frozenset[str]], path: Path, seed: int) -> SharedTargets:
    """Compare the targets of TFs of one cluster, and of all pairs with their cosines."""
    tfs = clustering.tfs
    names = match_names(tfs, targets)
    absent = [tf for tf in tfs if tf not in names]
    if len(names) < 2:
        raise MismatchError(
            f"{path}: lists {len(names)} of the run's {len(tfs)} TFs, too few for a pair; the run has {_listed(tfs)}"
        )
    if absent:
        log.info("%s does not list %d of %d TFs: %s", path, len(absent), len(tfs), ", ".join(absent))
    loose = [f"{tf} as {name}" for tf, name in names.items() if tf != name]
    if loose:
        log.warning("%s: names matched but for upper and lower case: %s", path, ", ".join(loose))
    listed = [i for i in clustering.order if tfs[i] in names]
    pairs = [
        (int(clustering.clusters[i]), tfs[i], tfs[j], float(clustering.similarity[i, j]))
        for i, j in itertools.combinations(listed, 2)
        if clustering.clusters[i] == clustering.clusters[j]
    ]
    overlap = jaccard([tfs[i] for i in listed], targets, names)
    near = clustering.similarity[np.ix_(listed, listed)]
    return SharedTargets(compare_pairs(pairs, targets, names), mantel(near, overlap, seed), absent)


def _write(
    output: Path, found: Prototypes, about: dict[str, Any], tables: dict[str, np.ndarray], *, force: bool
) -> None:
    """Write tables, tree and figures, and `about` with their checksums."""
    clustering, stability, targets = found
    tfs, order = clustering.tfs, clustering.order
    rows = [
        pd.DataFrame(table, columns=[f"d{i}" for i in range(table.shape[1])]).assign(run=name, tf=tfs)
        for name, table in tables.items()
    ]
    vectors = pd.concat(rows, ignore_index=True)
    written = {
        "clusters": _members(clustering, stability),
        "prototypes": vectors[["run", "tf", *vectors.columns.drop(["run", "tf"])]],
        "similarity": pd.DataFrame(clustering.similarity.round(6), columns=tfs),
    }
    written["similarity"].insert(0, "tf", tfs, allow_duplicates=True)  # a TF may be called tf
    if targets is not None:
        written["trrust"] = targets.pairs.assign(cosine=targets.pairs["cosine"].round(6))
    with new_directory(output, force=force, marker="prototypes.json") as folder:
        for name, table in written.items():
            table.to_csv(folder / f"{name}.tsv", sep="\t", index=False, lineterminator="\n", na_rep="nan")
        (folder / "tree.nwk").write_text(to_newick(clustering), encoding="utf-8")
        stable = None if stability is None else stability.stable
        for suffix in ("png", "svg"):
            plots.dendrogram(clustering.linkage, order, tfs, clustering.similarity, clustering.clusters, stable,
                             folder / f"dendrogram.{suffix}")  # fmt: skip
            plots.plane(clustering.place, tfs, clustering.clusters, stable, folder / f"plane.{suffix}")
        files = checksums(folder, sorted(path.name for path in folder.iterdir()))
        write_json(folder / "prototypes.json", about | {"files": files})


def _members(clustering: Clustering, stability: Stability | None) -> pd.DataFrame:
    """Return a row for each TF, in the order of the leaves."""
    tfs, order = clustering.tfs, clustering.order
    nearest = clustering.similarity - 3 * np.eye(len(tfs))
    members = pd.DataFrame({"cluster": clustering.clusters, "tf": tfs})
    members["nearest_tf"] = [tfs[i] for i in nearest.argmax(axis=1)]
    members["cosine_to_nearest"] = nearest.max(axis=1).round(6)
    if stability is not None:
        of = clustering.clusters - 1
        members["stability"] = stability.together[of].round(6)
        members["p"] = stability.p[of]
        members["stable"] = stability.stable[of].astype(int)
        members["neighbors_back"] = stability.neighbors.round(6)
        members["neighbors_by_chance"] = round(stability.neighbors_by_chance, 6)
    return members.iloc[order]


def _about(found: Prototypes, runs: dict[str, Run]) -> dict[str, Any]:
    """Return what prototypes.json holds besides checksums of files."""
    clustering, stability, targets = found
    about = {
        "pmntool": __version__,
        "runs": list(runs),
        "models": {name: run.checksums() for name, run in runs.items()},
        "variant": next(iter(runs.values())).variant,
        "clusters": int(clustering.clusters.max()),
    }
    if stability is not None:
        about["stability"] = {
            "least": LEAST_STABILITY,
            "stable_clusters": [int(c) for c in np.flatnonzero(stability.stable) + 1],
            "neighbors": stability.n_neighbors,
            "neighbors_back": float(stability.neighbors.mean()),
            "neighbors_by_chance": stability.neighbors_by_chance,
        }
    if targets is not None:
        numbers = {name: value if math.isfinite(value) else None for name, value in targets.mantel._asdict().items()}
        about["trrust"] = {"absent": targets.absent, "pairs_tested": len(targets.pairs), "mantel": numbers}
    return about
