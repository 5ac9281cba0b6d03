"""A recorded stimulus has everything in it, and PyRTL plays it back to the same trace."""

from __future__ import annotations

from functools import cache

import pytest

from fastcar.cosim.backends.pyrtl_backend import Simulator
from fastcar.cosim.crosscheck.pin_trace import (
    PinTrace,
    Stimulus,
    count_mismatches,
    parse_line,
)
from fastcar.cosim.crosscheck.playback_block import BlockPlayer
from fastcar.cosim.crosscheck.stimulus import Recorder, draw_jobs
from fastcar.rtl.config import TINY

NUM_PROGRAMS = 20


@cache
def record() -> tuple[Recorder, Stimulus, PinTrace]:
    recorder = Recorder(TINY, seed=7)
    return recorder, *recorder.record(draw_jobs(TINY, 7, NUM_PROGRAMS))


@pytest.mark.slow
def test_every_program_ends_in_one_of_three_ways() -> None:
    recorder, _, _ = record()
    assert recorder.num_done + recorder.num_errors + recorder.num_cut == NUM_PROGRAMS + 3
    assert min(recorder.num_done, recorder.num_errors, recorder.num_cut) > 0
    assert min(recorder.num_decisions, recorder.num_retires) > NUM_PROGRAMS


@pytest.mark.slow
def test_one_line_for_every_cycle() -> None:
    _, stimulus, trace = record()
    assert len(stimulus.lines) == len(trace.lines) > 1000
    assert stimulus.first_compared == 1
    assert trace.seconds > 0


@pytest.mark.slow
def test_every_input_takes_both_values_and_reset_comes_in_mid_run() -> None:
    _, stimulus, _ = record()
    inputs = [parse_line(stimulus.inputs, line) for line in stimulus.lines]
    for port in stimulus.inputs:
        ones = 0
        zeros = 0
        for values in inputs:
            ones |= values[port.name]
            zeros |= ~values[port.name]
        every = (1 << port.num_bits) - 1
        assert ones == every, port.name
        assert zeros & every == every, port.name
    assert sum(values["reset"] for values in inputs[1:]) >= 2


@pytest.mark.slow
def test_pyrtl_plays_back_what_machine_code_recorded() -> None:
    """In every pin, undefined payloads as well: both begin with 0 everywhere."""
    recorder, stimulus, trace = record()
    found = BlockPlayer(recorder.block, Simulator.FAST).play(stimulus)
    assert found.simulator.startswith("PyRTL ")
    assert trace.simulator.startswith("native, llvmlite ")
    assert found.lines == trace.lines
    assert count_mismatches(stimulus, trace, found) == 0
