"""Does a FASTA's index (`.fai`, with bgzip also `.gzi`) fit it? It may be older, another's, or half-written just now.

Where the index is right, nothing stands between two sequences but headers, the last with the name of the sequence that
follows, and nothing but headers stands after the last one. Bases are not looked at, nor where lines end.
"""

from __future__ import annotations

import os
import struct
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pmntool.text import read_plain

LONGEST = 1 << 20  # bytes of the headers between two sequences
HEAD = 18  # bytes of a bgzip block's header; the last two hold the block's size, less one


class Lines(NamedTuple):
    """How a sequence stands in its FASTA."""

    length: int  # bp
    offset: int  # of the first base, bytes
    bases: int  # of a line
    width: int  # of a line with its end, bytes


Read = Callable[[int, int], bytes]  # bytes from here to there of the FASTA, uncompressed; fewer at its end


def read_index(index: Path) -> Iterator[tuple[bytes, Lines]]:
    """Yield each sequence's name and lines; what is no index is a ValueError or TypeError."""
    for line in filter(None, read_plain(index).split(b"\n")):  # as samtools, to which a CR ends no line
        name, *numbers = line.split(b"\t")
        yield name, Lines(*map(int, numbers[:4]))


def why_unfit(fasta: Path, index: Path, block_index: Path | None = None) -> str | None:
    """Return why an index cannot be used, None where it can be; a bgzip file has a block index too."""
    try:
        if any(os.stat(part).st_mtime_ns < os.stat(fasta).st_mtime_ns for part in (index, block_index) if part):
            return "older than the FASTA"
        with open(fasta, "rb") as file:
            return _compare(index, _read_blocks(file, block_index) if block_index else _read_plain(file))
    except OSError as error:
        return error.strerror or str(error)
    except (ValueError, TypeError, IndexError, struct.error, zlib.error):
        return "no index, or half of one"


def _compare(index: Path, read: Read) -> str | None:
    end = 0
    for name, (length, offset, bases, width) in read_index(index):
        if length == 0:  # a header without bases
            continue
        between = _headers(read, end, offset) if end < offset <= end + LONGEST else None
        if length < 0 or not 0 < bases <= width or not between or between[-1].split()[:1] != [name]:
            return f"of another FASTA: {name.decode(errors='replace')} does not begin where it says"
        end = offset + (length - 1) // bases * width + (length - 1) % bases + 1
    if not end or _headers(read, end, end + LONGEST) is None:
        return "of another FASTA, or half of one: the last sequence does not end where it says"
    return None


def _headers(read: Read, start: int, end: int) -> list[bytes] | None:
    """Return the headers from `start`, where a sequence has just ended, to `end`; None where there is anything else."""
    last_base = read(start - 1, start) if start else b"-"
    lines = [line for line in read(start, end).split(b"\n") if line.strip()]
    if not last_base.strip() or any(line[:1] != b">" for line in lines):
        return None
    return [line[1:] for line in lines]


def _read_plain(file: BinaryIO) -> Read:
    def read(start: int, end: int) -> bytes:
        file.seek(start)
        return file.read(end - start)

    return read


def _read_blocks(file: BinaryIO, block_index: Path) -> Read:
    content = read_plain(block_index)
    addresses = struct.unpack(f"<{len(content) // 8}Q", content)
    if addresses[0] * 2 != len(addresses) - 1:
        raise ValueError
    packed, plain = (0, *addresses[1::2]), (0, *addresses[2::2])

    @lru_cache(maxsize=2)
    def block(start: int) -> tuple[bytes, int]:
        file.seek(start)
        head = file.read(HEAD)
        size = int.from_bytes(head[-2:], "little") + 1
        return zlib.decompress(head + file.read(size - HEAD), wbits=31) if head else b"", start + size

    def read(start: int, end: int) -> bytes:
        number = bisect_right(plain, start) - 1
        found, address, skip = b"", packed[number], start - plain[number]
        while len(found) < skip + end - start:
            more, address = block(address)
            if not more:
                break
            found += more
        return found[skip : skip + end - start]

    return read
