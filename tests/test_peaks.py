"""Peaks: every format read back as written, every mistake named with its file and line, every TF's files found."""

import gzip
import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pmntool.errors import InputError, PeakFormatError
from pmntool.labels import tf_and_cell
from pmntool.peaks import LARGEST, Peaks, by_chrom, find_peaks, peak_windows, read_peaks

NARROW = "chr1\t100\t200\tname\t0\t.\t3.5\t{p}\t-1\t{summit}"
TWO = "expected 2 columns, tf, path, separated by tabs"
THREE = "expected 3 columns, tf, path, cell, separated by tabs"
NO_P, P_RULE = -1, "expected a number of at least 0, or -1 for not given"


def narrow(p: object = 2, summit: object = 50) -> str:
    return NARROW.format(p=p, summit=summit)


def read(tmp_path: Path, name: str, text: str | bytes) -> Peaks:
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_peaks(tmp_path / name)


def message(tmp_path: Path, name: str, text: str | bytes) -> str:
    """Return what reading complains of, without the folder."""
    with pytest.raises(PeakFormatError) as error:
        read(tmp_path, name, text)
    assert str(error.value).startswith(str(tmp_path / name))
    return str(error.value).removeprefix(f"{tmp_path}/")


def rows(peaks: Peaks) -> list[tuple]:
    return list(zip(peaks.chrom, *(column.tolist() for column in peaks[1:4]), strict=True))


# ---- formats


@pytest.mark.parametrize(
    ("name", "line", "summit", "p"),
    [
        ("bed3.bed", "chr1\t100\t203", 151, None),
        ("bed6.bed", "chr1\t100\t200\tname\t7\t+", 150, None),
        ("bed12.bed", "chr1\t100\t200\tname\t7\t+\t100\t200\t0\t1\t100,\t0,", 150, None),
        ("broad.broadPeak", "chr1\t100\t200\tname\t0\t.\t3.5\t4.25\t-1", 150, 4.25),
        ("broad_no_p.broadPeak", "chr1\t100\t200\tname\t0\t.\t3.5\t-1\t-1", 150, None),
        ("narrow.narrowPeak", narrow(p=4.25, summit=7), 107, 4.25),
        ("summit_on_start.narrowPeak", narrow(summit=0), 100, 2),
        ("summit_on_end.narrowPeak", narrow(summit=100), 200, 2),
        ("no_summit.narrowPeak", narrow(summit=-1), 150, 2),
        ("no_p.narrowPeak", narrow(p=NO_P), 150, None),
        ("no_p_float.narrowPeak", narrow(p="-1.00000"), 150, None),
        ("p_beyond_float.narrowPeak", narrow(p="inf"), 150, np.inf),  # p rounded to 0: nothing is more significant
        ("ten_columns.bed", narrow(p=4.25, summit=7), 107, 4.25),  # ENCODE's name for narrowPeak
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_each_format_gives_its_summit_and_p(tmp_path, name, line, summit, p, compressed):
    content = (line + "\n").encode()
    peaks = read(tmp_path, name + ".gz", gzip.compress(content)) if compressed else read(tmp_path, name, content)
    assert rows(peaks) == [("chr1", 100, int(line.split("\t")[2]), summit)]
    np.testing.assert_array_equal(peaks.log10p, [np.nan if p is None else p])
    assert [column.dtype for column in peaks] == [object, np.int64, np.int64, np.int64, np.float64]


@pytest.mark.parametrize(
    "text",
    [
        "chr1\t1\t5\nchr2\t2\t6\n",
        "chr1\t1\t5\nchr2\t2\t6",
        "chr1\t1\t5\r\nchr2\t2\t6\r\n",
        "#chrom\tstart\tend\nchr1\t1\t5\nchr2\t2\t6\n",
        "chrom\tstart\tend\nchr1\t1\t5\nchr2\t2\t6\n",
        "# made by hand\nchrom\tchromStart\tchromEnd\nchr1\t1\t5\nchr2\t2\t6\n",
        'track name="a b" color=1,2,3\nbrowser position chr1:1-5\nchr1\t1\t5\ntrack\tx\nchr2\t2\t6\n',
        "chr1\t1\t5\n#chr1\t3\t4\ntrack\t3\t4\ntrack a\t3\t4\nbrowser\t3\t4\nchr2\t2\t6\n",
        "\n  \nchr1\t1\t5\n\t\n\nchr2\t2\t6\n\n",
        "chr1\t1\t5\tx\t0\t+\nchr2\t2\t6\n",
        "chr1\t1\t5\nchr2\t2\t6\tx\t0\t+\n",
        b"\xef\xbb\xbfchr1\t1\t5\nchr2\t2\t6\n",
        pytest.param(b"\xef\xbb\xbf# first line\nchr1\t1\t5\nchr2\t2\t6\n", id="byte order mark before a comment"),
    ],
)
def test_what_is_not_a_peak_is_passed_over(tmp_path, text):
    assert rows(read(tmp_path, "a.bed", text)) == [("chr1", 1, 5, 3), ("chr2", 2, 6, 4)]


def test_names_stay_text(tmp_path):
    names = ["1", "01", "NA", "nan", '"chr1', "track1", "browser_2", "HLA-A*01:01:01:01", "é"]
    peaks = read(tmp_path, "a.bed", "".join(f"{name}\t1\t5\n" for name in names))
    assert peaks.chrom.tolist() == names


@pytest.mark.parametrize("before", ["\n", "#c\n", "\ufeff", "chr1\t1\t5\n"])
def test_a_byte_order_mark_that_is_not_the_first_belongs_to_its_name(tmp_path, before):
    assert read(tmp_path, "a.bed", before + "\ufeffchr1\t1\t5\n").chrom.tolist()[-1] == "\ufeffchr1"


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "chrom\tstart\tend\n", "track name=x"])
def test_a_file_without_peaks_gives_none(tmp_path, text):
    assert [(len(column), column.dtype) for column in read(tmp_path, "a.narrowPeak", text)] == [
        (0, object), (0, np.int64), (0, np.int64), (0, np.int64), (0, np.float64)
    ]  # fmt: skip


