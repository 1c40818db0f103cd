"""Tracks read back as they were written, under names that are safe."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from functools import partial
from importlib import import_module

import numpy as np
import pyBigWig
import pytest

from pmntool import bigwig
from pmntool.errors import InputError, OutputError, PmnError
from pmntool.tracks import SUFFIXES, Track, file_stems, highest

SIZES = {"chr1": 5_100_000, "chr2": 900}
LIBRARIES = ("pyBigWig", "pybigtools")


@pytest.fixture(params=LIBRARIES)
def library(request, monkeypatch):
    """Each library as if it were the only one."""
    monkeypatch.setattr(bigwig, "_library", lambda: import_module(request.param))
    return request.param


def values(n: int) -> np.ndarray:
    return np.random.default_rng(0).random(n, np.float32)


def test_file_names_are_safe_and_never_shared():
    tfs = ["CTCF", "A/B", "A_B", "a", "A", "CON", "../x", "", "é", "x" * 300, 'q"<img>', ".hidden", "-rf"]
    stems = file_stems(tfs)
    assert stems["CTCF"] == "CTCF" and list(stems) == tfs
    assert len({stem.casefold() for stem in stems.values()}) == len(tfs)
    for stem in stems.values():
        assert (
            len(stem) <= 120 and stem[0] not in ".-" and all(c.isascii() and (c.isalnum() or c in "._-") for c in stem)
        )


@pytest.mark.parametrize("pieces", [1, 3])
def test_a_bigwig_reads_back_as_written(tmp_path, pieces, library):
    written = values(101_000)  # more than one block
    with Track(tmp_path / "x.bw", SIZES, stride=50) as track:
        start = 75
        for part in np.array_split(written, pieces):
            track.write("chr1", start, part)
            start += 50 * len(part)
    assert track.entries == 101_000
    with pyBigWig.open(str(tmp_path / "x.bw")) as opened:
        assert opened.chroms() == (SIZES if library == "pyBigWig" else {"chr1": SIZES["chr1"]})
        read = opened.values("chr1", 0, 75 + 50 * len(written), numpy=True)
    assert np.isnan(read[:75]).all()
    np.testing.assert_array_equal(read[75:].reshape(-1, 50), np.repeat(written[:, None], 50, axis=1))


def test_small_values_are_left_out_and_others_rounded(tmp_path, library):
    with Track(tmp_path / "x.bw", SIZES, stride=10, decimals=2, least=0.5) as track:
        track.write("chr1", 0, values(500))
    with pyBigWig.open(str(tmp_path / "x.bw")) as opened:
        read = opened.values("chr1", 0, 5000, numpy=True)[::10]
    wanted = values(500).round(2)
    np.testing.assert_allclose(read, np.where(wanted >= 0.5, wanted, np.nan))
    assert track.entries == (wanted >= 0.5).sum()


def test_a_bedgraph_has_the_same_bytes_every_time(tmp_path):
    for name in ("a", "b"):
        with Track(tmp_path / name, SIZES, stride=50, kind="bedgraph") as track:
            track.write("chr2", 75, values(3))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    lines = gzip.decompress((tmp_path / "a").read_bytes()).decode().splitlines()
    assert [line.split("\t")[:3] for line in lines] == [["chr2", str(s), str(s + 50)] for s in (75, 125, 175)]
    np.testing.assert_array_equal([np.float32(line.split("\t")[3]) for line in lines], values(3))


def test_a_track_without_entries_still_has_its_header(tmp_path):
    with Track(tmp_path / "x.bw", SIZES, stride=50):
        pass
    with pyBigWig.open(str(tmp_path / "x.bw")) as opened:
        assert opened.chroms() == SIZES


@pytest.mark.parametrize(("n_chroms", "warned"), [(20_000, False), (100_000, True)])
def test_so_many_chromosomes_that_a_bigwig_takes_long_are_said(n_chroms, warned, caplog):
    bigwig.warn_of_many(n_chroms)
    said = "a bigWig of 100,000 chromosomes takes about 1 min a track, however short they are; --format bedgraph "
    assert any(message.startswith(said) for message in caplog.messages) is warned


def test_short_chromosomes_of_a_bedgraph_come_in_their_order(tmp_path, monkeypatch):
    monkeypatch.setattr("pmntool.tracks.BLOCK", 3)  # entries that are written together
    names = [f"contig{i}" for i in range(8)]
    with Track(tmp_path / "x", dict.fromkeys(names, 250), stride=50, kind="bedgraph") as track:
        for i, name in enumerate(names):
            track.write(name, 75, np.array([i, i + 0.5], np.float32))
    wanted = "".join(f"{name}\t75\t125\t{i}.0\n{name}\t125\t175\t{i}.5\n" for i, name in enumerate(names))
    assert gzip.decompress((tmp_path / "x").read_bytes()).decode() == wanted


def test_pybigtools_says_what_it_cannot_write(tmp_path, monkeypatch):
    monkeypatch.setattr(bigwig, "_library", lambda: import_module("pybigtools"))
    track = Track(tmp_path / "x.bw", SIZES, stride=50)
    with pytest.raises(OutputError, match="x.bw: pybigtools writes no bigWig without an entry; use --format bedgraph"):
        track.close()
    track = Track(tmp_path / "x.bw", SIZES, stride=50)
    track.write("chr3", 0, values(3))  # which the file has not
    with pytest.raises(OutputError, match="x.bw: the bigWig is not complete"):
        track.close()
    assert [path.name for path in tmp_path.iterdir()] == ["x.bw"]


def test_without_a_library_there_is_no_bigwig(tmp_path, monkeypatch):
    for name in LIBRARIES:
        monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
    with pytest.raises(OutputError, match="no pyBigWig or pybigtools is installed; use --format bedgraph"):
        Track(tmp_path / "x.bw", SIZES, stride=50)
    with pytest.raises(InputError, match="x.bw: a bigWig cannot be read: neither pyBigWig nor pybigtools is installed"):
        highest(tmp_path / "x.bw", ("chr1", 0, 9), 3)


def test_a_block_that_pybigtools_cannot_read_is_said(tmp_path, monkeypatch):
    """pyBigWig says nothing but on stderr."""
    monkeypatch.setattr(bigwig, "_library", lambda: import_module("pybigtools"))
    with Track(tmp_path / "x.bw", SIZES, stride=50) as track:
        track.write("chr1", 75, values(3000))
    content = bytearray((tmp_path / "x.bw").read_bytes())
    content[1000:1200] = bytes(200)
    (tmp_path / "x.bw").write_bytes(content)
    with pytest.raises(InputError, match="x.bw: cannot be read as bigWig"):
        highest(tmp_path / "x.bw", ("chr1", 0, 3000), 3000)


@pytest.mark.parametrize("reader", LIBRARIES)
@pytest.mark.parametrize("writer", LIBRARIES)
def test_either_library_reads_what_the_other_wrote(tmp_path, monkeypatch, writer, reader):
    table = values(500)
    monkeypatch.setattr(bigwig, "_library", lambda: import_module(writer))
    with Track(tmp_path / "x.bw", SIZES, stride=50, least=0.3) as track:
        track.write("chr1", 75, table)
    monkeypatch.setattr(bigwig, "_library", lambda: import_module(reader))
    found = highest(tmp_path / "x.bw", ("chr1", 75, 75 + 500 * 50), 500)
    np.testing.assert_array_equal(found.astype(np.float32), np.where(table >= 0.3, table, np.float32(np.nan)))
    if writer == "pyBigWig" or reader == "pybigtools":
        assert np.isnan(highest(tmp_path / "x.bw", ("chr2", 0, 900), 3)).all()
    with pytest.raises(InputError, match="does not reach chr1:5100001"):
        highest(tmp_path / "x.bw", ("chr1", 0, SIZES["chr1"] + 1), 3)


def test_a_missing_folder_is_an_error_not_a_crash(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        Track(tmp_path / "nowhere" / "x.bw", SIZES, stride=50)


def test_a_path_that_is_not_utf_8_is_refused(tmp_path, library):
    """Here pyBigWig ends the process."""
    path = tmp_path / os.fsdecode(b"\xff.bw")
    for refused in (partial(Track, path, SIZES, stride=50), partial(highest, path, ("chr1", 0, 9), 3)):
        with pytest.raises(PmnError, match="the name is not UTF-8, which bigWig needs"):
            refused()


@pytest.mark.parametrize("kind", SUFFIXES)
def test_a_full_disk_is_an_error(small_disk, kind, library):
    """Once while values are added, once with all of them in and the end still to come."""
    for number in (300_000, 215_000):
        error = pytest.raises((OutputError, OSError), match="not complete; is the disk full|No space left")
        with error, Track(small_disk / "x", SIZES, stride=1, kind=kind) as track:
            for some in np.array_split(values(number), 20):
                track.write("chr1", track.entries, some)


@pytest.mark.parametrize("kind", SUFFIXES)
def test_a_limit_of_size_is_an_error(tmp_path, kind):
    code = f"""
