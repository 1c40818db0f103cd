"""The genome: letters to codes, every kind of FASTA that is refused, and nothing left beside the data."""

import gzip
import hashlib
import io
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import numpy as np
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pmntool.errors import GenomeError, Stopped
from pmntool.fasta_index import why_unfit
from pmntool.genome import Genome, encode

SEQUENCES = {"chr2": "ACGTacgtNNRYKM-*ac", "chr1": "GGGGCCCCTTTTAAAA" * 9, "chrM": "t"}
RAGGED = (
    "all lines of a sequence but the last must have one length, blanks at their ends included; "
    "`samtools faidx` has the same rule, `seqkit seq -w 60` mends the file"
)
PLAIN_GZIP = "gzip, but not bgzip, cannot be read by position; run `gunzip` on it, or `gunzip -c | bgzip`"


def fasta(sequences: dict[str, str], width: int = 7, newline: str = "\n") -> bytes:
    lines = []
    for name, sequence in sequences.items():
        lines += [f">{name} some words", *(sequence[i : i + width] for i in range(0, len(sequence), width))]
    return (newline.join(lines) + newline).encode()


def expected(sequence: str) -> list[int]:
    return ["ACGT".index(letter) if letter in "ACGT" else 4 for letter in sequence.upper()]


@pytest.fixture
def temporary(tmp_path, monkeypatch) -> Path:
    """Return the folder where temporary files go in this test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def message(path: Path, content: bytes) -> str:
    """Return what opening and reading such a file complains of, without the folder."""
    path.write_bytes(content)
    with pytest.raises(GenomeError) as error, Genome(path) as genome:
        for chrom, size in genome.sizes.items():
            genome.codes(chrom, 0, size)
    assert str(error.value).startswith(str(path))
    return str(error.value).removeprefix(f"{path.parent}/")


def test_a_file_that_was_written_to_while_it_was_read_is_said(tmp_path):
    path = tmp_path / "x.fa"
    path.write_bytes(fasta(SEQUENCES))
    with Genome(path) as genome:
        genome.require_unchanged()
        (tmp_path / "new.fa").write_bytes(fasta(SEQUENCES))
        os.replace(tmp_path / "new.fa", path)  # the old one is still what is read
        genome.require_unchanged()
    with Genome(path) as genome:
        path.write_bytes(fasta({"chr1": "TTTT"}))
        with pytest.raises(GenomeError, match="x.fa: was written to while it was read; run the command again"):
            genome.require_unchanged()


def test_a_path_that_is_not_utf_8_is_a_path(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.fa"))
    path.write_bytes(fasta(SEQUENCES))
    with Genome(path) as genome:
        assert genome.codes("chr1", 0, 6).tolist() == [2, 2, 2, 2, 1, 1]


# ---- letters


@given(st.binary(max_size=50))
def test_every_byte_has_a_code(letters):
    codes = encode(letters)
    assert codes.dtype == np.uint8
    assert codes.tolist() == expected(letters.decode("latin-1").replace("ß", "?"))


def test_text_and_bytes_have_the_same_codes():
    assert encode("acgtN").tolist() == encode(b"ACGTn").tolist() == [0, 1, 2, 3, 4]


# ---- reading


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("width", [1, 7, 1000])
def test_codes_are_those_of_the_letters(tmp_path, newline, width):
    (tmp_path / "genome.fa").write_bytes(fasta(SEQUENCES, width, newline))
    with Genome(tmp_path / "genome.fa") as genome:
        assert list(genome.sizes.items()) == [(name, len(sequence)) for name, sequence in SEQUENCES.items()]
        for name, sequence in SEQUENCES.items():
            for start, end in [(0, len(sequence)), (0, 0), (len(sequence) // 2, len(sequence))]:
                codes = genome.codes(name, start, end)
                assert codes.dtype == np.uint8
                assert codes.tolist() == expected(sequence[start:end])


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize("blanks", [" ", "\t", "  \t", " \r"])
def test_blanks_at_the_end_of_every_line_are_no_bases(tmp_path, caplog, blanks, indexed):
    path = tmp_path / "genome.fa"
    path.write_bytes(fasta(SEQUENCES, newline=f"{blanks}\n"))
    if indexed:
        pysam.faidx(str(path))
    with Genome(path) as genome:
        assert genome.sizes == {name: len(sequence) for name, sequence in SEQUENCES.items()}
        for name, sequence in SEQUENCES.items():
            assert genome.codes(name, 0, len(sequence)).tolist() == expected(sequence)
    assert caplog.text == ""


def test_blanks_at_the_end_of_some_lines_are_refused(tmp_path):
    assert message(tmp_path / "genome.fa", b">a\nACGT\nACGT \nAC\n") == f"genome.fa, line 3: {RAGGED}"


def test_the_last_line_needs_no_newline(tmp_path):
    (tmp_path / "genome.fa").write_bytes(fasta(SEQUENCES)[:-1])
    with Genome(tmp_path / "genome.fa") as genome:
        assert genome.codes("chrM", 0, 1).tolist() == [3]


@settings(deadline=None, max_examples=20)
@given(st.text("ACGTNacgtnRYSWKM", min_size=1, max_size=60), st.integers(1, 20), st.data())
def test_any_part_of_any_sequence_is_read(tmp_path_factory, sequence, width, data):
    path = tmp_path_factory.getbasetemp() / "any.fa"
    path.write_bytes(fasta({"a": "ACG", "b": sequence}, width))
    start = data.draw(st.integers(0, len(sequence)))
    end = data.draw(st.integers(start, len(sequence)))
    with Genome(path) as genome:
        assert genome.codes("b", start, end).tolist() == expected(sequence[start:end])


def test_the_checksum_is_the_md5_of_the_capitals(tmp_path, monkeypatch):
    (tmp_path / "genome.fa").write_bytes(fasta(SEQUENCES))
    with Genome(tmp_path / "genome.fa") as genome:
        for name, sequence in SEQUENCES.items():
            letters, checksum = genome.letters_and_checksum(name)
            assert letters.tobytes().decode() == sequence
            wanted = hashlib.md5(sequence.upper().encode()).hexdigest()
            assert checksum.result() == wanted
            for piece in (1, 7, 1000):
                monkeypatch.setattr("pmntool.genome.PIECE", piece)
                assert genome.checksum(name) == genome.letters_and_checksum(name)[1].result() == wanted


def test_a_line_that_ends_where_the_index_promises_a_base(tmp_path):
    """The index has lines of 6; those of the file have 5, and both end at the same byte."""
    path = tmp_path / "genome.fa"
    path.write_bytes(b">a\nACGTA\nCGTAC\n")
    Path(f"{path}.fai").write_text("a\t10\t3\t6\t7\n")
    with pytest.raises(GenomeError, match="genome.fa: a:0-10 cannot be read; is the .fai its own, and no blank"):
        Genome(path)


@pytest.mark.parametrize("end", [b" ", b"\t", b"\r"])
def test_lines_that_end_in_a_blank_here_and_there_mislead_nobody(tmp_path, end):
    """By the index, which counts the first line's letters, bases would be passed over."""
    for first, second in ((b"AC" + end, b"ACG"), (b"ACG", b"AC" + end)):
        (tmp_path / "a.fa").write_bytes(b">a\n" + first + b"\n" + second + b"\nACG\n>b\nACGT\n")
        with pytest.raises(GenomeError, match="a:0-.*(cannot be read; is the .fai|holds blanks)"):
            Genome(tmp_path / "a.fa")


