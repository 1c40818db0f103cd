"""Build a dataset: peaks and a genome to labeled windows (the paper's §4.1)."""

from __future__ import annotations

import hashlib
import logging
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pmntool import __version__, intervals
from pmntool.dataset import file_checksum, shorten, write_arrays, write_leaks, write_meta
from pmntool.errors import InputError, MismatchError
from pmntool.genome import N_CODE, Genome, holds_sizes_only, name_hint, read_sizes, same_but_for_style, select_chroms
from pmntool.labels import (
    SPLITS,
    Labels,
    Regions,
    choose_tfs,
    count_positives,
    from_rows,
    keep_tfs,
    label_chrom,
    split_table,
    tf_table,
)
from pmntool.leakage import LEAST_SHARE, WORD, find_leaks
from pmntool.peaks import Peaks, by_chrom, find_peaks, peak_windows, read_peaks
from pmntool.staging import new_directory, require_free
from pmntool.text import as_bytes, counted

log = logging.getLogger("pmntool")

PAPER_VALID_CHROMS = ("chr1", "chr8", "chr21")
PAPER_TEST_CHROMS = ("chr3", "chr12", "chr17")
LONGEST_WINDOW = 1_000_000  # bp
MOST_ON_N = 0.001  # share of peaks centered on N beyond which a warning is due: no read maps there
FEWEST_ON_N = 10  # peaks centered on N that are no chance
WINDOW_BYTES = 35  # of a window's place in offsets.npy and windows.bed
GC_STEPS = 50  # unbound windows are matched on GC in steps of 2 %


class Options(NamedTuple):
    """How windows are cut, labeled and chosen; the defaults are the paper's."""

    window: int = 200  # bp
    stride: int = 50  # bp
    min_overlap: float = 0.5  # a window is positive where an interval covers more than this fraction of it
    min_log10p: float = 1.0  # least −log10 p of a peak; peaks without p are kept
    peak_windows: str = "summit"  # "summit": a peak is the `window` bp around it; "own": the peak's own interval
    valid_chroms: tuple[str, ...] = PAPER_VALID_CHROMS
    test_chroms: tuple[str, ...] = PAPER_TEST_CHROMS
    chroms: tuple[str, ...] = ()  # chromosomes to use; none: all
    min_windows: int = 1  # leave out TFs with fewer positive windows, and always those without one in each split
    max_n: float = 1.0  # largest share of N in a window
    negatives: float = 0.0  # unbound windows to keep per bound window, matched on GC in each chromosome
    seed: int = 0  # of the unbound windows' choice
    no_leakage: bool = False  # leave out windows of valid and test whose sequence stands in train too


class Built(NamedTuple):
    """What was built, or would be."""

    meta: dict[str, Any]  # the content of dataset.json
    tfs: pd.DataFrame  # Figure 2, as from `labels.tf_table`


class _Rows(NamedTuple):
    """A dataset's arrays, as in `dataset`."""

    windows: pd.DataFrame  # chrom, start, end, split
    sequence: np.ndarray  # uint8 (S,)
    offsets: np.ndarray  # int64 (N,)
    packed: np.ndarray  # uint8 (N, ceil(L / 8))


class _Tally(NamedTuple):
    """What was left out, by reason."""

    peaks: Counter
    chroms: Counter  # peaks on chromosomes that the genome does not have
    windows: Counter
    kept: Counter  # peaks that count, and of them those to know about


