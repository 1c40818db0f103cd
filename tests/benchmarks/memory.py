"""Peak memory of `predict` on chromosomes of 10, 100 and 250 Mb, 86 TFs: it must not grow with length.

The net is a small one; what a net holds at a time does not depend on the genome.
"""

import tempfile
from pathlib import Path

import numpy as np
import torch
from common import peak_memory
from plain import LABELS

from pmntool.checkpoint import save
from pmntool.models import Hyperparameters, build
from pmntool.run_json import sizes

LENGTHS = (10, 100, 250)  # Mb
LINE = 50  # bases
HP = Hyperparameters(channels=(8, 8, 8))


def write_run(folder: Path) -> None:
    """Write a run of random weights."""
    torch.manual_seed(0)
    net = build("pmn", LABELS, HP)
    meta = {
        "pmntool": "0", "torch": torch.__version__, "variant": "pmn", "hyperparameters": sizes(HP),
        "settings": {"prototype_weight": 1.0, "seed": 0}, "tfs": LABELS, "window": 200, "stride": 50,
        "dataset": {"sha256": "", "negatives": 1.0, "chroms": {}}, "epochs": [{"epoch": 1}],
        "best_epochs": [1], "best_scores": [0.5],
    }  # fmt: skip
    folder.mkdir()
    save(folder, meta, epoch=1, best_epoch=1, best=net.state_dict(), model=net, optimizer=None)


with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    write_run(folder / "run")
    rng = np.random.default_rng(0)
    for length in LENGTHS:
        lines = np.full((length * 10**6 // LINE, LINE + 1), ord("\n"), dtype=np.uint8)
        lines[:, :LINE] = np.frombuffer(b"ACGT", dtype=np.uint8)[rng.integers(0, 4, lines[:, :LINE].shape, np.uint8)]
        genome = folder / f"{length}.fa"
        genome.write_bytes(b">chr1\n" + lines.tobytes())
        memory = peak_memory("predict", genome, "--model", folder / "run", "-o", folder / f"tracks-{length}")
        print(f"{length} Mb: {memory:.2f} GiB", flush=True)
        genome.unlink()
