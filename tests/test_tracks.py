"""Tracks read back as they were written, under names that are safe."""

from __future__ import annotations

import gzip
import subprocess
import sys

import numpy as np
import pyBigWig
import pytest

from pmntool.errors import InputError, OutputError
from pmntool.tracks import Tracks, file_stems, highest

SIZES = {"chr1": 5_100_000, "chr2": 900}


def values(n: int) -> np.ndarray:
    return np.random.default_rng(0).random((n, 2)).astype(np.float32)


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
def test_a_bigwig_reads_back_as_written(tmp_path, pieces):
    table = values(101_000)  # more than one block
    with Tracks(tmp_path, ["x", "A/B"], SIZES, stride=50) as tracks:
        start = 75
        for part in np.array_split(table, pieces):
            tracks.write("chr1", start, part)
            start += 50 * len(part)
    assert tracks.entries.tolist() == [101_000, 101_000]
    for column, name in enumerate(tracks.files.values()):
        with pyBigWig.open(str(tmp_path / name)) as track:
            assert track.chroms() == SIZES
            read = track.values("chr1", 0, 75 + 50 * len(table), numpy=True)
        assert np.isnan(read[:75]).all()
        np.testing.assert_array_equal(read[75:].reshape(-1, 50), np.repeat(table[:, [column]], 50, axis=1))


def test_small_values_are_left_out_and_others_rounded(tmp_path):
    table = values(500)
    with Tracks(tmp_path, ["x", "y"], SIZES, stride=10, decimals=2, least=0.5) as tracks:
        tracks.write("chr1", 0, table)
    with pyBigWig.open(str(tmp_path / "x.bw")) as track:
        read = track.values("chr1", 0, 5000, numpy=True)[::10]
    wanted = table[:, 0].round(2)
    np.testing.assert_allclose(read, np.where(wanted >= 0.5, wanted, np.nan))
    assert tracks.entries[0] == (wanted >= 0.5).sum()


def test_a_bedgraph_has_the_same_bytes_every_time(tmp_path):
    contents = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        with Tracks(tmp_path / name, ["x", "y"], SIZES, stride=50, kind="bedgraph") as tracks:
            tracks.write("chr2", 75, values(3))
        contents.append((tmp_path / name / "x.bedGraph.gz").read_bytes())
    assert contents[0] == contents[1]
    lines = gzip.decompress(contents[0]).decode().splitlines()
    assert [line.split("\t")[:3] for line in lines] == [["chr2", str(s), str(s + 50)] for s in (75, 125, 175)]
    np.testing.assert_array_equal([np.float32(line.split("\t")[3]) for line in lines], values(3)[:, 0])


def test_a_track_without_entries_still_has_its_header(tmp_path):
    with Tracks(tmp_path, ["x"], SIZES, stride=50):
        pass
    with pyBigWig.open(str(tmp_path / "x.bw")) as track:
        assert track.chroms() == SIZES


def test_a_missing_folder_is_an_error_not_a_crash(tmp_path):
    with pytest.raises(OutputError, match="no such folder"):
        Tracks(tmp_path / "nowhere", ["x"], SIZES, stride=50)


def test_more_tracks_than_files_may_be_open(tmp_path):
    """The bigWig library ends the process where it cannot open a file."""
    code = f"""
import resource
from pathlib import Path
from pmntool.tracks import Tracks
resource.setrlimit(resource.RLIMIT_NOFILE, (40, MOST))
with Tracks(Path({str(tmp_path)!r}), [str(i) for i in range(100)], {{"chr1": 900}}, stride=50) as tracks:
    pass
"""
    raised = subprocess.run([sys.executable, "-c", code.replace("MOST", "400")], capture_output=True, text=True)
    assert raised.returncode == 0 and len(list(tmp_path.iterdir())) == 100
    refused = subprocess.run([sys.executable, "-c", code.replace("MOST", "40")], capture_output=True, text=True)
    assert "100 tracks must be open at once, but this system allows 40 files" in refused.stderr


@pytest.mark.parametrize("kind", ["bigwig", "bedgraph"])
@pytest.mark.parametrize("region", [("chr1", 0, 1000), ("chr1", 90, 91), ("chr1", 333, 1111), ("chr1", 24_950, 26_000)])
@pytest.mark.parametrize("n_bins", [1, 7, 100])
def test_the_highest_value_of_each_part_is_that_of_its_bases(tmp_path, kind, region, n_bins):
    table = values(500)
    with Tracks(tmp_path, ["x", "y"], SIZES, stride=50, kind=kind, least=0.3) as tracks:
        tracks.write("chr1", 75, table)
        tracks.write("chr2", 75, np.ones((3, 2), np.float32))
    bases = np.full(SIZES["chr1"], -1.0)
    bases[75 : 75 + 500 * 50] = np.repeat(np.where(table[:, 0] >= 0.3, table[:, 0], -1), 50)
    chrom, start, end = region
    n_bins = min(n_bins, end - start)
    edges = [start + (end - start) * i // n_bins for i in range(n_bins + 1)]
    wanted = [max(bases[a:b]) for a, b in zip(edges[:-1], edges[1:], strict=True)]
    found = highest(tmp_path / tracks.files["x"], region, n_bins)
    np.testing.assert_allclose(np.nan_to_num(found, nan=-1), wanted, rtol=1e-6)


@pytest.mark.parametrize("name", ["x.bw", "x.bedGraph.gz"])
def test_a_track_that_is_none_is_said(tmp_path, name):
    (tmp_path / name).write_text("<html>")
    with pytest.raises(InputError, match=f"{name}: cannot be read as"):
        highest(tmp_path / name, ("chr1", 0, 9), 3)