import resource
import numpy as np
from pathlib import Path
from pmntool.tracks import Track
resource.setrlimit(resource.RLIMIT_FSIZE, (90_000, 90_000))
with Track(Path({str(tmp_path)!r}, "x"), {SIZES!r}, stride=1, kind={kind!r}) as track:
    track.write("chr1", 0, np.random.default_rng(0).random(60_000, np.float32))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.splitlines()[-1].endswith("File too large")


@pytest.mark.parametrize("kind", ["bigwig", "bedgraph"])
@pytest.mark.parametrize("region", [("chr1", 0, 1000), ("chr1", 90, 91), ("chr1", 333, 1111), ("chr1", 24_950, 26_000)])
@pytest.mark.parametrize("n_bins", [1, 7, 100])
def test_the_highest_value_of_each_part_is_that_of_its_bases(tmp_path, kind, region, n_bins):
    table = values(500)
    path = tmp_path / f"x{SUFFIXES[kind]}"
    with Track(path, SIZES, stride=50, kind=kind, least=0.3) as track:
        track.write("chr1", 75, table)
        track.write("chr2", 75, np.ones(3, np.float32))
    bases = np.full(SIZES["chr1"], -1.0)
    bases[75 : 75 + 500 * 50] = np.repeat(np.where(table >= 0.3, table, -1), 50)
    chrom, start, end = region
    n_bins = min(n_bins, end - start)
    edges = [start + (end - start) * i // n_bins for i in range(n_bins + 1)]
    wanted = [max(bases[a:b]) for a, b in zip(edges[:-1], edges[1:], strict=True)]
    found = highest(path, region, n_bins)
    np.testing.assert_allclose(np.nan_to_num(found, nan=-1), wanted, rtol=1e-6)


@pytest.mark.parametrize("kind", SUFFIXES)
@pytest.mark.parametrize("chrom", ['"chr1"', '"chr1', 'chr"1', "'chr1'", "#1", "NA", "1e3"])
def test_a_chromosome_s_name_is_read_as_it_is(tmp_path, kind, chrom):
    path = tmp_path / f"x{SUFFIXES[kind]}"
    with Track(path, {chrom: 900, "z": 900}, stride=50, kind=kind) as track:
        track.write(chrom, 100, np.full(2, 0.25, np.float32))
        track.write("z", 100, np.full(2, 0.5, np.float32))
    assert [highest(path, (name, 0, 900), 1).item() for name in (chrom, "z")] == [0.25, 0.5]


@pytest.mark.parametrize("name", ["x.bw", "x.bedGraph.gz"])
def test_a_track_that_is_none_is_said(tmp_path, name, library):
    (tmp_path / name).write_text("<html>")
    with pytest.raises(InputError, match=f"{name}: cannot be read as"):
        highest(tmp_path / name, ("chr1", 0, 9), 3)


@pytest.mark.parametrize("kept", [64, 1000])
def test_a_bigwig_without_its_end_is_refused_before_pybigwig_dies_of_it(tmp_path, library, kept):
    with Track(tmp_path / "x.bw", SIZES, stride=50) as track:
        track.write("chr1", 75, values(3000))
    (tmp_path / "x.bw").write_bytes((tmp_path / "x.bw").read_bytes()[:kept])
    with pytest.raises(InputError, match="x.bw: cannot be read as bigWig"):
        highest(tmp_path / "x.bw", ("chr1", 0, 9), 3)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("chr1\t0\t900\t1\nchr1\t50\t100\t1\n", "entries overlap, or are out of order"),
        ("chr1\t50\t100\t1\nchr1\t0\t50\t1\n", "entries overlap, or are out of order"),
        ("chr1\t50\t99999999999999999999\t1\n", "Overflow"),
    ],
)
def test_a_bedgraph_that_predict_would_not_write_is_said(tmp_path, lines, why):
    (tmp_path / "x.bedGraph.gz").write_bytes(gzip.compress(lines.encode()))
    with pytest.raises(InputError, match=f"x.bedGraph.gz: cannot be read as bedGraph .*{why}"):
        highest(tmp_path / "x.bedGraph.gz", ("chr1", 0, 900), 3)


def test_a_bigwig_that_is_cut_short_is_found(tmp_path, library):
    track = Track(tmp_path / "x.bw", SIZES, stride=50)
    track.write("chr1", 0, values(30_000))
    track.close()
    whole = (tmp_path / "x.bw").read_bytes()
    for part in (whole[:-4], whole[:-1000] + bytes(1000), whole[: len(whole) // 2], whole[:100], b""):
        (tmp_path / "x.bw").write_bytes(part)
        with pytest.raises(OutputError, match="x.bw: the bigWig is not complete; is the disk full"):
            track._file.check(30_000 * 50, tmp_path / "x.bw")
