"""Build a dataset: peaks and a genome to labeled windows (the paper's §4.1)."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from pmntool import intervals
from pmntool.checksums import file_checksum
from pmntool.chroms import holds_sizes_only, read_sizes
from pmntool.dataset import write_arrays, write_leaks, write_meta
from pmntool.errors import InputError
from pmntool.genome import Genome
from pmntool.labels import choose_tfs, count_positives, keep_tfs, label_chrom, tf_table
from pmntool.machine import keep_memory
from pmntool.peaks import find_peaks
from pmntool.staging import new_directory
from pmntool.targets import require_free
from pmntool.text import counted, shorten
from pmntool.verbs.rows import Rows, count_leaks, lay_out, leave_out, size_in_words
from pmntool.verbs.tally import Tally, describe, read_exclude, read_sources
from pmntool.verbs.windowing import Options, allowed_windows, assign_splits, check_options, tiling

log = logging.getLogger("pmntool")


class Built(NamedTuple):
    """What was built, or would be."""

    meta: dict[str, Any]  # the content of dataset.json
    tfs: pd.DataFrame  # Figure 2, as from `labels.tf_table`


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
    check_options(options)
    keep_memory()
    sources = find_peaks(peaks)
    if output is not None:
        reads = [genome, exclude, *chain(*sources.values()), *peaks]
        require_free(output, force=force, marker="dataset.json", reads=reads)
    _check_sizes_do(genome, output, options)
    with nullcontext() if holds_sizes_only(genome) else Genome(genome) as sequence:
        sizes = sequence.sizes if sequence else read_sizes(genome)
        splits = assign_splits(sizes, options)
        tally = Tally([], *(Counter() for _ in range(4)))
        regions = read_sources(sources, sizes, splits, options, tally)
        blacklist = read_exclude(exclude, sizes) if exclude else {}
        allowed = {chrom: allowed_windows(chrom, sizes[chrom], blacklist, sequence, options) for chrom in splits}
        least = intervals.least_overlap(options.window, options.min_overlap)
        labels = {
            chrom: label_chrom(
                list(regions.values()), chrom, **tiling(sizes[chrom], options), least=least, allowed=allowed[chrom]
            )
            for chrom in splits
        }
        counts = count_positives(labels, splits, list(regions))
        tfs, reasons = choose_tfs(counts, options.min_windows)
        if not tfs:
            raise InputError(_no_tf_left(reasons, options.min_windows))
        tally.windows["bound, in --exclude or with more N than --max-n"] = sum(
            len(part.touched) - len(part.numbers) for part in labels.values()
        )
        labels = {chrom: keep_tfs(part, list(regions), tfs) for chrom, part in labels.items()}
        table = tf_table(labels, counts.loc[tfs])
        meta = describe(tfs, reasons, labels, splits, sizes, options, tally)
        meta["exclude"] = {"file": exclude.name, "sha256": file_checksum(exclude, InputError)} if exclude else None
        if sequence:
            log.info("%s", size_in_words(labels, len(tfs), options))
            rows = lay_out(sequence, labels, allowed, regions, meta, options)
            leaks = count_leaks(rows, meta, options)
            if options.no_leakage:
                rows, table = leave_out(rows, leaks, meta, options)
            sequence.require_unchanged()
            if output is not None:
                with new_directory(output, force=force, marker="dataset.json") as folder:
                    _write(folder, rows, leaks, meta, table)
    return Built(meta, table)


def _check_sizes_do(genome: Path, output: Path | None, options: Options) -> None:
    """Refuse a table of sizes where bases are needed."""
    needed = output is not None or options.max_n < 1 or options.negatives or options.no_leakage
    if needed and holds_sizes_only(genome):
        raise InputError(
            f"{genome}: a table of sizes serves --dry-run alone, without --max-n, --negatives and --no-leakage"
        )


def _no_tf_left(reasons: Mapping[str, str], min_windows: int) -> str:
    first = shorten([f"{tf}: {reason}" for tf, reason in reasons.items()], most=4)
    return f"no TF is left: each needs {counted(min_windows, 'positive window')} in all and one in each split ({first})"


def _write(folder: Path, rows: Rows, leaks: pd.DataFrame, meta: dict[str, Any], table: pd.DataFrame) -> None:
    """Write the dataset into `folder`; adds all checksums to `meta`."""
    from pmntool import plots

    meta["files"] = write_arrays(folder, *rows) | write_leaks(folder, leaks)
    table.to_csv(folder / "tfs.tsv", sep="\t", index=False, lineterminator="\n")
    plots.tf_frequencies(table, folder / "tfs.png")
    write_meta(folder, meta)
