"""What `build-dataset` reads of peaks, keeps and leaves out, and how dataset.json says so."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pmntool import __version__
from pmntool.checksums import file_checksum
from pmntool.chroms import name_hint, same_but_for_style
from pmntool.errors import InputError, MismatchError
from pmntool.labels import Labels, Regions, split_table
from pmntool.peaks import Peaks, by_chrom, peak_windows, read_peaks
from pmntool.text import counted, shorten
from pmntool.verbs.windowing import Options, tiling

log = logging.getLogger("pmntool")


class Tally(NamedTuple):
    """What was read, what of it counts, and what was left out, by reason."""

    inputs: list[dict[str, Any]]  # each file
    kept: Counter  # peaks that count, and of them those to know about
    peaks: Counter  # left out
    chroms: Counter  # peaks on chromosomes that the genome does not have
    windows: Counter  # left out


def read_sources(
    sources: Mapping[str, Sequence[Path]], sizes: Mapping[str, int], splits: Mapping[str, str], options: Options,
    tally: Tally,
) -> dict[str, Regions]:  # fmt: skip
    """Return each TF's intervals by chromosome; tally what was read from which file."""
    regions: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]] = {}
    for tf, files in sources.items():
        found: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
        for file in files:
            peaks = read_peaks(file)
            rows = by_chrom(peaks)
            if rows and not rows.keys() & sizes.keys() and same_but_for_style(rows, sizes):
                raise MismatchError(f"{file}: none of its chromosomes is in the genome{name_hint(rows, sizes)}")
            tally.inputs.append(
                {"tf": tf, "file": file.name, "peaks": len(peaks.start), "sha256": file_checksum(file, InputError)}
            )
            for chrom, part in rows.items():
                kept = _keep_peaks(Peaks(*(column[part] for column in peaks)), chrom, sizes, splits, options, tally)
                if kept is not None:
                    found.setdefault(chrom, []).append(kept)
        regions[tf] = {chrom: tuple(map(np.concatenate, zip(*parts, strict=True))) for chrom, parts in found.items()}
    if not any(regions.values()) and tally.chroms:
        names = sorted(tally.chroms)
        hint = name_hint(names, sizes)
        raise MismatchError(f"no peak lies on a chromosome of the genome{hint}; they lie on {shorten(names)}")
    if tally.chroms:
        names = shorten(list(tally.chroms))
        n_peaks = counted(tally.chroms.total(), "peak")
        log.warning("left out, as the genome does not have the chromosome: %s on %s", n_peaks, names)
    beyond = tally.kept["that pass the chromosome's end"] + tally.peaks["beyond the chromosome's end"]
    if beyond:
        n_peaks = counted(beyond, "peak")
        log.warning("%s past the chromosome's end: is this the assembly that they were called on?", n_peaks)
    return regions


def _keep_peaks(
    peaks: Peaks, chrom: str, sizes: Mapping[str, int], splits: Mapping[str, str], options: Options, tally: Tally
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the intervals, start and end in bp, of one chromosome's peaks that count; tally the others."""
    if chrom not in sizes:
        tally.chroms[chrom] += len(peaks.start)
        return None
    if chrom not in splits:
        tally.peaks["on a chromosome not in --chroms"] += len(peaks.start)
        return None
    beyond = peaks.start >= sizes[chrom]
    weak = ~beyond & (peaks.log10p < options.min_log10p)  # NaN, p not given, is no less
    tally.peaks["beyond the chromosome's end"] += int(beyond.sum())
    tally.peaks[f"-log10 p below {options.min_log10p:g}"] += int(weak.sum())
    kept = Peaks(*(column[~beyond & ~weak] for column in peaks))
    tally.kept["peaks"] += len(kept.start)
    tally.kept["without p"] += int(np.isnan(kept.log10p).sum())
    tally.kept["that pass the chromosome's end"] += int((kept.end > sizes[chrom]).sum())
    return (kept.start, kept.end) if options.peak_windows == "own" else peak_windows(kept, options.window)


def read_exclude(path: Path, sizes: Mapping[str, int]) -> Regions:
    """Return a blacklist's intervals by chromosome."""
    peaks = read_peaks(path)
    rows = by_chrom(peaks)
    if rows and not rows.keys() & sizes.keys():
        raise MismatchError(f"{path}: none of its chromosomes is in the genome{name_hint(rows, sizes)}")
    unknown = [chrom for chrom in rows if chrom not in sizes]
    if unknown:
        log.warning("%s: %s, which the genome does not have, excludes nothing", path, shorten(unknown))
    return {chrom: (peaks.start[part], peaks.end[part]) for chrom, part in rows.items()}


def describe(
    tfs: list[str], reasons: Mapping[str, str], labels: Mapping[str, Labels], splits: Mapping[str, str],
    sizes: Mapping[str, int], options: Options, tally: Tally,
) -> dict[str, Any]:  # fmt: skip
    """Return the content of dataset.json, as far as it does not depend on the sequence."""
    table = split_table(labels, splits, len(tfs))
    for split, row in table.items():
        row["windows"] = row["bound"]
        row["tiled"] = sum(tiling(sizes[chrom], options)["n_windows"] for chrom in splits if splits[chrom] == split)
    settings = options._asdict()
    for name in ("valid_chroms", "test_chroms", "chroms"):
        del settings[name]  # `chroms` below says what they came to
    return {
        "pmntool": __version__,
        "tfs": tfs,
        **settings,
        "chroms": {chrom: {"length": sizes[chrom], "split": splits[chrom]} for chrom in splits},
        "splits": table,
        "kept": {"peaks": tally.kept.pop("peaks", 0)} | {f"peaks {what}": n for what, n in tally.kept.items() if n},
        "left_out": {
            "tfs": dict(reasons),
            "peaks": {why: n for why, n in tally.peaks.items() if n}
            | {f"on {chrom}, not in the genome": n for chrom, n in tally.chroms.items()},
            "windows": {why: n for why, n in tally.windows.items() if n},
        },
        "inputs": tally.inputs,
    }
