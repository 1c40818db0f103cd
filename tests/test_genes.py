"""Genes: lines of GFF3 and BED to genes, counted by hand."""

from __future__ import annotations

import gzip

import pytest

from pmntool.errors import InputError, MismatchError
from pmntool.genes import LONGEST_LINE, Gene, read_genes, to_bed

GFF3 = """##gff-version 3
chr1\tx\tgene\t11\t40\t.\t+\t.\tID=g1;Name=Y%2C1;gene=ABC1
chr1\tx\tmRNA\t11\t40\t.\t+\t.\tID=t1;Parent=g1
chr1\tx\texon\t11\t20\t.\t+\t.\tParent=t1,t2
chr1\tx\texon\t31\t40\t.\t+\t.\tParent=t1
chr1\tx\tCDS\t15\t20\t.\t+\t0\tParent=t1
chr1\tx\tmRNA\t11\t40\t.\t+\t.\tID=t2;Parent=g1
chr1\tx\texon\t18\t25\t.\t+\t.\tParent=t2
chr1\tx\tncRNA_gene\t5\t9\t.\t-\t.\tID=g2;Name=N%2C2
chr1\tx\tCDS\t5\t6\t.\t-\t0\tParent=g2
chr2\tx\tpseudogene\t1\t2\t.\t?\t.\tNote=no name
###
##FASTA
>chr1
ACGT
"""
GENES = [
    Gene("chr1", 4, 9, "N,2", "-", ((4, 6),)),
    Gene("chr1", 10, 40, "ABC1", "+", ((10, 25), (30, 40))),
    Gene("chr2", 0, 2, "", "."),
]


@pytest.mark.parametrize("name", ["a.gff3", "a.GFF.gz"])
def test_gff3_gives_genes_with_the_exons_of_all_transcripts(tmp_path, name):
    content = GFF3.encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    assert read_genes(tmp_path / name) == GENES
    assert read_genes(tmp_path / name, "chr2") == GENES[2:]


def test_bed_gives_genes_with_blocks_and_reads_back(tmp_path):
    path = tmp_path / "a.bed"
    path.write_text("track name=x\n#c\nchr1\t10\t40\tABC1\t0\t+\t10\t40\t0\t2\t15,10,\t0,20,\r\nchr1\t4\t9\t.\t0\t.\n")
    genes = read_genes(path)
    assert genes == [Gene("chr1", 4, 9, "", "."), GENES[1]]
    path.write_text("".join(to_bed(gene) + "\n" for gene in GENES))
    assert read_genes(path) == [
        Gene("chr1", 4, 6, "N,2", "-", ((4, 6),)),
        GENES[1],
        Gene("chr2", 0, 2, "", ".", ((0, 2),)),
    ]  # fmt: skip  (BED's blocks must reach from start to end)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.gtf", "", "a.gtf: expected genes as .gff3, .gff or .bed, plain or .gz; GTF is not read"),
        ("a.bed", "chr1\t1\t2\n", "a.bed, line 1: expected BED of 6 or 12 columns "),
        ("a.bed", "chr1\t3\t3\tx\t0\t+\n", "a.bed, line 1: start '3', end '3': expected"),
        ("a.bed", "chr1\t0\t9\tx\t0\t+\t0\t9\t0\t2\t1,2\t0,6\n", "a.bed, line 1: columns 10 to 12, the blocks"),
        ("a.gff3", "#\nchr1\tx\tgene\t0\t5\t.\t+\t.\tID=a\n", "a.gff3, line 2: start '0', end '5': expected"),
        ("a.gff3", "chr1 x gene 1 5 . + . ID=a\n", "a.gff3, line 1: expected the 9 columns of GFF3, found 1"),
        ("a.bed.gz", "\x1f\x8b", "a.bed.gz: cannot be read ("),
        ("a.bed", f"#\n{'x' * (LONGEST_LINE + 1)}", "a.bed, line 2: longer than 1048576 letters; expected genes"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_named_with_its_line(tmp_path, name, text, sentence):
    (tmp_path / name).write_text(text, encoding="latin-1")
    with pytest.raises(InputError) as caught:
        read_genes(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path}/{sentence}")


def test_chromosomes_under_another_name_are_an_error(tmp_path, caplog):
    (tmp_path / "a.bed").write_text("1\t3\t9\tx\t0\t+\n")
    with pytest.raises(MismatchError, match=r"no chromosome chr1 \(it has 1: 'chr1' here is '1' there\)"):
        read_genes(tmp_path / "a.bed", "chr1")
    assert read_genes(tmp_path / "a.bed", "chr7") == []
    assert caplog.messages == [f"{tmp_path}/a.bed: no chromosome chr7 (it has 1)"]
