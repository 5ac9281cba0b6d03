"""Recordings: a ring of the newest steps, values of any width."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.cosim.wave.recording import Recorder, place_signals

SIGNALS = place_signals([("narrow", 3), ("wide", 130), ("word", 64)])


@given(
    st.lists(
        st.tuples(st.integers(0, 7), st.integers(0, 2**130 - 1), st.integers(0, 2**64 - 1)),
        min_size=1,
        max_size=12,
    ),
    st.integers(1, 6),
    st.integers(1, 20),
)
def test_the_newest_steps_are_kept_with_every_bit(
    values: list[tuple[int, int, int]], num_rows: int, limit_steps: int
) -> None:
    recorder = Recorder(num_rows * 8 * 5)
    assert recorder.begin(SIGNALS, limit_steps).shape == (min(num_rows, limit_steps), 5)
    for row in values:
        recorder.add(dict(zip(("narrow", "wide", "word"), row, strict=True)).__getitem__)
    recording = recorder.recording
    assert recording is not None
    steps = recording.steps
    assert steps == range(max(0, len(values) - min(num_rows, limit_steps)), len(values))
    for step in steps:
        found = tuple(recording.read(name, step) for name in ("narrow", "wide", "word"))
        assert found == values[step]
    rows = recording.take(steps)
    assert rows[:, recording.find("narrow").place].tolist() == [values[step][0] for step in steps]


def test_a_row_that_takes_more_than_the_limit_is_kept_alone() -> None:
    assert Recorder(limit_bytes=1).begin(SIGNALS, 100).shape == (1, 5)


def test_a_new_run_begins_anew_and_none_is_none() -> None:
    recorder = Recorder()
    found = [recorder.recording]
    for number in (1, 2):
        recorder.begin(SIGNALS, 9)
        found.append(recorder.recording)
        recorder.add(dict.fromkeys(("narrow", "wide", "word"), number).__getitem__)
        recording = recorder.recording
        assert recording is not None
        assert (recording.num_steps, recording.read("wide", 0)) == (1, number)
        with pytest.raises(KeyError, match="other"):
            recording.find("other")
    assert found == [None] * 3


def test_rows_of_numpy_and_of_python_are_the_same() -> None:
    """Machine code fills the rows that `begin` gives."""
    recorder = Recorder()
    rows = recorder.begin(SIGNALS, 2)
    rows[0] = np.array([5, 1, 2, 3, 9], np.uint64)
    recorder.num_steps = 1
    recording = recorder.recording
    assert recording is not None
    assert recording.read("wide", 0) == 1 + (2 << 64) + (3 << 128)
    assert recording.read("word", 0) == 9
