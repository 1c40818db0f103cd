"""The command line: one file a command, with its options and help; `root` makes errors exit codes.

Every command is thin: it turns words into arguments, calls the verb of the same name and shows what came of it. Verbs
are imported inside their commands, so that `--help` does not wait for torch. Annotations are no strings here (`from
__future__ import annotations`): typer evaluates them all for any `--help`, which took an eighth of its time.
"""

from pmntool.cli import build_dataset, train, evaluate, predict, prototypes, report  # noqa: F401, I001  as in --help
from pmntool.cli import plot, browse, simulate, info, verify, doctor  # noqa: F401
from pmntool.cli.root import app, main

__all__ = ["app", "main"]
