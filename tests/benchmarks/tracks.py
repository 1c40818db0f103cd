"""bigWig tracks of 86 TFs × 1,000,000 values against one pyBigWig loop with the same zoom levels.

The loop has its values in memory; pmntool, which writes as many tracks at a time as there are cores, reads them from
the disk as after a scan. `python tests/benchmarks/tracks.py 4 700000` tries it on so many TFs and values.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyBigWig
from common import compare, report

from pmntool.scanned import Scanned, prepare
from pmntool.track_writer import file_names, write_tracks

L, N = map(int, sys.argv[1:] or (86, 1_000_000))
STRIDE, CHUNK, PIECE = 50, 100_000, 20_000
SIZES = {"chr1": (N + 4) * STRIDE}
ASKED = {
    "tfs": [f"TF{label}" for label in range(L)], "chroms": {"chr1": {"length": SIZES["chr1"]}}, "kind": "bigwig",
    "window": 200, "stride": STRIDE, "decimals": None, "least": None,
    "pieces": [("chr1", first, min(first + PIECE, N)) for first in range(0, N, PIECE)],
}  # fmt: skip
values = np.random.default_rng(0).random((min(CHUNK, N), L), dtype=np.float32)


def scan(folder: Path) -> None:
    """Leave what a scan leaves."""
    bases = np.zeros(1, np.uint8)
    folder.mkdir()
    prepare(folder, ASKED, lambda piece: bases)
    scanned = Scanned(folder)
    for _, first, last in scanned.left(0):
        scanned.add(0, values.take(range(first, last), axis=0, mode="wrap"), bases)


def ours(folder: Path) -> Path:
    shutil.copytree(scan_folder, folder / "tracks", copy_function=os.link)  # values go with their track
    write_tracks(Scanned(folder / "tracks"), range(L), os.cpu_count())
    return folder / "tracks"


def theirs(folder: Path) -> Path:
    files = [pyBigWig.open(str(folder / name), "w") for name in file_names(ASKED).values()]
    for file in files:
        file.addHeader(list(SIZES.items()))
    for first in range(0, N, CHUNK):
        for label, file in enumerate(files):
            some = values[: N - first, label]
            file.addEntries("chr1", 75 + first * STRIDE, values=some, span=STRIDE, step=STRIDE)
    for file in files:
        file.close()
    return folder


def in_a_folder(write) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))


with (
    tempfile.TemporaryDirectory() as one,
    tempfile.TemporaryDirectory() as other,
    tempfile.TemporaryDirectory() as kept,
):
    scan_folder = Path(kept, "scan")
    scan(scan_folder)
    folders = ours(Path(one)), theirs(Path(other))
    for name in file_names(ASKED).values():
        a, b = (pyBigWig.open(str(folder / name)) for folder in folders)
        assert a.header() == b.header()
        for first in range(0, SIZES["chr1"], 10**7):
            last = min(first + 10**7, SIZES["chr1"])
            assert a.intervals("chr1", first, last) == b.intervals("chr1", first, last)
    report(
        compare(
            f"tracks, {L} × {N:,}, {os.cpu_count()} cores", "one pyBigWig loop, same zoom levels",
            lambda: in_a_folder(ours), lambda: in_a_folder(theirs), rounds=3,
        )
    )  # fmt: skip
