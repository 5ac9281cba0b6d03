"""The steps that are written: around a cycle, at the ends of a run, where a run hangs."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from fastcar.cosim.wave.recording import Recorder, Recording, place_signals
from fastcar.cosim.wave.window import (
    CHUNK_STEPS,
    choose_steps,
    find_cycle,
    find_last_transfer,
    find_record,
    split_steps,
)
from tests.cosim.wave.recordings import list_signals


def count(cycles: Sequence[int], num_rows: int = 10_000) -> Recording:
    """A recording that shows some cycles."""
    recorder = Recorder(num_rows * 8)
    recorder.begin(place_signals([("counter_cycles", 48)]), 1_000_000)
    for cycle in cycles:
        recorder.add(lambda _, value=cycle: value)  # type: ignore[misc]
    recording = recorder.recording
    assert recording is not None
    return recording


@pytest.mark.parametrize(
    ("centre", "window", "steps"),
    [
        (50, 3, range(47, 54)),
        (1, 3, range(0, 5)),
        (99, 3, range(96, 100)),
        (0, 1000, range(0, 100)),
        (7, None, range(0, 100)),
    ],
)
def test_the_window_ends_with_the_run(centre: int, window: int | None, steps: range) -> None:
    assert choose_steps(count(range(100)), centre, window) == steps


def test_what_was_not_kept_is_not_in_the_window() -> None:
    recording = count(range(100), num_rows=20)
    assert choose_steps(recording, 82, 5) == range(80, 88)
    assert choose_steps(recording, 82, None) == range(80, 100)
    assert find_cycle(recording, 79) is None
    assert find_cycle(recording, 80) == 80


def test_the_cycle_is_that_of_this_run() -> None:
    """Before it begins, the counter shows where the run before ended."""
    recording = count([7, 7, 0, *range(10)])
    assert find_cycle(recording, 7) == 10
    assert find_cycle(recording, 0) == 3
    assert find_cycle(recording, 99) is None


def test_of_several_records_of_a_slot_that_of_the_cycle_is_shown() -> None:
    """A run of several layers has one for each; a cycle that no record names leaves the last."""
    recorder = Recorder()
    names = "retire_valid", "retire_slot", "retire_end_cycle"
    recorder.begin(place_signals([(name, 16) for name in names]), 100)
    for row in ((0, 1, 3), (1, 1, 3), (1, 2, 5), (0, 1, 3), (1, 1, 7), (1, 2, 9), (0, 2, 5)):
        recorder.add(dict(zip(names, row, strict=True)).__getitem__)
    recording = recorder.recording
    assert recording is not None
    found = [find_record(recording, "retire", *at) for at in ((1, 3), (2, 5), (1, 8), (1,), (3, 3))]
    assert found == [1, 2, 4, 4, None]


def test_cycles_are_found_in_every_chunk() -> None:
    recording = count(range(2 * CHUNK_STEPS + 3))
    for cycle in (0, CHUNK_STEPS - 1, CHUNK_STEPS, 2 * CHUNK_STEPS + 2):
        assert find_cycle(recording, cycle) == cycle
    assert [len(part) for part in split_steps(recording.steps)] == [CHUNK_STEPS, CHUNK_STEPS, 3]


@pytest.mark.parametrize(
    "moving",
    [
        ("instruction_valid", "instruction_ready"),
        ("decision_valid",),
        ("retire_valid",),
        ("core1_read_request_valid", "core1_read_request_ready"),
        ("core0_read_response_valid", "core0_read_response_ready"),
        ("core1_write_valid", "core1_write_ready"),
    ],
)
def test_a_run_that_hangs_is_seen_at_its_last_transfer(moving: tuple[str, ...]) -> None:
    """What is offered and not taken, or counted, is no transfer."""
    recorder, signals = Recorder(), list_signals()
    recorder.begin(signals, 30)
    for step in range(30):
        values = dict.fromkeys((one.name for one in signals), 0)
        values |= dict.fromkeys(moving, int(step <= 12))
        values |= {moving[0]: 1} if len(moving) == 2 else {}
        recorder.add({**values, "counter_cycles": step}.__getitem__)
    assert recorder.recording is not None
    assert find_last_transfer(recorder.recording) == 12


def test_without_a_transfer_there_is_no_last_one() -> None:
    recorder = Recorder()
    recorder.begin(list_signals(), 5)
    recorder.add(lambda name: int(name.endswith("_ready")))
    assert recorder.recording is not None
    assert find_last_transfer(recorder.recording) is None
