"""Five simulators, one stimulus: equal at every pin, and each notices a planted bug."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pyrtl
import pytest

from fastcar.cosim.backends.pyrtl_backend import Simulator
from fastcar.cosim.crosscheck.pin_trace import (
    PinTrace,
    Stimulus,
    count_compared,
    count_mismatches,
    find_difference,
)
from fastcar.cosim.crosscheck.playback import IcarusPlayer, Player, get_icarus_version
from fastcar.cosim.crosscheck.playback_block import BlockPlayer
from fastcar.cosim.crosscheck.playback_compiled import CxxrtlPlayer, VerilatorPlayer
from fastcar.cosim.crosscheck.stimulus import Recorder, draw_jobs
from fastcar.cosim.verilog.verilog import VerilogDesign
from fastcar.reference.errors import ArgumentError
from fastcar.rtl.accelerator import make_accelerator
from fastcar.rtl.config import PRESETS, TINY
from tests.simulators import needs_icarus, needs_verilator

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")
Make = Callable[[VerilogDesign], Player]
MAKERS: dict[str, Make] = {
    "icarus": lambda design: IcarusPlayer(design.text),
    "verilator": lambda design: VerilatorPlayer(design.text, design.ports, "-O0"),
    "cxxrtl": lambda design: CxxrtlPlayer(design.text, design.ports, "-O0"),
}
SIMULATORS = [
    pytest.param("icarus", marks=needs_icarus),
    pytest.param("verilator", marks=needs_verilator),
    pytest.param("cxxrtl", marks=needs_compiler),
]
SLOW_SIMULATORS = [
    pytest.param("icarus", marks=needs_icarus),
    pytest.param("verilator", marks=[needs_verilator, pytest.mark.slow]),
    pytest.param("cxxrtl", marks=[needs_compiler, pytest.mark.slow]),
]

BLOCK_SIMULATORS = [Simulator.NATIVE, Simulator.FAST]


@cache
def record(preset: str = "tiny", num_programs: int = 3) -> tuple[Recorder, Stimulus, PinTrace]:
    recorder = Recorder(PRESETS[preset])
    return recorder, *recorder.record(draw_jobs(PRESETS[preset], 2, num_programs))


def check_equal(simulator: str, preset: str, num_programs: int) -> None:
    recorder, stimulus, trace = record(preset, num_programs)
    check_trace(stimulus, trace, MAKERS[simulator](recorder.design).play(stimulus))


def check_trace(stimulus: Stimulus, trace: PinTrace, found: PinTrace) -> None:
    """Equal, and more than half of what it shows counts."""
    assert find_difference(stimulus, trace, found) is None
    assert count_mismatches(stimulus, trace, found) == 0
    assert count_compared(stimulus, trace) > len(stimulus.lines) * len(stimulus.outputs) // 2
    assert re.search(r" [0-9]+\.[0-9]+", found.simulator)
    assert found.seconds > 0


@pytest.mark.parametrize("simulator", SLOW_SIMULATORS)
def test_tiny_is_equal_everywhere(simulator: str) -> None:
    check_equal(simulator, "tiny", 3)


@pytest.mark.nightly
@pytest.mark.parametrize("simulator", SIMULATORS)
def test_demo_is_equal_everywhere(simulator: str) -> None:
    check_equal(simulator, "demo", 2)


@pytest.mark.slow
@pytest.mark.parametrize("simulator", SLOW_SIMULATORS)
def test_a_planted_bug_is_found(simulator: str) -> None:
    recorder, stimulus, trace = record()
    text, count = re.subn(
        r"^(    assign retire_digest = )(.*);$", r"\1\2 ^ 32'd1;", recorder.design.text, flags=re.M
    )
    assert count == 1
    found = MAKERS[simulator](replace(recorder.design, text=text)).play(stimulus)
    check_digest(stimulus, trace, found)


def check_digest(stimulus: Stimulus, trace: PinTrace, found: PinTrace) -> None:
    """The first difference is the lowest bit of a digest that counts."""
    difference = find_difference(stimulus, trace, found)
    assert difference is not None
    assert difference.port == "retire_digest"
    assert int(difference.found, 16) == int(difference.wanted, 16) ^ 1
    assert trace.lines[difference.cycle].split()[find_place(stimulus, "retire_valid")] == "1"


def find_place(stimulus: Stimulus, name: str) -> int:
    return [port.name for port in stimulus.outputs].index(name)


@pytest.mark.slow
@needs_icarus
def test_a_register_that_reset_forgets_is_a_mismatch_in_icarus() -> None:
    recorder, stimulus, trace = record()
    text, count = re.subn(
        r"^(        core0_queue_read_pointer_q <= )\(net_\d+ \? 5'd0 : (.*)\);$",
        r"\1\2;",
        recorder.design.text,
        flags=re.M,
    )
    assert count == 1
    found = IcarusPlayer(text).play(stimulus)
    difference = find_difference(stimulus, trace, found)
    assert difference is not None
    assert "x" in difference.found.lower()


@pytest.mark.parametrize("simulator", BLOCK_SIMULATORS)
def test_tiny_is_equal_in_simulators_of_the_block(simulator: Simulator) -> None:
    recorder, stimulus, trace = record()
    found = BlockPlayer(recorder.block, simulator).play(stimulus)
    check_trace(stimulus, trace, found)


@pytest.mark.nightly
@pytest.mark.parametrize("simulator", BLOCK_SIMULATORS)
def test_demo_is_equal_in_simulators_of_the_block(simulator: Simulator) -> None:
    recorder, stimulus, trace = record("demo", 2)
    check_trace(stimulus, trace, BlockPlayer(recorder.block, simulator).play(stimulus))


@pytest.mark.parametrize("simulator", BLOCK_SIMULATORS)
def test_a_bug_that_is_planted_in_the_block_is_found(simulator: Simulator) -> None:
    _, stimulus, trace = record()
    block = make_accelerator(TINY)
    port = block.wirevector_by_name["retire_digest"]
    (net,) = (net for net in block.logic if any(wire is port for wire in net.dests))
    block.logic.remove(net)
    with pyrtl.set_working_block(block, no_sanity_check=True):
        port <<= net.args[0] ^ 1
    check_digest(stimulus, trace, BlockPlayer(block, simulator).play(stimulus))


def test_icarus_has_a_version_or_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ArgumentError, match=r"^iverilog = 'not found': must be installed"):
        IcarusPlayer("module m; endmodule")


@needs_icarus
def test_the_version_of_icarus_is_a_number() -> None:
    assert re.match(r"\d+\.\d+", get_icarus_version())
