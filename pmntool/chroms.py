"""The names and sizes of chromosomes: read from a table, chosen, and compared with names of another style."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from pmntool.errors import GenomeError, MismatchError
from pmntool.text import read_lines

LONGEST = 2**31 - 1  # bp of a chromosome, as in BAM; pysam counts no further


def read_sizes(path: Path | str) -> dict[str, int]:
    """Read chromosome sizes from a `.fai` or `chrom.sizes` table: name, length (bp), anything.

    Raises
    ------
    GenomeError
        The file is missing or empty, or a line is not a name and a positive length.
    """
    path = Path(path)
    sizes: dict[str, int] = {}
    for number, line in enumerate(read_lines(path, GenomeError), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) < 2 or not fields[0] or not (fields[1].isascii() and fields[1].isdigit()) or len(fields[1]) > 15:
            raise GenomeError(f"{path}, line {number}: expected a name, a tab and a length in bp; found {line[:80]!r}")
        if int(fields[1]) > LONGEST:
            raise GenomeError(f"{path}, line {number}: {int(fields[1])} bp; expected at most {LONGEST}")
        if fields[0] in sizes:
            raise GenomeError(f"{path}, line {number}: chromosome {fields[0]!r} stands there twice")
        sizes[fields[0]] = int(fields[1])
    if not sizes:
        raise GenomeError(f"{path}: no chromosome found; expected lines of a name, a tab and a length in bp")
    return sizes


def holds_sizes_only(path: Path | str) -> bool:
    """Say whether the name is that of a size table rather than of a FASTA."""
    return str(path).endswith((".fai", ".sizes", ".genome", ".tsv", ".txt"))


def select_chroms(sizes: Mapping[str, int], chroms: Iterable[str], *, option: str) -> list[str]:
    """Return those names of `sizes` that `chroms` asks for, in the order of the genome.

    Raises
    ------
    MismatchError
        A name is not in the genome; `option` says where it was asked for.
    """
    asked = dict.fromkeys(chroms)
    unknown = [chrom for chrom in asked if chrom not in sizes]
    if unknown:
        raise MismatchError(f"{option}: no chromosome {', '.join(unknown)} in the genome{name_hint(unknown, sizes)}")
    return [chrom for chrom in sizes if chrom in asked]


def same_but_for_style(names: Iterable[str], sizes: Iterable[str]) -> tuple[str, str] | None:
    """Return the first of `names` that `sizes` has under another common form (chr1 / 1, chrM / MT), and that form."""
    known = set(sizes)
    return next(((name, form) for name in names for form in _aliases(name) if form in known), None)


def name_hint(names: Iterable[str], sizes: Iterable[str]) -> str:
    """Return what there is in place of `names`, and the likely cause where there is one: the tail of a message."""
    known = list(sizes)
    pair = same_but_for_style(names, known)
    cause = f": {pair[0]!r} here is {pair[1]!r} there" if pair else ""
    return f" (it has {', '.join(known[:6])}{', …' if len(known) > 6 else ''}{cause})"


def _aliases(name: str) -> list[str]:
    """Return other ways in which common genomes write a chromosome's name."""
    bare = name[3:] if name.lower().startswith("chr") else name
    other = {"M": "MT", "MT": "M"}.get(bare.upper(), bare)  # the mitochondrion
    return [form for form in (bare, other, f"chr{bare}", f"chr{other}", name.lower()) if form and form != name]
