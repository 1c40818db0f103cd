"""Motifs: both formats read as written, every mistake named with its line, every TF's motifs found by name."""

import logging
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pmntool.errors import MismatchError, MotifError
from pmntool.motifs import find_motifs, read_motifs

DATA = Path(__file__).parents[2] / "shared" / "data" / "motifs"

MEME = """MEME version 4

ALPHABET= ACGT

strands: + -

Background letter frequencies (from somewhere):
A 0.3 C 0.2
G 0.2 T 0.3

MOTIF one First some more
log-odds matrix: alength= 4 w= 2 E= 0
 100 -200 3 4
 100 -200 3 4
letter-probability matrix: alength= 4 w= 2 nsites= 10 E= 1e-3
 1 0 0 0
 0.25 0.25 0.25 0.25
URL http://x.org/one

MOTIF two
letter-probability matrix:
0.5 0.5 0.0 0.0
0.1 0.2 0.3 0.4
0.0 0.0 0.0 1.0

"""
JASPAR = """>MA1.1\tFirst
A  [ 4 0 1]
C  [ 0 0 1]
G  [ 0 8 1]
T  [ 0 0 1]

>MA2.1
1 0
0 0.5
0 0
0 0.5
"""


def write(tmp_path: Path, text: str, name: str = "motifs.txt") -> Path:
    (tmp_path / name).write_text(text)
    return tmp_path / name


def by_hand(shares: list[list[float]], sites: float, background: list[float]) -> np.ndarray:
    """Return log-odds of shares of `sites` sites, with a tenth of a site of background added."""
    rows = [[(p * sites + 0.1 * b) / (sites + 0.1) / b for p, b in zip(row, background, strict=True)] for row in shares]
    return np.log2(rows)


def test_meme(tmp_path):
    one, two = read_motifs(write(tmp_path, MEME))
    background = [0.3, 0.2, 0.2, 0.3]
    assert (one.name, one.alternate, two.name, two.alternate) == ("one", "First", "two", "")
    np.testing.assert_allclose(one.log_odds, by_hand([[1, 0, 0, 0], [0.25] * 4], 10, background))
    rows = [[0.5, 0.5, 0, 0], [0.1, 0.2, 0.3, 0.4], [0, 0, 0, 1]]
    np.testing.assert_allclose(two.log_odds, by_hand(rows, 20, background))


@pytest.mark.parametrize(
    "alphabet",
    [
        "",
        "ALPHABET= ACGT\n",
        'ALPHABET "DNA" DNA-LIKE\nA "Adenine" CC0000 ~ T "Thymine" 008000\nC ~ G\nG\nT\nN = ACGT\nEND ALPHABET\n',
    ],
)
def test_meme_without_a_background_and_with_version_5_alphabets(tmp_path, alphabet):
    text = f"MEME version 5.5.1\n{alphabet}MOTIF a\nletter-probability matrix: w= 1 nsites= 0\n0 0 0 1"
    (motif,) = read_motifs(write(tmp_path, text))
    np.testing.assert_allclose(motif.log_odds, by_hand([[0, 0, 0, 1]], 20, [0.25] * 4))


@pytest.mark.parametrize("text", [JASPAR, JASPAR.replace("[", " ").replace("]", " "), JASPAR.replace("\n", "\r\n")])
def test_jaspar(tmp_path, text):
    one, two = read_motifs(write(tmp_path, text))
    assert (one.name, one.alternate, two.name, two.alternate) == ("MA1.1", "First", "MA2.1", "")
    expected = [by_hand([row], sites, [0.25] * 4)[0] for row, sites in (([1, 0, 0, 0], 4), ([0, 0, 1, 0], 8))]
    np.testing.assert_allclose(one.log_odds, [*expected, [0] * 4], atol=1e-12)
    np.testing.assert_allclose(two.log_odds, by_hand([[1, 0, 0, 0], [0, 0.5, 0, 0.5]], 1, [0.25] * 4))


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 50), min_size=4, max_size=4).filter(any), min_size=1, max_size=48))
def test_a_motif_is_the_same_in_either_format(tmp_path_factory, counts):
    folder = tmp_path_factory.getbasetemp()
    for row in counts:  # all of 200 sites: MEME has one number for a matrix
        row[0] += 200 - sum(row)
    jaspar = ">m\n" + "\n".join(" ".join(map(str, row)) for row in zip(*counts, strict=True))
    shares = "\n".join(" ".join(repr(n / 200) for n in row) for row in counts)
    meme = f"MEME version 4\nMOTIF m\nletter-probability matrix: w= {len(counts)} nsites= 200\n{shares}\n"
    (a,), (b,) = read_motifs(write(folder, jaspar, "m.pfm")), read_motifs(write(folder, meme, "m.meme"))
    np.testing.assert_allclose(a.log_odds, b.log_odds, rtol=1e-9, atol=1e-9)


