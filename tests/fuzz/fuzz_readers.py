"""Fuzz pmntool's readers, guided by coverage: `python tests/fuzz/fuzz_readers.py TARGET [options of libFuzzer]`.

TARGET is one of `targets.TARGETS`. Not part of the test run: it needs the extra `fuzz` (atheris), and runs until it is
stopped, or as long as `-max_total_time=60` says. What breaks a reader is left in `crash-…`; `-rss_limit_mb=` and
`-timeout=` bound memory and time of one input.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["pmntool"]):
    import targets


def main() -> None:
    """Fuzz the target that the first argument names."""
    target, *options = sys.argv[1:]
    logging.disable()
    folder = Path(tempfile.mkdtemp(prefix="pmntool-fuzz-"))
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(targets.SEEDS[target]):
        (corpus / str(number)).write_bytes(seed)
    work = folder / "work"
    work.mkdir()
    atheris.Setup([sys.argv[0], str(corpus), *options], lambda data: targets.one(target, data, work) and None)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
