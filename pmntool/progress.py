"""What a long command tells whoever watches it. The verbs call it; the terminal's own form is in `terminal`."""

from __future__ import annotations


class Progress:
    """Say nothing: the default of every verb, and the interface of all others."""

    def start(self, what: str, total: int, unit: str) -> None:
        """Begin a piece of work of `total` units."""

    def advance(self, count: int, note: str = "") -> None:
        """Say that `count` more units are done."""

    def finish(self) -> None:
        """End the piece of work."""