def test_gzip_members_laid_end_to_end_are_all_read(tmp_path):
    content = gzip.compress(b"chr1\t1\t5\n") + gzip.compress(b"chr2\t2\t6\n")
    assert rows(read(tmp_path, "a.bed", content)) == [("chr1", 1, 5, 3), ("chr2", 2, 6, 4)]


@st.composite
def files(draw) -> tuple[str, bytes, pd.DataFrame, str]:
    """Return a suffix, a decorated file, the table of its peaks and its plain text."""
    columns = draw(st.sampled_from([3, 6, 9, 10]))
    suffix = {3: ".bed", 6: ".bed", 9: ".broadPeak", 10: draw(st.sampled_from([".bed", ".narrowPeak"]))}[columns]
    peaks, lines, plain = [], [], []
    noise = st.lists(st.sampled_from(["", "# x", "track name=x", "browser hide all", " \t "]), max_size=2)
    for _ in range(draw(st.integers(1, 8))):
        chrom = draw(st.text("chrXM0189_.-*|é", min_size=1, max_size=8))
        start = draw(st.integers(0, LARGEST - 1))
        end = draw(st.integers(start + 1, min(LARGEST, start + 10**6)))
        p = draw(st.one_of(st.just(-1), st.floats(0, 1e300), st.integers(0, 400)))
        offset = draw(st.integers(-1, end - start))
        line = "\t".join(map(str, [chrom, start, end, "n", 0, ".", 1.5, p, -1, offset][:columns]))
        summit = start + offset if columns == 10 and offset >= 0 else (start + end) // 2
        peaks.append((chrom, start, end, summit, p if columns >= 9 and p >= 0 else np.nan))
        plain.append(line)
        lines += [*draw(noise), line]
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    content = (newline.join(lines) + draw(st.sampled_from(["", newline]))).encode()
    if draw(st.booleans()):
        content, suffix = gzip.compress(content), suffix + ".gz"
    table = pd.DataFrame(peaks, columns=["chrom", "start", "end", "summit", "log10p"])
    return suffix, content, table, "\n".join(plain)


