"""Simulate: a small genome, the peaks of a dozen made-up TFs on it, and the truth behind them.

Sites are planted, then forgotten: what is bound follows from the finished sequence, chance hits included, by rules
that `truth.json` states. In memory the chromosomes lie end to end with N after each, so that nothing reaches from
one into the next. Coordinates are bp, 0-based, half-open; base codes are 0 to 3 for A C G T and 4 for N.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pmntool.errors import InputError
from pmntool.staging import new_directory

log = logging.getLogger("pmntool")

Bounds = Mapping[str, tuple[int, int]]  # chromosome → start and end in the array of all chromosomes, bp


class Tf(NamedTuple):
    """One TF: what it prefers, with whom it binds, and how often its sites are planted."""

    name: str
    consensus: str  # IUPAC, a column being sharp in capitals and blunt in small letters; empty: no motif
    threshold: float  # bits of log-odds that a place needs to be bound
    lone: int  # sites planted by themselves, per Mb
    role: str = "alone"
    partner: str = ""  # above a cooperative or tethered TF in the table: it binds first
    joint: int = 0  # sites planted beside one of the partner, per Mb


TFS = (
    Tf("SimCTCF", "CCACnAGgtGGCag", 12, 460),
    Tf("SimRAD21", "", 0, 0, "tethered", "SimCTCF"),
    Tf("SimAP1", "gaTGACTCAtc", 12, 150),
    Tf("SimEP300", "", 0, 0, "tethered", "SimAP1"),
    Tf("SimNFAT", "watTTTCCAtw", 11, 120, "cooperative", "SimAP1", 90),
    Tf("SimGATA", "ctGATAAGga", 12, 50, "pair", "SimEBOX", 100),
    Tf("SimEBOX", "ggaCAGCTGatt", 13, 20, "pair", "SimGATA", 100),
    Tf("SimETS", "aCCGGAAGtga", 12, 40, "pair", "SimRUNX", 65),
    Tf("SimRUNX", "atTGTGGTTag", 13, 15, "pair", "SimETS", 65),
    Tf("SimOCT", "tATGCAAATga", 12, 100),
    Tf("SimNRF1", "ctGCGCATGCgca", 12, 70),
    Tf("SimSRF", "tgCCATATwaGGca", 14, 36),
)
BY_NAME = {tf.name: tf for tf in TFS}
RULES: dict[str, dict[str, Any]] = {
    "alone": {"rule": "bound at P = most / (1 + exp(threshold + halfway - affinity))", "most": 0.95, "halfway": 1.0},
    "pair": {"rule": "as alone; many sites are planted beside one of the partner", "spacing_bp": (8, 40)},
    "cooperative": {"rule": "as alone, but weak sites only near a bound partner, at P", "reach_bp": 60, "P": 0.9},
    "tethered": {"rule": "no motif; where the partner is bound, at P", "P": 0.8},
}
SHARP, BLUNT = 0.9, 0.5  # a column's share of the consensus; the rest is background
IUPAC = {"A": "A", "C": "C", "G": "G", "T": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "N": "ACGT"}
BACKGROUND = np.array([0.29, 0.21, 0.21, 0.29])  # of A C G T
CHROMS = {"chr1": 1.3, "chr2": 1.2, "chr3": 1.1, "chr4": 1.05, "chr5": 1.0, "chr6": 0.95, "chr8": 0.8, "chr12": 0.7}
LEAST_LENGTH, MOST_LENGTH = 5_000, 1_000_000_000  # bp, of chrom_length: with less, planted sites would be crowded
ISOCHORE, GC_RANGE, CPG = 5_000, (0.36, 0.55), 0.25  # bp of one GC content; its range; CpG, observed to expected
REPEAT, MASKED = 400, 0.35  # bp of a block that may be soft-masked; share that is
GAP, BETWEEN = 150, 1_000  # bp of N: at a random place in each chromosome; after each chromosome, in memory only
N, KEEP = 4, 255  # codes of N, and of a base between two planted sites, which stays as it is
SITE = [("start", "i8"), ("end", "i8"), ("center", "i8"), ("strand", "U1"), ("affinity", "f8"), ("cause", "U11")]
MERGE = 30  # bp: sites of one TF that are no farther apart are one peak
JITTER, WIDTH = 4.0, (100, 300)  # bp: standard deviation of a summit about its site's center; width of a peak
FALSE, FAINT = 0.02, 0.01  # peaks at random places per true peak: with a good p, with −log10 p below 1


class Simulation(NamedTuple):
    """What was written."""

    output: Path
    sizes: dict[str, int]  # chromosome → bp, in FASTA order
    peaks: dict[str, int]  # TF → number of peaks


def simulate(output: Path, *, seed: int = 0, chrom_length: int = 200_000, force: bool = False) -> Simulation:
    """Write a made-up genome, the peaks of made-up TFs on it, and the truth about both.

    The folder gets `genome.fa` with chromosomes of about `chrom_length` bp, `peaks/<TF>.narrowPeak` and `truth.json`;
    the same seed gives the same bytes. No reads are simulated and no peak is called: peaks are drawn around sites.

    Raises
    ------
    InputError
        `chrom_length` is too small or too large, or `seed` too small.
    OutputError
        `output` exists (without `force`) or cannot be written.
    """
    if not LEAST_LENGTH <= chrom_length <= MOST_LENGTH:
        raise InputError(f"chromosome length {chrom_length}: expected {LEAST_LENGTH} to {MOST_LENGTH} bp")
    if seed < 0:
        raise InputError(f"seed {seed} is negative; expected at least 0")
    genome_rng, plant_rng, bind_rng, peak_rng = np.random.default_rng(seed).spawn(4)
    sizes = {chrom: int(chrom_length * factor) for chrom, factor in CHROMS.items()}
    ends = np.cumsum([size + BETWEEN for size in sizes.values()]).tolist()
    bounds = {chrom: (end - BETWEEN - sizes[chrom], end - BETWEEN) for chrom, end in zip(sizes, ends, strict=True)}
    sites: dict[str, np.recarray] = {}
    counts = {}
    with new_directory(output, force=force, marker="truth.json") as folder:
        codes = _draw_genome(bounds, genome_rng)
        _plant(codes, bounds, plant_rng)
        (folder / "genome.fa").write_bytes(_fasta(codes, bounds, genome_rng))
        (folder / "peaks").mkdir()
        for tf in TFS:
            sites[tf.name] = _bind(tf, codes, sites, bind_rng)
            lines = _draw_peaks(tf, sites[tf.name], codes, bounds, peak_rng)
            (folder / "peaks" / f"{tf.name}.narrowPeak").write_bytes("".join(lines).encode())
            counts[tf.name] = len(lines)
        (folder / "truth.json").write_bytes(_truth(seed, sizes, sites, bounds).encode())
    log.info("simulated %d bp and %d peaks of %d TFs", sum(sizes.values()), sum(counts.values()), len(TFS))
    return Simulation(Path(output), sizes, counts)


def _draw_genome(bounds: Bounds, rng: np.random.Generator) -> np.ndarray:
    """Draw all base codes, uint8 (total,), without planted sites: a Markov chain per isochore, all n side by side."""
    total = max(end for _, end in bounds.values()) + BETWEEN
    n = -(-total // ISOCHORE)
    gc = GC_RANGE[0] + (GC_RANGE[1] - GC_RANGE[0]) * rng.beta(1, 2, size=n)
    base = np.stack([1 - gc, gc, gc, 1 - gc], axis=1) / 2  # (n, 4)
    lost = (1 - CPG) * gc**2 / 4  # (n,)
    pairs = base[:, :, None] * base[:, None, :]  # (n, 4, 4)
    pairs -= lost[:, None, None] * np.outer(
        [-0.5, 1, 0, -0.5], [-0.5, 0, 1, -0.5]
    )  # CpG loses, CpW and WpG gain, WpW pays
    cumulative = np.cumsum(pairs / base[:, :, None], axis=2)[:, :, :3]  # (n, 4, 3): of the next base
    chains = np.zeros((ISOCHORE, n), dtype=np.uint8)
    for before, now in zip(chains, chains[1:], strict=False):
        now[:] = (rng.random((n, 1)) > cumulative[np.arange(n), before]).sum(axis=1)
    codes = chains.T.ravel()[:total]
    for start, end in bounds.values():
        gap = rng.integers(start, end - GAP)
        codes[gap : gap + GAP] = N
        codes[end : end + BETWEEN] = N
    return codes


def _pwm(tf: Tf) -> np.ndarray:
    """Return a motif's base probabilities, shape (width, 4), order A C G T."""
    allowed = np.array([[base in IUPAC[letter.upper()] for base in "ACGT"] for letter in tf.consensus]) * BACKGROUND
    share = np.array([[SHARP if letter.isupper() else BLUNT] for letter in tf.consensus])
    return share * allowed / allowed.sum(axis=1, keepdims=True) + (1 - share) * BACKGROUND


