"""Run every benchmark, one after another, and write their table into docs/benchmarks.md, under the machine's name.

python tests/benchmarks/run_all.py            all of them
python tests/benchmarks/run_all.py scan train  some
"""

import json
import subprocess
import sys
from pathlib import Path

from common import machine

HERE = Path(__file__).parent
NAMES = ("labels", "sequence", "train", "scan", "tracks", "metrics", "help")
PAGE = HERE.parents[1] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- tests/benchmarks/run_all.py writes from here -->", "<!-- to here -->"


def table(names: list[str]) -> str:
    lines = ["| what | beside it, in the same run | times faster (range) | |", "|---|---|---|---|"]
    for name in names:
        done = subprocess.run([sys.executable, HERE / f"{name}.py"], stdout=subprocess.PIPE, text=True, check=True)
        for row in map(json.loads, done.stdout.splitlines()):
            ratio = f"{row['ratio']:.2f} ({row['low']:.2f}–{row['high']:.2f})"
            lines.append(f"| {row['what']} | {row['baseline']} | {ratio} | {row['detail']} |")
    return "\n".join(lines)


if __name__ == "__main__":
    asked = sys.argv[1:] or list(NAMES)
    about = "; ".join(f"{key}: {value}" for key, value in machine().items())
    text = f"{about}\n\n{table(asked)}"
    print(text)
    if asked == list(NAMES):
        page = PAGE.read_text()
        head, tail = page.split(BEGIN)[0], page.split(END)[1]
        PAGE.write_text(f"{head}{BEGIN}\n\n{text}\n\n{END}{tail}")