def test_a_piece_of_a_line_is_read_alone(tmp_path, monkeypatch):
    """A line may be a whole chromosome."""
    (tmp_path / "a.fa").write_bytes(b">a\n" + b"ACGT" * 500_000 + b"\n")
    n_read = []

    class Counting(io.FileIO):
        def readinto(self, buffer):
            n_read.append(super().readinto(buffer))
            return n_read[-1]

    monkeypatch.setattr(Path, "open", lambda path, mode: io.BufferedReader(Counting(path)))
    with Genome(tmp_path / "a.fa") as genome:
        n_read.clear()
        assert genome.codes("a", 1_800_001, 1_800_005).tolist() == [1, 2, 3, 0]
    assert 0 < sum(n_read) < 100_000


def test_two_chromosomes_are_hashed_at_a_time_and_three_are_held(tmp_path, monkeypatch):
    (tmp_path / "a.fa").write_bytes(fasta(dict.fromkeys("abc", "ACGT")))
    go, begun = threading.Event(), []
    monkeypatch.setattr("pmntool.genome.PIECE", 1)
    monkeypatch.setattr("pmntool.genome._md5", lambda pieces: begun.append(1) or go.wait(60) and "done")
    with Genome(tmp_path / "a.fa") as genome, ThreadPoolExecutor(1) as beside:
        held = [genome.letters_and_checksum(chrom)[1] for chrom in "ab"]
        third = beside.submit(genome.letters_and_checksum, "c")
        assert not wait([third], timeout=0.2).done and not any(future.done() for future in held)
        go.set()
        assert third.result(60)[1].result(60) == "done" and len(begun) == 3


