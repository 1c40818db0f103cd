"""Genes: GFF3 and BED (6 to 12 columns), plain or gzip-compressed.

Coordinates are bp, 0-based, half-open.
"""

from __future__ import annotations

import gzip
import logging
import zlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from pmntool.chroms import name_hint, same_but_for_style
from pmntool.errors import InputError, MismatchError

log = logging.getLogger("pmntool")

Interval = tuple[int, int]
Line = tuple[int, list[str]]  # number from 1, columns

LONGEST_LINE = 1 << 20  # letters
NAME_KEYS = ("gene_name", "gene", "Name", "gene_id", "ID")  # where annotations keep a gene's name; the first counts


class Gene(NamedTuple):
    """A gene, or a transcript where the file lists those."""

    chrom: str
    start: int
    end: int
    name: str  # may be empty
    strand: str  # + or -, else .
    exons: tuple[Interval, ...] = ()  # ascending, apart; none where the file has none


def read_genes(path: Path | str, chrom: str | None = None) -> list[Gene]:
    """Read the genes of a GFF3 or BED file, in the order of chromosome name, start and end.

    Of a GFF3 file the features whose type ends with "gene" are read, with the exons of all their transcripts united, or
    their CDS where there are no exons. Of a BED file every line is one, with its blocks where it has 12 columns.

    Parameters
    ----------
    chrom
        Read this chromosome alone; lines of others are not looked at.

    Raises
    ------
    InputError
        The file cannot be read, its name is no GFF3's or BED's, or a line is not what its format asks for.
    MismatchError
        The file has `chrom` under another common name (chr1 / 1).

    Notes
    -----
    Formats: https://github.com/The-Sequence-Ontology/Specifications/blob/master/gff3.md and
    https://samtools.github.io/hts-specs/BEDv1.pdf
    """
    path = Path(path)
    suffix = Path(path.name.removesuffix(".gz")).suffix.lower()
    if suffix not in (".gff", ".gff3", ".bed"):
        hint = "; GTF is not read: convert it to GFF3, for instance with `gffread`" if suffix == ".gtf" else ""
        raise InputError(f"{path}: expected genes as .gff3, .gff or .bed, plain or .gz{hint}")
    names: set[str] = set()
    lines = _lines(path, chrom, names)
    genes = _from_bed(path, lines) if suffix == ".bed" else _from_gff3(path, lines)
    if names and chrom is not None and chrom not in names:
        hint = name_hint([chrom], sorted(names))
        if same_but_for_style([chrom], names):
            raise MismatchError(f"{path}: no chromosome {chrom}{hint}")
        log.warning("%s: no chromosome %s%s", path, chrom, hint)
    return sorted(genes, key=lambda gene: gene[:3])


def to_bed(gene: Gene) -> str:
    """Return a gene as a line of BED: 12 columns, without the newline, from its first exon to its last."""
    exons = gene.exons or ((gene.start, gene.end),)
    first, last = exons[0][0], exons[-1][1]
    sizes = ",".join(str(end - start) for start, end in exons)
    starts = ",".join(str(start - first) for start, _ in exons)
    name = " ".join(gene.name.split()) or "."
    return "\t".join(
        map(str, (gene.chrom, first, last, name, 0, gene.strand, first, last, 0, len(exons), sizes, starts))
    )


def _lines(path: Path, chrom: str | None, names: set[str]) -> Iterator[Line]:
    """Yield the lines of a chromosome; add the names of all to `names`."""
    try:
        with open(path, "rb") as file:
            compressed = file.read(2) == b"\x1f\x8b"
        with (gzip.open if compressed else open)(path, "rt", encoding="utf-8-sig") as file:
            for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), ""), start=1):
                if len(line) > LONGEST_LINE:
                    raise InputError(f"{path}, line {number}: longer than {LONGEST_LINE} letters; expected genes")
                if line.startswith("##FASTA"):
                    return
                if line.startswith(("#", "track ", "track\t", "browser ", "browser\t")) or not line.strip():
                    continue
                name = line.partition("\t")[0]
                names.add(name)
                if chrom is None or name == chrom:
                    yield number, line.rstrip("\r\n").split("\t")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error


