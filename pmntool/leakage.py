"""Leakage: windows to validate or test on whose sequence stands, nearly, in train too: paralogs, repeats, rDNA.

Windows are compared by the words of 32 bp that they hold, of either strand. A word of chance is no matter: in 0.4 Gb
of training sequence a given one stands with a probability of 4e-11. Half of the words of a 200-bp window is what a
piece of 116 bp holds that is the same base for base, or a window of 98 % identity (0.98 ** 32 is one half).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import pandas as pd

from pmntool.labels import SPLITS

WORD = 32  # bp; two bits a base fill a uint64
LEAST_SHARE = 0.5  # of a window's words, in train: the window leaks
PIECE = 1 << 18  # bp of which words are made at once: they stay in the processor's cache
PART = 1 << 25  # bp that are looked for in all of train together, through a sieve of 0.25 GiB at most
THREADS = 4
FIRST, SECOND = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F  # odd, irregular: the top bits of word * factor are its hash

T = TypeVar("T")


def find_leaks(windows: pd.DataFrame, sequence: np.ndarray, offsets: np.ndarray, window: int) -> pd.DataFrame:
    """Find the windows of valid and test that leak.

    Parameters
    ----------
    windows
        chrom, start, end (bp), split; N rows in the dataset's order.
    sequence, offsets
        Base codes uint8 (S,), and where each window begins in them, int64 (N,).
    window
        bp.

    Returns
    -------
    Those rows of `windows`, their index kept, and `share`: how much of a window's words stands in train.
    """
    split = windows["split"].to_numpy()
    held_out = split != SPLITS[0]
    share = np.zeros(len(windows))
    share[held_out] = shared_words(sequence, offsets[held_out], offsets[~held_out], window)
    leaks = share >= LEAST_SHARE
    return windows[leaks].assign(share=share[leaks].round(4))


def shared_words(codes: np.ndarray, starts: np.ndarray, others: np.ndarray, window: int) -> np.ndarray:
    """Return the share of each window's words that stand in other windows, on either strand.

    Words with a base that is none of A, C, G, T do not count; a window without any other word has a share of 0.

    Parameters
    ----------
    codes
        Base codes, uint8 (S,).
    starts, others
        Where the windows begin in `codes`, int64, ascending.

    Returns
    -------
    float64, shape (len(starts),).

    Notes
    -----
    A sieve of the words of `PART` bp of `starts` leaves, of the words of `others`, which go by in pieces, those
    that are among them and one in 20 to 70 of the rest. A sieve of these leaves few words of `starts` to look up. So
    memory grows by 3 bytes at most for a base of `others`.
    """
    if window < WORD:
        return np.zeros(len(starts))
    parts = [_shares_of_part(codes, starts[part], others, window) for part in _pieces(starts, max(1, PART - window))]
    return np.concatenate([np.zeros(0), *parts])


def _shares_of_part(codes: np.ndarray, starts: np.ndarray, others: np.ndarray, window: int) -> np.ndarray:
    sieve = _Sieve(int(starts[-1] - starts[0]) + window)
    _each(lambda some: sieve.add(_counted_words(codes, some, window)), starts)
    known = np.empty(0, dtype=np.uint64)
    for group in _pieces(others, PART):
        found = _each(lambda some: sieve.kept(_counted_words(codes, some, window)), others[group])
        known = np.sort(np.concatenate([known, *found]))
        known = np.concatenate([known[:1], known[1:][known[1:] != known[:-1]]])  # each once
    sieve = _Sieve(2 * len(known))
    sieve.add(known)
    return np.concatenate(_each(lambda some: _shares(codes, some, window, known, sieve), starts))


def _each(do: Callable[[np.ndarray], T], starts: np.ndarray) -> list[T]:
    """Return what comes of each piece of the windows; several at a time, as numpy lets other threads run."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(do, [starts[piece] for piece in _pieces(starts, PIECE)]))


class _Sieve:
    """Which words may be among those added: all that are, and one in 20 to 70 of the others (a Bloom filter).

    Parameters
    ----------
    n_words
        How many are added at most.
    """

    def __init__(self, n_words: int) -> None:
        n_bits = (8 * max(n_words, 1) - 1).bit_length()
        self._marked = np.zeros(1 << n_bits, dtype=bool)
        self._shift = np.uint64(64 - n_bits)

    def add(self, some: np.ndarray) -> None:
        self._marked[self._places(some, FIRST)] = self._marked[self._places(some, SECOND)] = True

    def passing(self, some: np.ndarray) -> np.ndarray:
        """Return which words pass: places in `some`, int64, ascending."""
        passing = np.flatnonzero(self._marked[self._places(some, FIRST)])
        return passing[self._marked[self._places(some[passing], SECOND)]]

    def kept(self, some: np.ndarray) -> np.ndarray:
        """Return the words that pass."""
        return some[self.passing(some)]

    def _places(self, some: np.ndarray, factor: int) -> np.ndarray:
        return (some * np.uint64(factor) >> self._shift).view(np.int64)


def words(codes: np.ndarray) -> np.ndarray:
    """Return the word at each base but the last 31, or its reverse complement where that is the smaller number.

    Parameters
    ----------
    codes
        Base codes, uint8 (S,), S >= 32; bases that are no base make words that mean nothing.

    Returns
    -------
    uint64, shape (S - 31,).
    """
    forward = codes & 3
    backward = 3 - forward
    for size, dtype in ((1, np.uint8), (2, np.uint8), (4, np.uint16), (8, np.uint32), (16, np.uint64)):
        bits, forward, backward = dtype(2 * size), forward.astype(dtype), backward.astype(dtype)
        forward = forward[:-size] << bits | forward[size:]
        backward = backward[size:] << bits | backward[:-size]
    return np.minimum(forward, backward)


def _pieces(starts: np.ndarray, most: int) -> Iterator[slice]:
    """Cut windows, by their ascending starts, into slices that begin within `most` bp; nothing of no windows."""
    first = 0
    while first < len(starts):
        after = int(np.searchsorted(starts, starts[first] + most))
        yield slice(first, after)
        first = after


def _marked_words(codes: np.ndarray, starts: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the words from the first to the last window, and which of them are all bases."""
    codes = codes[starts[0] : starts[-1] + window]
    n_before = np.concatenate([[0], np.cumsum(codes > 3)])
    return words(codes), n_before[WORD:] == n_before[:-WORD]


def _counted_words(codes: np.ndarray, starts: np.ndarray, window: int) -> np.ndarray:
    """Return the words that are all bases and lie in a window; those that pass from one stretch to the next do not."""
    found, good = _marked_words(codes, starts, window)
    edges = np.zeros(len(found) + 1, dtype=np.int32)
    edges[starts - starts[0]] += 1
    edges[starts - starts[0] + window - WORD + 1] -= 1
    return found[good & (np.cumsum(edges[:-1]) > 0)]


def _shares(codes: np.ndarray, starts: np.ndarray, window: int, known: np.ndarray, sieve: _Sieve) -> np.ndarray:
    """Return the share of each window's words that are `known`, ascending, by a sieve of these."""
    found, good = _marked_words(codes, starts, window)
    hits = np.zeros(len(found), dtype=bool)
    if len(known):
        passing = sieve.passing(found)
        place = np.minimum(np.searchsorted(known, found[passing]), len(known) - 1)
        hits[passing] = known[place] == found[passing]
    hits &= good
    first = starts - starts[0]
    n_hits, n_good = (
        total[first + window - WORD + 1] - total[first]
        for total in (np.concatenate([[0], np.cumsum(marked)]) for marked in (hits, good))
    )
    return n_hits / np.maximum(n_good, 1)
