"""The command line: one file a command, with its options and help; `root` lists them and makes errors exit codes.

Every command is thin: it turns words into arguments, calls the verb of the same name and shows what came of it. It is
imported when it is called, and the verb inside it, so that `--help` waits for neither. Annotations are no strings here
(`from __future__ import annotations`): typer would only evaluate them.
"""

from pmntool.cli.root import app, main

__all__ = ["app", "main"]