@pytest.mark.parametrize("place", [("chr2", -1, 5), ("chr2", 5, 4), ("chr2", 0, 19), ("chr9", 0, 1), ("2", 0, 1)])
def test_a_place_outside_the_genome_is_refused(tmp_path, place):
    (tmp_path / "genome.fa").write_bytes(fasta(SEQUENCES))
    with Genome(tmp_path / "genome.fa") as genome, pytest.raises(GenomeError) as error:
        genome.codes(*place)
    assert str(error.value) == f"{tmp_path}/genome.fa: {place[0]}:{place[1]}-{place[2]} is not within the genome"


# ---- indexes


def test_nothing_is_written_beside_the_file_and_the_temporary_index_goes(tmp_path, temporary):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "genome.fa").write_bytes(fasta(SEQUENCES))
    with Genome(tmp_path / "data" / "genome.fa"):
        assert os.listdir(tmp_path / "data") == ["genome.fa"]
        assert len(os.listdir(temporary)) == 1
    assert os.listdir(tmp_path / "data") == ["genome.fa"]
    assert os.listdir(temporary) == []


@pytest.mark.parametrize("content", [b">a\nACGT\nACGTA\n", b">a\n\n", gzip.compress(b">a\nAC\n"), b""])
def test_the_temporary_index_goes_after_an_error(tmp_path, temporary, content):
    message(tmp_path / "genome.fa", content)
    assert os.listdir(temporary) == []


def test_an_index_beside_the_file_is_used(tmp_path, temporary):
    path = tmp_path / "genome.fa"
    path.write_bytes(fasta(SEQUENCES))
    pysam.faidx(str(path))
    with Genome(path) as genome:
        assert os.listdir(temporary) == []
        assert genome.codes("chrM", 0, 1).tolist() == [3]


def test_an_index_older_than_the_file_is_not_used(tmp_path):
    path = tmp_path / "genome.fa"
    path.write_bytes(fasta(SEQUENCES))
    wrong = "chr2\t3\t20\t7\t8\n"
    Path(f"{path}.fai").write_text(wrong)
    os.utime(f"{path}.fai", ns=(0, path.stat().st_mtime_ns - 10**9))
    with Genome(path) as genome:
        assert genome.sizes["chr2"] == len(SEQUENCES["chr2"])
        assert genome.codes("chr2", 0, 18).tolist() == expected(SEQUENCES["chr2"])
    assert Path(f"{path}.fai").read_text() == wrong