def _from_bed(path: Path, lines: Iterator[Line]) -> list[Gene]:
    genes = []
    for number, fields in lines:
        if len(fields) < 6:
            raise InputError(
                f"{path}, line {number}: expected BED of 6 or 12 columns (name is the 4th, strand the 6th), found "
                f"{len(fields)}"
            )
        start, end = _interval(path, number, fields[1:3])
        genes.append(
            Gene(fields[0], start, end, fields[3].strip("."), _strand(fields[5]), _blocks(path, number, fields))
        )
    return genes


def _blocks(path: Path, number: int, fields: list[str]) -> tuple[Interval, ...]:
    """Return the blocks of a line of BED12."""
    if len(fields) < 12:
        return ()
    try:
        begin = int(fields[1])
        sizes, starts = ([int(word) for word in text.rstrip(",").split(",")] for text in fields[10:12])
        blocks = [(begin + start, begin + start + size) for start, size in zip(starts, sizes, strict=True)]
        good = len(blocks) == int(fields[9]) and blocks[0][0] == begin and blocks[-1][1] == int(fields[2])
    except (ValueError, IndexError):
        good = False
    if not good:
        raise InputError(
            f"{path}, line {number}: columns 10 to 12, the blocks, are {', '.join(fields[9:12])}; expected their "
            "number, sizes and starts, from the interval's start to its end"
        )
    return unite(blocks)


def _from_gff3(path: Path, lines: Iterator[Line]) -> list[Gene]:
    genes: dict[str, Gene] = {}
    parents: dict[str, str] = {}  # of what is between a gene and its exons
    parts: dict[str, dict[str, list[Interval]]] = {"exon": defaultdict(list), "CDS": defaultdict(list)}
    for number, fields in lines:
        if len(fields) != 9:
            raise InputError(f"{path}, line {number}: expected the 9 columns of GFF3, found {len(fields)}")
        start, end = _interval(path, number, fields[3:5], first=1)
        about = dict(word.strip().partition("=")[::2] for word in fields[8].split(";") if "=" in word)
        kind = fields[2]
        if kind in parts:
            for parent in about.get("Parent", "").split(","):
                parts[kind][parent].append((start, end))
        elif kind.endswith("gene"):
            name = next((unquote(about[key]) for key in NAME_KEYS if key in about), "")
            genes[about.get("ID", f"\n{number}")] = Gene(fields[0], start, end, name, _strand(fields[6]))
        elif "ID" in about and "Parent" in about:
            parents[about["ID"]] = about["Parent"]
    united: dict[str, tuple[Interval, ...]] = {}
    for kind in ("CDS", "exon"):  # exons replace what CDS gave
        of_gene = defaultdict(list)
        for parent, intervals in parts[kind].items():
            of_gene[parent if parent in genes else parents.get(parent, "")] += intervals
        united |= {gene: unite(intervals) for gene, intervals in of_gene.items()}
    return [gene._replace(exons=united.get(key, ())) for key, gene in genes.items()]


def unite(intervals: list[Interval]) -> tuple[Interval, ...]:
    """Return intervals in ascending order, those united that overlap or touch.

    Examples
    --------
    >>> unite([(5, 9), (0, 3), (8, 12)])
    ((0, 3), (5, 12))
    """
    found: list[Interval] = []
    for start, end in sorted(intervals):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return tuple(found)


def _interval(path: Path, number: int, words: list[str], first: int = 0) -> Interval:
    """Return start and end, of words that count from `first`; those that count from 1 include their end."""
    good = all(word.isascii() and word.isdigit() for word in words)
    start, end = (int(words[0]) - first, int(words[1])) if good else (0, 0)
    if not 0 <= start < end:
        raise InputError(f"{path}, line {number}: start {words[0]!r}, end {words[1]!r}: expected an interval, in bp")
    return start, end


def _strand(word: str) -> str:
    return word if word in ("+", "-") else "."
