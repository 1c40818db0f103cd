"""SHA-256 of files, by which a folder knows its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from pmntool.errors import OutputError
from pmntool.text import open_plain


def file_checksum(path: Path, error_class: type[Exception]) -> str:
    """Return a file's SHA-256 as hexadecimal digits; a file that cannot be read raises `error_class`."""
    digest = hashlib.sha256()
    try:
        with open_plain(path) as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise error_class(f"{path}: cannot be read ({error.strerror})") from error
    return digest.hexdigest()


def require_written(path: Path, checksum: str, known: str, listed_in: str, error_class: type[Exception]) -> None:
    """Raise where a file's SHA-256 is not the one that its folder's JSON, `listed_in`, knows."""
    if checksum != known:
        raise error_class(f"{path}: not as it was written (its checksum differs from {listed_in})")


def checksums(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of each of a folder's files."""
    return {name: file_checksum(folder / name, OutputError) for name in names}
