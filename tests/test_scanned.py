"""What a scan leaves on disk: no moment of a kill spoils what the next command makes of it."""

import shutil

import numpy as np
import pytest

from pmntool.errors import Stopped
from pmntool.scanned import Scanned, prepare

ASKED = {"tfs": ["A", "B"], "pieces": [("chr1", 0, 3), ("chr1", 3, 5)]}


def codes(piece):
    return np.zeros(piece[2] - piece[1], np.uint8)


def test_what_was_half_forgotten_counts_no_more(tmp_path, monkeypatch):
    folder = tmp_path / "out"
    folder.mkdir()
    prepare(folder, ASKED, codes)
    Scanned(folder).add(0, np.ones((3, 2), np.float32), codes(ASKED["pieces"][0]))
    remove = shutil.rmtree

    def stop(path):
        remove(path / "0")
        raise Stopped(15)

    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(shutil, "rmtree", stop)
        prepare(folder, ASKED | {"tfs": ["A"]}, codes, force=True)
    prepare(folder, ASKED, codes)
    assert Scanned(folder).left(0) == ASKED["pieces"]
