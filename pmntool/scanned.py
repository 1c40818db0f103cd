"""What a scan has found so far, on disk: `predict` goes on from it after a kill, and makes its tracks of it.

```
journal.jsonl  what was asked for; then a line for each piece that is scanned: windows so far and the SHA-256 of all
               bases so far; then a line for each track that is written: its entries
N.values       float32, the probabilities of label N, window after window; gone once its track is written
```
Lines and values are only ever appended, values first, and one that was cut short does not count.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from pmntool.errors import MismatchError
from pmntool.staging import new_file

JOURNAL = "journal.jsonl"
_SIZE = np.dtype(np.float32).itemsize


class Scanned:
    """The values of L labels, one window after the other.

    Parameters
    ----------
    folder
        Where an earlier command may have left its values; anything else there goes.
    asked
        What the values depend on, for JSON: they serve only for the same again.
    force
        Forget what was begun with something else.

    Attributes
    ----------
    windows : int
        How many are scanned.
    entries : list of int
        Of each track that is written, in the order of the labels.

    Raises
    ------
    MismatchError
        What is there was begun with something else.
    """

    def __init__(self, folder: Path, asked: dict[str, Any], n_labels: int, *, force: bool = False) -> None:
        self._folder, self._paths = folder, [folder / f"{label}.values" for label in range(n_labels)]
        self._asked = json.loads(json.dumps(asked))  # tuples are lists in a journal
        self._force, self._seen = force, hashlib.sha256()
        known = _read(folder / JOURNAL)
        other = [key for key, value in self._asked.items() if known and known[0].get(key) != value]
        if other and not force:
            self._refuse(f"was made with another {', '.join(other)}")
        self.entries = [line["entries"] for line in known if "entries" in line]
        last = next((line for line in reversed(known) if "windows" in line), {"windows": 0})
        left = self._paths[len(self.entries) :]
        if other or not last["windows"] or any(_count(path) < last["windows"] for path in left):
            self._begin()
            return
        self.windows, self._sequence = last["windows"], last["sequence"]
        for path in left:
            os.truncate(path, self.windows * _SIZE)
        self._write(known)

    def _begin(self) -> None:
        self.windows, self.entries, self._seen = 0, [], hashlib.sha256()
        shutil.rmtree(self._folder)
        self._folder.mkdir()
        for path in self._paths:
            path.touch()
        self._write([self._asked])

    def _write(self, lines: list[dict[str, Any]]) -> None:
        with new_file(self._folder / JOURNAL) as partial:
            partial.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def _refuse(self, why: str) -> NoReturn:
        raise MismatchError(
            f"{self._folder}: what an earlier command left there {why}; repeat that command, give another -o, or "
            "--force to begin anew"
        )

    def skip(self, pieces: Iterable[tuple[int, np.ndarray]]) -> int:
        """Return how many pieces need no scan, of all in their order: number of windows, and base codes.

        Raises
        ------
        MismatchError
            Their bases are not those that were scanned.
        """
        position, count = 0, 0
        for windows, codes in pieces:
            if position >= self.windows:
                break
            self._seen.update(codes)
            position, count = position + windows, count + 1
        if self.windows and self._seen.hexdigest() != self._sequence:
            if not self._force:
                self._refuse("was made of another sequence")
            self._begin()
            return 0
        return count

    def add(self, values: np.ndarray, codes: np.ndarray) -> None:
        """Append the values of the next piece, float32, shape (n, L), on bases `codes`."""
        for path, column in zip(self._paths, values.T, strict=True):
            with open(path, "ab") as file:
                file.write(column.tobytes())
        self._seen.update(codes)
        self.windows += len(values)
        self._note({"windows": self.windows, "sequence": self._seen.hexdigest()})

    def read(self, label: int, counts: list[int]) -> Iterator[np.ndarray]:
        """Yield the values of a label, float32, in pieces of so many windows."""
        with open(self._paths[label], "rb") as file:
            for count in counts:
                yield np.fromfile(file, np.float32, count)

    def finish(self, label: int, entries: int) -> None:
        """Note that the label's track is written; its values go."""
        self.entries.append(entries)
        self._note({"entries": entries})
        self._paths[label].unlink()  # after the line: a track without values is a track that is written

    def remove(self) -> None:
        """Leave nothing but tracks."""
        for path in (*self._paths, self._folder / JOURNAL):
            path.unlink(missing_ok=True)

    def _note(self, line: dict[str, Any]) -> None:
        with open(self._folder / JOURNAL, "a") as file:
            file.write(json.dumps(line) + "\n")


def _count(path: Path) -> int:
    """Return how many values a file holds; 0 where it is not there."""
    return path.stat().st_size // _SIZE if path.exists() else 0


def _read(journal: Path) -> list[dict[str, Any]]:
    """Return the lines of a journal up to one that was cut short; none where there is none."""
    lines: list[dict[str, Any]] = []
    with suppress(FileNotFoundError, ValueError):
        for line in journal.read_bytes().splitlines():
            lines.append(json.loads(line))
    return lines
