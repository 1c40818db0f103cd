"""Files of a dataset, read at once into memory: what was checked is what is used, whatever becomes of the file."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import numpy as np

from pmntool.checksums import require_written
from pmntool.errors import DatasetError
from pmntool.text import open_plain

HEADER_BYTES = 4096  # at most


def read_checked(path: Path, checksum: str, most: int | None = None) -> np.ndarray:
    """Return the bytes of a dataset's file, uint8 (n,), which has this SHA-256 and, as an array, at most so many.

    Raises
    ------
    DatasetError
        The file cannot be read, is larger or another.
    """
    try:
        with open_plain(path) as file:
            size = os.fstat(file.fileno()).st_size
            if most is not None and size > most + HEADER_BYTES:
                raise DatasetError(f"{path}: {size} bytes; the windows of dataset.json take at most {most}")
            content = np.fromfile(file, np.uint8)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    require_written(path, hashlib.sha256(content).hexdigest(), checksum, "dataset.json", DatasetError)
    return content


def read_array(path: Path, checksum: str, most: int) -> np.ndarray:
    """Return the array in a file that `read_checked` reads; nothing in it is ever unpickled.

    Raises
    ------
    DatasetError
        As `read_checked`, or the file is no plain array of numpy's format 1.
    """
    content = read_checked(path, checksum, most)
    header = io.BytesIO(content[:HEADER_BYTES].tobytes())
    try:
        version, _ = np.lib.format.read_magic(header)
        if version != 1:
            raise ValueError(f"its format is {version}; expected 1")
        shape, by_column, dtype = np.lib.format.read_array_header_1_0(header)
        return content[header.tell() :].view(dtype).reshape(shape, order="F" if by_column else "C")
    except Exception as error:  # numpy's reading of a header ends in more ways than it tells
        raise DatasetError(f"{path}: not a plain .npy array ({error})") from error
