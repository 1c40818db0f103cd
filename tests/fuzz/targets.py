"""What a fuzzer calls: each target reads one file of arbitrary bytes, and only a `PmnError` may come of it.

A `PmnError` must be one line that names the file. What is accepted must mean what it means to a reader that goes line
by line.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pmntool.checkpoint import Run
from pmntool.chroms import read_sizes
from pmntool.dataset import ARRAYS, FORMAT, FORMAT_VERSION, Dataset
from pmntool.errors import PmnError
from pmntool.genome import Genome
from pmntool.labels import SPLITS
from pmntool.motifs import read_motifs
from pmntool.peaks import find_peaks, read_peaks
from pmntool.regions import parse_region, read_regions
from pmntool.trrust import read_trrust

SIZES = {"chr1": 1000, "chr2": 500}
DAMAGED = "sequence.npy", "offsets.npy", "labels.npy", "windows.bed", "leakage.tsv"


def one(target: str, content: bytes, folder: Path) -> bool:
    """Read `content` as a target's file, written into `folder`; say whether it was accepted.

    Raises
    ------
    AssertionError
        It was refused without a proper sentence, or accepted and read wrongly.
    """
    name, read = TARGETS[target]
    path = folder / name
    path.write_bytes(content)
    try:
        read(path)
    except PmnError as error:
        assert "\n" not in str(error), str(error)
        assert str(folder) in str(error) or str(error).startswith("region "), str(error)
        return False
    return True


def _peaks(path: Path) -> None:
    """Compare BED and narrowPeak with a reader that splits line by line."""
    found, rows = read_peaks(path), []
    for line in path.read_bytes().removeprefix(b"\xef\xbb\xbf").splitlines():
        if line.strip() and not line.startswith((b"#", b"track ", b"track\t", b"browser ", b"browser\t")):
            rows.append(line.split(b"\t"))
    if len(rows) == len(found.start) + 1:  # one header line
        assert not any(c in b"0123456789" for field in rows[0][1:3] for c in field), rows[0]
        del rows[0]
    got = zip(found.chrom.tolist(), found.start.tolist(), found.end.tolist(), strict=True)
    assert [(row[0].decode(), int(row[1]), int(row[2])) for row in rows] == list(got)
    narrow = path.suffix == ".narrowPeak" or (bool(rows) and len(rows[0]) == 10)
    for row, start, end, summit in zip(rows, found.start, found.end, found.summit, strict=True):
        assert summit == (start + int(row[9]) if narrow and int(row[9]) >= 0 else (start + end) // 2)
        assert 0 <= start < end and start <= summit <= end


def _sizes(path: Path) -> None:
    sizes = read_sizes(path)
    with open(path, encoding="utf-8-sig") as lines:
        rows = [line.rstrip("\n").split("\t")[:2] for line in lines if line.strip() and not line.startswith("#")]
    assert sizes == {name: int(length) for name, length in rows}


def _fasta(path: Path) -> None:
    """Compare with a reader that joins the lines under each name."""
    for index in path.parent.glob(f"{path.name}.*"):
        index.unlink()
    with Genome(path) as genome:
        read = {chrom: (genome.codes(chrom, 0, n), genome.checksum(chrom)) for chrom, n in genome.sizes.items()}
    wanted: dict[str, bytes] = {}
    for record in (b"\n" + path.read_bytes()).split(b"\n>")[1:]:
        name, _, lines = record.partition(b"\n")
        name = name.split()[0].partition(b"\0")[0].decode(errors="replace")
        wanted.setdefault(name, b"".join(line.rstrip(BLANK) for line in lines.split(b"\n")).upper())
    for chrom, (codes, checksum) in read.items():
        assert codes.tolist() == [b"ACGT".find(bytes([c])) % 5 for c in wanted[chrom]]
        assert checksum == hashlib.md5(wanted[chrom]).hexdigest()


def _motifs(path: Path) -> None:
    for motif in read_motifs(path):
        assert motif.name and motif.log_odds.shape[1] == 4 and np.isfinite(motif.log_odds).all()


def _regions(path: Path) -> None:
    for chrom, start, end in read_regions(path, SIZES):
        assert 0 <= start < end <= SIZES[chrom]


def _region(path: Path) -> None:
    chrom, start, end = parse_region(path.read_bytes().decode(errors="surrogateescape"), SIZES)
    assert 0 <= start < end <= SIZES[chrom]


def _sheet(path: Path) -> None:
    for tf, files in find_peaks([path]).items():
        assert tf.isprintable() and all(file.is_file() for file in files)


def _dataset_json(path: Path) -> None:
    """The JSON of a folder whose arrays are in order."""
    make_dataset(path.parent, meta=path.read_bytes())
    _use(Dataset(path.parent))


def _array(path: Path) -> None:
    """Give each of a dataset's files this content, with its own checksum."""
    content, name = path.read_bytes(), DAMAGED[len(path.read_bytes()) % len(DAMAGED)]
    make_dataset(path.parent, {name: content})
    _use(Dataset(path.parent))