SHARES = "expected shares of A C G T that add up to 1; found"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (MEME, "", "line 1: expected 'MEME version 4' or 5, or a '>' as in JASPAR's formats; found ''"),
        ("version 4", "version 3.0", "line 1: expected 'MEME version 4' or 5, or a '>' as in JASPAR's formats; found"),
        ("ALPHABET= ACGT", "ALPHABET= ACGU", "line 3: expected the alphabet ACGT; found 'ACGU'"),
        ("A 0.3 C 0.2", "A 0.3 C 0.3", f"line 9: {SHARES} 'A 0.3 C 0.3 G 0.2 T 0.3'"),
        ("A 0.3 C 0.2", "A 0.3 C x", f"line 9: {SHARES} 'A 0.3 C x"),
        ("A 0.3 C 0.2", "A 0.5 C 0", f"line 9: {SHARES} 'A 0.5 C 0"),
        ("MOTIF two", "MOTIF", "line 20: expected a name after MOTIF"),
        ("MOTIF two\n", "", "line 20: expected a line MOTIF before the matrix"),
        ("MOTIF two\n", "MOTIF two\nMOTIF three\n", "line 20: MOTIF two has no letter-probability matrix"),
        ("w= 2 nsites", "w= 3 nsites", f"line 18: {SHARES} 'URL http://x.org/one'"),
        ("w= 2 nsites", "w= 0 nsites", "line 15: expected alength= 4, w= 1 to 48 and nsites= at least 0; found"),
        ("alength= 4 w= 2 nsites", "alength= 20 w= 2 nsites", "line 15: expected alength= 4, w= 1 to 48 and"),
        (" 1 0 0 0", " 1 0 0", f"line 16: {SHARES} '1 0 0'"),
        (" 1 0 0 0", " 1 0 0 nan", f"line 16: {SHARES} '1 0 0 nan'"),
        (" 1 0 0 0", " 1.5 -0.5 0 0", f"line 16: {SHARES} '1.5 -0.5 0 0'"),
        (" 1 0 0 0", " 0.9 0 0 0", f"line 16: {SHARES} '0.9 0 0 0'"),
        ("0.5 0.5 0.0 0.0\n", "\n", "line 22: expected at least 1 rows in the matrix; found 0"),
    ],
)
def test_a_mistake_in_meme_is_named_with_its_line(tmp_path, old, new, sentence):
    with pytest.raises(MotifError) as error:
        read_motifs(write(tmp_path, MEME.replace(old, new)))
    assert str(error.value).startswith(f"{tmp_path}/motifs.txt, {sentence}")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("C  [ 0 0 1]", "C  [ 0 0]", "line 3: expected counts of C, one a position; found 'C  [ 0 0]'"),
        ("C  [ 0 0 1]", "G  [ 0 0 1]", "line 3: expected counts of C, one a position; found 'G  [ 0 0 1]'"),
        ("C  [ 0 0 1]", "C  [ 0 -1 1]", "line 3: expected counts of C, one a position"),
        ("C  [ 0 0 1]", "C  [ 0 x 1] y", "line 3: expected counts of C, one a position"),
        ("C  [ 0 0 1]\n", "", "line 3: expected counts of C, one a position; found 'G  [ 0 8 1]'"),
        ("0 0\n0 0.5\n", "", "line 9: expected counts of G, one a position; found ''"),
        (">MA2.1", ">", "line 7: expected '>' and a name; found '>'"),
        (">MA2.1", "MA2.1", "line 7: expected '>' and a name; found 'MA2.1'"),
        ("1 0\n0 0.5\n0 0\n0 0.5", "1 0\n0 0\n0 0\n0 0", "line 11: expected at most 48 positions, and in each a count"),
        ("1 0\n0 0.5\n0 0\n0 0.5", "\n".join(["1 " * 49] * 4), "line 11: expected at most 48 positions"),
    ],
)
def test_a_mistake_in_jaspar_is_named_with_its_line(tmp_path, old, new, sentence):
    with pytest.raises(MotifError) as error:
        read_motifs(write(tmp_path, JASPAR.replace(old, new, 1)))
    assert str(error.value).startswith(f"{tmp_path}/motifs.txt, {sentence}")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"\xff\xfe", "is not text (byte 1)"),
        (b"MEME version 4\n", "no motif there"),
    ],
)
def test_a_file_without_motifs(tmp_path, content, sentence):
    if content is not None:
        (tmp_path / "motifs.txt").write_bytes(content)
    with pytest.raises(MotifError) as error:
        read_motifs(tmp_path / "motifs.txt")
    assert str(error.value).startswith(f"{tmp_path}/motifs.txt: {sentence}")


# ---- which motifs belong to which TF


def meme(*names: str) -> str:
    return "MEME version 4\n" + "".join(f"MOTIF {name}\nletter-probability matrix: w= 1\n0 0 0 1\n" for name in names)


def found(tmp_path: Path, labels: list[str], *names: str) -> dict[str, list[str]]:
    motifs = find_motifs(write(tmp_path, meme(*names)), labels)
    return {label: [motif.name for motif in some] for label, some in motifs.items()}


