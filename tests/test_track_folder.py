"""A folder of tracks, opened: what it refuses, and which TFs stand out."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pmntool.errors import InputError, MismatchError
from pmntool.track_folder import TrackFolder
from pmntool.tracks import SUFFIXES, Track, file_stems

STRIDE = 50
SIZES = {"chr1": 900, "chr2": 120_000}


def make_tracks(folder, values, *, kind="bigwig", at=("chr2", 60_025), **meta):
    """Write a folder as `predict` does; `values` are of each TF, from one place on."""
    folder.mkdir()
    table = np.array(list(values.values()), dtype=np.float32).T
    files = {tf: stem + SUFFIXES[kind] for tf, stem in file_stems(list(values)).items()}
    for column, name in enumerate(files.values()):
        with Track(folder / name, SIZES, stride=STRIDE, kind=kind) as track:
            track.write(*at, table[:, column])
    rows = [f'"{tf}"\t{name}\t{len(table)}\n' for tf, name in files.items()]
    (folder / "tracks.tsv").write_text("tf\tfile\tentries\n" + "".join(rows))
    chroms = {
        chrom: {"length": n, "windows": len(table) * (chrom == at[0]), "split": None if chrom == "chr1" else "test"}
        for chrom, n in SIZES.items()
    }
    about = {"format": "pmntool-tracks", "format_version": 1, "model": {"variant": "cnn"}, "least": None}
    (folder / "tracks.json").write_text(json.dumps(about | {"chroms": chroms} | meta))
    return folder


@pytest.fixture
def folder(tmp_path):
    return make_tracks(
        tmp_path / "tracks", {"Low": [0.1, 0.2], "High": [0.0, 0.9], "A/B": [0.5, 0.1], "NA": [0.3, 0.3]}
    )


def test_the_strongest_come_first(folder):
    opened = TrackFolder(folder)
    assert list(opened.files) == ["Low", "High", "A/B", "NA"]
    assert opened.strongest(("chr2", 60_000, 60_200), 3) == ["High", "A/B", "NA"]
    assert opened.strongest(("chr2", 60_000, 60_075), 9) == ["A/B", "NA", "Low", "High"]
    assert opened.strongest(("chr2", 0, 100), 2) == ["Low", "High"]  # nothing there: as listed


def test_the_first_region_is_the_first_with_values(folder):
    chrom, start, end = TrackFolder(folder).first_region()
    assert chrom == "chr2" and 59_800 <= start <= 60_025 and end == start + 50_000


def test_regions_and_tfs_are_checked(folder):
    opened = TrackFolder(folder)
    assert opened.region("chr2:1-500") == ("chr2", 0, 500) and opened.select(["NA", "Low", "NA"]) == ["NA", "Low"]
    with pytest.raises(InputError, match="tracks: chr1 was not scanned; scanned were chr2"):
        opened.region("chr1")
    with pytest.raises(InputError, match="holds no base of chr2, which has bases 1 to 120000"):
        opened.region("chr2:120001-120005")
    with pytest.raises(MismatchError, match="no TF hihg there; did you mean High?"):
        opened.select(["Low", "hihg"])
    with pytest.raises(MismatchError, match="no TF xyz there; it has Low, High, A/B, NA"):
        opened.select(["xyz"])


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("chroms", "chr2", "split"), ["test"]), (("chroms", "chr2", "length"), 0), (("model", "variant"), None),
        (("least",), "x"), (("chroms",), []),
    ],
)  # fmt: skip
def test_a_value_of_another_kind_is_named_by_its_place(folder, place, value):
    meta = part = json.loads((folder / "tracks.json").read_text())
    for name in place[:-1]:
        part = part[name]
    part[place[-1]] = value
    (folder / "tracks.json").write_text(json.dumps(meta))
    with pytest.raises(InputError, match=f"tracks.json: {'.'.join(place)}: not what a folder of tracks holds there"):
        TrackFolder(folder)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("tracks.json", None, "tracks: no tracks there; it holds none of dataset.json, run.json, tracks.json, "),
        ("tracks.json", "[]", "tracks/tracks.json: not the JSON of a folder of tracks"),
        ("tracks.json", '{"format": "pmntool-tracks", "format_version": 2}', "tracks/tracks.json: format"),
        ("tracks.json", '{"format": "pmntool-tracks", "format_version": 1, "chroms": []}', "tracks/tracks.json: chrom"),
        ("tracks.tsv", None, "tracks/tracks.tsv: cannot be read as a table of tf, file, entries"),
        ("tracks.tsv", "tf\tfile\nx\t../secret.bw\n", "tracks/tracks.tsv: '../secret.bw' is no track of this folder"),
        ("tracks.tsv", "tf\tfile\nx\tpasswords\n", "tracks/tracks.tsv: 'passwords' is no track of this folder"),
        ("tracks.tsv", "tf\tfile\nx\tgone.bw\n", "tracks/gone.bw: no such file (named in"),
        ("tracks.tsv", "tf\tfile\n", "tracks/tracks.tsv: lists no track"),
        ("tracks.tsv", "tf\tfile\nA\tLow.bw\nA\tHigh.bw\n", "tracks/tracks.tsv: expected a name and a file of its own"),
        ("tracks.tsv", "tf\tfile\nA\tLow.bw\nB\tLow.bw\n", "tracks/tracks.tsv: expected a name and a file of its own"),
        ("tracks.tsv", 'tf\tfile\n"A\nB"\tLow.bw\n', "tracks/tracks.tsv: expected a name and a file of its own"),
    ],
)  # fmt: skip
def test_a_folder_that_is_not_whole_is_refused(folder, name, text, sentence):
    if text is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(text)
    with pytest.raises(InputError) as caught:
        TrackFolder(folder)
    assert str(caught.value).startswith(f"{folder.parent}/{sentence}")
