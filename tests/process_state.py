"""What a test must leave as it found it, because it belongs to the whole process."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

OWNED_BY_PYTEST = "PYTEST_CURRENT_TEST"
"""The one variable that changes during every test."""


@dataclass(frozen=True)
class ProcessState:
    """What tests could leave to one another.

    Attributes:
        signal_handlers: by the signals' numbers; None where Python did not install one.
        directory: the working directory.
        environment: its variables.
    """

    signal_handlers: dict[int, Any]
    directory: Path
    environment: dict[str, str]


def get_process_state() -> ProcessState:
    """The present state."""
    environment = dict(os.environ)
    environment.pop(OWNED_BY_PYTEST, None)
    handlers: dict[int, Any] = {
        number: signal.getsignal(number) for number in signal.valid_signals()
    }
    return ProcessState(handlers, Path.cwd(), environment)


def restore_process_state(state: ProcessState) -> None:
    """Put everything back that differs."""
    for number, handler in state.signal_handlers.items():
        if handler is not None and signal.getsignal(number) != handler:
            signal.signal(number, handler)
    os.chdir(state.directory)
    for name in os.environ.keys() - state.environment.keys() - {OWNED_BY_PYTEST}:
        del os.environ[name]
    os.environ.update(state.environment)


def list_changes(before: ProcessState, after: ProcessState) -> list[str]:
    """One line for each signal, variable or directory that differs."""
    lines = []
    for field in fields(ProcessState):
        old, new = getattr(before, field.name), getattr(after, field.name)
        if not isinstance(old, dict):
            old, new = {"": old}, {"": new}
        for key in sorted(old.keys() | new.keys()):
            values = old.get(key), new.get(key)
            if values[0] != values[1]:
                name = f"{field.name} {key}".rstrip()
                lines.append(f"{name}: {values[0]!r} became {values[1]!r}")
    return lines


@contextmanager
def watch_process_state() -> Iterator[None]:
    """Raise AssertionError if the block left something changed, having put it back.

    The blame stays with the test that did it: the next one finds everything in place.
    """
    before = get_process_state()
    yield
    changes = list_changes(before, get_process_state())
    restore_process_state(before)
    assert not changes, f"left changed: {'; '.join(changes)}"
