"""Read MNIST: the four IDX files as published, or an .npz of images and labels.

Images are uint8 (N, 28, 28), 0 background to 255 ink; labels are int64 (N,), 0 to 9.
"""

from __future__ import annotations

import gzip
import math
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pmntool.errors import InputError, MismatchError

SIDE = 28  # pixels
N_CLASSES = 10
SPLIT_SEED = 0  # one split for all training seeds
_UNSIGNED_BYTES = 8  # IDX's code for them


class Digits(NamedTuple):
    """Images of digits, and which digit each shows."""

    images: np.ndarray  # uint8 (N, 28, 28)
    labels: np.ndarray  # int64 (N,)


def read_mnist(path: Path) -> dict[str, Digits]:
    """Return MNIST's splits, train, valid and test, from a folder of IDX files or an .npz.

    IDX files say themselves what is test; a twelfth of their training images, drawn at random, validates (of 60,000:
    5,000). An .npz is cut at random: two tenths test, one tenth validates. The draw is the same every time.

    Raises
    ------
    InputError
        A file is missing or is not what its format asks for.
    MismatchError
        There are not as many labels as images.
    """
    path = Path(path)
    if not path.is_dir():
        digits = read_npz(path)
        n_test, n_valid = len(digits.labels) // 5, len(digits.labels) // 10
        test, valid, train = _cut(digits, n_test, n_test + n_valid)
        return {"train": train, "valid": valid, "test": test}
    digits, test = (read_pair(path, name) for name in ("train", "t10k"))
    valid, train = _cut(digits, len(digits.labels) // 12)
    return {"train": train, "valid": valid, "test": test}


def read_pair(folder: Path, name: str) -> Digits:
    """Return the images and labels of `name`-images-idx3-ubyte and `name`-labels-idx1-ubyte, plain or .gz."""
    images, labels = (_find(folder, f"{name}-{what}") for what in ("images-idx3-ubyte", "labels-idx1-ubyte"))
    return _check(read_idx(images, 3), read_idx(labels, 1), images, labels)


def read_npz(path: Path) -> Digits:
    """Return the arrays `images` and `labels` of an .npz; nothing in it is executed."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            images, labels = arrays["images"], arrays["labels"]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: cannot be read as .npz ({getattr(error, 'strerror', None) or error})") from error
    except (KeyError, AttributeError, TypeError) as error:  # another array's name, or an .npy
        raise InputError(f"{path}: expected an .npz with the arrays images and labels") from error
    return _check(images, labels, f"{path}, images", f"{path}, labels")


def read_idx(path: Path, n_axes: int) -> np.ndarray:
    """Return the array of an IDX file of unsigned bytes, plain or gzip-compressed.

    Raises
    ------
    InputError
        The file cannot be read, has another type or number of axes, or is longer or shorter than its header says.

    Notes
    -----
    Two zero bytes, the type's code, the number of axes; each axis' length, 4 bytes, the highest first; the values.
    """
    try:
        content = Path(path).read_bytes()
        content = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    magic, header = bytes([0, 0, _UNSIGNED_BYTES, n_axes]), 4 + 4 * n_axes
    if content[:4] != magic:
        raise InputError(f"{path}: begins with {content[:4].hex(' ') or 'nothing'}; expected IDX's {magic.hex(' ')}")
    shape = tuple(int.from_bytes(content[i : i + 4], "big") for i in range(4, header, 4))
    if len(content) != header + math.prod(shape):
        raise InputError(f"{path}: {len(content)} bytes; its header, {shape}, asks for {header + math.prod(shape)}")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape).copy()  # which may be written to


def _find(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise InputError(f"{folder / name}: no such file, nor with .gz")


def _check(images: np.ndarray, labels: np.ndarray, images_from: object, labels_from: object) -> Digits:
    """Refuse what does not show digits."""
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (SIDE, SIDE):
        raise InputError(f"{images_from}: {images.dtype} {images.shape}; expected uint8 (N, {SIDE}, {SIDE})")
    if labels.dtype != np.uint8 or labels.ndim != 1:
        raise InputError(f"{labels_from}: {labels.dtype} {labels.shape}; expected uint8 (N,)")
    if len(images) != len(labels):
        raise MismatchError(f"{images_from}: {len(images)} images, but {len(labels)} labels in {labels_from}")
    wrong = np.flatnonzero(labels >= N_CLASSES)
    if len(wrong):
        raise InputError(f"{labels_from}: label {wrong[0]} is {labels[wrong[0]]}; expected 0 to {N_CLASSES - 1}")
    return Digits(images, labels.astype(np.int64))


def _cut(digits: Digits, *bounds: int) -> list[Digits]:
    """Return the images in random order, cut at `bounds`."""
    order = np.random.default_rng(SPLIT_SEED).permutation(len(digits.labels))
    return [Digits(digits.images[rows], digits.labels[rows]) for rows in np.split(order, bounds)]
