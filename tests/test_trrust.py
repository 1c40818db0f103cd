"""Shared targets: the file as it is read, p values against sums by hand, controls that must and must not be found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import reference

from pmntool.errors import InputError
from pmntool.trrust import compare_pairs, jaccard, mantel, match_names, read_trrust

REAL = Path(__file__).parents[2] / "shared/data/trrust/trrust_rawdata.human.tsv"
real = pytest.mark.skipif(not REAL.exists(), reason=f"{REAL.name} is not there")


def write(path: Path, *lines: str, end: str = "\n") -> Path:
    path.write_bytes("".join(line + end for line in lines).encode())
    return path


def random_targets(n_tfs: int, n_genes: int, seed: int) -> dict[str, frozenset[str]]:
    """Return TFs that each have some of the genes, independently."""
    rng = np.random.default_rng(seed)
    genes = np.array([f"g{i}" for i in range(n_genes)])
    return {f"T{i}": frozenset(genes[rng.random(n_genes) < rng.uniform(0.1, 0.4)]) for i in range(n_tfs)}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_pair_with_two_modes_is_one_target(tmp_path, end):
    lines = ("A\tx\tActivation\t1;2", "A\tx\tRepression\t3", "", "A\ty\tUnknown\t4", "B\tx\tUnknown\t5")
    assert read_trrust(write(tmp_path / "t.tsv", *lines, end=end)) == {"A": {"x", "y"}, "B": {"x"}}


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["A\tx\tActivation\t1", "A\tx\tActivation"], "t.tsv, line 2: 'A\\tx\\tActivation'; expected TF, target, "),
        (["A\tx\tPromotion\t1"], "t.tsv, line 1: "),
        (["A\t\tUnknown\t1"], "t.tsv, line 1: "),
        (["chr1\t10\t20\tA"], "t.tsv, line 1: "),
        (["", " "], "t.tsv: holds no line"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, monkeypatch, lines, sentence):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        read_trrust(write(Path("t.tsv"), *lines))
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(("content", "sentence"), [(None, "cannot be read"), (b"\x1f\x8b\xff\x00", "is not text")])
def test_a_file_that_is_no_text_is_named(tmp_path, content, sentence):
    path = tmp_path / "t.tsv"
    if content:
        path.write_bytes(content)
    with pytest.raises(InputError, match=f"t.tsv.*{sentence}"):
        read_trrust(path)


def test_names_that_differ_in_case_match_only_one_to_one():
    targets = dict.fromkeys(["MYC", "Sp1", "SP1", "Max"], frozenset("g"))
    assert match_names(["MYC", "myc"], targets) == {"MYC": "MYC"}  # MYC's targets are not counted twice
    assert match_names(["sP1"], targets) == {}  # which of two?
    assert match_names(["MAX", "mAX"], targets) == {}
    assert match_names(["x", "MAX", "Sp1"], targets) == {"MAX": "Max", "Sp1": "Sp1"}


def test_p_and_q_are_those_of_sums_by_hand():
    targets = random_targets(8, 40, seed=3) | {"twin": random_targets(8, 40, seed=3)["T0"]}
    tfs = list(targets)
    pairs = [(1, a, b, 0.5) for i, a in enumerate(tfs) for b in tfs[:i]]
    found = compare_pairs(pairs, targets, {tf: tf for tf in tfs})
    everything = set().union(*targets.values())
    assert (found["background"] == len(everything)).all()
    for row in found.itertuples():
        a, b = targets[row.tf_a], targets[row.tf_b]
        assert row.shared == sum(gene in a for gene in b)
        assert row.p == pytest.approx(reference.fisher(row.shared, len(a), len(b), len(everything)), rel=1e-9)
        only_a, only_b, neither = len(a) - row.shared, len(b) - row.shared, len(everything - a - b)
        odds = row.shared * neither / (only_a * only_b) if only_a * only_b else np.inf
        assert row.odds_ratio == pytest.approx(odds)
    np.testing.assert_allclose(found["q"], reference.benjamini_hochberg(found["p"].tolist()))
    assert found.loc[found["p"].idxmin(), ["tf_a", "tf_b"]].tolist() == ["twin", "T0"]
    assert (found["q"] < 0.05).sum() == 1  # the others share what chance gives them


def test_no_pair_is_an_empty_table():
    found = compare_pairs([], random_targets(2, 9, 0), {})
    assert len(found) == 0 and list(found.columns[-2:]) == ["p", "q"]


def test_overlap_is_of_what_either_has():
    targets = {"A": frozenset("xyz"), "B": frozenset("yzw"), "C": frozenset("v")}
    expected = [[1, 2 / 4, 0], [2 / 4, 1, 0], [0, 0, 1]]
    np.testing.assert_allclose(jaccard(["a", "B", "C"], targets, {"a": "A", "B": "B", "C": "C"}), expected)


def symmetric(n: int, seed: int) -> np.ndarray:
    half = np.triu(np.random.default_rng(seed).integers(0, 12, (n, n)).astype(float), 1)  # with ties
    return half + half.T


@pytest.mark.parametrize("seed", range(3))
def test_mantel_agrees_with_all_orders(seed):
    a = symmetric(6, seed)
    b = a + symmetric(6, seed + 10) * 0.8
    rho, p = reference.mantel(a, b)
    found = mantel(a, b)
    assert found.rho == pytest.approx(rho) and (found.tfs, found.pairs) == (6, 15)
    assert found.p == pytest.approx(p, abs=4 * (p * (1 - p) / found.shuffles) ** 0.5 + 2 / found.shuffles)


def test_mantel_finds_groups_and_not_their_shuffled_names():
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(5), 6)
    same = (group[:, None] == group).astype(float)
    near, overlap = same + symmetric(30, 1) / 12, same + symmetric(30, 2) / 12
    assert mantel(near, overlap).p == 1e-4  # no shuffle of 9999
    shuffled = []
    for _ in range(12):
        names = rng.permutation(30)
        shuffled.append(mantel(near, overlap[np.ix_(names, names)]).p)
    assert min(shuffled) > 0.005 and 0.2 < np.median(shuffled) < 0.8


def test_mantel_is_undefined_where_nothing_differs():
    found = mantel(symmetric(5, 0), np.eye(5))
    assert np.isnan(found.rho) and np.isnan(found.p) and found.shuffles == 0


@real
def test_the_real_table():
    """Counted with cut, sort and wc; shared targets as in the paper's Table 5."""
    targets = read_trrust(REAL)
    assert len(targets) == 795 and sum(map(len, targets.values())) == 8427
    shared = {
        ("MYC", "USF1"): 4, ("MYC", "E2F4"): 3, ("RELA", "PAX5"): 8, ("ATF2", "CREB1"): 8, ("YY1", "MAF"): 2,
        ("STAT5A", "BRCA1"): 2, ("MAX", "STAT3"): 2,
    }  # fmt: skip
    found = compare_pairs([(1, a, b, 0.0) for a, b in shared], targets, {tf: tf for tf in targets})
    assert found["shared"].tolist() == list(shared.values()) and (found["background"] == 2492).all()
    for row in found.itertuples():
        assert row.p == pytest.approx(reference.fisher(row.shared, row.targets_a, row.targets_b, 2492), rel=1e-9)
