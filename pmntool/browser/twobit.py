"""Write a genome as 2bit, the form in which UCSC's browser takes a genome that it does not know."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pmntool.errors import MismatchError
from pmntool.genome import N_CODE, Genome

SIGNATURE = 0x1A412743
_TWO_BITS = np.array([2, 1, 3, 0, 0], dtype=np.uint8)  # of A, C, G, T and N, which is a block besides
_UINT32 = np.dtype("<u4")


def write_two_bit(genome: Genome, path: Path) -> None:
    """Write all chromosomes of a genome, one after the other; letters that are no base are N, and no letter is masked.

    Raises
    ------
    MismatchError
        The genome is too large for the format's 32-bit offsets, or a name too long.

    Notes
    -----
    Format: https://genome.ucsc.edu/FAQ/FAQformat.html#format7
    """
    names = [chrom.encode() for chrom in genome.sizes]
    if max(map(len, names)) > 255:
        raise MismatchError(f"{genome.path}: a chromosome's name of more than 255 bytes does not fit into a 2bit file")
    with open(path, "wb") as file:
        file.write(np.array([SIGNATURE, 0, len(names), 0], _UINT32).tobytes())
        index = file.tell()
        file.seek(sum(5 + len(name) for name in names), 1)
        offsets = []
        for chrom, length in genome.sizes.items():
            offsets.append(file.tell())
            if offsets[-1] >= 2**32:
                raise MismatchError(f"{genome.path}: too large for a 2bit file of 4 GiB")
            file.write(_record(genome.codes(chrom, 0, length)))
        file.seek(index)
        for name, offset in zip(names, offsets, strict=True):
            file.write(bytes([len(name)]) + name + np.array([offset], _UINT32).tobytes())


def _record(codes: np.ndarray) -> bytes:
    """Return length, N blocks and packed bases of a chromosome: uint8 (length,)."""
    change = np.flatnonzero(np.diff(codes == N_CODE, prepend=False, append=False))
    starts, ends = change[::2], change[1::2]
    head = np.concatenate([[len(codes), len(starts)], starts, ends - starts, [0, 0]]).astype(_UINT32)
    bits = np.zeros((len(codes) + 3) // 4 * 4, dtype=np.uint8)
    bits[: len(codes)] = _TWO_BITS[codes]
    packed = (bits[::4] << 6) | (bits[1::4] << 4) | (bits[2::4] << 2) | bits[3::4]
    return head.tobytes() + packed.tobytes()
