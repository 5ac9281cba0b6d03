"""A recording says what the hardware does, without asking it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.cosim.backends.backend import RunSettings
from fastcar.cosim.backends.memory_model import ChannelSettings, SharedMemory
from fastcar.cosim.backends.native_backend import NativeBackend
from fastcar.cosim.export.recording import Recording, record_layer
from fastcar.cosim.export.scene import make_random_scene, make_row_scene
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.video.model import load_video_model
from fastcar.rtl.config import DEMO, TINY, AcceleratorConfig
from fastcar.rtl.instruction import Opcode, decode, list_opcodes
from tests.examples import examples


@cache
def get_backend() -> NativeBackend:
    return NativeBackend(TINY)


def record(
    source: DecisionSource, num_slots: int = 4, seed: int = 0, latency: int = 4
) -> Recording:
    scene = make_random_scene(TINY, num_slots, seed)
    return record_layer(TINY, scene, source, latency_cycles=latency)


@examples(6)
@given(
    st.sampled_from(DecisionSource),
    st.integers(1, TINY.num_slots),
    st.integers(0, 1000),
    st.integers(1, 9),
)
def test_the_hardware_does_what_was_recorded(
    source: DecisionSource, num_slots: int, seed: int, latency: int
) -> None:
    recording = record(source, num_slots, seed, latency)
    memory = SharedMemory(len(recording.memory), TINY.beat_bytes)
    memory.beats[:] = recording.memory
    result = get_backend().run(
        recording.program, memory, RunSettings(channels=ChannelSettings(latency))
    )
    assert result.error is None
    assert result.decisions == recording.decisions
    assert result.retires == recording.retires
    assert result.counters == recording.counters
    assert np.array_equal(memory.beats, recording.memory_after)


@pytest.mark.parametrize("source", DecisionSource)
def test_every_kind_of_slot_is_recorded(source: DecisionSource) -> None:
    recording = record(source)
    assert {one.computes for one in recording.decisions[1:]} == {False, True}
    assert recording.decisions[0].computes
    assert recording.decisions[0].score == 0
    opcodes = {decode(word).opcode for word in recording.program}
    other = Opcode.SCORE if source is DecisionSource.DISTANCE else Opcode.DISTANCE
    assert opcodes == set(list_opcodes(TINY)) - {other}
    assert not np.array_equal(recording.memory, recording.memory_after)


def test_a_recording_is_the_same_twice() -> None:
    first, second = record(DecisionSource.SCORE), record(DecisionSource.SCORE)
    assert first.program == second.program
    assert np.array_equal(first.memory, second.memory)


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^query_size = 6: "):
        make_random_scene(AcceleratorConfig(1, 4, 1, 8, 8, 6), 1, 0)
    with pytest.raises(ArgumentError, match=r"^layer = 1: "):
        record_layer(TINY, make_random_scene(TINY, 1, 0), layer_index=1)


def test_the_shipped_model_is_recorded_on_its_clips() -> None:
    model = load_video_model()
    with pytest.raises(ArgumentError, match=r"^slots = 1000: "):
        make_row_scene(model, 1000)
    recording = record_layer(DEMO, make_row_scene(model, 2), layer_index=3)
    assert recording.description == "tokens of moving_digits_16x64, token 96, layer 3, score"
    assert recording.decisions[0].computes
    assert np.abs(recording.memory_after.astype(int) - recording.memory).max() > 0
