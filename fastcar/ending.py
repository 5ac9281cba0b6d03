"""How a process ends early (D-39): signals as exceptions, and streams that take nothing any more.

Imports nothing but the standard library: it is there before everything else is imported.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, TextIO

ENDINGS = {
    getattr(signal, name): (word, 128 + getattr(signal, name))
    for name, word in (("SIGINT", "interrupted"), ("SIGTERM", "terminated"), ("SIGHUP", "hung up"))
    if hasattr(signal, name)
}
"""What is said, and the exit code, by signal."""

GRACE_SECONDS = 2.0
"""Time in which a second Ctrl-C does not disturb what tidies up after the first one."""


class Interruption(KeyboardInterrupt):
    """A signal as an exception, so that unfinished files are removed."""


@dataclass
class Signals:
    """What came while a command ran.

    Attributes:
        received: numbers in the order in which they came.
        is_over: nothing is raised any more, because the command has ended.
    """

    received: list[int] = field(default_factory=list)
    is_over: bool = False
    _raised_seconds: float = -math.inf

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Raise `Interruption`, unless the command is already on its way out."""
        self.received.append(number)
        now = time.monotonic()
        if not self.is_over and now - self._raised_seconds > GRACE_SECONDS:
            self._raised_seconds = now
            raise Interruption


@contextmanager
def raise_signals() -> Iterator[Signals]:
    """Signals that end the process raise `Interruption` inside; gives those that arrived.

    Whoever catches an exception looks there: libraries turn an interruption into errors of theirs.
    A signal that is ignored stays so (`nohup`, a shell's background).
    """
    signals = Signals()
    before = set_handlers(signals.handle)
    try:
        yield signals
    finally:
        restore_handlers(before)


def end_at_once(number: int, frame: FrameType | None) -> None:
    """A handler that ends the process with one line: where nothing is begun, or all is done.

    An exception in the middle of an import would come out as whatever the module makes of it.
    """
    set_handlers(signal.SIG_IGN)
    word, status = ENDINGS[number]
    with suppress(OSError):
        os.write(2, f"fastcar: {word}\n".encode())
    os._exit(status)


@contextmanager
def end_at_once_inside() -> Iterator[None]:
    """Signals end the process at once: for imports, of which some leave C code in between."""
    before = set_handlers(end_at_once)
    try:
        yield
    finally:
        restore_handlers(before)


def set_handlers(handler: Any) -> dict[int, Any]:
    """Have signals that end the process handled; gives what handled them before."""
    before = {}
    for number in ENDINGS:
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            before[number] = signal.signal(number, handler)
    return before


def restore_handlers(before: dict[int, Any]) -> None:
    """Undo `set_handlers`."""
    for number, handler in before.items():
        signal.signal(number, handler)


def fail(text: str, status: int) -> int:
    """Say in one line what was wrong."""
    write_error("fastcar: " + " ".join(text.split()))
    return status


def write_error(text: str) -> None:
    """Write to stderr, if there is one that takes it."""
    if sys.stderr is not None:
        with suppress(OSError):
            print(text, file=sys.stderr, flush=True)


def finish(stream: TextIO | None) -> None:
    """Write what a stream still holds, or drop it."""
    if stream is not None:
        try:
            stream.flush()
        except OSError:
            drop(stream)


def drop(stream: TextIO | None) -> None:
    """Send what a broken stream still holds nowhere.

    Otherwise the interpreter would try again when it ends, and complain.
    """
    if stream is not None:
        with suppress(OSError, ValueError):
            empty = os.open(os.devnull, os.O_WRONLY)
            os.dup2(empty, stream.fileno())
            os.close(empty)
