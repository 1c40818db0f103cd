"""Leakage: windows to validate or test on whose sequence stands, nearly, in train too: paralogs, repeats, rDNA.

Windows are compared by the words of 32 bp that they hold, of either strand. A word of chance is no matter: in 0.4 Gb
of training sequence a given one stands with a probability of 4e-11. Half of the words of a 200-bp window is what a
piece of 116 bp holds that is the same base for base, or a window of 98 % identity (0.98 ** 32 is one half).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pmntool.labels import SPLITS

WORD = 32  # bp; two bits a base fill a uint64
LEAST_SHARE = 0.5  # of a window's words, in train: the window leaks
PIECE = 1 << 22  # bp of which words are made at once
PART = 1 << 25  # bp whose words are held in memory, to be looked for in all of train: 0.6 GB at most


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
    Memory does not grow with the sequence: the words of `PART` bp of `starts` are sorted, those of `others` go by in
    pieces. Time is one pass over `others` a part, about 0.2 µs a base.
    """
    share = np.zeros(len(starts))
    for part in _pieces(starts, PART) if window >= WORD else ():
        here = starts[part]
        known = np.concatenate([_counted_words(codes, here[piece], window) for piece in _pieces(here, PIECE)])
        known.sort()
        seen = np.zeros(len(known), dtype=bool)
        for piece in _pieces(others, PIECE):
            place, found = _look_up(np.sort(_counted_words(codes, others[piece], window)), known)
            seen[place[found]] = True
        known = known[seen]
        share[part] = np.concatenate([_shares(codes, here[piece], window, known) for piece in _pieces(here, PIECE)])
    return share


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
    forward = (codes & 3).astype(np.uint64)
    backward = 3 - forward
    size = 1
    while size < WORD:
        bits = np.uint64(2 * size)
        forward = forward[:-size] << bits | forward[size:]
        backward = backward[size:] << bits | backward[:-size]
        size *= 2
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


def _look_up(wanted: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where each word would stand in `known`, ascending, and whether it does."""
    if not len(known):
        return np.zeros(len(wanted), dtype=np.int64), np.zeros(len(wanted), dtype=bool)
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return place, known[place] == wanted


def _shares(codes: np.ndarray, starts: np.ndarray, window: int, known: np.ndarray) -> np.ndarray:
    """Return the share of each window's words that are `known`."""
    found, good = _marked_words(codes, starts, window)
    hits = good & _look_up(found, known)[1]
    first = starts - starts[0]
    n_hits, n_good = (
        total[first + window - WORD + 1] - total[first]
        for total in (np.concatenate([[0], np.cumsum(marked)]) for marked in (hits, good))
    )
    return n_hits / np.maximum(n_good, 1)
