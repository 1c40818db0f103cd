"""How cost grows with TFs and with the genome: CPU seconds and peak memory of whole commands, and a figure of both.

python tests/benchmarks/growth.py [FIGURE]     default: docs/figures/growth.png

Bases and peaks are random; a TF has 20 peaks in each Mb. `pmn` at the small size of docs/results.md, one epoch.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from common import SPEAKING, peak

N_TFS, AT_LENGTH = (10, 86, 400, 1_400), 2  # Mb
LENGTHS, AT_TFS = (1, 4, 16), 86  # Mb
PEAKS_A_MB, CHROMS = 20, ("chr1", "chr2", "chr3", "chr4")
FIGURE = Path(__file__).parents[2] / "docs" / "figures" / "growth.png"
COMMANDS = {
    "build-dataset": "build-dataset genome.fa peaks --valid-chroms chr1 --test-chroms chr2",
    "train": "train --channels 128,64,64 --batch-size 128 --epochs 1 -o run",
    "evaluate": "evaluate run",
    "predict": "predict genome.fa --model run",
    "prototypes": "prototypes run",
}


def write_inputs(folder: Path, n_tfs: int, length: int) -> None:
    """Write genome.fa of `length` Mb in four chromosomes, and a BED file a TF."""
    rng = np.random.default_rng(0)
    size = length * 1_000_000 // len(CHROMS)
    with open(folder / "genome.fa", "wb") as file:
        for chrom in CHROMS:
            bases = np.frombuffer(b"ACGT", dtype=np.uint8)[rng.integers(0, 4, size, dtype=np.uint8)]
            file.write(f">{chrom}\n".encode() + bases.tobytes() + b"\n")
    (folder / "peaks").mkdir()
    for tf in range(n_tfs):
        starts = rng.integers(0, size - 200, (len(CHROMS), PEAKS_A_MB * length // len(CHROMS)))
        lines = [f"{chrom}\t{s}\t{s + 200}\n" for chrom, some in zip(CHROMS, starts, strict=True) for s in some]
        (folder / "peaks" / f"TF{tf}.bed").write_text("".join(lines))


def cost(folder: Path, words: str) -> tuple[float, float]:
    """Return CPU seconds, those of its own processes included, and peak memory in GiB of one command."""
    command = [*SPEAKING, *words.split(), "--quiet"]
    child = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    said = child.stdout.read()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"pmntool {words}: exit code {child.returncode}")
    return used.ru_utime + used.ru_stime, peak(said)


def measure(n_tfs: int, length: int) -> np.ndarray:
    """Return each command's seconds and GiB, (commands, 2)."""
    with tempfile.TemporaryDirectory() as name:
        write_inputs(Path(name), n_tfs, length)
        found = np.array([cost(Path(name), words) for words in COMMANDS.values()])
    sys.stderr.write(f"{n_tfs} TFs, {length} Mb: {found[:, 0].round(1)} s, {found[:, 1].round(2)} GiB\n")
    return found


def table(what: str, sizes: tuple[int, ...], found: np.ndarray) -> str:
    """Return CPU seconds (GiB) of each command and size, and the seconds' growth over the last step as a power."""
    powers = np.log(found[-1, :, 0] / found[-2, :, 0]) / np.log(sizes[-1] / sizes[-2])
    lines = [f"| {what} | " + " | ".join(f"{size:,}" for size in sizes) + " | last step: cost ∝ size^ |"]
    lines.append("|---" * (len(sizes) + 2) + "|")
    for row, command in enumerate(COMMANDS):
        cells = [f"{seconds:.1f} ({memory:.2f})" for seconds, memory in found[:, row]]
        lines.append(f"| {command} | " + " | ".join(cells) + f" | {powers[row]:.2f} |")
    return "\n".join(lines)


def draw(panels: list[tuple[str, tuple[int, ...], np.ndarray]], path: Path) -> None:
    figure, axes = plt.subplots(1, len(panels), figsize=(9, 4), sharey=True, constrained_layout=True)
    for axis, (what, sizes, found) in zip(axes, panels, strict=True):
        for row, command in enumerate(COMMANDS):
            (line,) = axis.loglog(sizes, found[:, row, 0], marker="o", label=command)
            straight = found[-1, row, 0] * np.array(sizes) / sizes[-1]
            axis.loglog(sizes, straight, color=line.get_color(), linestyle=":", linewidth=1)
        axis.set_xlabel(what)
        axis.set_xticks(sizes, [f"{size:,}" for size in sizes], minor=False)
        axis.set_xticks([], minor=True)
    axes[0].set_ylabel("CPU time, s")
    axes[0].set_ylim(bottom=0.5)
    axes[0].legend(title="dotted: in proportion", loc="upper left", fontsize="small")
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    by_length = np.array([measure(AT_TFS, length) for length in LENGTHS])
    by_tfs = np.array([measure(n_tfs, AT_LENGTH) for n_tfs in N_TFS])
    panels = [
        (f"TFs, at {AT_LENGTH} Mb", N_TFS, by_tfs),
        (f"genome, Mb, at {AT_TFS} TFs", LENGTHS, by_length),
    ]
    print("\n\n".join(table(*panel) for panel in panels))
    draw(panels, Path(sys.argv[1]) if sys.argv[1:] else FIGURE)