def _run_json(path: Path) -> None:
    run = Run(path.parent)
    run.tensors("best")
    run.tensors("last")


def _use(data: Dataset) -> None:
    for split in SPLITS:
        codes, starts = data.stretch(split)
        assert not len(starts) or starts[-1] + data.window <= len(codes)
        assert data.targets(split).shape == (len(starts), len(data.tfs))
        data.leaks(split)


BLANK = bytes([*range(33), *range(127, 256)])  # what samtools passes over at a sequence's end
TARGETS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "bed": ("a.bed", _peaks),
    "narrowPeak": ("a.narrowPeak", _peaks),
    "broadPeak": ("a.broadPeak", _peaks),
    "sheet": ("a.tsv", _sheet),
    "sizes": ("a.sizes", _sizes),
    "fasta": ("a.fa", _fasta),
    "motifs": ("a.meme", _motifs),
    "trrust": ("t.tsv", read_trrust),
    "regions": ("r.bed", _regions),
    "region": ("region", _region),
    "dataset": ("given.json", _dataset_json),
    "array": ("given.npy", _array),
    "run": ("run.json", _run_json),
}

META = {
    "format": FORMAT, "format_version": FORMAT_VERSION, "tfs": ["A"], "window": 2, "stride": 1, "negatives": 0.0,
    "splits": {split: {"windows": 1} for split in SPLITS},
    "chroms": {f"chr{i}": {"length": 9, "split": split} for i, split in enumerate(SPLITS)},
}  # fmt: skip


def make_dataset(folder: Path, changed: dict[str, bytes] | None = None, meta: bytes | None = None) -> None:
    """Write a dataset of three windows of 2 bp, with some files changed; their checksums fit."""
    (folder / "windows.bed").write_text("".join(f"chr{i}\t3\t5\t{split}\n" for i, split in enumerate(SPLITS)))
    (folder / "leakage.tsv").write_text("chrom\tstart\tend\tsplit\tshare\n")
    arrays = np.zeros(6, np.uint8), np.arange(0, 6, 2), np.full((3, 1), 128, np.uint8)
    for name, array in zip(ARRAYS[1:], arrays, strict=True):
        np.save(folder / name, array)
    for name, content in (changed or {}).items():
        (folder / name).write_bytes(content)
    names = (*ARRAYS, "leakage.tsv")
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    known = json.dumps(META | {"files": files}).encode()
    if meta is not None:  # a change, to be made in the right JSON: what stands before the first NUL becomes the rest
        old, _, new = meta.partition(b"\0")
        known = known.replace(old, new) if old and b"\0" in meta else meta
    (folder / "dataset.json").write_bytes(known)


SEEDS = {
    "bed": [b"chr1\t5\t9\n", b"#c\nchrom\tstart\tend\nchr1\t1\t2\tx\r\n"],
    "narrowPeak": [b"chr1\t5\t9\tp\t0\t.\t1\t2.5\t-1\t2\n"],
    "broadPeak": [b"chr1\t5\t9\tp\t0\t.\t1\t2.5\t-1\n"],
    "sheet": [b"tf\tpath\nA\ta.tsv\n", b"A\ta.tsv\tK562\n"],
    "sizes": [b"chr1\t100\nchr2\t5\tx\n"],
    "fasta": [b">a\nACGT\nAC\n>b x\r\nACGTN\r\n"],
    "motifs": [
        b"MEME version 4\n\nALPHABET= ACGT\n\nBackground letter frequencies\nA .2 C .3 G .3 T .2\n\nMOTIF a b\n"
        b"letter-probability matrix: alength= 4 w= 1 nsites= 9\n0 0 .5 .5\n",
        b">a b\nA [1 2]\nC [0 3]\nG [0 1]\nT [0 0]\n",
    ],
    "trrust": [b"MYC\tTERT\tActivation\t123;45\n"],
    "regions": [b"chr1\t0\t10\nchr2\t4\t500\n"],
    "region": [b"chr1:1,000-2,000", b"chr2", b"chr1:-5"],
    "dataset": [b'"window": 2\0"window": 3', b'"tfs": ["A"]\0"tfs": ["B", 3]', json.dumps(META).encode()],
    "array": [b"chr0\t3\t5\ttrain\nchr1\t3\t5\tvalid\nchr2\t3\t5\ttest\n", b"\x93NUMPY\x01\x00"],
    "run": [b'{"format": "pmntool-run", "format_version": 1, "variant": "cnn", "tfs": ["A"], "window": 2}'],
}  # fmt: skip
