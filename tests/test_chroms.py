"""Names and sizes of chromosomes: tables that are read and refused, names that are known by another style."""

from pathlib import Path

import pytest

from pmntool.chroms import holds_sizes_only, name_hint, read_sizes, same_but_for_style, select_chroms
from pmntool.errors import GenomeError, MismatchError

# ---- sizes


@pytest.mark.parametrize(
    "text",
    [
        "chr2\t300\nchr1\t5\n",
        "chr2\t300\r\nchr1\t5",
        "# name\tlength\n\nchr2\t300\t6\t60\t61\nchr1\t5\t9\t60\t61\n",
        "\ufeffchr2\t300\nchr1\t5\n",
    ],
    ids=["sizes", "CRLF", "fai and comments", "byte order mark"],
)
def test_sizes_are_read_in_order(tmp_path, text):
    (tmp_path / "x.sizes").write_bytes(text.encode())
    assert list(read_sizes(tmp_path / "x.sizes").items()) == [("chr2", 300), ("chr1", 5)]


LINE = "expected a name, a tab and a length in bp; found"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a\t5\nb 6\n", f", line 2: {LINE} 'b 6'"),
        ("a\t5\n\n#\nb\t-6\n", f", line 4: {LINE} 'b\\t-6'"),
        ("a\t5.0\n", f", line 1: {LINE} 'a\\t5.0'"),
        ("a\t1e3\n", f", line 1: {LINE} 'a\\t1e3'"),
        ("a\t٣\n", f", line 1: {LINE} 'a\\t٣'"),
        ("a\t1111111111111111\n", f", line 1: {LINE} 'a\\t1111111111111111'"),
        ("a\t\n", f", line 1: {LINE} 'a\\t'"),
        ("\t5\n", f", line 1: {LINE} '\\t5'"),
        ("a\t5\nb\t6\na\t5\n", ", line 3: chromosome 'a' stands there twice"),
        ("# none\n", ": no chromosome found; expected lines of a name, a tab and a length in bp"),
    ],
)
def test_wrong_sizes_are_refused_with_their_line(tmp_path, text, sentence):
    (tmp_path / "x.sizes").write_text(text)
    with pytest.raises(GenomeError) as error:
        read_sizes(tmp_path / "x.sizes")
    assert str(error.value) == f"{tmp_path}/x.sizes{sentence}"


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["missing", "no text"])
def test_sizes_that_cannot_be_read_are_refused(tmp_path, content):
    if content:
        (tmp_path / "x.sizes").write_bytes(content)
    with pytest.raises(GenomeError, match="x.sizes: (cannot be read|is not text)"):
        read_sizes(tmp_path / "x.sizes")


@pytest.mark.parametrize(("name", "sizes_only"), [("g.fa", False), ("g.fa.gz", False), ("g.fa.fai", True),
                                                  ("hg19.chrom.sizes", True), ("g.genome", True)])  # fmt: skip
def test_the_name_tells_sizes_from_fasta(name, sizes_only):
    assert holds_sizes_only(Path(name)) == sizes_only


# ---- names


def test_chromosomes_are_selected_in_the_order_of_the_genome():
    assert select_chroms({"b": 1, "a": 2, "c": 3}, ["c", "b", "c"], option="--chroms") == ["b", "c"]


@pytest.mark.parametrize(
    ("asked", "known", "tail"),
    [
        ("1", "chr1 chr2", "1 in the genome (it has chr1, chr2: '1' here is 'chr1' there)"),
        ("chr2", "1 2 3 4 5 6 7", "chr2 in the genome (it has 1, 2, 3, 4, 5, 6, …: 'chr2' here is '2' there)"),
        ("chrM", "chr1 MT", "chrM in the genome (it has chr1, MT: 'chrM' here is 'MT' there)"),
        ("chr1 x y", "chr1", "x, y in the genome (it has chr1)"),
    ],
)
def test_an_unknown_chromosome_is_refused_with_what_there_is(asked, known, tail):
    with pytest.raises(MismatchError) as error:
        select_chroms(dict.fromkeys(known.split(), 9), asked.split(), option="--chroms")
    assert str(error.value) == f"--chroms: no chromosome {tail}"


@pytest.mark.parametrize(
    ("name", "known", "form"),
    [
        ("chr1", "1", "1"), ("1", "chr1", "chr1"), ("chrM", "MT", "MT"), ("MT", "chrM", "chrM"), ("M", "chrM", "chrM"),
        ("chrMT", "M", "M"), ("chrM", "M", "M"), ("chrIV", "IV", "IV"), ("Chr1", "chr1", "chr1"), ("chr1", "2", None),
        ("scaffold_1", "1", None), ("ctg1", "1", None), ("chr1", "chr1", None),
    ],
)  # fmt: skip
def test_a_name_is_known_by_its_other_form(name, known, form):
    assert same_but_for_style([name], [known]) == (form and (name, form))
    assert name_hint([name], [known]) == f" (it has {known}" + (f": {name!r} here is {form!r} there)" if form else ")")
