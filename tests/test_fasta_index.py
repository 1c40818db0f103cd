"""Indices against samtools' own: what it writes fits, and no other does, nor any part of it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pysam
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pmntool import fasta_index
from pmntool.fasta_index import why_unfit

NAMES = ["chr1", "chr10", "b|c d", "M", "x"]


def write(path: Path, sequences: list[tuple[str, int]], width: int = 60, seed: int = 0, end: str = "\n") -> Path:
    """Write a FASTA of random bases, by bgzip where the name ends so, and its index by samtools."""
    rng, lines = np.random.default_rng(seed), []
    for name, length in sequences:
        letters = "".join(rng.choice(list("ACGTn"), length))
        lines += [f">{name}", *(letters[i : i + width] for i in range(0, length, width))]
    plain = path.with_suffix(".plain")
    plain.write_bytes(end.join([*lines, ""]).encode())
    if path.suffix == ".gz":
        pysam.tabix_compress(str(plain), str(path), force=True)
    else:
        plain.replace(path)
    pysam.faidx(str(path))
    return path


def judge(path: Path) -> str | None:
    return why_unfit(path, Path(f"{path}.fai"), Path(f"{path}.gzi") if path.suffix == ".gz" else None)


@pytest.mark.parametrize("name", ["g.fa", "g.fa.gz"])
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lengths=st.lists(st.integers(1, 200), min_size=1, max_size=5),
    width=st.integers(1, 70),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_samtools_writes_fits(tmp_path, name, lengths, width, end):
    sequences = list(zip(NAMES, lengths, strict=False))
    assert judge(write(tmp_path / name, sequences, width, end=end)) is None


def test_a_genome_of_many_blocks_fits(tmp_path):
    path = write(tmp_path / "g.fa.gz", [("a", 200_000), ("b", 1), ("c", 70_000), ("d", 300_000)])
    assert judge(path) is None


@pytest.mark.parametrize("name", ["g.fa", "g.fa.gz"])
@pytest.mark.parametrize(
    "other",
    [
        [("a", 200), ("b", 100)],
        [("a", 100), ("b", 200), ("c", 5)],
        [("a", 100)],
        [("a", 100), ("b", 199)],
        [("a", 100), ("c", 200)],
        [("b", 200), ("a", 100)],
        [("a", 100), ("b", 201)],
    ],
)
def test_the_index_of_another_does_not_fit(tmp_path, name, other):
    path = write(tmp_path / name, other)
    index = Path(f"{path}.fai").read_bytes()
    write(path, [("a", 100), ("b", 200)])
    assert judge(path) is None
    Path(f"{path}.fai").write_bytes(index)
    assert "of another FASTA" in judge(path)


@pytest.mark.parametrize("name", ["g.fa", "g.fa.gz"])
@pytest.mark.parametrize("suffix", [".fai", ".gzi"])
def test_no_part_of_an_index_fits(tmp_path, name, suffix):
    path = write(tmp_path / name, [("a", 70_000), ("b", 100), ("c", 70_000)])
    index = Path(f"{path}{suffix}")
    if not index.exists():
        pytest.skip("plain")
    whole = index.read_bytes()
    for length in range(len(whole) - 1):
        index.write_bytes(whole[:length])
        assert judge(path), whole[:length]
    index.write_bytes(b"\x00" * len(whole))
    assert judge(path)


def test_an_index_that_is_older_or_not_there(tmp_path):
    path = write(tmp_path / "g.fa", [("a", 100)])
    os.utime(f"{path}.fai", ns=(0, path.stat().st_mtime_ns - 1))
    assert judge(path) == "older than the FASTA"
    os.unlink(f"{path}.fai")
    assert judge(path) == "No such file or directory"


def test_what_lies_far_apart_does_not_fit(tmp_path, monkeypatch):
    monkeypatch.setattr(fasta_index, "LONGEST", 3)
    assert judge(write(tmp_path / "g.fa", [("a", 100), ("bcde", 100)]))


def test_a_cr_ends_no_line_of_an_index(tmp_path):
    """samtools reads one line, of the first sequence, and passes over the rest as further columns."""
    path = write(tmp_path / "g.fa", [("a", 100), ("b", 200)])
    index = Path(f"{path}.fai")
    index.write_bytes(index.read_bytes().replace(b"\n", b"\r\n"))
    assert judge(path) is None
    index.write_bytes(index.read_bytes().replace(b"\r\n", b"\r"))
    assert judge(path)


@pytest.mark.parametrize("suffix", [".fai", ".gzi"])
def test_an_index_that_is_a_pipe_is_not_waited_for(tmp_path, suffix):
    path = write(tmp_path / "g.fa.gz", [("a", 100)])
    os.unlink(f"{path}{suffix}")
    os.mkfifo(f"{path}{suffix}")
    assert judge(path) == "it is no plain file"
