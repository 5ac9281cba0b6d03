"""Shapes of the functions that long work tells how far it has come."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with (done, to do)."""
StageProgress = Callable[[str, int, int], None]
"""Called with (stage, done, to do); a stage is a line of its own, or the name of a job."""
