"""Every reader on thousands of files: noise, good files with something changed, and good files; see fuzz/targets.py."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent / "fuzz"))

import targets

PIECES = [
    b"\t", b"\n", b"\r", b"\r\n", b"\0", b" ", b">", b"#", b":", b"-", b",", b"0", b"-1", b"9223372036854775807",
    b"1e5", b"nan", b"inf", b"chr1", b"chr2", b"\xff", b"\xef\xbb\xbf", "é".encode(), b"\x1f\x8b", b'"', b"'", b"[",
    b"]", b"{", b"}", b"null", b"1" * 40, b"../", b"\xe2\x80\xa8", b"track ", b"MOTIF", b"w= 5", b"\x0b", b"\x1c",
]  # fmt: skip


@st.composite
def changed(draw: st.DrawFn, target: str) -> bytes:
    """Draw a good file in which some places were overwritten, cut out, repeated or filled."""
    content = draw(st.sampled_from(targets.SEEDS[target])) * draw(st.integers(1, 3))
    for _ in range(draw(st.integers(0, 4))):
        first, last = sorted(draw(st.tuples(*[st.integers(0, len(content))] * 2)))
        last = min(last, first + draw(st.sampled_from([0, 1, 5, 10**6])))
        content = content[:first] + draw(st.sampled_from([*PIECES, content[first:last] * 2, b""])) + content[last:]
    return content


@pytest.mark.parametrize("target", targets.TARGETS)
def test_no_file_breaks_a_reader(tmp_path, target):
    @settings(
        deadline=None, max_examples=settings().max_examples, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.one_of(changed(target), changed(target), st.binary(max_size=200)))
    def read(content: bytes) -> None:
        targets.one(target, content, tmp_path)

    for seed in targets.SEEDS[target]:
        targets.one(target, seed, tmp_path)
    read()


@pytest.mark.parametrize("target", [target for target in targets.TARGETS if target not in ("dataset", "array", "run")])
def test_the_good_files_are_good(tmp_path, target):
    assert all([targets.one(target, seed, tmp_path) for seed in targets.SEEDS[target]])