def build_dataset(
    genome: Path,
    peaks: Sequence[Path],
    output: Path | None,
    options: Options = Options(),
    *,
    exclude: Path | None = None,
    force: bool = False,
) -> Built:
    """Label the windows of a genome by the peaks that overlap them, and write those that are bound.

    Nothing is trained and no peak is called here.

    Parameters
    ----------
    genome
        FASTA; or, where nothing is written, `.fai` or `chrom.sizes`.
    peaks
        Folders, peak files and sheets, as `peaks.find_peaks` takes them.
    output
        The dataset's folder; None writes nothing.
    exclude
        BED (a blacklist); windows that touch its intervals are left out.

    Raises
    ------
    InputError
        A file cannot be read, an option is out of range, or nothing is left to write.
    MismatchError
        Chromosome names of genome, peaks and options do not fit.
    OutputError
        `output` exists (without `force`) or cannot be written.
    """
    _check(options)
    if output is not None:
        require_free(output, force=force, marker="dataset.json")
    sources = find_peaks(peaks)
    with ExitStack() as stack:
        if holds_sizes_only(genome):
            if output is not None or options.max_n < 1 or options.negatives or options.no_leakage:
                raise InputError(
                    f"{genome}: a table of sizes serves --dry-run alone, without --max-n, --negatives and --no-leakage"
                )
            sequence, sizes = None, read_sizes(genome)
        else:
            sequence = stack.enter_context(Genome(genome))
            sizes = sequence.sizes
        splits = assign_splits(sizes, options)
        tally = _Tally(Counter(), Counter(), Counter(), Counter())
        regions, inputs = _read_sources(sources, sizes, splits, options, tally)
        blacklist = _read_exclude(exclude, sizes) if exclude else None
        excluded = {"file": exclude.name, "sha256": file_checksum(exclude, InputError)} if exclude else None
        labels, allowed = {}, {}
        for chrom in splits:
            allowed[chrom] = _allowed_windows(chrom, sizes[chrom], blacklist, sequence, options)
            labels[chrom] = label_chrom(
                list(regions.values()), chrom, **_tiling(sizes[chrom], options),
                least=intervals.least_overlap(options.window, options.min_overlap), allowed=allowed[chrom],
            )  # fmt: skip
            tally.windows["bound, in --exclude or with more N than --max-n"] += len(labels[chrom].touched) - len(
                labels[chrom].numbers
            )
        counts = count_positives(labels, splits, list(regions))
        tfs, reasons = choose_tfs(counts, options.min_windows)
        if not tfs:
            raise InputError(_no_tf_left(reasons, options.min_windows))
        labels = {chrom: keep_tfs(part, list(regions), tfs) for chrom, part in labels.items()}
        table = tf_table(labels, counts.loc[tfs])
        meta = _describe(tfs, reasons, labels, splits, sizes, options, tally, inputs) | {"exclude": excluded}
        if sequence is not None:
            log.info("%s", _size(labels, len(tfs), options))
            rows = _lay_out(sequence, labels, allowed, regions, meta, options)
            leaks = _find_leaks(rows, meta, options)
            if options.no_leakage:
                rows, table = _leave_out(rows, leaks, meta, options)
            if output is not None:
                with new_directory(output, force=force, marker="dataset.json") as folder:
                    _write(folder, rows, leaks, meta, table)
    return Built(meta, table)


def assign_splits(sizes: Mapping[str, int], options: Options) -> dict[str, str]:
    """Return the split of each chromosome used, in the dataset's order: train, valid, test, each in FASTA order.

    Of the paper's own chromosomes, which are the defaults, only one has to be there; any other list must be complete.

    Raises
    ------
    MismatchError
        A split gets no chromosome, a chromosome is asked for twice, or is not in the genome.
    """
    used = select_chroms(sizes, options.chroms, option="--chroms") if options.chroms else list(sizes)
    chosen: dict[str, str] = {}
    asked = {"valid": (options.valid_chroms, PAPER_VALID_CHROMS), "test": (options.test_chroms, PAPER_TEST_CHROMS)}
    for split, (chroms, default) in asked.items():
        option = f"--{split}-chroms"
        if tuple(chroms) != default:
            select_chroms(sizes, chroms, option=option)
        there = [chrom for chrom in chroms if chrom in used]
        if not there:
            raise MismatchError(
                f"{option} {','.join(chroms)}: none of them is among the chromosomes used{name_hint(chroms, used)}; "
                f"give {option} some of these, separated by commas, to hold back from training"
            )
        for chrom in there:
            if chosen.setdefault(chrom, split) != split:
                raise MismatchError(f"{chrom} is asked for in both --valid-chroms and --test-chroms")
    splits = {chrom: chosen.get(chrom, "train") for chrom in used}
    if "train" not in splits.values():
        raise MismatchError("no chromosome is left to train on; give fewer in --valid-chroms and --test-chroms")
    return dict(sorted(splits.items(), key=lambda item: SPLITS.index(item[1])))


def _check(options: Options) -> None:
    if not 1 <= options.window <= LONGEST_WINDOW:
        raise InputError(f"--window {options.window}: expected 1 to {LONGEST_WINDOW} bp")
    if not math.isfinite(options.min_log10p):
        raise InputError(f"--min-log10p {options.min_log10p}: expected a number")
    if not 1 <= options.stride <= options.window:
        raise InputError(f"--stride {options.stride}: expected 1 to {options.window} bp, the window")
    if not 0 <= options.min_overlap < 1:
        raise InputError(f"--min-overlap {options.min_overlap}: expected at least 0 and less than 1")
    if not 0 <= options.max_n <= 1:
        raise InputError(f"--max-n {options.max_n}: expected 0 to 1, a share of the window")
    if not 0 <= options.negatives <= 1000:
        raise InputError(f"--negatives {options.negatives}: expected 0 to 1000 unbound windows per bound window")


