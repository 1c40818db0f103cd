"""How `build-dataset` cuts windows, in which split they are, and which of them may be kept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from pmntool import intervals
from pmntool.chroms import name_hint, select_chroms
from pmntool.errors import InputError, MismatchError
from pmntool.genome import N_CODE, Genome
from pmntool.labels import SPLITS, Regions
from pmntool.text import shorten

PAPER_VALID_CHROMS = ("chr1", "chr8", "chr21")
PAPER_TEST_CHROMS = ("chr3", "chr12", "chr17")
LONGEST_WINDOW = 1_000_000  # bp


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


def check_options(options: Options) -> None:
    """Refuse options that are out of range."""
    if not 1 <= options.window <= LONGEST_WINDOW:
        raise InputError(f"--window {options.window}: expected 1 to {LONGEST_WINDOW} bp")
    if not math.isfinite(options.min_log10p):
        raise InputError(f"--min-log10p {options.min_log10p}: expected a finite number")
    if not 1 <= options.stride <= options.window:
        raise InputError(f"--stride {options.stride}: expected 1 to {options.window} bp, the window")
    if not 0 <= options.min_overlap < 1:
        raise InputError(f"--min-overlap {options.min_overlap}: expected at least 0 and less than 1")
    if not 0 <= options.max_n <= 1:
        raise InputError(f"--max-n {options.max_n}: expected 0 to 1, a share of the window")
    if not 0 <= options.negatives <= 1000:
        raise InputError(f"--negatives {options.negatives}: expected 0 to 1000 unbound windows per bound window")


def assign_splits(sizes: Mapping[str, int], options: Options) -> dict[str, str]:
    """Return the split of each chromosome used, in the dataset's order: train, valid, test, each in FASTA order.

    Of the paper's own chromosomes, which are the defaults, only one has to be there; any other list must be complete.

    Raises
    ------
    MismatchError
        A split gets no chromosome, a chromosome is asked for twice, or is not in the genome.
    """
    used = dict.fromkeys(select_chroms(sizes, options.chroms, option="--chroms") if options.chroms else sizes)
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
        valid, test = (shorten([chrom for chrom in chosen if chosen[chrom] == split]) for split in ("valid", "test"))
        whole = f"--chroms {shorten(list(used))}" if options.chroms else "the genome"
        raise MismatchError(
            f"no chromosome is left to train on: of {whole}, "
            f"--valid-chroms takes {valid} and --test-chroms {test}; hold back fewer"
        )
    return dict(sorted(splits.items(), key=lambda item: SPLITS.index(item[1])))


def tiling(length: int, options: Options) -> dict[str, int]:
    """Return what the functions on windows need to know of a chromosome of `length` bp."""
    n_windows = intervals.tile(length, options.window, options.stride)
    return {"n_windows": n_windows, "window": options.window, "stride": options.stride}


def allowed_windows(
    chrom: str, length: int, blacklist: Regions, sequence: Genome | None, options: Options
) -> np.ndarray | None:
    """Mark the windows that may be kept, bool; None where all may."""
    tiles = tiling(length, options)
    allowed = None
    if chrom in blacklist:
        allowed = ~intervals.covered(*blacklist[chrom], **tiles)
    if options.max_n < 1:
        n_bases = intervals.count_marked(sequence.codes(chrom, 0, length) == N_CODE, **tiles)
        most = int(Fraction(repr(options.max_n)) * options.window)  # in whole numbers: 0.29 of 100 bp is 29
        allowed = (n_bases <= most) & (True if allowed is None else allowed)
    return allowed
