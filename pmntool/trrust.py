"""Target genes of TFs from TRRUST, and whether TFs that lie near share more of them (§4.2 and Table 5 of the paper)."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pmntool.bootstrap import benjamini_hochberg
from pmntool.errors import InputError
from pmntool.text import read_lines

MODES = ("Activation", "Repression", "Unknown")
SHUFFLES = 9999

Targets = Mapping[str, frozenset[str]]  # TF → names of the genes it regulates


class Mantel(NamedTuple):
    """A rank correlation over all pairs of n TFs, and its one-sided p from shuffled names; NaN where undefined."""

    tfs: int
    pairs: int
    rho: float
    p: float
    shuffles: int


def read_trrust(path: Path) -> dict[str, frozenset[str]]:
    """Read a raw table of TRRUST version 2: TF, target, mode and PubMed numbers, separated by tabs.

    A pair that stands there with several modes is one target.

    Raises
    ------
    InputError
        The file cannot be read, has no line, or a line is not of that format.

    Notes
    -----
    Format: https://www.grnpedia.org/trrust/
    """
    targets: dict[str, set[str]] = {}
    for number, line in enumerate(read_lines(path, InputError), start=1):
        if not line.strip():
            continue
        fields = [field.strip() for field in line.split("\t")]
        if len(fields) != 4 or not all(fields[:2]) or fields[2] not in MODES:
            raise InputError(
                f"{path}, line {number}: {line[:60]!r}; expected TF, target, {' or '.join(MODES)}, PubMed numbers, "
                "separated by tabs"
            )
        targets.setdefault(fields[0], set()).add(fields[1])
    if not targets:
        raise InputError(f"{path}: holds no line; expected the table of TRRUST")
    return {tf: frozenset(genes) for tf, genes in targets.items()}


def match_names(tfs: Sequence[str], targets: Targets) -> dict[str, str]:
    """Return each TF's name in the table, for TFs that are there.

    A name that differs in case only is taken where exactly one TF and one name of the table are left that could fit.

    Examples
    --------
    >>> match_names(["MYC", "Rela", "myc", "CTCF"], {"MYC": {"TERT"}, "RELA": {"BCL2"}})
    {'MYC': 'MYC', 'Rela': 'RELA'}
    """
    rest = [tf for tf in tfs if tf not in targets]
    free = [name for name in targets if name not in tfs]
    counts = [Counter(map(str.upper, names)) for names in (rest, free)]
    by_upper = {name.upper(): name for name in free}
    loose = {tf: by_upper[tf.upper()] for tf in rest if all(count[tf.upper()] == 1 for count in counts)}
    return {tf: loose.get(tf, tf) for tf in tfs if tf in loose or tf in targets}


def compare_pairs(
    pairs: Iterable[tuple[int, str, str, float]], targets: Targets, names: Mapping[str, str]
) -> pd.DataFrame:
    """Test for each pair of TFs whether they share more targets than chance would give them.

    Fisher's exact test, one-sided; the background is every target that the table names. q is p corrected for the
    pairs given, by Benjamini and Hochberg.

    Parameters
    ----------
    pairs
        Cluster, two TFs that `names` holds, and their cosine.
    """
    from scipy.stats import fisher_exact

    background = len(frozenset().union(*targets.values()))
    rows = []
    for cluster, tf_a, tf_b, cosine in pairs:
        a, b = targets[names[tf_a]], targets[names[tf_b]]
        shared = len(a & b)
        table = [[shared, len(a) - shared], [len(b) - shared, background - len(a | b)]]
        odds_ratio, p = fisher_exact(table, alternative="greater")
        rows.append((cluster, tf_a, tf_b, cosine, len(a), len(b), shared, background, odds_ratio, p))
    columns = ("cluster", "tf_a", "tf_b", "cosine", "targets_a", "targets_b", "shared", "background", "odds_ratio", "p")
    found = pd.DataFrame(rows, columns=columns)
    return found.assign(q=benjamini_hochberg(found["p"].to_numpy(np.float64)))


def jaccard(tfs: Sequence[str], targets: Targets, names: Mapping[str, str]) -> np.ndarray:
    """Return for each two of n TFs the share of their targets that both have: float64 (n, n)."""
    overlap = np.eye(len(tfs))
    for i, j in itertools.combinations(range(len(tfs)), 2):
        a, b = targets[names[tfs[i]]], targets[names[tfs[j]]]
        overlap[i, j] = overlap[j, i] = len(a & b) / len(a | b)
    return overlap


def mantel(a: np.ndarray, b: np.ndarray, seed: int = 0) -> Mantel:
    """Correlate two symmetric matrices (n, n) over all pairs, by rank, and test it with the names of one shuffled.

    p is the share of shuffles, the true order counted among them, that correlate at least as much (Mantel 1967).
    """
    from scipy.stats import rankdata

    n = len(a)
    upper = np.triu_indices(n, 1)
    x, y = (rankdata(matrix[upper]) for matrix in (a, b))
    if n < 3 or not np.ptp(x) or not np.ptp(y):
        return Mantel(n, len(x), float("nan"), float("nan"), 0)
    x, y = ((ranks - ranks.mean()) / np.linalg.norm(ranks - ranks.mean()) for ranks in (x, y))
    square = np.zeros((n, n))
    square[upper] = y
    square += square.T
    rho = float(x @ y)
    rng = np.random.default_rng(seed)
    as_high = 0
    for _ in range(SHUFFLES):
        names = rng.permutation(n)
        as_high += bool(x @ square[names[upper[0]], names[upper[1]]] >= rho - 1e-12)
    return Mantel(n, len(x), rho, (as_high + 1) / (SHUFFLES + 1), SHUFFLES)
