"""2bit, read back base for base by a slow reader of the format's description."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from pmntool.browser.twobit import write_two_bit
from pmntool.errors import MismatchError
from pmntool.genome import Genome


def read_two_bit(content: bytes) -> dict[str, str]:
    """Return the letters of each sequence."""
    signature, version, count, reserved = struct.unpack_from("<4I", content)
    assert (signature, version, reserved) == (0x1A412743, 0, 0)
    place, found = 16, {}
    for _ in range(count):
        size = content[place]
        name = content[place + 1 : place + 1 + size].decode()
        (offset,) = struct.unpack_from("<I", content, place + 1 + size)
        place += 5 + size
        length, n_blocks = struct.unpack_from("<2I", content, offset)
        starts = struct.unpack_from(f"<{n_blocks}I", content, offset + 8)
        sizes = struct.unpack_from(f"<{n_blocks}I", content, offset + 8 + 4 * n_blocks)
        masked, reserved = struct.unpack_from("<2I", content, offset + 8 + 8 * n_blocks)
        assert masked == reserved == 0
        packed = content[offset + 16 + 8 * n_blocks :]
        letters = ["TCAG"[packed[i // 4] >> (6 - 2 * (i % 4)) & 3] for i in range(length)]
        for start, run in zip(starts, sizes, strict=True):
            letters[start : start + run] = "N" * run
        found[name] = "".join(letters)
    return found


def test_every_base_reads_back(tmp_path):
    rng = np.random.default_rng(0)
    wanted = {f"chr{i}": "".join(rng.choice(list("ACGTacgt"), 20 + i)) for i in range(5)}
    wanted |= {"n": "NNACGTNNNRYACGTNN", "all": "NNNN", "one": "G"}
    (tmp_path / "a.fa").write_text("".join(f">{name} x\n{letters}\n" for name, letters in wanted.items()))
    with Genome(tmp_path / "a.fa") as genome:
        write_two_bit(genome, tmp_path / "a.2bit")
    upper = {name: letters.upper().replace("R", "N").replace("Y", "N") for name, letters in wanted.items()}
    assert read_two_bit((tmp_path / "a.2bit").read_bytes()) == upper


def test_every_byte_is_the_format_s(tmp_path):
    (tmp_path / "a.fa").write_text(">c\nNACGTT\n")
    with Genome(tmp_path / "a.fa") as genome:
        write_two_bit(genome, tmp_path / "a.2bit")
    header = "4327411a 00000000 01000000 00000000"  # signature, version, sequences, reserved
    index = "01 63 16000000"  # length of the name, the name, where its record begins: 22
    blocks = "06000000 01000000 00000000 01000000 00000000 00000000"  # bases, N: count, start, size, masked, reserved
    packed = "27 00"  # T (for N) A C G, T T and what fills the byte: 00 10 01 11, 00 00 00 00
    assert (tmp_path / "a.2bit").read_bytes() == bytes.fromhex(header + index + blocks + packed)


def test_a_name_that_does_not_fit_is_refused(tmp_path):
    (tmp_path / "a.fa").write_text(f">{'x' * 256}\nACGT\n")
    with (
        Genome(tmp_path / "a.fa") as genome,
        pytest.raises(MismatchError, match="a chromosome's name of more than 255 bytes"),
    ):
        write_two_bit(genome, tmp_path / "a.2bit")