@pytest.mark.parametrize("index", ["chr2\t40\t18\t7\t8\n", "chr2\t4\t99999\t7\t8\n", "rubbish\n", ""])
def test_an_index_that_is_not_the_files_own_is_named_and_not_used(tmp_path, temporary, caplog, index):
    path = tmp_path / "genome.fa"
    path.write_bytes(fasta({"chr2": "ACGT"}))
    Path(f"{path}.fai").write_text(index)
    os.utime(f"{path}.fai", ns=(0, path.stat().st_mtime_ns + 10**9))
    with Genome(path) as genome:
        assert genome.sizes == {"chr2": 4} and genome.codes("chr2", 0, 4).tolist() == [0, 1, 2, 3]
    assert f"{path}.fai is not used: " in caplog.text
    assert Path(f"{path}.fai").read_text() == index and os.listdir(temporary) == []


def test_two_processes_on_one_file_while_a_third_writes_its_index(tmp_path):
    """Each works, whatever there is of the index by then."""
    path = tmp_path / "genome.fa"
    path.write_bytes(fasta(SEQUENCES))
    pysam.faidx(str(path))
    whole = Path(f"{path}.fai").read_bytes()
    code = f"""
from pmntool.genome import Genome
for _ in range(20):
    with Genome({str(path)!r}) as genome:
        assert list(genome.sizes.values()) == {[len(sequence) for sequence in SEQUENCES.values()]}
"""
    processes = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    while any(process.poll() is None for process in processes):
        with open(f"{path}.fai", "wb") as file:
            for byte in whole:
                file.write(bytes([byte]))
                file.flush()
                time.sleep(0.001)
    assert [process.returncode for process in processes] == [0, 0]


@pytest.mark.parametrize("cut", [0, 8, -1])
def test_an_index_that_changes_after_it_was_checked_is_not_used(tmp_path, monkeypatch, caplog, cut):
    path = tmp_path / "genome.fa"
    path.write_bytes(fasta(SEQUENCES))
    pysam.faidx(str(path))
    index = Path(f"{path}.fai")

    def checked(*files):
        found = why_unfit(*files)
        index.write_bytes(index.read_bytes()[:cut])
        return found

    monkeypatch.setattr("pmntool.fasta.why_unfit", checked)
    with Genome(path) as genome:
        assert list(genome.sizes.values()) == [len(sequence) for sequence in SEQUENCES.values()]
    assert f"{index} is not used: it changed while it was read" in caplog.text


def test_a_signal_while_a_genome_is_indexed_leaves_no_index(tmp_path, temporary, monkeypatch):
    def stop(*arguments):
        raise Stopped(signal.SIGTERM)

    monkeypatch.setattr("pysam.faidx", stop)
    (tmp_path / "genome.fa").write_bytes(fasta(SEQUENCES))
    with pytest.raises(Stopped):
        Genome(tmp_path / "genome.fa")
    assert os.listdir(temporary) == []


@pytest.mark.parametrize("indexed", [False, True])
def test_a_bgzip_file_reads_as_the_plain_one(tmp_path, temporary, indexed):
    plain, path = tmp_path / "genome.fa", tmp_path / "data" / "genome.fa.gz"
    path.parent.mkdir()
    plain.write_bytes(fasta(SEQUENCES))
    pysam.tabix_compress(str(plain), str(path))
    if indexed:
        pysam.faidx(str(path))
    files = sorted(os.listdir(path.parent))
    with Genome(path) as genome:
        assert bool(os.listdir(temporary)) != indexed
        for name, sequence in SEQUENCES.items():
            assert genome.codes(name, 0, len(sequence)).tolist() == expected(sequence)
    assert sorted(os.listdir(path.parent)) == files
    assert os.listdir(temporary) == []