def _log_odds(tf: Tf) -> np.ndarray:
    """Return a motif's log-odds, bits, shape (width, 5); N fits nowhere."""
    return np.pad(np.log2(_pwm(tf) / BACKGROUND), ((0, 0), (0, 1)), constant_values=-np.inf)


def _edges(tf: Tf) -> np.ndarray:
    """Return the log-odds, bits, shape (4,), between which a site is weak, medium and strong."""
    return np.linspace(tf.threshold, _log_odds(tf).max(axis=1).sum(), 4)


def _plant(codes: np.ndarray, bounds: Bounds, rng: np.random.Generator) -> None:
    """Write sites into the genome, none over another or over N; each TF gets some on every chromosome."""
    words = {tf.name: _draw_words(tf, rng) for tf in TFS if tf.consensus}
    free = codes != N
    for tf in (BY_NAME[name] for name in words):
        for start, end in bounds.values():
            lone, joint = (round(rate * (end - start) / 1e6) for rate in (tf.lone, tf.joint))
            for together in [False] * max(2, lone) + [True] * max(min(1, tf.joint), joint):
                unit = _draw_unit(tf, together, words, rng)
                place = slice(-1, None)  # N at the end of all: not free
                while not free[place].all():
                    place = slice(first := rng.integers(start, end - len(unit) + 1), first + len(unit))
                free[place] = False
                codes[place] = np.where(unit == KEEP, codes[place], unit)


