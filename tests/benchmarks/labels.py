"""`build-dataset --dry-run` of the 77 GM12878 files on hg19 against bedtools, and against pandas reading the files."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
from common import compare, peak_memory, report

DATA = Path(__file__).parents[3] / "shared" / "data" / "gm12878"
SIZES = DATA / "hg19.chrom.sizes"
FILES = sorted((DATA / "peaks").glob("*.narrowPeak.gz"))
WORDS = ("build-dataset", SIZES, DATA / "peaks.tsv", "--dry-run")


def ours() -> None:
    command = [sys.executable, "-m", "pmntool", *WORDS, "--quiet"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def pandas_reads() -> None:
    for file in FILES:
        pd.read_csv(file, sep="\t", header=None)


def bedtools(folder: Path) -> None:
    """Cut windows and intersect them with all peak windows; counting lines stands for using them."""
    script = f"""
        LC_ALL=C sort -k1,1 {SIZES} > {folder}/sizes
        bedtools makewindows -g {folder}/sizes -w 200 -s 50 | awk '$3 - $2 == 200' > {folder}/windows.bed
        bedtools intersect -sorted -f 0.505 -wa -wb -a {folder}/windows.bed -b {folder}/peaks.bed | wc -l
    """
    subprocess.run(["bash", "-c", script], check=True, stdout=subprocess.DEVNULL)


def write_peak_windows(path: Path) -> None:
    tables = []
    for file in FILES:
        table = pd.read_csv(file, sep="\t", header=None, usecols=[0, 1, 2, 9])
        summit = (table[1] + table[9]).where(table[9] >= 0, (table[1] + table[2]) // 2)
        tables.append(pd.DataFrame({"c": table[0], "s": (summit - 100).clip(0), "e": summit + 100, "tf": file.name}))
    pd.concat(tables).sort_values(["c", "s"]).to_csv(path, sep="\t", header=False, index=False)


with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    write_peak_windows(folder / "peaks.bed")
    memory = peak_memory(*WORDS)
    report(
        compare(
            "labels, GM12878 on hg19, 61.9 M windows", "bedtools makewindows and intersect -sorted", ours,
            lambda: bedtools(folder), rounds=1,
            detail=lambda mine, other: f"{mine:.1f} s against {other:.1f} s; {memory:.2f} GiB",
        ),
        compare("labels, the same", "pandas reading the 77 files", ours, pandas_reads, rounds=3),
    )  # fmt: skip
