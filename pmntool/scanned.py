"""What a scan has found so far, on disk: `predict` goes on from it after a kill, and makes its tracks of it.

```
asked.json     what was asked for, and in how many shares
S/journal.txt  a line for each piece of share S that is scanned: the SHA-256 of its bases
S/N.values     float32, the probabilities of label N in share S, window after window; gone once its track is written
N.entries      how many entries the track of label N has, a line; empty until it is written
```
A share is consecutive pieces, about as many windows as another share has, and one process scans it; another command may
go on with any number of processes. Lines and values are only ever appended, values first, and one that was cut short
does not count.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from pmntool.errors import MismatchError
from pmntool.staging import new_file, write_json

ASKED = "asked.json"
Piece = tuple[str, int, int]  # chromosome, first window, and the one after the last
_SIZE = np.dtype(np.float32).itemsize


def prepare(
    folder: Path, asked: dict[str, Any], codes: Callable[[Piece], np.ndarray], *, n_shares: int = 1, force: bool = False
) -> None:
    """Make a folder ready to be scanned into: with what an earlier command left, or empty.

    One process does this, before any opens the folder.

    Parameters
    ----------
    folder
        Where an earlier command may have left its values; anything else there goes.
    asked
        What the values depend on, for JSON: they serve only for the same again. `pieces` and `tfs` are among it.
    codes
        Base codes of a piece, uint8.
    n_shares
        How many processes are to share a scan that begins.
    force
        Forget what was begun with something else.

    Raises
    ------
    MismatchError
        What is there was begun with something else, or its bases were others.
    """
    asked = json.loads(json.dumps(asked))  # tuples are lists there
    known = json.loads((folder / ASKED).read_bytes()) if (folder / ASKED).exists() else {}
    other = [key for key, value in asked.items() if known and known.get(key) != value]
    if other and not force:
        _refuse(folder, f"was made with another {', '.join(other)}")
    fits = known and not other
    if fits and not Scanned(folder).is_of(codes):
        if not force:
            _refuse(folder, "was made of another sequence")
        fits = False
    if not fits:
        (folder / ASKED).unlink(missing_ok=True)  # first: without it nothing of the rest counts
        shutil.rmtree(folder)
        folder.mkdir()
        for share in range(n_shares):
            (folder / str(share)).mkdir()
        write_json(folder / ASKED, asked | {"shares": n_shares})
    Scanned(folder).mend()


class Scanned:
    """The values of L labels, one window after the other, in a folder that `prepare` has made.

    Attributes
    ----------
    asked : dict
        As in `prepare`.
    pieces : list of Piece
    n_shares : int
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked = json.loads((folder / ASKED).read_bytes())
        self.pieces: list[Piece] = [(chrom, begin, end) for chrom, begin, end in self.asked["pieces"]]
        self.n_shares: int = self.asked["shares"]
        windows = np.array([end - begin for _, begin, end in self.pieces])
        self._share_of = (np.cumsum(windows) - windows) * self.n_shares // windows.sum()

    def share(self, share: int) -> list[Piece]:
        """Return the pieces of a share."""
        return [piece for piece, its in zip(self.pieces, self._share_of, strict=True) if its == share]

    def left(self, share: int) -> list[Piece]:
        """Return the pieces of a share that are not scanned yet; none where all tracks are written."""
        return self.share(share)[len(self._journal(share)) :] if self._unwritten() else []

    def is_of(self, codes: Callable[[Piece], np.ndarray]) -> bool:
        """Say whether the bases of all that is scanned are these."""
        return all(
            _checksum(codes(piece)) == known
            for share in range(self.n_shares)
            for piece, known in zip(self.share(share), self._journal(share), strict=False)
        )

    def mend(self) -> None:
        """Cut off what does not count."""
        unwritten = self._unwritten()
        for share in range(self.n_shares):
            paths = [self._values(share, label) for label in unwritten]
            ends = np.cumsum([end - begin for _, begin, end in self.share(share)])
            ends = ends[: len(self._journal(share))]
            n_pieces = int((ends <= min(map(_count, paths), default=np.inf)).sum())
            for path in paths:
                with open(path, "ab") as file:
                    file.truncate(int(ends[n_pieces - 1]) * _SIZE if n_pieces else 0)
            with new_file(self.folder / str(share) / "journal.txt") as partial:
                partial.write_text("".join(f"{line}\n" for line in self._journal(share)[:n_pieces]))
        for label in unwritten:
            self._entries(label).write_text("")

    def add(self, share: int, values: np.ndarray, codes: np.ndarray) -> None:
        """Append the values of the share's next piece, float32, shape (n, L), on bases `codes`."""
        for label, column in enumerate(values.T):
            with open(self._values(share, label), "ab") as file:
                file.write(column.tobytes())
        with open(self.folder / str(share) / "journal.txt", "a") as file:
            file.write(f"{_checksum(codes)}\n")

    def read(self, label: int) -> Iterator[np.ndarray]:
        """Yield the values of a label, float32, piece after piece."""
        for share in range(self.n_shares):
            with open(self._values(share, label), "rb") as file:
                for _, begin, end in self.share(share):
                    yield np.fromfile(file, np.float32, end - begin)

    def entries(self, label: int) -> int | None:
        """Return how many entries the track of a label has; None where it is not written."""
        path = self._entries(label)
        text = path.read_text() if path.exists() else ""
        return int(text) if text else None

    def finish(self, label: int, entries: int) -> None:
        """Note that the label's track is written; its values go."""
        with new_file(self._entries(label)) as partial:
            partial.write_text(f"{entries}\n")
        for share in range(self.n_shares):
            self._values(share, label).unlink()

    def remove(self) -> None:
        """Leave nothing but tracks."""
        (self.folder / ASKED).unlink()  # first: without it nothing of the rest counts
        for share in range(self.n_shares):
            shutil.rmtree(self.folder / str(share))
        for label in range(len(self.asked["tfs"])):
            self._entries(label).unlink()

    def _unwritten(self) -> list[int]:
        return [label for label in range(len(self.asked["tfs"])) if self.entries(label) is None]

    def _journal(self, share: int) -> list[str]:
        path = self.folder / str(share) / "journal.txt"
        return path.read_text().split("\n")[:-1] if path.exists() else []

    def _values(self, share: int, label: int) -> Path:
        return self.folder / str(share) / f"{label}.values"

    def _entries(self, label: int) -> Path:
        return self.folder / f"{label}.entries"


def _refuse(folder: Path, why: str) -> NoReturn:
    raise MismatchError(
        f"{folder}: what an earlier command left there {why}; repeat that command, give another -o, or "
        "--force to begin anew"
    )


def _checksum(codes: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(codes)).hexdigest()


def _count(path: Path) -> int:
    """Return how many values a file holds; 0 where it is not there."""
    return os.path.getsize(path) // _SIZE if path.exists() else 0