def _draw_words(tf: Tf, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw words from the PWM: the weak, the medium and the strong ones, each uint8 (n, width)."""
    cumulative = np.cumsum(_pwm(tf), axis=1)[:, :3]
    words = (rng.random((20_000, len(cumulative), 1)) > cumulative).sum(axis=2).astype(np.uint8)
    grade = np.searchsorted(_edges(tf)[:3], _log_odds(tf)[np.arange(len(cumulative)), words].sum(axis=1), side="right")
    return [words[grade == i] for i in (1, 2, 3)]


def _draw_unit(tf: Tf, together: bool, words: Mapping[str, list], rng: np.random.Generator) -> np.ndarray:
    """Draw a site, or one beside a site of the partner, with KEEP between: uint8 (length,), strands at random."""
    parts = []
    for one in (tf, BY_NAME[tf.partner]) if together else (tf,):
        word = rng.choice(words[one.name][0 if together and one.role == "cooperative" else rng.integers(3)])
        parts.append(3 - word[::-1] if rng.random() < 0.5 else word)
    if together:
        parts.insert(1, np.full(rng.integers(*RULES["pair"]["spacing_bp"], endpoint=True), KEEP, dtype=np.uint8))
    return np.concatenate(parts[:: rng.choice([1, -1])])


def _bind(tf: Tf, codes: np.ndarray, sites: Mapping[str, np.recarray], rng: np.random.Generator) -> np.recarray:
    """Decide which places of the finished genome are bound, as RULES says; `sites` holds the TFs above this one."""
    rule, always = RULES[tf.role], RULES["alone"]
    if tf.role == "tethered":
        bound = sites[tf.partner][rng.random(len(sites[tf.partner])) < rule["P"]]
        bound.cause = "tethered"
        return bound
    hits = _find_hits(tf, codes)
    luck = rng.random(len(hits))
    bound = luck < always["most"] / (1 + np.exp(tf.threshold + always["halfway"] - hits.affinity))
    if tf.role == "cooperative":
        weak, helpers = hits.affinity < _edges(tf)[1], sites[tf.partner].center
        first = np.searchsorted(helpers, hits.center - rule["reach_bp"])
        near = first < np.searchsorted(helpers, hits.center + rule["reach_bp"], side="right")
        bound = np.where(weak, near & (luck < rule["P"]), bound)
        hits.cause[weak] = "cooperative"
    return hits[bound]


def _find_hits(tf: Tf, codes: np.ndarray) -> np.recarray:
    """Find the places on either strand that reach the threshold, ascending; of hits that overlap, the best."""
    log_odds = _log_odds(tf)
    width, n = len(log_odds), len(codes) - len(log_odds) + 1
    strands = (log_odds, log_odds[::-1, [3, 2, 1, 0, 4]])
    scores = np.stack([sum(row[codes[i : i + n]] for i, row in enumerate(matrix)) for matrix in strands]).round(6)
    start = np.flatnonzero(scores.max(axis=0) >= tf.threshold)
    strand, affinity = np.where(scores[0] >= scores[1], "+", "-")[start], scores.max(axis=0)[start]
    columns = [start, start + width, start + width // 2, strand, affinity, np.full(len(start), "own motif")]
    return np.rec.fromarrays(columns, dtype=SITE)[_best_apart(start, affinity, width - 1)]


def _best_apart(position: np.ndarray, rank: np.ndarray, distance: int) -> np.ndarray:
    """Mark those that are the best within `distance` bp, bool (n,); positions (n,) ascend, a high rank is best."""
    first = np.searchsorted(position, position - distance)
    last = np.searchsorted(position, position + distance, side="right")
    best = np.ones(len(position), dtype=bool)
    for row in np.argsort(-rank, kind="stable"):
        if best[row]:
            best[first[row] : last[row]] = False
            best[row] = True
    return best


def _draw_peaks(tf: Tf, sites: np.recarray, codes: np.ndarray, bounds: Bounds, rng: np.random.Generator) -> list[str]:
    """Draw the lines of a narrowPeak file: peaks around the sites, and some false and faint ones at random places."""
    least, *_, best = _edges(tf if tf.consensus else BY_NAME[tf.partner])
    n_false, n_faint = (max(2, round(share * len(sites))) for share in (FALSE, FAINT))
    center = np.append(sites.center, rng.choice(np.flatnonzero(codes != N), n_false + n_faint))
    strength = np.append(0.1 + (sites.affinity - least) / (best - least), np.zeros(n_false + n_faint))
    faint = np.arange(len(center)) >= len(center) - n_faint
    order = np.argsort(center, kind="stable")
    order = order[_best_apart(center[order], strength[order], MERGE)]
    center, strength, faint, n = center[order], strength[order], faint[order], len(order)
    signal = np.where(faint, 1, 4) * np.exp(2 * strength + rng.normal(0, 0.25, n))
    log10p = np.where(faint, rng.uniform(0.1, 0.9, n), 1 + signal * rng.uniform(0.8, 1.2, n))
    chrom, low, high = _locate(center, bounds)
    summit = np.clip(np.rint(rng.normal(center, JITTER)).astype(int), low, high - 1)
    width = rng.integers(*WIDTH, n, endpoint=True)
    start = np.clip(summit - (width * rng.uniform(0.35, 0.65, n)).astype(int), low, high - width)
    table = zip(start, chrom, start - low, start - low + width, signal, log10p, summit - start, strict=True)
    return [
        f"{name}\t{a}\t{b}\t{tf.name}_{i}\t{min(1000, round(20 * x))}\t.\t{x:.3f}\t{p:.3f}\t-1\t{offset}\n"
        for i, (_, name, a, b, x, p, offset) in enumerate(sorted(table), start=1)
    ]


def _locate(position: np.ndarray, bounds: Bounds) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the chromosomes that hold positions, (n,): their names, starts and ends in the array of all."""
    starts, ends = np.array(list(bounds.values())).T
    row = np.searchsorted(starts, position, side="right") - 1
    return np.array(list(bounds))[row], starts[row], ends[row]


def _fasta(codes: np.ndarray, bounds: Bounds, rng: np.random.Generator) -> bytes:
    """Return the genome as FASTA of 60 columns, some blocks of it soft-masked: in lower case."""
    masked = np.repeat(rng.random(len(codes) // REPEAT + 1) < MASKED, REPEAT)[: len(codes)]
    letters = np.frombuffer(b"ACGTNacgtN", dtype=np.uint8)[codes + 5 * masked].tobytes()
    lines = []
    for chrom, (start, end) in bounds.items():
        lines += [b">" + chrom.encode()] + [letters[i : min(i + 60, end)] for i in range(start, end, 60)]
    return b"\n".join(lines) + b"\n"


def _truth(seed: int, sizes: Mapping[str, int], sites: Mapping[str, np.recarray], bounds: Bounds) -> str:
    """Return the content of truth.json: rules, motifs and every bound site; each innermost list on one line."""
    tfs: dict[str, Any] = {}
    for tf in TFS:
        at = sites[tf.name]
        chrom, low, _ = _locate(at.start, bounds)
        columns = (chrom, at.start - low, at.end - low, at.strand, at.affinity.round(3), at.cause)
        tfs[tf.name] = {"role": tf.role, "partner": tf.partner or None}
        if tf.consensus:
            tfs[tf.name] |= {"consensus": tf.consensus, "threshold": tf.threshold, "pwm": _pwm(tf).round(6).tolist()}
            tfs[tf.name]["weak_below"] = round(_edges(tf)[1], 6)
        tfs[tf.name]["sites"] = list(zip(*(column.tolist() for column in columns), strict=True))
    truth = {
        "units": "bits of log-odds: affinity, threshold, halfway, weak_below; bp: start and end (0-based, half-open), "
        "spacing (from one site's end to the other's start), reach (from center to center)",
        "seed": seed, "chromosomes": sizes, "background": dict(zip("ACGT", BACKGROUND.tolist(), strict=True)),
        "sharpness": {"capital": SHARP, "small": BLUNT}, "rules": RULES,
        "site": ("chrom", "start", "end", "strand", "affinity", "cause"), "tfs": tfs,
    }  # fmt: skip
    text = json.dumps(truth, indent=2, ensure_ascii=False, allow_nan=False)
    return re.sub(r"\[[^][{}]*]", lambda match: json.dumps(json.loads(match[0])), text) + "\n"