def test_a_truncated_bgzip_file_is_refused(tmp_path):
    letters = "".join(np.random.default_rng(0).choice(list("ACGT"), 200_000))
    (tmp_path / "plain.fa").write_bytes(fasta({"a": letters}, 60))
    pysam.tabix_compress(str(tmp_path / "plain.fa"), str(tmp_path / "whole.gz"))
    content = (tmp_path / "whole.gz").read_bytes()
    assert message(tmp_path / "cut.fa.gz", content[: len(content) // 2]) == (
        "cut.fa.gz: cannot be read as bgzip-compressed FASTA; is it complete?"
    )


# ---- what is no genome


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", ": the file is empty; expected FASTA"),
        (b"chr1\t5\t9\n", ", line 1: expected FASTA, '>' and a name; found b'chr1\\t5\\t9\\n'"),
        (b"@r\nAC\n+\nII\n", ", line 1: expected FASTA, '>' and a name; found b'@r\\nAC\\n+\\nII\\n'"),
        (gzip.compress(b">a\nACGT\n"), f": {PLAIN_GZIP}"),
        (b">a\nACGT\nACGTA\n", f", line 3: {RAGGED}"),
        (b">a\nACGT\nAC\nA\n", f", line 4: {RAGGED}"),
        (b">a\nAC\nA\n>b\r\nACG\r\nAC\r\nACG\r\n", f", line 7: {RAGGED}"),
        (b">a\nACGT\n\nACGT\n", f", line 4: {RAGGED}"),
        (
            b">a\nAC\n>b\nAC\n>a x\nGG\n",
            ", line 5: the name 'a' stands there twice; expected '>' and a name of its own",
        ),
        (b">a\nAC\n>\nAC\n", ", line 3: no name; expected '>' and a name of its own"),
    ],
)
def test_what_is_no_fasta_is_refused_with_its_place(tmp_path, capfd, content, sentence):
    assert message(tmp_path / "genome.fa", content) == f"genome.fa{sentence}"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("content", [b">a\nAC\xffT\n", ">a\nACéT\n".encode(), b">a\nAC\x00T\n", b">\xff\nACGT\n"])
def test_bytes_that_are_no_letters_are_refused(tmp_path, content):
    assert message(tmp_path / "genome.fa", content).startswith("genome.fa")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(GenomeError) as error:
        Genome(tmp_path / "genome.fa")
    assert str(error.value) == f"{tmp_path}/genome.fa: cannot be read (No such file or directory)"


@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "between", "last"])
def test_a_chromosome_without_bases_is_empty_left_out_or_refused_by_name(tmp_path, place):
    """Wherever it stands; the others keep their bases."""
    records = [b">a\nACGT\n", b">c\nGG\n"]
    records.insert(place, b">nothing\n")
    path = tmp_path / "genome.fa"
    path.write_bytes(b"".join(records))
    try:
        with Genome(path) as genome:
            assert genome.sizes.pop("nothing", 0) == 0
            assert genome.sizes == {"a": 4, "c": 2}
            assert genome.codes("c", 0, 2).tolist() == [2, 2]
    except GenomeError as error:
        assert f"line {[1, 3, 5][place]}" in str(error) or "nothing" in str(error)


def test_a_chromosome_without_a_base_is_named(tmp_path, caplog):
    (tmp_path / "g.fa").write_text(">a\nACGT\n>b\n>c x\nAC\n")
    with Genome(tmp_path / "g.fa") as genome:
        assert genome.sizes == {"a": 4, "c": 2}
    assert f"{tmp_path / 'g.fa'}: b: no base, left out" in caplog.messages


@pytest.mark.parametrize("step", range(1, 25))
def test_names_are_looked_for_at_every_place_of_a_file(tmp_path, monkeypatch, caplog, step):
    """Blocks that end before, in and behind each header."""
    monkeypatch.setattr("pmntool.fasta.STEP", step)
    path = tmp_path / "genome.fa"
    path.write_text(">a\nACGT\n>twice\nACGT\n>twice x\nACGT")
    with pytest.raises(GenomeError, match="the name 'twice' stands there twice"):
        Genome(path)
    path.write_text(">a\nACGT\n>bb y\n>c x\nAC\n")
    with Genome(path) as genome:
        assert genome.sizes == {"a": 4, "c": 2}
    assert caplog.messages == [f"{path}: bb: no base, left out"]
