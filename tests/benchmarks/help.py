"""`pmntool --help` against importing typer and rich."""

import subprocess
import sys

from common import compare, report


def run(*words: str) -> None:
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)


report(
    compare(
        "`pmntool --help`", 'python -c "import typer, rich"',
        lambda: run("-m", "pmntool", "--help"), lambda: run("-c", "import typer, rich"), rounds=9,
    )
)  # fmt: skip
