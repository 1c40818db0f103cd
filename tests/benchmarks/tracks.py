"""bigWig tracks of 86 TFs × 1,000,000 values against one pyBigWig loop with the same zoom levels."""

import tempfile
from pathlib import Path

import numpy as np
import pyBigWig
from common import compare, report

from pmntool.tracks import Track

N, L, STRIDE, CHUNK = 1_000_000, 86, 50, 100_000
SIZES = {"chr1": (N + 4) * STRIDE}
values = np.random.default_rng(0).random((CHUNK, L), dtype=np.float32)
names = [f"TF{label}" for label in range(L)]


def ours(folder: Path) -> None:
    for label, name in enumerate(names):
        with Track(folder / f"{name}.bw", SIZES, stride=STRIDE) as track:
            for first in range(0, N, CHUNK):
                track.write("chr1", 75 + first * STRIDE, values[:, label])


def theirs(folder: Path) -> None:
    files = [pyBigWig.open(str(folder / f"{name}.bw"), "w") for name in names]
    for file in files:
        file.addHeader(list(SIZES.items()))
    for first in range(0, N, CHUNK):
        for label, file in enumerate(files):
            file.addEntries("chr1", 75 + first * STRIDE, values=values[:, label], span=STRIDE, step=STRIDE)
    for file in files:
        file.close()


def in_a_folder(write) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))


with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
    ours(Path(one))
    theirs(Path(other))
    for name in (names[0], names[-1]):
        a, b = (pyBigWig.open(str(Path(folder) / f"{name}.bw")) for folder in (one, other))
        assert a.header() == b.header()
        assert a.intervals("chr1", 0, 10**6) == b.intervals("chr1", 0, 10**6)
report(
    compare(
        f"tracks, {L} × {N:,}", "one pyBigWig loop, same zoom levels", lambda: in_a_folder(ours),
        lambda: in_a_folder(theirs), rounds=3,
    )
)  # fmt: skip
