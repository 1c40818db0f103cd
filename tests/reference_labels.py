"""Labels a second time, slow and obvious: bases marked one by one, letters counted in strings, tables by loops.

Written from the method's text, not from pmntool, which it does not import. Coordinates are bp, 0-based, half-open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

Interval = tuple[int, int]  # start, end
Rows = list[list[int]]  # one row a window of a chromosome, one 0 or 1 a TF


def window_starts(length: int, window: int, stride: int) -> list[int]:
    """Return where the windows begin that lie within a chromosome."""
    starts = []
    start = 0
    while start + window <= length:
        starts.append(start)
        start += stride
    return starts


def shared_bases(a: Interval, b: Interval) -> int:
    """Count the bases of `a` that are bases of `b`."""
    count = 0
    for base in range(*a):
        if b[0] <= base < b[1]:
            count += 1
    return count


def is_positive(start: int, window: int, intervals: Sequence[Interval], min_overlap: float) -> int:
    """Return 1 where one interval alone covers more than the fraction `min_overlap`, as written in decimals."""
    for interval in intervals:
        if Fraction(shared_bases((start, start + window), interval), window) > Fraction(str(min_overlap)):
            return 1
    return 0


def label_rows(
    length: int, window: int, stride: int, regions: Sequence[Sequence[Interval]], min_overlap: float
) -> Rows:
    """Return a row for every window of a chromosome, bound or not; `regions` are each TF's intervals."""
    return [
        [is_positive(start, window, intervals, min_overlap) for intervals in regions]
        for start in window_starts(length, window, stride)
    ]


def peak_window(start: int, end: int, offset: int, window: int) -> Interval:
    """Return the `window` bp around a peak's summit, or around its middle where `offset` is negative."""
    summit = start + offset if offset >= 0 else (start + end) // 2
    return summit - window // 2, summit - window // 2 + window


def letters(sequence: str, start: int, window: int) -> str:
    """Return a window's bases in capitals, N for whatever is not A, C, G or T."""
    return "".join(letter if letter in "ACGT" else "N" for letter in sequence[start : start + window].upper())


def gc_count(text: str) -> int:
    return text.count("G") + text.count("C")


def n_count(text: str) -> int:
    return text.count("N")


def split_numbers(rows: Mapping[str, Rows], splits: Mapping[str, str]) -> dict[str, dict[str, int]]:
    """Return what Table 3 is made of; windows that nothing binds do not count."""
    table = {}
    for split in ("train", "valid", "test"):
        bound = cobound = bindings = 0
        for chrom in rows:
            for row in rows[chrom]:
                if splits[chrom] == split and sum(row) > 0:
                    bound += 1
                    bindings += sum(row)
                    if sum(row) > 1:
                        cobound += 1
        table[split] = {"bound": bound, "cobound": cobound, "bindings": bindings}
    return table


def tf_numbers(rows: Mapping[str, Rows], splits: Mapping[str, str], column: int) -> dict[str, float]:
    """Return what Figure 2 says of the TF in `column`."""
    bound = own = shared = 0
    per_split = {"train": 0, "valid": 0, "test": 0}
    for chrom in rows:
        for row in rows[chrom]:
            if sum(row) > 0:
                bound += 1
            if row[column]:
                own += 1
                per_split[splits[chrom]] += 1
                if sum(row) > 1:
                    shared += 1
    percents = {"percent_positive": 100 * own / bound, "percent_shared": 100 * shared / own}
    return {"windows": own} | percents | per_split


def shared_words(text: str, others: Sequence[str], word: int) -> Fraction:
    """Return the share of a window's words, spelled without N, that stand in any other window, on either strand."""
    there = set()
    for other in others:
        for strand in (other, other[::-1].translate(str.maketrans("ACGT", "TGCA"))):
            for start in range(len(strand) - word + 1):
                there.add(strand[start : start + word])
    spelled = [text[start : start + word] for start in range(len(text) - word + 1)]
    spelled = [letters for letters in spelled if "N" not in letters]
    if not spelled:
        return Fraction(0)
    return Fraction(sum(letters in there for letters in spelled), len(spelled))
