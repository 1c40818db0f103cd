"""Every message of the source, as a template: what varies is `…`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "pmntool"
OURS = {"ValueError", "AttributeError"}  # of a caller's mistake, not a user's; turned into a message elsewhere


def templates() -> dict[str, str]:
    """Return each template and where it stands, `file.py`: of errors, of their reasons, and of warnings."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            for text in _messages(node):
                if re.search(r"[a-z]{2}", text.removeprefix("…, line ")):  # more than a frame for another message
                    found[text] = path.name
    return found


def _messages(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
        if getattr(node.exc.func, "id", "") not in OURS:
            yield from _texts(node.exc.args[-1])
    elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "warning":
        yield from _texts(node.args[0])
    elif isinstance(node, ast.FunctionDef) and re.search("mistake|why_not|_check$|no_tf_left", node.name):
        for inner in ast.walk(node):
            if isinstance(inner, ast.Return) and inner.value:
                yield from _texts(inner.value)
            elif isinstance(inner, ast.Assign) and getattr(inner.targets[0], "id", "") == "rules":
                for rule in inner.value.elts:
                    yield from _texts(rule.elts[1])


def _texts(node: ast.AST) -> Iterator[str]:
    """Yield the text of a literal, with … for each value; of a call, that of its last argument; of a choice, both."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield re.sub(r"%[-.\d]*[a-z]", "…", node.value).replace("%%", "%")
    elif isinstance(node, ast.JoinedStr):
        yield "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
    elif isinstance(node, ast.Call) and node.args:
        yield from _texts(node.args[-1])
    elif isinstance(node, ast.BinOp):
        yield from (f"{text}…" for text in _texts(node.left))
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)
