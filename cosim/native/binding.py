"""What a loop of one's own in machine code needs: where the code is, and where each wire lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyrtl
from numpy.typing import NDArray

from fastcar.cosim.native.state import SlotValues


@dataclass(frozen=True)
class Binding:
    """The machine code of a simulation, for callers that are compiled themselves.

    `uint64_t run(*arguments, uint64_t cycles)` runs so many cycles, or fewer: it gives how many it
    began, and leaves an event of 0, or another one if it ended early. Behind it
    `NativeSimulation.settle` raises what the event says.

    Only inputs may be written: groups of nets rest while nothing they depend on changes, and words
    of memories are assigned by `NativeSimulation.inspect_mem`, which tells them.

    Attributes:
        address: of `run`.
        arguments: addresses of inputs, registers, memories, kept wires, and progress, which
            begins with the event (32 bits).
        inputs: 64-bit words of all inputs, to be written before a call.
        kept: 64-bit words of outputs and other wires that are kept, to be read after a call.
        registers: [2, words] in two places. A cycle reads one and latches into the other, which
            then is the one that counts, see `progress`.
        progress: 32-bit words: the event, then the place that counts now.
    """

    address: int
    arguments: tuple[int, int, int, int, int]
    inputs: NDArray[np.uint64]
    kept: NDArray[np.uint64]
    registers: NDArray[np.uint64]
    progress: NDArray[np.uint32]
    _places: tuple[SlotValues, SlotValues]
    _registers: SlotValues

    def locate(self, wire: pyrtl.WireVector | str) -> int:
        """The first word of an input in `inputs`, of another wire in `kept`; the lowest bits first.

        Raises:
            pyrtl.PyrtlError: neither an input nor kept.
        """
        name = wire if isinstance(wire, str) else wire.name
        for values in self._places:
            if name in values:
                return values.locate(name)
        if name in self._registers:
            raise pyrtl.PyrtlError(f'wire "{name}" is a register, which moves: make it an output')
        raise pyrtl.PyrtlError(f'wire "{name}" is not kept: NativeSimulation(observe=["{name}"])')

    def locate_register(self, wire: pyrtl.WireVector | str) -> int:
        """The first word of a register in each place of `registers`.

        Raises:
            pyrtl.PyrtlError: no register.
        """
        name = wire if isinstance(wire, str) else wire.name
        if name not in self._registers:
            raise pyrtl.PyrtlError(f'wire "{name}" is no register')
        return self._registers.locate(name)