@pytest.mark.parametrize(
    ("name", "owner", "rule"),
    [
        ("Abf1", "Abf1", "name"),
        ("ABF1", "Abf1", "name but for case"),
        ("MA0265.1 Abf1", "Abf1", "alternate name"),
        ("MA0265.1 ABF1", "Abf1", "alternate name but for case"),
        ("ABF1_HUMAN.H11MO.0.A", "Abf1", "what stands before a _ or ."),
        ("MA0265.1 abf1.2", "Abf1", "what stands before a _ or ."),
        ("H3.3_x", "H3.3", "what stands before a _ or ."),
        ("Abf1 Reb1", "Abf1", "name"),
        ("ABF1 Reb1", "Abf1", "name but for case"),
        ("Reb1_1 ABF1", "Abf1", "alternate name but for case"),
        ("a", "a", "name"),  # beside A
        ("A", "A", "name"),
        ("Abf", None, None),
        ("Abf11", None, None),
        ("xAbf1_1", None, None),
    ],
)
def test_the_first_rule_that_fits_gives_the_owner(tmp_path, caplog, name, owner, rule):
    labels = ["Abf1", "Reb1", "H3.3", "a", "A"]
    with caplog.at_level(logging.INFO, logger="pmntool"):
        matched = found(tmp_path, labels, name, "Reb1")
    first = name.split()[0]
    assert {label: some for label, some in matched.items() if some} == {"Reb1": ["Reb1"]} | (
        {owner: [first]} if owner else {}
    )
    assert owner is None or any(f"motifs by {rule}: {owner} = {first}" in line for line in caplog.messages)


@pytest.mark.parametrize(
    ("name", "owners"), [("A_1", "a or A"), ("H3.3_x", "H3 or H3.3"), ("x_y a", None), ("x A.b", "a or A")]
)
def test_a_motif_of_several_tfs_is_left_out_and_said(tmp_path, caplog, name, owners):
    matched = found(tmp_path, ["a", "A", "H3", "H3.3", "Reb1"], name, "Reb1")
    lines = [line for line in caplog.messages if "whose TF is not clear" in line]
    if owners:
        assert lines == [f"1 motifs left out, whose TF is not clear: {name.split()[0]} ({owners})"]
        assert matched == {"a": [], "A": [], "H3": [], "H3.3": [], "Reb1": ["Reb1"]}
    else:
        assert lines == []
        assert matched["a"] == ["x_y"]


def test_all_motifs_of_a_tf_belong_to_each_of_its_labels(tmp_path, caplog):
    matched = found(tmp_path, ["X@K562", "X@GM1", "Y", "Z@K562"], "X", "Q", "X_2", "Y")
    assert matched == {"X@K562": ["X", "X_2"], "X@GM1": ["X", "X_2"], "Y": ["Y"], "Z@K562": []}
    assert "no motif for 1 of 3 TFs, whose logit is 0: Z" in caplog.messages


def test_no_tf_with_a_motif(tmp_path):
    with pytest.raises(MismatchError) as error:
        found(tmp_path, ["X", "Y"], "p", "q")
    assert str(error.value) == (
        f"{tmp_path}/motifs.txt: none of its 2 motifs (p, q) is named after one of the 2 TFs (X, Y)"
    )


def test_more_motifs_of_a_tf_than_there_is_room_for(tmp_path):
    with pytest.raises(MotifError, match="motifs.txt: 65 motifs of X; expected at most 64"):
        found(tmp_path, ["X"], *[f"X_{i}" for i in range(65)])


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no motifs in {DATA}")
@pytest.mark.parametrize(
    ("file", "count", "first", "width"),
    [("macisaac_yeast.v1.meme", 124, "ABF1", 15), ("yetfasco_all.meme", 1883, "MAL63_136", 15)],
)
def test_real_files(file, count, first, width):
    """Counts by `grep -c ^MOTIF`, names and widths as the files begin."""
    motifs = read_motifs(DATA / file)
    assert (len(motifs), motifs[0].name, motifs[0].log_odds.shape) == (count, first, (width, 4))
    assert all(np.isfinite(motif.log_odds).all() and (motif.log_odds.max(axis=1) > -1e-9).all() for motif in motifs)


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no motifs in {DATA}")
def test_a_real_motif_by_its_own_log_odds_matrix():
    """The file holds ABF1's log-odds too, in hundredths of a bit, made without our pseudocount."""
    lines = (DATA / "macisaac_yeast.v1.meme").read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("log-odds matrix")) + 1
    expected = np.array([line.split() for line in lines[start : start + 15]], float) / 100
    (abf1,) = find_motifs(DATA / "macisaac_yeast.v1.meme", ["Abf1"])["Abf1"]
    common = expected > -3
    np.testing.assert_allclose(abf1.log_odds[common], expected[common], atol=0.1)
    assert (abf1.log_odds[~common] < -2.5).all()
