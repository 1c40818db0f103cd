"""The rows of a dataset: windows with their sequence, unbound ones drawn, those that leak found or left out."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pmntool import intervals
from pmntool.errors import InputError
from pmntool.genome import N_CODE, Genome, encode
from pmntool.labels import Labels, Regions, count_positives, from_rows, split_table, tf_table
from pmntool.leakage import LEAST_SHARE, WORD, find_leaks
from pmntool.text import as_bytes, counted, shorten
from pmntool.verbs.windowing import Options, tiling

log = logging.getLogger("pmntool")

MOST_ON_N = 0.001  # share of peaks centered on N beyond which a warning is due: no read maps there
WINDOW_BYTES = 35  # of a window's place in offsets.npy and windows.bed
FEWEST_ON_N = 10  # peaks centered on N that are no chance
GC_STEPS = 50  # unbound windows are matched on GC in steps of 2 %


class Rows(NamedTuple):
    """A dataset's arrays, as in `dataset`."""

    windows: pd.DataFrame  # chrom, start, end, split
    sequence: np.ndarray  # uint8 (S,)
    offsets: np.ndarray  # int64 (N,)
    packed: np.ndarray  # uint8 (N, ceil(L / 8))


def size_in_words(labels: Mapping[str, Labels], n_tfs: int, options: Options) -> str:
    """Return what a dataset comes to hold and to take, in words, before it is laid out."""
    numbers = [part.numbers for part in labels.values() if len(part.numbers)]
    n_windows = round((1 + options.negatives) * sum(map(len, numbers)))
    steps = (np.minimum(np.diff(some) * options.stride, options.window).sum() + options.window for some in numbers)
    size = (1 + options.negatives) * int(sum(steps)) + n_windows * (-(-n_tfs // 8) + WINDOW_BYTES)
    return f"up to about {counted(n_windows, 'window')}, {as_bytes(size)} in memory and on disk"


def lay_out(
    genome: Genome, labels: Mapping[str, Labels], allowed: Mapping[str, np.ndarray | None],
    regions: Mapping[str, Regions], meta: dict[str, Any], options: Options,
) -> Rows:  # fmt: skip
    """Return the bound windows and the unbound ones, which `meta` gains with the chromosomes' checksums."""
    starts, checksums, stretches, offsets, packed = {}, {}, [], [], []
    length = wanting = on_n = 0
    for chrom, part in labels.items():
        split = meta["chroms"][chrom]["split"]
        letters, checksums[chrom] = genome.letters_and_checksum(chrom)
        on_n += _count_on_n(letters, [found[chrom] for found in regions.values() if chrom in found])
        if options.negatives:
            part, drawn, short = _add_unbound(chrom, encode(letters), part, allowed[chrom], options)
            meta["splits"][split]["windows"] += drawn
            wanting += short
        starts[chrom] = part.numbers * options.stride
        within, pieces = intervals.lay_out(letters, starts[chrom], options.window)
        offsets.append(within + length)
        stretches.append(encode(np.concatenate([letters[:0], *pieces])))
        length += len(stretches[-1])
        packed.append(part.packed)
    for chrom, checksum in checksums.items():
        meta["chroms"][chrom]["md5"] = checksum.result()
    if wanting:
        meta["left_out"]["windows"]["unbound, asked for, but none of that GC was left"] = wanting
    if on_n:
        meta["kept"]["peaks centered on N"] = on_n
    share = on_n / meta["kept"]["peaks"]
    if on_n >= FEWEST_ON_N and share > MOST_ON_N:
        log.warning(
            "%d peaks, %.2g %%, are centered on N, where no read maps: is this the assembly that they were called on, "
            "and not masked with N?", on_n, 100 * share,
        )  # fmt: skip
    start, counts = np.concatenate(list(starts.values())), list(map(len, starts.values()))
    split = [meta["chroms"][chrom]["split"] for chrom in starts]
    windows = pd.DataFrame({"chrom": np.repeat(np.array(list(starts), object), counts), "start": start})
    windows = windows.assign(end=start + options.window, split=np.repeat(np.array(split, object), counts))
    return Rows(windows, np.concatenate(stretches), np.concatenate(offsets), np.concatenate(packed))


def _count_on_n(letters: np.ndarray, found: Sequence[tuple[np.ndarray, np.ndarray]]) -> int:
    """Count the intervals, start and end of each TF's, whose center, the peak's summit or middle, lies on N."""
    centers = [(start + end) // 2 for start, end in found]
    return sum(int((encode(letters[center[center < len(letters)]]) == N_CODE).sum()) for center in centers)


def _add_unbound(
    chrom: str, codes: np.ndarray, part: Labels, allowed: np.ndarray | None, options: Options
) -> tuple[Labels, int, int]:
    """Add windows that no TF binds, drawn at random and matched on GC to the bound ones.

    Returns
    -------
    The labels with the unbound windows (all zero), how many there are, and how many are wanting because no more windows
    of their GC were free. Windows of nothing but N are never drawn.
    """
    tiles = tiling(len(codes), options)
    gc = intervals.count_marked((codes == 1) | (codes == 2), **tiles) * GC_STEPS // (options.window + 1)
    free = intervals.count_marked(codes == N_CODE, **tiles) < options.window
    free[part.touched] = False
    if allowed is not None:
        free &= allowed
    stream = int.from_bytes(hashlib.sha256(chrom.encode()).digest()[:8], "little")
    rng = np.random.default_rng([options.seed, stream])
    wanted = np.floor(np.bincount(gc[part.numbers], minlength=GC_STEPS) * options.negatives + rng.random(GC_STEPS))
    drawn = [rng.permutation(np.flatnonzero(free & (gc == step)))[: int(wanted[step])] for step in range(GC_STEPS)]
    unbound = np.concatenate(drawn)
    numbers = np.concatenate([part.numbers, unbound])
    order = np.argsort(numbers)
    packed = np.concatenate([part.packed, np.zeros((len(unbound), part.packed.shape[1]), np.uint8)])
    return part._replace(numbers=numbers[order], packed=packed[order]), len(unbound), int(wanted.sum()) - len(unbound)


def count_leaks(rows: Rows, meta: dict[str, Any], options: Options) -> pd.DataFrame:
    """Return the windows that leak, and count them in `meta`."""
    leaks = find_leaks(rows.windows, rows.sequence, rows.offsets, options.window)
    meta["leakage"] = {"word": WORD, "least_share": LEAST_SHARE}
    for split, row in meta["splits"].items():
        row["leaking"] = int((leaks["split"] == split).sum())
    return leaks


def leave_out(rows: Rows, leaks: pd.DataFrame, meta: dict[str, Any], options: Options) -> tuple[Rows, pd.DataFrame]:
    """Return the rows that do not leak and the TFs' table of them, and count them in `meta`."""
    kept = ~rows.windows.index.isin(leaks.index)
    windows, packed = rows.windows[kept].reset_index(drop=True), rows.packed[kept]
    offsets, stretches = intervals.lay_out(rows.sequence, rows.offsets[kept], options.window)
    splits = {chrom: about["split"] for chrom, about in meta["chroms"].items()}
    labels = from_rows(windows, packed, options.stride)
    counts = count_positives(labels, splits, meta["tfs"])
    for split, row in split_table(labels, splits, len(meta["tfs"])).items():
        meta["splits"][split] |= row | {"windows": int((windows["split"] == split).sum())}
        if not row["bound"]:
            raise InputError(f"--no-leakage leaves no bound window in {split}; give it other chromosomes")
        if found := meta["splits"][split]["leaking"]:
            meta["left_out"]["windows"][f"of {split} whose sequence stands in train too"] = found
            meta["splits"][split]["leaking"] = 0
        wanting = counts.index[counts[split] == 0]
        if len(wanting):
            log.warning("--no-leakage leaves no positive %s window of %s", split, shorten(wanting))
    return Rows(windows, np.concatenate(stretches), offsets, packed), tf_table(labels, counts)
