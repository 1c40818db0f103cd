"""What the command at work was asked for, so that the folder it makes says how to make it again."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

CONFIG = "config.toml"

options: ContextVar[Callable[[], str] | None] = ContextVar("options", default=None)
"""Returns the content of `config.toml`; None where no command is at work and a function was called."""
