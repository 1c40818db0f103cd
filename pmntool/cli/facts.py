"""How facts are shown: a line each, or all as one JSON object."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from pmntool.errors import printable

MOST, MOST_PAIRS = 8, 20  # of a list and of a dict on screen; JSON has all

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else, to stdout.")]


def show(facts: Mapping[str, Any], *, as_json: bool) -> None:
    """Print facts to stdout."""
    if as_json:
        typer.echo(json.dumps(facts, indent=2, allow_nan=False))
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        typer.echo(printable(f"{name.replace('_', ' '):{width}}  {say(value)}"))


def say(value: Any) -> str:
    """Return a value of JSON as people read it.

    Examples
    --------
    >>> say({"train": 27774, "valid": None, "chroms": ["chr1", "chr8"], "found": True, "lambda": 0.50})
    'train 27,774; valid –; chroms chr1, chr8; found yes; lambda 0.5'
    """
    if value is None or value in ([], {}):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        parts = [f"{str(name).replace('_', ' ')} {say(inner)}" for name, inner in list(value.items())[:MOST_PAIRS]]
        return "; ".join(parts) + (f"; … ({len(value)} in all)" if len(value) > MOST_PAIRS else "")
    if isinstance(value, list):
        parts = ", ".join(map(say, value[:MOST]))
        return parts + (f", … ({len(value)} in all)" if len(value) > MOST else "")
    if isinstance(value, int | float):
        return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
    return str(value)