@settings(deadline=None)
@given(files())
def test_any_peaks_are_read_back_as_written_and_as_pandas_reads_them(tmp_path_factory, file):
    suffix, content, table, plain = file
    path = tmp_path_factory.getbasetemp() / f"round{suffix}"
    path.write_bytes(content)
    peaks = read_peaks(path)
    for name in ("chrom", "start", "end", "summit"):
        assert getattr(peaks, name).tolist() == table[name].tolist()
    np.testing.assert_allclose(peaks.log10p, table["log10p"].astype(float), rtol=1e-14)
    pandas = pd.read_csv(io.StringIO(plain), sep="\t", header=None, dtype={0: str}, na_filter=False)
    assert [peaks.chrom.tolist(), peaks.start.tolist(), peaks.end.tolist()] == [pandas[i].tolist() for i in range(3)]


# ---- mistakes

BED_MISTAKES = {
    "chr1\t5": "expected at least 3 columns, found 2",
    "chr1": "expected at least 3 columns, found 1",
    "chr1 5 9": "expected at least 3 columns, found 1; columns are separated by tabs",
    "\t5\t9": "the chromosome's name is empty or holds a NUL",
    "c\0hr1\t5\t9": "the chromosome's name is empty or holds a NUL",
    "chr1\t-5\t9": "start -5 is negative",
    "chr1\t9\t5": "end 5 is not after start 9",
    "chr1\t5\t5": "end 5 is not after start 5",
    "chr1\tx\t9": "start 'x' is not a whole number",
    "chr1\t5\ty": "end 'y' is not a whole number",
    "chr1\t5\t": "end '' is not a whole number",
    "chr1\tnan\t9": "start 'nan' is not a whole number",
    "chr1\t5.5\t9": "start '5.5' is not a whole number",
    "chr1\t5.0\t9": "start '5.0' is not a whole number",
    "chr1\t5\t1e3": "end '1e3' is not a whole number",
    "chr1\t1_0\t50": "start '1_0' is not a whole number",
    "chr1\t5\t1099511627777": "end 1099511627777 is larger than any chromosome",
    "chr1\t5\t9223372036854775808": "end 9223372036854775808 is larger than any chromosome",
    "chr1\t18446744073709551616\t18446744073709551617": "end 18446744073709551617 is larger than any chromosome",
    b"chr\xff\t5\t9": "not text: b'chr\\xff\\t5\\t9'; is this a peak file?",
}
NARROW_MISTAKES = {
    "chr1\t5\t9": "expected at least 10 columns, found 3",
    narrow().rpartition("\t")[0]: "expected at least 10 columns, found 9",
    narrow().replace("\t", " "): "expected at least 10 columns, found 1; columns are separated by tabs",
    narrow(p="-0.5"): f"column 8, −log10 p, is '-0.5'; {P_RULE}",
    narrow(p="-2"): f"column 8, −log10 p, is '-2'; {P_RULE}",
    narrow(p="nan"): f"column 8, −log10 p, is 'nan'; {P_RULE}",
    narrow(p="-inf"): f"column 8, −log10 p, is '-inf'; {P_RULE}",
    narrow(p="."): f"column 8, −log10 p, is '.'; {P_RULE}",
    narrow(p=""): f"column 8, −log10 p, is ''; {P_RULE}",
    narrow(p="1e-5x"): f"column 8, −log10 p, is '1e-5x'; {P_RULE}",
    narrow(summit=101): "the summit's offset 101 lies outside the peak of 100 bp",
    narrow(summit=-2): "the summit's offset -2 lies outside the peak of 100 bp",
    narrow(summit=10**20): f"the summit's offset {10**20} lies outside the peak of 100 bp",
    narrow(summit="x"): "column 10, the summit's offset, is 'x'; expected a whole number, or -1 for not given",
    narrow(summit="50.5"): "column 10, the summit's offset, is '50.5'; expected a whole number, or -1 for not given",
    narrow().replace("100", "-1"): "start -1 is negative",
}
BROAD_MISTAKES = {
    "chr1\t100\t200\tn\t0\t.\t3.5": "expected at least 9 columns, found 7",
    "chr1\t100\t200\tn\t0\t.\t3.5\t2": "expected at least 9 columns, found 8",
    "chr1\t100\t200\tn\t0\t.\t3.5\tnan\t-1": f"column 8, −log10 p, is 'nan'; {P_RULE}",
}
GOOD = {"bed": "chr1\t1\t5", "narrowPeak": narrow(), "broadPeak": "chr1\t1\t5\tn\t0\t.\t1\t2\t-1"}
MISTAKES = [
    (suffix, line, sentence)
    for suffix, mistakes in (("bed", BED_MISTAKES), ("narrowPeak", NARROW_MISTAKES), ("broadPeak", BROAD_MISTAKES))
    for line, sentence in mistakes.items()
]


