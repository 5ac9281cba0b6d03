"""Which command runs, for reports; imports nothing, because every start of the program reads it."""

from __future__ import annotations

from contextvars import ContextVar

COMMAND: ContextVar[tuple[str, ...] | None] = ContextVar("command", default=None)
"""Arguments of the command line that runs; None where Python called."""