def _tiling(length: int, options: Options) -> dict[str, int]:
    """Return what the functions on windows need to know of a chromosome of `length` bp."""
    n_windows = intervals.tile(length, options.window, options.stride)
    return {"n_windows": n_windows, "window": options.window, "stride": options.stride}


def _read_sources(
    sources: Mapping[str, Sequence[Path]], sizes: Mapping[str, int], splits: Mapping[str, str], options: Options,
    tally: _Tally,
) -> tuple[dict[str, Regions], list[dict[str, Any]]]:  # fmt: skip
    """Return each TF's intervals by chromosome, and what was read from which file."""
    regions: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]] = {}
    inputs = []
    for tf, files in sources.items():
        found: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
        for file in files:
            peaks = read_peaks(file)
            rows = by_chrom(peaks)
            if rows and not rows.keys() & sizes.keys() and same_but_for_style(rows, sizes):
                raise MismatchError(f"{file}: none of its chromosomes is in the genome{name_hint(rows, sizes)}")
            inputs.append(
                {"tf": tf, "file": file.name, "peaks": len(peaks.start), "sha256": file_checksum(file, InputError)}
            )
            for chrom, part in rows.items():
                kept = _keep_peaks(Peaks(*(column[part] for column in peaks)), chrom, sizes, splits, options, tally)
                if kept is not None:
                    found.setdefault(chrom, []).append(kept)
        regions[tf] = {chrom: tuple(map(np.concatenate, zip(*parts, strict=True))) for chrom, parts in found.items()}
    if not any(regions.values()) and tally.chroms:
        raise MismatchError(f"no peak lies on a chromosome of the genome{name_hint(sorted(tally.chroms), sizes)}")
    for name, count in tally.chroms.items():
        log.warning("%d peaks on %s, which the genome does not have, are left out", count, name)
    beyond = tally.kept["that pass the chromosome's end"] + tally.peaks["beyond the chromosome's end"]
    if beyond:
        log.warning("%d peaks pass the end of their chromosome: is this the assembly that they were called on?", beyond)
    return regions, inputs


def _keep_peaks(
    peaks: Peaks, chrom: str, sizes: Mapping[str, int], splits: Mapping[str, str], options: Options, tally: _Tally
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


def _read_exclude(path: Path, sizes: Mapping[str, int]) -> Regions:
    """Return a blacklist's intervals by chromosome."""
    peaks = read_peaks(path)
    rows = by_chrom(peaks)
    if rows and not rows.keys() & sizes.keys():
        raise MismatchError(f"{path}: none of its chromosomes is in the genome{name_hint(rows, sizes)}")
    unknown = [chrom for chrom in rows if chrom not in sizes]
    if unknown:
        log.warning("%s: %s, which the genome does not have, excludes nothing", path, shorten(unknown))
    return {chrom: (peaks.start[part], peaks.end[part]) for chrom, part in rows.items()}


def _allowed_windows(
    chrom: str, length: int, blacklist: Regions | None, sequence: Genome | None, options: Options
) -> np.ndarray | None:
    """Mark the windows that may be kept, bool; None where all may."""
    tiling = _tiling(length, options)
    allowed = None
    if blacklist is not None and chrom in blacklist:
        allowed = ~intervals.covered(*blacklist[chrom], **tiling)
    if options.max_n < 1:
        n_bases = intervals.count_marked(sequence.codes(chrom, 0, length) == N_CODE, **tiling)
        most = int(Fraction(repr(options.max_n)) * options.window)  # in whole numbers: 0.29 of 100 bp is 29
        allowed = (n_bases <= most) & (True if allowed is None else allowed)
    return allowed


def _no_tf_left(reasons: Mapping[str, str], min_windows: int) -> str:
    first = shorten([f"{tf}: {reason}" for tf, reason in reasons.items()], most=4)
    return f"no TF is left: each needs {min_windows} positive windows in all and one in each split ({first})"


def _describe(
    tfs: list[str], reasons: Mapping[str, str], labels: Mapping[str, Labels], splits: Mapping[str, str],
    sizes: Mapping[str, int], options: Options, tally: _Tally, inputs: list[dict[str, Any]],
) -> dict[str, Any]:  # fmt: skip
    """Return the content of dataset.json, as far as it does not depend on the sequence."""
    table = split_table(labels, splits, len(tfs))
    for split, row in table.items():
        row["windows"] = row["bound"]
        row["tiled"] = sum(_tiling(sizes[chrom], options)["n_windows"] for chrom in splits if splits[chrom] == split)
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
        "inputs": inputs,
    }


