"""What a long command tells whoever watches it. The verbs call it; the terminal's own form is in `terminal`."""

from __future__ import annotations


class Progress:
    """Say nothing: the default of every verb, and the interface of all others."""

    kept = ""  # how to go on from what is there, should the command be stopped now

    def start(self, what: str, total: int, unit: str) -> None:
        """Begin a piece of work of `total` units."""

    def advance(self, count: int, note: str = "") -> None:
        """Say that `count` more units are done."""

    def finish(self) -> None:
        """End the piece of work."""

    def keep(self, what: str) -> None:
        """Say what stays if the command ends now, and how to go on from there."""
