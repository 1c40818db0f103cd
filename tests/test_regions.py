"""Regions: the forms that samtools takes, counted from 1, and what holds no base."""

import pytest

from pmntool.errors import InputError, MismatchError
from pmntool.regions import parse_region

SIZES = {"chr3": 5000, "HLA:01": 90, "chr1:1-5": 70}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("chr3", ("chr3", 0, 5000)),
        ("chr3:1-1", ("chr3", 0, 1)),
        ("chr3:1,001-2,000", ("chr3", 1000, 2000)),
        ("chr3:4000", ("chr3", 3999, 5000)),
        ("chr3:4000-", ("chr3", 3999, 5000)),
        ("chr3:-2000", ("chr3", 0, 2000)),
        ("chr3:4000-99999", ("chr3", 3999, 5000)),
        ("HLA:01", ("HLA:01", 0, 90)),
        ("HLA:01:11-20", ("HLA:01", 10, 20)),
        ("chr1:1-5", ("chr1:1-5", 0, 70)),
    ],
)
def test_forms(text, expected):
    assert parse_region(text, SIZES) == expected


@pytest.mark.parametrize("text", ["chr3:0-5", "chr3:5001", "chr3:-0"])
def test_no_base(text):
    with pytest.raises(InputError, match="holds no base of chr3"):
        parse_region(text, SIZES)


@pytest.mark.parametrize("text", ["chr3:9-5", "chr3:5000-0", "chr3:500-,"])
def test_the_end_before_the_start(text):
    with pytest.raises(InputError, match=f"region '{text}': its end is before its start"):
        parse_region(text, SIZES)


@pytest.mark.parametrize("text", ["chr3:", "chr3:x-y", "chr3:1-2-3", "chr3:1k-5k", "chr3:-5-9"])
def test_no_such_place(text):
    with pytest.raises(InputError, match=f"region '{text}': expected chrom:start-end, such as chr3:1-50000"):
        parse_region(text, SIZES)


@pytest.mark.parametrize("text", ["chr4", "3:1-5", "chr4:x-y"])
def test_no_such_chromosome(text):
    with pytest.raises(MismatchError, match="no chromosome"):
        parse_region(text, SIZES)
