"""Motifs: read position weight matrices, MEME's minimal format and JASPAR's, and find those of each TF.

Columns are A C G T. A matrix becomes log-odds in bits, log2(p / background), where p is the matrix's own share with
PSEUDOCOUNT sites of the background added to those that it was made of.
"""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pmntool.errors import MismatchError, MotifError
from pmntool.labels import tf_and_cell
from pmntool.text import read_lines, shorten

log = logging.getLogger("pmntool")

WIDEST = 48  # bp of a motif
MOST = 64  # motifs of a TF
PSEUDOCOUNT = 0.1  # sites
SITES = 20  # that a matrix of MEME's counts for where it says none
UNIFORM = np.full(4, 0.25)
TOLERANCE = 0.01  # by which rounded shares may miss a sum of 1

Lines = Iterator[tuple[int, str]]  # number, from 1, and text


class Motif(NamedTuple):
    """One motif."""

    name: str
    alternate: str  # a second name; empty where there is none
    log_odds: np.ndarray  # float64 (width, 4), bits


def find_motifs(path: Path, labels: Sequence[str]) -> dict[str, list[Motif]]:
    """Return the motifs of each label, `TF` or `TF@cell`, by the names of TF and motif; a label may have none.

    A motif belongs to the one TF that its name is, or else its name but for case, its alternate name, that but for
    case, or what stands before a `_` or `.` in either name but for case. How each was found is logged.

    Raises
    ------
    MotifError
        The file cannot be read, a line is wrong, or a TF has more than MOST motifs.
    MismatchError
        No motif belongs to a TF.
    """
    motifs = read_motifs(path)
    tfs = list(dict.fromkeys(tf_and_cell(label)[0] for label in labels))
    exact, folded = {tf: [tf] for tf in tfs}, defaultdict(list)
    for tf in tfs:
        folded[tf.casefold()].append(tf)
    found: dict[str, list[Motif]] = {tf: [] for tf in tfs}
    by_rule, unclear = defaultdict(list), []
    for motif in motifs:
        rule, owners = _owners(motif, exact, folded)
        if len(owners) == 1:
            found[owners[0]].append(motif)
            by_rule[rule].append(f"{owners[0]} = {motif.name}")
        elif owners:
            unclear.append(f"{motif.name} ({' or '.join(owners)})")
    if not by_rule:
        raise MismatchError(
            f"{path}: none of its {len(motifs)} motifs ({shorten([motif.name for motif in motifs], 4)}) is named after "
            f"one of the {len(tfs)} TFs ({shorten(tfs, 4)})"
        )
    for rule, pairs in by_rule.items():
        log.info("%d motifs by %s: %s", len(pairs), rule, shorten(pairs))
    if unclear:
        log.warning("%d motifs left out, whose TF is not clear: %s", len(unclear), shorten(unclear))
    without = [tf for tf in tfs if not found[tf]]
    if without:
        log.warning("no motif for %d of %d TFs, whose logit is 0: %s", len(without), len(tfs), ", ".join(without))
    for tf, matched in found.items():
        if len(matched) > MOST:
            raise MotifError(f"{path}: {len(matched)} motifs of {tf}; expected at most {MOST}")
    return {label: found[tf_and_cell(label)[0]] for label in labels}


def read_motifs(path: Path | str) -> list[Motif]:
    """Read a motif file: MEME's minimal format, version 4 or 5, or JASPAR's `.jaspar` or `.pfm`.

    Of MEME's, letter-probability matrices are used; the background is the file's, or uniform. JASPAR's hold counts, and
    the background is uniform.

    Raises
    ------
    MotifError
        The file cannot be read, holds no motif, or a line is wrong.

    Notes
    -----
    Formats: https://meme-suite.org/meme/doc/meme-format.html, https://jaspar.elixir.no/docs/
    """
    path = Path(path)
    lines = iter([(number, line.strip()) for number, line in enumerate(read_lines(path, MotifError), start=1)])
    number, first = next(((number, line) for number, line in lines if line), (1, ""))
    try:
        if re.match(r"MEME version [45]\b", first):
            motifs = list(_read_meme(lines))
        elif first.startswith(">"):
            motifs = list(_read_jaspar(number, first, lines))
        else:
            raise _Mistake(
                number, f"expected 'MEME version 4' or 5, or a '>' as in JASPAR's formats; found {first[:40]!r}"
            )
    except _Mistake as mistake:
        number, problem = mistake.args
        raise MotifError(f"{path}, line {number}: {problem}") from mistake
    if not motifs:
        raise MotifError(f"{path}: no motif there")
    return motifs


class _Mistake(Exception):
    """Carry the number of a line and what is wrong with it."""


def _owners(motif: Motif, exact: dict[str, list[str]], folded: dict[str, list[str]]) -> tuple[str, list[str]]:
    """Return the first rule by which a motif is named after a TF, and the TFs that it fits."""
    names = [name for name in (motif.name, motif.alternate) if name]
    parts = sorted({name[: dot.start()] for name in names for dot in re.finditer(r"[_.]", name)})
    for which, some in (("name", names[:1]), ("alternate name", names[1:])):
        for rule, known, fold in ((which, exact, str), (f"{which} but for case", folded, str.casefold)):
            owners = [tf for name in some for tf in known.get(fold(name), [])]
            if owners:
                return rule, owners
    return "what stands before a _ or .", [tf for part in parts for tf in folded.get(part.casefold(), [])]


