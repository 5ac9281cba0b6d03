"""Changes: with them the recording is rebuilt, and nothing stands twice."""

from __future__ import annotations

import pytest

from fastcar.cosim.wave.changes import count_changes, list_changes
from fastcar.cosim.wave.window import CHUNK_STEPS
from tests.cosim.wave.recordings import list_signals, make_recording


@pytest.mark.parametrize("steps", [range(40), range(7, 30), range(39, 40)])
def test_changes_rebuild_the_recording(steps: range) -> None:
    recording = make_recording(40)
    signals, at = recording.signals, steps.start
    shown: dict[int, int] = {}
    for step, number, value in list_changes(recording, steps):
        assert step >= at
        assert shown.get(number) != value
        shown[number], at = value, step
        if step == steps.start:
            assert value == recording.read(signals[number].name, step)
    last = {number: recording.read(one.name, steps[-1]) for number, one in enumerate(signals)}
    assert shown == last


def test_every_change_is_counted_and_told_of() -> None:
    recording, told = make_recording(30), []
    changes = list(list_changes(recording, range(30), lambda *done: told.append(done)))
    counted = count_changes(recording, range(30))
    assert counted.sum() == len(changes)
    counter = [one.name for one in list_signals()].index("counter_cycles")
    assert counted[counter] == 30
    assert told == [(30, 30)]


def test_a_chunk_continues_the_one_before() -> None:
    recording = make_recording(CHUNK_STEPS + 5)
    told: list[tuple[int, int]] = []
    steps = range(2, CHUNK_STEPS + 5)
    changes = list(list_changes(recording, steps, lambda *done: told.append(done)))
    assert told == [(CHUNK_STEPS, len(steps)), (len(steps), len(steps))]
    shown: dict[int, int] = {}
    for _, number, value in changes:
        assert shown.get(number) != value
        shown[number] = value
