"""Bad input, case by case: each is refused with a sentence that names file, place, value and expectation, or accepted.

The cases that a reader's own tests hold in more detail stand here once more, by name, so that the list is whole.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import string
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pmntool.chroms import read_sizes
from pmntool.dataset import Dataset
from pmntool.errors import (
    GenomeError,
    InputError,
    MismatchError,
    MotifError,
    PeakFormatError,
    PmnError,
)
from pmntool.genome import Genome
from pmntool.models import Hyperparameters
from pmntool.motifs import read_motifs
from pmntool.peaks import find_peaks, read_peaks
from pmntool.regions import parse_region, read_regions
from pmntool.tracks import file_stems
from pmntool.trrust import read_trrust
from pmntool.verbs.build_dataset import Options, build_dataset
from pmntool.verbs.predict import predict
from pmntool.verbs.train import Settings, train

READERS: dict[str, Callable[[Path], object]] = {
    "a.bed": read_peaks,
    "a.narrowPeak": read_peaks,
    "a.broadPeak": read_peaks,
    "sheet.tsv": lambda path: find_peaks([path]),
    "a.sizes": read_sizes,
    "a.fa": Genome,
    "a.meme": read_motifs,
    "a.tsv": read_trrust,
    "regions.bed": lambda path: read_regions(path, {"chr1": 1000}),
}
ELF = b"\x7fELF\x02\x01\x01\x00" + bytes(range(256))
MEME = "MEME version 4\n\nMOTIF A\nletter-probability matrix: alength= 4 w= 1 nsites= {n}\n{row}\n"


def narrow(p: object = 5, summit: object = 1) -> str:
    return f"chr1\t100\t300\tp\t0\t.\t1\t{p}\t-1\t{summit}\n"


CASES = {
    # empty
    "empty FASTA": ("a.fa", "", GenomeError, "a.fa: the file is empty; expected FASTA"),
    "empty sizes": ("a.sizes", "", GenomeError, "a.sizes: no chromosome found"),
    "empty sheet": ("sheet.tsv", "", PeakFormatError, "sheet.tsv: the sheet names no peak file"),
    "empty motifs": ("a.meme", "", MotifError, "a.meme, line 1: expected 'MEME version 4' or 5"),
    "empty TRRUST": ("a.tsv", "", InputError, "a.tsv: holds no line; expected the table of TRRUST"),
    "empty regions": ("regions.bed", "", InputError, "regions.bed: no region found; expected BED"),
    # binary
    "binary BED": ("a.bed", ELF, PeakFormatError, "a.bed, line 1: "),
    "binary narrowPeak": ("a.narrowPeak", ELF, PeakFormatError, "a.narrowPeak, line 1: "),
    "binary sheet": ("sheet.tsv", ELF, PeakFormatError, "sheet.tsv: is not text (byte 137); expected UTF-8"),
    "binary sizes": ("a.sizes", ELF, GenomeError, "a.sizes: is not text (byte 137); expected UTF-8"),
    "binary FASTA": ("a.fa", ELF, GenomeError, "a.fa, line 1: expected FASTA, '>' and a name; found b'\\x7fELF"),
    "binary motifs": ("a.meme", ELF, MotifError, "a.meme: is not text (byte 137); expected UTF-8"),
    "binary TRRUST": ("a.tsv", ELF, InputError, "a.tsv: is not text (byte 137); expected UTF-8"),
    # columns
    "BED of two columns": ("a.bed", "chr1\t1\n", PeakFormatError, "line 1: expected at least 3 columns, found 2"),
    "BED with spaces": ("a.bed", "chr1 1 2\n", PeakFormatError, "found 1; columns are separated by tabs"),
    "narrowPeak of nine": ("a.narrowPeak", "c\t1\t2\ta\t0\t.\t1\t2\t3\n", PeakFormatError, "10 columns, found 9"),
    "broadPeak of eight": ("a.broadPeak", "c\t1\t2\ta\t0\t.\t1\t2\n", PeakFormatError, "at least 9 columns, found 8"),
    "sheet of four": ("sheet.tsv", "A\tb.bed\tK\tx\n", PeakFormatError, "line 1: expected 2 columns, tf, path"),
    "sizes of one": ("a.sizes", "chr1\n", GenomeError, "line 1: expected a name, a tab and a length"),
    "TRRUST of three": ("a.tsv", "A\tB\tUnknown\n", InputError, "line 1: 'A\\tB\\tUnknown'; expected TF, target"),
    # coordinates
    "negative start": ("a.bed", "chr1\t-5\t9\n", PeakFormatError, "line 1: start -5 is negative"),
    "reversed": ("a.bed", "chr1\t9\t5\n", PeakFormatError, "line 1: end 5 is not after start 9"),
    "of no base": ("a.bed", "chr1\t9\t9\n", PeakFormatError, "line 1: end 9 is not after start 9"),
    "past the chromosome": ("regions.bed", "chr1\t5\t1001\n", MismatchError, "chr1:5-1001 passes the chromosome's end"),
    "64-bit overflow": ("a.bed", f"chr1\t1\t{2**63}\n", PeakFormatError, f"end {2**63} is larger than any chromosome"),
    "just below 2**63": ("a.bed", f"chr1\t1\t{2**63 - 1}\n", PeakFormatError, "is larger than any chromosome"),
    "5,000 digits": ("a.bed", f"chr1\t1\t{'9' * 5000}\n", PeakFormatError, "is larger than any chromosome"),
    "a length of 15 digits": ("a.sizes", f"chr1\t{10**14}\n", GenomeError, "expected at most 2147483647"),
    "a number with a point": ("a.bed", "chr1\t1.5\t9\n", PeakFormatError, "start '1.5' is not a whole number"),
    # NaN and inf
    "p is NaN": ("a.narrowPeak", narrow(p="nan"), PeakFormatError, "column 8, −log10 p, is 'nan'"),
    "p is -inf": ("a.narrowPeak", narrow(p="-inf"), PeakFormatError, "column 8, −log10 p, is '-inf'"),
    "a share is NaN": ("a.meme", MEME.format(n=9, row="nan 0 0 1"), MotifError, "line 5: expected shares of A C G T"),
    "sites are inf": ("a.meme", MEME.format(n="inf", row="0 0 0 1"), MotifError, "line 4: expected alength= 4"),
    "a count is inf": ("a.meme", ">a\n1\ninf\n1\n1\n", MotifError, "line 3: expected counts of C"),
    # summits
    "summit past its peak": ("a.narrowPeak", narrow(summit=201), PeakFormatError, "201 lies outside the peak of"),
    "summit before its peak": ("a.narrowPeak", narrow(summit=-2), PeakFormatError, "offset -2 lies outside"),
    "summit of 5,000 digits": ("a.narrowPeak", narrow(summit="9" * 5000), PeakFormatError, "lies outside the peak"),
    # files of another kind
    "gzip that is not bgzip": ("a.fa", gzip.compress(b">a\nACGT\n"), GenomeError, "a.fa: gzip, but not bgzip"),
    "truncated gzip": ("a.bed", gzip.compress(b"chr1\t1\t9\n" * 99)[:-9], PeakFormatError, "a.bed: cannot be read ("),
    "protein FASTA": ("a.fa", ">sp\nMEFLLPQIKDELFPQRSTVWY\n", GenomeError, "sp begins with MEFLLPQIKDELF"),
    "sequence before a name": ("a.fa", "ACGT\n>a\nACGT\n", GenomeError, "a.fa, line 1: expected FASTA, '>' and a name"),
    "ragged FASTA": ("a.fa", ">a\nACGT\nACGTA\n", GenomeError, "a.fa, line 3: all lines of a sequence but the last"),
    "a name twice in a FASTA": ("a.fa", ">a\nAC\n>a\nGT\n", GenomeError, "a.fa, line 3: the name 'a' stands"),
    "a tab in a sequence": ("a.fa", ">a\n\tACGT\nAC\n", GenomeError, "a.fa: a:0-6 cannot be read; is the .fai"),
    "no letter in the first line": ("a.fa", ">a\n\x02\x03\x04\nA\n", GenomeError, "a.fa: a:0-1 cannot be read; is"),
    "a name with a bell": ("a.fa", ">a\x07\nAC\n", GenomeError, "called 'a\\x07'; expected printable ASCII"),
    "a name twice in sizes": ("a.sizes", "a\t5\na\t5\n", GenomeError, "line 2: chromosome 'a' stands there twice"),
    # names in sheets
    "a path with a NUL": ("sheet.tsv", "A\tb\0.bed\n", InputError, "no such file (named in"),
    "a path of 5,000 letters": ("sheet.tsv", f"A\t{'b' * 5000}\n", InputError, "no such file (named in"),
    "two @ in a label": ("sheet.tsv", "A@x\ta.bed\tK\n", PeakFormatError, "an @ in 'A@x@K' that does not part"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "error", "sentence"), CASES.values(), ids=CASES)
def test_it_is_refused_with_a_sentence(tmp_path, name, content, error, sentence):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(error) as caught:
        READERS[name](path)
    assert str(caught.value).startswith(str(path)) or "named in" in sentence
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", READERS)
def test_what_is_no_file_is_refused(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(PmnError, match=re.escape(name)):
        READERS[name](tmp_path / name)
    with pytest.raises(PmnError, match=f"x{re.escape(name)}"):
        READERS[name](tmp_path / f"x{name}")


@pytest.mark.parametrize("name", ["a.bed", "sheet.tsv", "a.sizes", "a.meme", "a.tsv"])
def test_more_than_memory_is_for_is_refused(tmp_path, monkeypatch, name):
    """As a gzip file of a gigabyte of blanks would be, in little."""
    monkeypatch.setattr("pmntool.text.MOST_BYTES", 1000)
    content = b" " * 1001
    (tmp_path / name).write_bytes(gzip.compress(content) if name == "a.bed" else content)
    with pytest.raises(InputError, match="holds more than 1000 bytes of text; expected a smaller file"):
        READERS[name](tmp_path / name)


def test_more_lines_than_memory_is_for(tmp_path, monkeypatch):
    monkeypatch.setattr("pmntool.peaks.MOST_LINES", 3)
    (tmp_path / "a.bed").write_text("\n" * 4)
    with pytest.raises(PeakFormatError, match="a.bed: more than 3 lines; expected peaks"):
        read_peaks(tmp_path / "a.bed")


@pytest.mark.parametrize("text", ["chr1:" + "9" * 5000, "chr1:1-0", "chr1:٣-٥", "", "chr1:\n1-5", "chr1:5-4"])
def test_a_region_that_is_none(text):
    with pytest.raises((InputError, MismatchError), match="^region "):
        parse_region(text, {"chr1": 1000})


# What is accepted, and means what it means elsewhere


def test_an_empty_bed_is_no_peak_and_infinite_p_is_one(tmp_path):
    (tmp_path / "a.bed").touch()
    assert len(read_peaks(tmp_path / "a.bed").start) == 0
    (tmp_path / "a.narrowPeak").write_text(narrow(p="inf", summit=200))  # p underflows to 0
    peaks = read_peaks(tmp_path / "a.narrowPeak")
    assert peaks.log10p.tolist() == [np.inf] and peaks.summit.tolist() == [300]


def test_windows_line_ends_and_an_index_of_before(tmp_path):
    (tmp_path / "a.fa").write_bytes(b">a\r\nACGT\r\nAC\r\n")
    (tmp_path / "a.fa.fai").write_text("a\t2\t9\t2\t3\n")
    os.utime(tmp_path / "a.fa.fai", (0, 0))
    with Genome(tmp_path / "a.fa") as genome:
        assert genome.sizes == {"a": 6} and genome.codes("a", 0, 6).tolist() == [0, 1, 2, 3, 0, 1]


def test_an_index_that_tells_of_more_than_there_is(tmp_path, caplog):
    (tmp_path / "a.fa").write_text(">a\nACGT\n")
    (tmp_path / "a.fa.fai").write_text("a\t2000000000\t3\t60\t61\n")
    with Genome(tmp_path / "a.fa") as genome:
        assert genome.sizes == {"a": 4}
    assert "a.fa.fai is not used: of another FASTA" in caplog.text


PRINTABLE = [letter for letter in string.printable if letter.isprintable() and letter != " "]


def test_chromosomes_of_every_printable_letter(tmp_path):
    """From FASTA and BED to windows.bed, which bedtools reads where it is installed."""
    rng = np.random.default_rng(0)
    names = [f"{letter}{letter}x{letter}" for letter in PRINTABLE if letter != "#"] + ["x#", "NA", "nan", "1e5", "007"]
    sequence = {name: "".join(rng.choice(list("ACGT"), 400)) for name in names}
    (tmp_path / "g.fa").write_text("".join(f">{name}\n{letters}\n" for name, letters in sequence.items()))
    (tmp_path / "A.bed").write_text("".join(f"{name}\t150\t250\n" for name in names))
    options = Options(valid_chroms=(names[0],), test_chroms=("NA",))
    build_dataset(tmp_path / "g.fa", [tmp_path / "A.bed"], tmp_path / "out", options)
    data = Dataset(tmp_path / "out")
    assert set(data.windows()["chrom"]) == set(names)
    lines = [line.split("\t") for line in (tmp_path / "out" / "windows.bed").read_text().splitlines()]
    assert [line[0] for line in lines] == data.windows()["chrom"].tolist()
    if shutil.which("bedtools"):
        command = ["bedtools", "getfasta", "-tab", "-fi", tmp_path / "g.fa", "-bed", tmp_path / "out" / "windows.bed"]
        found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        codes = [data.sequence[offset : offset + data.window] for offset in data.offsets]
        assert [line.split("\t")[1] for line in found] == ["".join("ACGT"[c] for c in some) for some in codes]


NAMES = [
    "A/B", "../../etc/passwd", "..", ".", "a b", "a'b", 'a"b', "$x_{$", "NF-κB", "基因", "<script>", "; rm -rf ~",
    "-rf", "CON", "CTCF", "ctcf", "Ctcf", "N" * 300, "%s%n", "{0}", "[bold]",
]  # fmt: skip


def test_names_never_leave_the_output(tmp_path):
    """Peaks to tracks, with names that are paths, words of a shell, formulas, HTML, or differ by case alone."""
    rng = np.random.default_rng(1)
    letters = {chrom: "".join(rng.choice(list("ACGT"), 2000)) for chrom in ("chr1", "chr2", "chr3")}
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "g.fa").write_text("".join(f">{chrom}\n{text}\n" for chrom, text in letters.items()))
    (tmp_path / "in" / "p.bed").write_text("".join(f"{c}\t{s}\t{s + 9}\n" for c in letters for s in (300, 900, 1500)))
    (tmp_path / "in" / "sheet.tsv").write_text("".join(f"{name}\tp.bed\n" for name in NAMES))
    out = tmp_path / "out"
    build_dataset(tmp_path / "in" / "g.fa", [tmp_path / "in" / "sheet.tsv"], out / "ds")
    assert sorted(Dataset(out / "ds").tfs) == sorted(NAMES)
    train(out / "ds", out / "run", Settings("cnn", epochs=1), Hyperparameters((4,), (5,)), device="cpu")
    done = predict(tmp_path / "in" / "g.fa", out / "tracks", out / "run", kind="bedgraph", chroms=["chr1"])
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}
    assert {path.name for path in out.iterdir()} == {"ds", "run", "tracks"}
    written = {path.name for path in (out / "tracks").iterdir()}
    assert written == {*done.files.values(), "tracks.json", "tracks.tsv"}
    assert len({name.casefold() for name in written}) == len(NAMES) + 2  # two letters' cases are one to some systems
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,120}", name) for name in written)


def test_a_name_with_what_no_table_can_hold(tmp_path):
    names = ["a\tb", "a\nb", "a\x1b[31m", "a\x00", os.fsdecode(b"a\xff"), "a\u2028b", " a", "a "]
    for number, name in enumerate(names):
        (tmp_path / str(number)).mkdir()
        if "\x00" in name:
            continue  # the system has no such name
        (tmp_path / str(number) / f"{name}.bed").write_text("chr1\t1\t9\n")
        with pytest.raises(InputError, match="no name of a TF; expected text without tabs, outer blanks and the like"):
            find_peaks([tmp_path / str(number)])


def test_stems_of_2000_tfs_are_2000(tmp_path):
    tfs = [f"{'Tf' if i % 2 else 'tF'}{i // 2}" for i in range(2000)]
    assert len({stem.casefold() for stem in file_stems(tfs).values()}) == 2000


# Datasets that cannot be, of inputs that can


@pytest.fixture
def small(tmp_path):
    """Three chromosomes of 1 kb and one TF with a peak on each."""
    rng = np.random.default_rng(2)
    chroms = ("chr1", "chr2", "chr3")
    (tmp_path / "g.fa").write_text("".join(f">{c}\n{''.join(rng.choice(list('ACGT'), 1000))}\n" for c in chroms))
    (tmp_path / "A.bed").write_text("".join(f"{c}\t400\t500\n" for c in chroms))
    return tmp_path


def test_one_tf_is_enough(small):
    assert build_dataset(small / "g.fa", [small / "A.bed"], None).meta["tfs"] == ["A"]


def test_no_peak_in_a_split(small):
    (small / "A.bed").write_text("chr1\t400\t500\nchr2\t400\t500\n")
    with pytest.raises(InputError, match=r"no TF is left: .* \(A: no positive window in test\)"):
        build_dataset(small / "g.fa", [small / "A.bed"], None)


def test_a_window_longer_than_every_chromosome(small):
    with pytest.raises(InputError, match=r"no TF is left: .* \(A: no positive window\)"):
        build_dataset(small / "g.fa", [small / "A.bed"], None, Options(window=1001))


def test_one_tf_in_two_files_is_united(small):
    (small / "other").mkdir()
    (small / "other" / "A.bed").write_text("chr1\t700\t800\n")
    built = build_dataset(small / "g.fa", [small / "A.bed", small / "other"], None)
    assert built.meta["tfs"] == ["A"] and [known["peaks"] for known in built.meta["inputs"]] == [3, 1]


def test_2000_tfs(small, monkeypatch):
    """All of them, their bits in order; the figure, which takes longer than the rest, is left out."""
    monkeypatch.setattr("pmntool.plots.tf_frequencies", lambda *args: None)
    (small / "many").mkdir()
    for number in range(2000):
        place = 200 + number % 7 * 50
        lines = [f"chr{c}\t{place}\t{place + 9}\n" for c in (1, 2, 3)]
        (small / "many" / f"T{number:04}.bed").write_text("".join(lines))
    build_dataset(small / "g.fa", [small / "many"], small / "out")
    data = Dataset(small / "out")
    assert len(data.tfs) == 2000 and (data.targets("test") == data.targets("test")[:, np.arange(2000) % 7]).all()
