"""What format version 1 wrote is read for ever: the folders in tests/data/format-1 are never made again.

They were made by pmntool 0.1.0 on one thread: simulate --chrom-length 5000, build-dataset, train --variant pmn
--lambda 1 --channels 4,4,4 --epochs 1 --precision 32, predict -r chr3 --format bedgraph --precision 32; less figures.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import torch

from pmntool.checkpoint import Run
from pmntool.dataset import Dataset
from pmntool.inference import scan
from pmntool.models import Hyperparameters
from pmntool.track_folder import TrackFolder
from pmntool.verbs.train import Settings, train

KEPT = Path(__file__).parent / "data" / "format-1"


def test_an_old_run_gives_its_old_probabilities_on_an_old_dataset():
    data, run, tracks = Dataset(KEPT / "dataset"), Run(KEPT / "runs/pmn"), TrackFolder(KEPT / "tracks")
    windows = data.windows()
    there = windows.index[windows["chrom"] == "chr3"]
    codes, offsets = (np.load(KEPT / "dataset" / name) for name in ("sequence.npy", "offsets.npy"))
    logits = scan(run.model(torch.device("cpu")), codes, offsets[there], data.window, torch.device("cpu"))
    found = torch.from_numpy(logits).sigmoid().numpy()
    assert run.tfs == data.tfs == list(tracks.files) and len(there) > 10
    for label, path in enumerate(tracks.files.values()):
        table = np.loadtxt(path, usecols=(1, 3))
        kept = dict(zip(table[:, 0].astype(int), table[:, 1], strict=True))
        wanted = [kept[start + (data.window - data.stride) // 2] for start in windows.loc[there, "start"]]
        np.testing.assert_allclose(found[:, label], wanted, atol=1e-5)


def test_an_old_run_is_gone_on_with(tmp_path):
    shutil.copytree(KEPT / "runs/pmn", tmp_path / "pmn")
    settings = Settings("pmn", 1.0, epochs=2)
    train(KEPT / "dataset", tmp_path / "pmn", settings, Hyperparameters(channels=(4, 4, 4)), resume=True)
    assert len(Run(tmp_path / "pmn").meta["epochs"]) == 2