@pytest.mark.parametrize(("suffix", "line", "sentence"), MISTAKES)
@pytest.mark.parametrize(
    ("newline", "before"),
    [(b"\n", []), (b"\r\n", ["# x", "", "track a", "chrom\tstart\tend", "GOOD", "#", "GOOD"])],
    ids=["line 1", "line 8, CRLF, after lines that are no peaks"],
)
def test_a_mistake_is_named_with_its_file_and_line(tmp_path, suffix, line, sentence, newline, before):
    good = GOOD[suffix]
    lines = [good if text == "GOOD" else text for text in before] + [line, good]
    content = newline.join(text if isinstance(text, bytes) else text.encode() for text in lines)
    assert message(tmp_path, f"a.{suffix}", content) == f"a.{suffix}, line {len(before) + 1}: {sentence}"


def test_the_first_of_several_mistakes_is_named(tmp_path):
    assert message(tmp_path, "a.bed", "chr1\t1\t5\nchr1\t9\t5\nchr1\tx\t5\n") == (
        "a.bed, line 2: end 5 is not after start 9"
    )


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\x00\x00", bytes(range(256)), b"\x7fELF\x02\t\x00\n\x00"])
def test_a_binary_file_is_refused(tmp_path, content):
    assert message(tmp_path, "a.bed", content).startswith("a.bed, line 1: ")


@pytest.mark.parametrize("left", [2, 15, -1, -9], ids=["magic", "head", "tail", "body"])
def test_a_truncated_gzip_is_refused(tmp_path, left):
    whole = gzip.compress("".join(f"chr1\t{i}\t{i + 5}\n" for i in range(500)).encode())
    assert message(tmp_path, "a.bed.gz", whole[:left]) == (
        "a.bed.gz: cannot be read (Compressed file ended before the end-of-stream marker was reached)"
    )


def test_a_damaged_gzip_is_refused(tmp_path):
    whole = bytearray(gzip.compress("".join(f"chr1\t{i}\t{i + 5}\n" for i in range(500)).encode()))
    whole[-8] ^= 1
    assert message(tmp_path, "a.bed.gz", bytes(whole)).startswith("a.bed.gz: cannot be read (CRC check failed")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(PeakFormatError, match=re.escape(f"{tmp_path}/a.bed: cannot be read (No such file or dir")):
        read_peaks(tmp_path / "a.bed")


# ---- by chromosome, and windows


def test_by_chrom_gives_the_rows_of_each_name_in_order(tmp_path):
    names = ["b", "a", "b", "c", "a", "b"]
    peaks = read(tmp_path, "a.bed", "".join(f"{name}\t{i}\t9\n" for i, name in enumerate(names)))
    assert {name: found.tolist() for name, found in by_chrom(peaks).items()} == {"b": [0, 2, 5], "a": [1, 4], "c": [3]}
    assert by_chrom(read(tmp_path, "a.bed", "")) == {}


@pytest.mark.parametrize(("window", "expected"), [(200, (50, 250)), (7, (147, 154)), (1, (150, 151))])
def test_a_peak_window_is_centered_on_the_summit(tmp_path, window, expected):
    start, end = peak_windows(read(tmp_path, "a.narrowPeak", narrow(summit=50)), window)
    assert (start.item(), end.item()) == expected


