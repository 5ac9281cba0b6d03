"""Values of signals in every clock cycle of a run, in a ring of 64-bit words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LIMIT_BYTES = 512 << 20
"""Of a recording. A run that takes more loses its oldest cycles, because it is at their end that it
hangs or breaks a rule; 40 thousand cycles of the demo design stay, a whole layer of it."""

WORD_BITS, WORD_BYTES = 64, 8
Words = NDArray[np.uint64]


@dataclass(frozen=True)
class Signal:
    """One signal of a recording.

    Attributes:
        name: of the port or register.
        num_bits: its width.
        place: its first word in a row, the lowest bits first.
    """

    name: str
    num_bits: int
    place: int

    @property
    def num_words(self) -> int:
        """Words that hold its value."""
        return -(-self.num_bits // WORD_BITS)

    def read(self, row: Words) -> int:
        """Its unsigned value in a row."""
        words = row[self.place : self.place + self.num_words]
        return int.from_bytes(words.astype("<u8").tobytes(), "little")


def place_signals(widths: Iterable[tuple[str, int]], start: int = 0) -> tuple[Signal, ...]:
    """Signals one behind the other, each in words of its own.

    Args:
        widths: name and width of each.
        start: word of the first.

    >>> [signal.place for signal in place_signals([("a", 1), ("b", 65), ("c", 64)])]
    [0, 1, 3]
    """
    signals: list[Signal] = []
    for name, num_bits in widths:
        signals.append(Signal(name, num_bits, start))
        start += signals[-1].num_words
    return tuple(signals)


@dataclass(frozen=True)
class Recording:
    """What a run did. Steps are clock cycles of the simulator, counted from the start of the run.

    Attributes:
        signals: what was recorded.
        words: [rows, words of a row]; step n is in row n modulo the number of rows.
        num_steps: of the run.
    """

    signals: tuple[Signal, ...]
    words: Words
    num_steps: int

    @property
    def steps(self) -> range:
        """Those that were kept: the newest."""
        return range(max(0, self.num_steps - len(self.words)), self.num_steps)

    def take(self, steps: range) -> Words:
        """Rows of some steps, [steps, words of a row]; steps that were kept, one by one."""
        return self.words[np.arange(steps.start, steps.stop) % len(self.words)]

    def find(self, name: str) -> Signal:
        """The signal of a name; refuses one that was not recorded by KeyError."""
        for signal in self.signals:
            if signal.name == name:
                return signal
        raise KeyError(name)

    def read(self, name: str, step: int) -> int:
        """The unsigned value of a signal in a step that was kept."""
        return self.find(name).read(self.words[step % len(self.words)])


class Recorder:
    """Takes what the next run does; what it took before is lost.

    A back end calls `begin` once, and in every step either `add` or its machine code, which fills
    the rows and sets `num_steps` at the end of the run, however that comes.

    Args:
        limit_bytes: of all rows.

    Attributes:
        num_steps: that were recorded.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self.num_steps = 0
        self._limit_bytes = limit_bytes
        self._signals: tuple[Signal, ...] = ()
        self._words: Words = np.empty((0, 0), np.uint64)

    def begin(self, signals: Sequence[Signal], limit_steps: int) -> Words:
        """The rows of a run, [rows, words of a row].

        They are touched as the run goes on, so that a short one takes little memory.

        Args:
            signals: what is recorded.
            limit_steps: of the run.
        """
        num_words = max(one.place + one.num_words for one in signals)
        num_rows = max(1, min(limit_steps, self._limit_bytes // (WORD_BYTES * num_words)))
        if self._words.shape != (num_rows, num_words):
            self._words = np.empty((num_rows, num_words), np.uint64)
        self._signals, self.num_steps = tuple(signals), 0
        return self._words

    def add(self, get: Callable[[str], int]) -> None:
        """Record a step; `get` reads a signal by its name. For signals one behind the other."""
        parts = [
            get(signal.name).to_bytes(WORD_BYTES * signal.num_words, "little")
            for signal in self._signals
        ]
        self._words[self.num_steps % len(self._words)] = np.frombuffer(b"".join(parts), "<u8")
        self.num_steps += 1

    @property
    def recording(self) -> Recording | None:
        """Of the newest run; None if none began. A later run writes into the same rows."""
        if self.num_steps == 0:
            return None
        return Recording(self._signals, self._words, self.num_steps)
