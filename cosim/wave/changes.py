"""What changes from step to step, and how large the file of it becomes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from fastcar.cosim.wave.recording import Recording, Signal, Words
from fastcar.cosim.wave.window import split_steps
from fastcar.reference.progress import Progress

Change = tuple[int, int, int]
"""Step, number of the signal, value."""


def list_changes(
    recording: Recording, steps: range, progress: Progress | None = None
) -> Iterator[Change]:
    """All values in the first step, then those that change, in the order of steps."""
    signals = recording.signals
    wide = {number for number, signal in enumerate(signals) if signal.num_words > 1}
    places = np.array([signal.place for signal in signals])
    for chunk, rows, flags in _list_chunks(recording, steps):
        at, numbers = np.nonzero(flags)
        lowest = rows[at, places[numbers]].tolist()
        found = zip((at + chunk.start).tolist(), numbers.tolist(), lowest, strict=True)
        for step, number, value in found:
            if number in wide:
                yield step, number, signals[number].read(rows[step - chunk.start])
            else:
                yield step, number, value
        if progress is not None:
            progress(chunk.stop - steps.start, len(steps))


def count_changes(recording: Recording, steps: range) -> NDArray[np.int64]:
    """Changes of each signal, the value in the first step included."""
    total = np.zeros(len(recording.signals), np.int64)
    for _, _, flags in _list_chunks(recording, steps):
        total += flags.sum(axis=0)
    return total


def _list_chunks(
    recording: Recording, steps: range
) -> Iterator[tuple[range, Words, NDArray[np.bool_]]]:
    """Steps, their rows, and which signals change in each of them."""
    order = _WordOrder(recording.signals)
    before: Words | None = None
    for chunk in split_steps(steps):
        rows = recording.take(chunk)
        previous = rows[:1] if before is None else before
        flags = order.compare(np.concatenate([previous, rows[:-1]]), rows)
        if before is None:
            flags[0] = True
        before = rows[-1:]
        yield chunk, rows, flags


class _WordOrder:
    """Compares rows signal by signal, wherever each lies."""

    def __init__(self, signals: Sequence[Signal]) -> None:
        words = [one.place + word for one in signals for word in range(one.num_words)]
        self._words = np.array(words)
        self._starts = np.cumsum([0, *(one.num_words for one in signals[:-1])])

    def compare(self, before: Words, after: Words) -> NDArray[np.bool_]:
        """[steps, signals] whether any word differs."""
        differs = before[:, self._words] != after[:, self._words]
        return np.logical_or.reduceat(differs, self._starts, axis=1)