def test_a_peak_window_may_pass_the_start_of_the_chromosome(tmp_path):
    start, end = peak_windows(read(tmp_path, "a.bed", "chr1\t0\t2\n"), 200)
    assert (start.item(), end.item()) == (-99, 101)


# ---- which files belong to which TF


@pytest.fixture
def folder(tmp_path) -> Path:
    for name in ("b.bed", "A.narrowPeak.gz", "C-x.y.broadPeak", ".hidden.bed", "notes.md", "b.bed.bai", "A.narrowPeak"):
        (tmp_path / name).touch()
    return tmp_path


def test_a_folder_gives_its_peak_files_by_tf_in_alphabetical_order(folder):
    found = find_peaks([folder])
    assert list(found.items()) == [
        ("A", [folder / "A.narrowPeak", folder / "A.narrowPeak.gz"]),
        ("C-x.y", [folder / "C-x.y.broadPeak"]),
        ("b", [folder / "b.bed"]),
    ]


def test_files_of_one_tf_are_united_each_once(folder):
    sheet = folder / "sheet.tsv"
    sheet.write_text("X\tb.bed\nX\tA.narrowPeak\nX\tb.bed\n")
    found = find_peaks([folder / "b.bed", sheet, folder / "b.bed"])
    assert found == {"X": [folder / "b.bed", folder / "A.narrowPeak"], "b": [folder / "b.bed"]}


@pytest.mark.parametrize(
    "text",
    [
        "tf\tpath\nX\tsub/1.bed\nY Z\tsub/2.bed\n",
        "X\tsub/1.bed\nY Z\tsub/2.bed",
        "tf\tpath\r\nX\tsub/1.bed\r\nY Z\tsub/2.bed\r\n",
        "\ufefftf\tpath\n# note\n\nX\tsub/1.bed\n Y Z \t sub/2.bed \n",
    ],
    ids=["header", "no header", "CRLF", "byte order mark"],
)
@pytest.mark.parametrize("name", ["sheet.tsv", "sheet.txt"])
def test_the_paths_of_a_sheet_are_relative_to_the_sheet(tmp_path, monkeypatch, text, name):
    (tmp_path / "there" / "sub").mkdir(parents=True)
    for number in (1, 2):
        (tmp_path / "there" / "sub" / f"{number}.bed").touch()
    (tmp_path / "there" / name).write_bytes(text.encode())
    monkeypatch.chdir(tmp_path)
    sub = Path("there/sub")
    assert find_peaks([Path("there") / name]) == {"X": [sub / "1.bed"], "Y Z": [sub / "2.bed"]}


@pytest.mark.parametrize("header", ["tf\tpath\tcell\n", "", "# made by hand\n"])
def test_a_sheet_with_cells_names_labels_by_tf_and_cell(tmp_path, header):
    for name in ("1.bed", "2.bed", "3.bed", "Z.bed"):
        (tmp_path / name).touch()
    (tmp_path / "sheet.tsv").write_text(f"{header}X\t1.bed\tK562\nX\t2.bed\tGM 1\nX\t3.bed\tK562\n")
    (tmp_path / "plain.tsv").write_text("X\t1.bed\n")
    found = find_peaks([tmp_path / "sheet.tsv", tmp_path / "plain.tsv", tmp_path / "Z.bed"])
    assert {label: [file.name for file in files] for label, files in found.items()} == {
        "X": ["1.bed"], "X@GM 1": ["2.bed"], "X@K562": ["1.bed", "3.bed"], "Z": ["Z.bed"]
    }  # fmt: skip


words = st.text("aB1 -_.é", min_size=1, max_size=4).map(str.strip).filter(bool)


@settings(deadline=None)
@given(st.lists(st.tuples(words, words), min_size=1, max_size=6), st.booleans(), st.booleans())
def test_a_label_of_any_sheet_says_its_tf_and_cell(tmp_path_factory, rows, cells, header):
    folder = tmp_path_factory.getbasetemp()
    lines = ["tf\tpath" + "\tcell" * cells] * header
    expected = {}
    for number, (tf, cell) in enumerate(rows):
        (folder / f"{number}.bed").touch()
        lines.append(f"{tf}\t{number}.bed" + f"\t{cell}" * cells)
        expected.setdefault((tf, cell if cells else ""), []).append(folder / f"{number}.bed")
    (folder / "sheet.tsv").write_text("\n".join(lines), encoding="utf-8")
    assert {tf_and_cell(label): files for label, files in find_peaks([folder / "sheet.tsv"]).items()} == expected