def _read_meme(lines: Lines) -> Iterator[Motif]:
    """Yield the motifs of MEME's format; lines that it does not need are passed over."""
    background, motif = UNIFORM, None
    for number, line in lines:
        if line.startswith("ALPHABET"):
            _check_alphabet(number, line, lines)
        elif line.startswith("Background letter frequencies"):
            background = _background(number, lines)
        elif line.startswith("MOTIF"):
            if motif:
                break
            motif = number, (*line.split()[1:3], "", "")[:2]
            if not motif[1][0]:
                raise _Mistake(number, "expected a name after MOTIF")
        elif line.startswith("letter-probability matrix:"):
            if not motif:
                raise _Mistake(number, "expected a line MOTIF before the matrix")
            shares, sites = _matrix(number, line, lines)
            yield Motif(*motif[1], _log_odds(shares * sites, np.full(len(shares), sites), background))
            motif = None
    if motif:
        raise _Mistake(motif[0], f"MOTIF {motif[1][0]} has no letter-probability matrix")


def _check_alphabet(number: int, line: str, lines: Lines) -> None:
    """Refuse an alphabet other than DNA's: `ALPHABET= ACGT`, or a list of letters up to `END ALPHABET`."""
    if "=" in line:
        letters = line.partition("=")[2].strip()
    else:
        block = iter(lambda: next(lines, (number, "END ALPHABET"))[1], "END ALPHABET")
        letters = "".join(entry[0] for entry in block if entry and "=" not in entry)
    if letters != "ACGT":
        raise _Mistake(number, f"expected the alphabet ACGT; found {letters!r}")


def _background(number: int, lines: Lines) -> np.ndarray:
    """Read the shares of A C G T in the background, which stand on the next lines."""
    words: list[str] = []
    while len(words) < 8:
        number, line = _next(lines, number)
        if not line:
            break
        words += line.split()
    shares = _floats(words[1::2])
    if words[::2] != list("ACGT") or shares is None or min(shares) <= 0 or abs(sum(shares) - 1) > TOLERANCE:
        raise _Mistake(number, f"expected shares of A C G T that add up to 1; found {' '.join(words)[:60]!r}")
    return np.array(shares)


def _matrix(number: int, line: str, lines: Lines) -> tuple[np.ndarray, float]:
    """Read a matrix of MEME's: shares (width, 4), and the number of sites that it was made of."""
    known = dict(re.findall(r"\b(\w+)\s*=\s*(\S+)", line))
    sizes = _floats([known.get("alength", "4"), known.get("w", str(WIDEST)), known.get("nsites", "0")])
    if sizes is None or sizes[0] != 4 or not 1 <= sizes[1] <= WIDEST or sizes[2] < 0:
        raise _Mistake(number, f"expected alength= 4, w= 1 to {WIDEST} and nsites= at least 0; found {line!r}")
    rows: list[list[float]] = []
    for number, row in lines:
        shares = _floats(row.split())
        if not row and "w" not in known:
            break
        if shares is None or len(shares) != 4 or min(shares) < 0 or abs(sum(shares) - 1) > TOLERANCE:
            raise _Mistake(number, f"expected shares of A C G T that add up to 1; found {row[:60]!r}")
        rows.append(shares)
        if len(rows) == sizes[1]:
            break
    if not rows or ("w" in known and len(rows) < sizes[1]):
        raise _Mistake(number, f"expected {known.get('w', 'at least 1')} rows in the matrix; found {len(rows)}")
    return np.array(rows), sizes[2] or SITES


def _read_jaspar(number: int, line: str, lines: Lines) -> Iterator[Motif]:
    """Yield the motifs of JASPAR's formats: a line of names, then the counts of A, C, G and T, a line each."""
    while line:
        if not line.startswith(">") or not line[1:].split():
            raise _Mistake(number, f"expected '>' and a name; found {line[:60]!r}")
        rows: list[list[float]] = []
        for letter in "ACGT":
            number, row = _next(lines, number)
            counts = re.fullmatch(rf"(?:{letter}\s*)?(?:\[(.*)\]|(.*))", row)
            values = _floats((counts[1] or counts[2] or "").split()) if counts else None
            if not values or min(values) < 0 or len(values) != len((rows or [values])[0]):
                raise _Mistake(number, f"expected counts of {letter}, one a position; found {row[:60]!r}")
            rows.append(values)
        counts = np.array(rows).T
        if len(counts) > WIDEST or not counts.sum(axis=1).all():
            raise _Mistake(number, f"expected at most {WIDEST} positions, and in each a count above 0")
        yield Motif(*(*line[1:].split()[:2], "")[:2], _log_odds(counts, counts.sum(axis=1), UNIFORM))
        number, line = _next(lines, number)


def _next(lines: Lines, number: int) -> tuple[int, str]:
    """Return the next line that is not blank; an empty one at the end of the file."""
    return next(((number, line) for number, line in lines if line), (number, ""))


def _floats(words: Sequence[str]) -> list[float] | None:
    """Return finite numbers, or None where a word is none."""
    try:
        values = [float(word) for word in words]
    except ValueError:
        return None
    return values if np.isfinite(values).all() else None


def _log_odds(counts: np.ndarray, sites: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Return log2 of shares over background, (width, 4), of counts (width, 4) in sites (width,)."""
    shares = (counts + PSEUDOCOUNT * background) / (sites[:, None] + PSEUDOCOUNT)
    return np.log2(shares / background)
