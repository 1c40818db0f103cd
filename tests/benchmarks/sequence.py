"""`build-dataset` with sequence, hg19's sizes and made-up bases, GM12878's peaks, against pysam reading the FASTA."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pysam
from common import compare, peak_memory, report

DATA = Path(__file__).parents[3] / "shared" / "data" / "gm12878"
SIZES = [line.split()[:2] for line in (DATA / "hg19.chrom.sizes").read_text().splitlines()]
LINE = 50  # bases


def write_genome(path: Path) -> None:
    """Write random bases; one chromosome after another, so that memory stays small."""
    rng = np.random.default_rng(0)
    with open(path, "wb") as file:
        for chrom, length in SIZES:
            n_lines = -(-int(length) // LINE)
            block = np.full((n_lines, LINE + 1), ord("\n"), dtype=np.uint8)
            block[:, :LINE] = np.frombuffer(b"ACGT", dtype=np.uint8)[
                rng.integers(0, 4, (n_lines, LINE), dtype=np.uint8)
            ]
            surplus = n_lines * LINE - int(length)
            file.write(f">{chrom}\n".encode())
            file.write(block.tobytes()[: block.size - surplus - 1] + b"\n")
    pysam.faidx(str(path))


def words(folder: Path) -> list[object]:
    return ["build-dataset", folder / "genome.fa", DATA / "peaks.tsv", "-o", folder / "dataset", "--force"]


def ours(folder: Path) -> None:
    subprocess.run([sys.executable, "-m", "pmntool", *words(folder), "--quiet"], check=True, stdout=subprocess.DEVNULL)


def reading(folder: Path) -> None:
    with pysam.FastaFile(str(folder / "genome.fa")) as fasta:
        for chrom in fasta.references:
            fasta.fetch(chrom)


with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    write_genome(folder / "genome.fa")
    memory = peak_memory(*words(folder))
    report(
        compare(
            "build-dataset with sequence, hg19's sizes", "pysam reading the FASTA", lambda: ours(folder),
            lambda: reading(folder), rounds=3,
            detail=lambda mine, other: f"{mine:.0f} s against {other:.0f} s; {memory:.1f} GiB",
        )
    )  # fmt: skip
