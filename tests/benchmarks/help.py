"""`pmntool --help` against importing typer and rich, both with bytecode, as pip leaves what it installs."""

import os
import subprocess
import sys
import tempfile

from common import compare, report

with tempfile.TemporaryDirectory() as bytecode:
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": bytecode}

    def run(*words: str) -> None:
        subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL, env=environment)

    report(
        compare(
            "`pmntool --help`", 'python -c "import typer, rich"',
            lambda: run("-m", "pmntool", "--help"), lambda: run("-c", "import typer, rich"), rounds=9,
        )
    )  # fmt: skip
