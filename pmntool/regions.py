"""Regions of a genome as people write them: `chr3:1,000-2,000` or a BED file.

Written regions count from 1 and include their end, as in samtools; everything inside pmntool is 0-based and half-open.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from pmntool.chroms import name_hint
from pmntool.errors import InputError, MismatchError
from pmntool.peaks import read_peaks

Region = tuple[str, int, int]  # chrom, start, end: bp, 0-based, half-open


def parse_region(text: str, sizes: Mapping[str, int]) -> Region:
    """Read `chrom`, `chrom:start` or `chrom:start-end`; commas in numbers are allowed.

    An end past the chromosome is cut, as samtools does.

    Raises
    ------
    InputError
        The text is no region, or holds no base.
    MismatchError
        The genome has no such chromosome.

    Examples
    --------
    >>> parse_region("chr3:1,001-2,000", {"chr3": 5000})
    ('chr3', 1000, 2000)
    """
    if text in sizes:
        return text, 0, sizes[text]
    match = re.fullmatch(r"(.+?)(?::(?=[0-9,-])([0-9,]*)(?:-([0-9,]*))?)?", text)
    if not match or (match[1] not in sizes and text.rpartition(":")[0] in sizes):
        raise InputError(f"region {text!r}: expected chrom:start-end, such as chr3:1-50000")
    chrom, first, last = match.groups()
    if chrom not in sizes:
        raise MismatchError(f"region {text!r}: no chromosome {chrom} in the genome{name_hint([chrom], sizes)}")
    start = _number(first) - 1 if first else 0
    if first and last and _number(first) > _number(last):
        raise InputError(f"region {text!r}: its end is before its start; expected chrom:start-end")
    end = min(_number(last), sizes[chrom]) if last else sizes[chrom]
    if not 0 <= start < end:
        raise InputError(f"region {text!r}: holds no base of {chrom}, which has bases 1 to {sizes[chrom]}")
    return chrom, start, end


def read_regions(path: Path, sizes: Mapping[str, int]) -> list[Region]:
    """Read the intervals of a BED file.

    Raises
    ------
    PeakFormatError
        The file is no BED.
    MismatchError
        An interval is not within the genome.
    """
    peaks = read_peaks(path)
    regions = list(zip(peaks.chrom.tolist(), peaks.start.tolist(), peaks.end.tolist(), strict=True))
    if not regions:
        raise InputError(f"{path}: no region found; expected BED")
    for chrom, start, end in regions:
        if chrom not in sizes:
            raise MismatchError(f"{path}: no chromosome {chrom} in the genome{name_hint([chrom], sizes)}")
        if end > sizes[chrom]:
            raise MismatchError(f"{path}: {chrom}:{start}-{end} passes the chromosome's end, {sizes[chrom]}")
    return regions


def _number(digits: str) -> int:
    """Return a number with commas; one that is longer than any chromosome is cut, and still longer."""
    return int(digits.replace(",", "").lstrip("0")[:20] or 0)


def merge(regions: Iterable[Region]) -> list[Region]:
    """Sort regions by chromosome name and start, and unite those that overlap or touch."""
    merged: list[Region] = []
    for chrom, start, end in sorted(regions):
        if merged and merged[-1][0] == chrom and start <= merged[-1][2]:
            merged[-1] = (chrom, merged[-1][1], max(end, merged[-1][2]))
        else:
            merged.append((chrom, start, end))
    return merged
