"""Of which kind a folder is that a command wrote, and what lies nearest where another was wanted."""

from __future__ import annotations

import difflib
import os
from itertools import islice
from pathlib import Path

from pmntool.targets import partial_name

MARKERS = {kind: f"{kind}.json" for kind in ("dataset", "run", "tracks", "evaluation", "prototypes")}
_NAMES = {"dataset": "a dataset", "run": "a run", "tracks": "tracks", "evaluation": "an evaluation"}


def name_kind(kind: str) -> str:
    """Return a kind of folder as a sentence has it: "a run"."""
    return _NAMES.get(kind, kind)


def kind_of(folder: Path) -> str | None:
    """Return a key of `MARKERS`, or None."""
    return next((kind for kind, marker in MARKERS.items() if (folder / marker).is_file()), None)


def nearest(path: Path) -> str:
    """Return what there is in place of a folder that is none."""
    if not path.exists():
        if partial_name(path).exists():
            return f"there is only {partial_name(path)}, which a command is still at work on or did not finish"
        names = [name for name in os.listdir(path.parent) if name[0] != "."] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, names, n=1)
        return "no such file or folder" + (f"; did you mean {path.parent / near[0]}?" if near else "")
    if kind := kind_of(path):
        return f"it is {name_kind(kind)}"
    above = next((folder for folder in path.parents if kind_of(folder)), None)
    if above is not None:
        return f"it lies in {above}, {name_kind(kind_of(above))}"
    if path.is_file():
        return "it is a file"
    patterns = [f"{depth}{marker}" for depth in ("*/", "*/*/") for marker in MARKERS.values()]
    below = islice((found.parent for pattern in patterns for found in sorted(path.glob(pattern))), 4)
    found = ", ".join(f"{folder} ({name_kind(kind_of(folder))})" for folder in below)
    return f"it holds {found or 'none of ' + ', '.join(MARKERS.values())}"