def test_a_sheet_may_name_files_by_absolute_path_and_any_suffix(tmp_path):
    (tmp_path / "peaks.xls").touch()
    (tmp_path / "sheet.tsv").write_text(f"X\t{tmp_path}/peaks.xls\n")
    assert find_peaks([tmp_path / "sheet.tsv"]) == {"X": [tmp_path / "peaks.xls"]}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("tf\tpath\nX\tnope.bed\n", "nope.bed: no such file (named in {folder}/sheet.tsv)"),
        ("X a.bed\n", f"sheet.tsv, line 1: {TWO}; found 'X a.bed'"),
        ("tf\tpath\n\n#\nX\n", f"sheet.tsv, line 4: {TWO}, as line 1 has; found 'X'"),
        ("X\t\n", f"sheet.tsv, line 1: {TWO}; found 'X\\t'"),
        ("X\ta\tb\tc\n", f"sheet.tsv, line 1: {TWO}; found 'X\\ta\\tb\\tc'"),
        ("tf\tpath\nX\ta\tK\n", f"sheet.tsv, line 2: {TWO}, as line 1 has; found 'X\\ta\\tK'"),
        ("tf\tpath\tcell\nX\ta\n", f"sheet.tsv, line 2: {THREE}, as line 1 has; found 'X\\ta'"),
        ("# no header\nX\ta\nY\tb\tK\n", f"sheet.tsv, line 3: {TWO}, as line 2 has; found 'Y\\tb\\tK'"),
        ("X\ta\tK\n\nY\tb\n", f"sheet.tsv, line 3: {THREE}, as line 1 has; found 'Y\\tb'"),
        ("X\ta\tK\nY\tb\t\n", f"sheet.tsv, line 2: {THREE}, as line 1 has; found 'Y\\tb\\t'"),
        ("X@Y\ta\tK\n", "sheet.tsv, line 1: an @ in 'X@Y@K' that does not part tf and cell"),
        ("X\ta\tK\nX\ta\t@\n", "sheet.tsv, line 2: an @ in 'X@@' that does not part tf and cell"),
        ("tf\tpath\tcell\n", "sheet.tsv: the sheet names no peak file"),
        ("tf\tpath\n", "sheet.tsv: the sheet names no peak file"),
    ],
)
def test_a_wrong_sheet_is_refused(tmp_path, text, sentence):
    (tmp_path / "sheet.tsv").write_text(text)
    with pytest.raises(InputError) as error:
        find_peaks([tmp_path / "sheet.tsv"])
    assert str(error.value) == f"{tmp_path}/" + sentence.replace("{folder}", str(tmp_path))


def test_a_missing_sheet_is_refused(tmp_path):
    with pytest.raises(InputError, match=re.escape(f"{tmp_path}/no.tsv: cannot be read (No such file or directory)")):
        find_peaks([tmp_path / "no.tsv"])


def test_a_sheet_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "sheet.tsv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PeakFormatError, match="sheet.tsv: is not text"):
        find_peaks([tmp_path / "sheet.tsv"])


EXPECTED = "expected a folder, <TF>.narrowPeak|.broadPeak|.bed[.gz], or a .tsv sheet of tf, path"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("empty", "no peak file there; expected <TF>.narrowPeak, .broadPeak or .bed, or .gz"),
        ("notes.md", EXPECTED),
        ("nope", f"no such file or folder; {EXPECTED}"),
        ("nope.bed", "no such file"),
    ],
)
def test_a_path_without_peaks_is_refused(tmp_path, name, sentence):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".hidden.bed").touch()
    (tmp_path / "notes.md").touch()
    with pytest.raises(InputError) as error:
        find_peaks([tmp_path / name])
    assert str(error.value) == f"{tmp_path / name}: {sentence}"
