"""Playback of a stimulus in simulators of PyRTL blocks; `pin_trace` has the terms.

They work on the block from which the Verilog is exported. Its assertions are left out here as in
the other simulators (`fastcar.cosim.crosscheck.playback`), so that a bug is seen at the pins.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata

import pyrtl

from fastcar.cosim.backends.pyrtl_backend import STEPPERS, Simulator
from fastcar.cosim.crosscheck.pin_trace import PinTrace, Stimulus, format_line, parse_line

_NAMES = {Simulator.FAST: ("PyRTL", "pyrtl"), Simulator.NATIVE: ("native, llvmlite", "llvmlite")}
"""What reports say, and the package whose version follows."""


def name_simulator(simulator: Simulator) -> str:
    """Name and version.

    >>> name_simulator(Simulator.FAST).split()[0]
    'PyRTL'
    """
    name, package = _NAMES[simulator]
    return f"{name} {metadata.version(package)}"


class BlockPlayer:
    """PyRTL's FastSimulation, or machine code.

    Args:
        block: the accelerator.
        simulator: fast or native.
    """

    def __init__(self, block: pyrtl.Block, simulator: Simulator) -> None:
        self.name = name_simulator(simulator)
        self._block, self._simulator = block, simulator

    def play(self, stimulus: Stimulus) -> PinTrace:
        """Play back after power-up."""
        lines, seconds = [], 0.0
        with _leave_out_assertions(self._block):
            stepper = STEPPERS[self._simulator](self._block)
            for line in stimulus.lines:
                inputs = parse_line(stimulus.inputs, line)
                started = time.process_time()
                stepper.step(inputs)
                seconds += time.process_time() - started
                lines.append(format_line(stimulus.outputs, stepper.get))
        return PinTrace(self.name, tuple(lines), seconds)


@contextmanager
def _leave_out_assertions(block: pyrtl.Block) -> Iterator[None]:
    kept = dict(block.rtl_assert_dict)
    block.rtl_assert_dict.clear()
    try:
        yield
    finally:
        block.rtl_assert_dict.update(kept)
