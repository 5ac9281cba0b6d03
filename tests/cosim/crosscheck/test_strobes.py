"""Playback of an accelerator with attention: strobes and tokens are pins like the others."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import pytest

from fastcar.cosim.backends.pyrtl_backend import Simulator
from fastcar.cosim.crosscheck.pin_trace import PinTrace, Stimulus, find_difference
from fastcar.cosim.crosscheck.playback_block import BlockPlayer
from fastcar.cosim.crosscheck.stimulus import Recorder, draw_jobs
from fastcar.rtl.accelerator import make_accelerator
from fastcar.rtl.config import TINY_DECODER
from fastcar.rtl.instruction import Buffer
from tests.cosim.crosscheck.test_playback import MAKERS, SLOW_SIMULATORS, check_trace, find_place
from tests.rtl.poison import poison_collisions

pytestmark = pytest.mark.slow


@cache
def record() -> tuple[Recorder, Stimulus, PinTrace]:
    recorder = Recorder(TINY_DECODER)
    return recorder, *recorder.record(draw_jobs(TINY_DECODER, 6, 12))


def list_strobes() -> set[str]:
    """Those of beats that were offered, over both cores."""
    _, stimulus, trace = record()
    found = set()
    for core in range(TINY_DECODER.num_cores):
        places = [find_place(stimulus, f"core{core}_write_{name}") for name in ("valid", "strobe")]
        lines = (line.split() for line in trace.lines[stimulus.first_compared :])
        found |= {values[places[1]] for values in lines if values[places[0]] == "1"}
    return found


def test_the_stimulus_stores_words_keys_and_every_lane_of_values() -> None:
    assert list_strobes() == {"f", "1", "2", "4", "8"}


@pytest.mark.parametrize("simulator", SLOW_SIMULATORS)
def test_strobes_are_equal_everywhere(simulator: str) -> None:
    recorder, stimulus, trace = record()
    check_trace(stimulus, trace, MAKERS[simulator](recorder.design).play(stimulus))


def test_strobes_are_equal_in_the_simulator_of_pyrtl() -> None:
    recorder, stimulus, trace = record()
    check_trace(stimulus, trace, BlockPlayer(recorder.block, Simulator.FAST).play(stimulus))


def test_no_word_is_used_that_was_read_while_it_was_written() -> None:
    """Synthesis builds nothing for that case, in the score buffer as in the others."""
    _, stimulus, trace = record()
    block = make_accelerator(TINY_DECODER)
    names = ("_score_buffer", *(f"_buffer_{buffer.name.lower()}" for buffer in Buffer))
    assert poison_collisions(block, names) == TINY_DECODER.num_cores * len(names)
    check_trace(stimulus, trace, BlockPlayer(block, Simulator.NATIVE).play(stimulus))


@pytest.mark.parametrize("simulator", SLOW_SIMULATORS[:1])
@pytest.mark.parametrize("port", ["core1_write_strobe", "retire_token"])
def test_a_planted_bug_is_found(simulator: str, port: str) -> None:
    recorder, stimulus, trace = record()
    text, count = re.subn(
        rf"^(    assign {port} = )(.*);$", r"\1(\2) ^ 1'd1;", recorder.design.text, flags=re.M
    )
    assert count == 1
    found = MAKERS[simulator](replace(recorder.design, text=text)).play(stimulus)
    difference = find_difference(stimulus, trace, found)
    assert difference is not None
    assert difference.port == port