def _size(labels: Mapping[str, Labels], n_tfs: int, options: Options) -> str:
    """Return what a dataset comes to hold and to take, in words, before it is laid out."""
    numbers = [part.numbers for part in labels.values() if len(part.numbers)]
    n_windows = round((1 + options.negatives) * sum(map(len, numbers)))
    steps = (np.minimum(np.diff(some) * options.stride, options.window).sum() + options.window for some in numbers)
    size = (1 + options.negatives) * int(sum(steps)) + n_windows * (-(-n_tfs // 8) + WINDOW_BYTES)
    return f"up to about {counted(n_windows, 'window')}, {as_bytes(size)} in memory and on disk"


def _lay_out(
    genome: Genome, labels: Mapping[str, Labels], allowed: Mapping[str, np.ndarray | None],
    regions: Mapping[str, Regions], meta: dict[str, Any], options: Options,
) -> _Rows:  # fmt: skip
    """Return the bound windows and the unbound ones, which `meta` gains with the chromosomes' checksums."""
    starts, stretches, offsets, packed = {}, [], [], []
    length = wanting = on_n = 0
    for chrom, part in labels.items():
        split = meta["chroms"][chrom]["split"]
        codes, meta["chroms"][chrom]["md5"] = genome.codes_and_checksum(chrom)
        on_n += _count_on_n(codes, [found[chrom] for found in regions.values() if chrom in found])
        if options.negatives:
            part, drawn, short = _add_unbound(chrom, codes, part, allowed[chrom], options)
            meta["splits"][split]["windows"] += drawn
            wanting += short
        starts[chrom] = part.numbers * options.stride
        within, pieces = intervals.lay_out(codes, starts[chrom], options.window)
        offsets.append(within + length)
        stretches += pieces
        length += sum(map(len, pieces))
        packed.append(part.packed)
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
    return _Rows(windows, np.concatenate(stretches), np.concatenate(offsets), np.concatenate(packed))


def _count_on_n(codes: np.ndarray, found: Sequence[tuple[np.ndarray, np.ndarray]]) -> int:
    """Count the intervals, start and end of each TF's, whose center, the peak's summit or middle, lies on N."""
    centers = [(start + end) // 2 for start, end in found]
    return sum(int((codes[center[center < len(codes)]] == N_CODE).sum()) for center in centers)


def _find_leaks(rows: _Rows, meta: dict[str, Any], options: Options) -> pd.DataFrame:
    """Return the windows that leak, and count them in `meta`."""
    leaks = find_leaks(rows.windows, rows.sequence, rows.offsets, options.window)
    meta["leakage"] = {"word": WORD, "least_share": LEAST_SHARE}
    for split, row in meta["splits"].items():
        row["leaking"] = int((leaks["split"] == split).sum())
    return leaks


def _leave_out(rows: _Rows, leaks: pd.DataFrame, meta: dict[str, Any], options: Options) -> tuple[_Rows, pd.DataFrame]:
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
    return _Rows(windows, np.concatenate(stretches), offsets, packed), tf_table(labels, counts)


def _write(folder: Path, rows: _Rows, leaks: pd.DataFrame, meta: dict[str, Any], table: pd.DataFrame) -> None:
    """Write the dataset into `folder`; adds all checksums to `meta`."""
    from pmntool import plots

    meta["files"] = write_arrays(folder, *rows) | write_leaks(folder, leaks)
    table.to_csv(folder / "tfs.tsv", sep="\t", index=False, lineterminator="\n")
    plots.tf_frequencies(table, folder / "tfs.png")
    write_meta(folder, meta)


def _add_unbound(
    chrom: str, codes: np.ndarray, part: Labels, allowed: np.ndarray | None, options: Options
) -> tuple[Labels, int, int]:
    """Add windows that no TF binds, drawn at random and matched on GC to the bound ones.

    Returns
    -------
    The labels with the unbound windows (all zero), how many there are, and how many are wanting because no more windows
    of their GC were free. Windows of nothing but N are never drawn.
    """
    tiling = _tiling(len(codes), options)
    gc = intervals.count_marked((codes == 1) | (codes == 2), **tiling) * GC_STEPS // (options.window + 1)
    free = intervals.count_marked(codes == N_CODE, **tiling) < options.window
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
