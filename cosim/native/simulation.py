"""What the user calls: the interface of `pyrtl.Simulation` on machine code."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Set
from typing import Any, Literal, TextIO

import pyrtl

from fastcar.cosim.native.binding import Binding
from fastcar.cosim.native.changes import BlockGuard
from fastcar.cosim.native.contents import convert
from fastcar.cosim.native.cycle import Event
from fastcar.cosim.native.events import Get, raise_assertion, raise_conflict, raise_no_data
from fastcar.cosim.native.kept import WireOrName, choose_kept, find_wire
from fastcar.cosim.native.machine import Machine, MemoryValues, RegisterValues, Start
from fastcar.cosim.native.netlist import make_netlist
from fastcar.cosim.native.state import MemoryContents
from fastcar.cosim.native.stimulus import Inputs, step_through


class _Values:
    """Wires by themselves, as `pyrtl.SimulationTrace.add_step` looks them up."""

    def __init__(self, get: Get) -> None:
        self._get = get

    def __getitem__(self, wire: pyrtl.WireVector) -> int:
        return self._get(wire)


class NativeSimulation:
    """A PyRTL block as machine code, in the place of `pyrtl.Simulation` (D-43).

    Args:
        tracer: True makes a `pyrtl.SimulationTrace` of all named wires, None records nothing.
        register_value_map: values of registers before the first cycle; else their reset values.
        memory_value_map: words by address, for each memory; read-only ones have their own.
        default_value: of registers and words that nothing else tells of.
        block: what is simulated; the working block if it is not given.
        observe: wires that `inspect` can read beside inputs, outputs, registers, wires with a name
            of their own and those of the tracer; "all" for all. Each costs a store in every cycle.

    Raises:
        pyrtl.PyrtlError: the block is malformed, has a combinational loop or memories of more than
            1 GiB, or a value does not fit; with the name of the wire.

    Example:
        >>> import pyrtl
        >>> pyrtl.reset_working_block()
        >>> counter = pyrtl.Register(name="counter", bitwidth=40)
        >>> counter.next <<= counter + 1
        >>> simulation = NativeSimulation(tracer=None)
        >>> simulation.run(1_000_001)
        >>> simulation.inspect("counter")
        1000000
    """

    def __init__(
        self,
        tracer: Any = True,
        register_value_map: RegisterValues | None = None,
        memory_value_map: MemoryValues | None = None,
        default_value: int = 0,
        block: pyrtl.Block | None = None,
        observe: Iterable[WireOrName] | Literal["all"] = (),
    ) -> None:
        self.block = pyrtl.working_block(block)
        self._netlist = make_netlist(self.block)
        self.tracer = pyrtl.SimulationTrace(block=self.block) if tracer is True else tracer
        start = Start(register_value_map or {}, memory_value_map or {}, default_value)
        kept = choose_kept(self._netlist, observe, self.tracer)
        self._machine = Machine(self._netlist, kept, start)
        self._guard = BlockGuard(self.block)
        self._inputs = {wire.name: wire for wire in self._netlist.inputs}
        self._without_value = set(self._inputs)
        if self.tracer is not None:
            self.tracer._set_initial_values(
                default_value, dict(start.registers), dict(start.memories)
            )

    def step(self, provided_inputs: Mapping[WireOrName, int] | None = None) -> None:
        """One cycle.

        Args:
            provided_inputs: a value for every input.

        Raises:
            pyrtl.PyrtlError: an input is missing, unknown or does not fit; the block was changed;
                two ports write different words to one address; a read-only memory has no data.
            Exception: of an assertion that is false (`pyrtl.rtl_assert`), with a note that tells
                the cycle, counted from 0.
        """
        self._set_inputs(provided_inputs or {}, self._inputs.keys())
        self._run(1)

    def run(self, cycles: int, inputs: Mapping[WireOrName, int] | None = None) -> None:
        """Many cycles with the same inputs, in machine code.

        With a tracer they are stepped one by one, so that none is left out of the trace.

        Args:
            cycles: at least 1.
            inputs: those that change; others keep the value of the cycle before.

        Raises:
            pyrtl.PyrtlError: as `step`; the cycles before the one that is refused count.
            Exception: of an assertion that is false, as `step`.
        """
        try:
            limit = operator.index(cycles)
        except TypeError:
            limit = 0
        if limit < 1:
            raise pyrtl.PyrtlError(f"cycles = {cycles!r}: at least 1")
        self._set_inputs(inputs or {}, self._without_value)
        if self.tracer is None:
            self._run(limit)
            return
        for _ in range(limit):
            self._run(1)

    def step_multiple(
        self,
        provided_inputs: Inputs | None = None,
        expected_outputs: Inputs | None = None,
        nsteps: int | None = None,
        file: TextIO | None = None,
        stop_after_first_error: bool = False,
    ) -> None:
        """A cycle for each value of the inputs, as `pyrtl.Simulation.step_multiple`."""
        step_through(
            self,
            provided_inputs or {},
            expected_outputs or {},
            nsteps,
            file,
            stop_after_first_error,
        )

    def inspect(self, w: WireOrName) -> int:
        """The value of a wire in the last cycle; of a register the one before it latched.

        Raises:
            pyrtl.PyrtlError: the block has no such wire, or it is not kept (`observe`).
        """
        try:
            return self._machine.read(w if isinstance(w, str) else w.name)
        except KeyError:
            return self._get(find_wire(self.block, w))

    def inspect_mem(self, mem: pyrtl.MemBlock) -> MemoryContents:
        """A memory as it is now: all its addresses; assigning to one changes the memory.

        Raises:
            pyrtl.PyrtlError: the block has no such memory.
        """
        return self._machine.get_memory(mem)

    @property
    def num_cycles(self) -> int:
        """Cycles that were run, but for those that were refused."""
        return self._machine.num_cycles

    @property
    def binding(self) -> Binding:
        """The machine code, for a loop of the user's that is compiled as well."""
        return self._machine.bind()

    def hold(self, inputs: Mapping[WireOrName, int]) -> None:
        """Set inputs for the cycles to come, without running one.

        Raises:
            pyrtl.PyrtlError: an input is unknown, or does not fit.
        """
        self._set_inputs(inputs, frozenset())

    def _set_inputs(self, values: Mapping[WireOrName, int], needed: Set[str]) -> None:
        """All or none of them."""
        found: dict[str, int] = {}
        for wire_or_name, value in values.items():
            name = wire_or_name if isinstance(wire_or_name, str) else wire_or_name.name
            if name not in self._inputs:
                raise pyrtl.PyrtlError(f'"{name}" is no input of the block')
            found[name] = convert(value, self._inputs[name].bitwidth, f'input "{name}"')
        if needed - found.keys():
            missing = next(name for name in self._inputs if name in needed and name not in found)
            raise pyrtl.PyrtlError(f'input "{missing}" has no value')
        slots = self._machine.inputs
        for name, number in found.items():
            slots[name] = number
        if self._without_value:
            self._without_value -= found.keys()

    def _run(self, cycles: int) -> None:
        self._guard.check()
        while cycles:
            cycles -= self._machine.run(cycles)
            self.settle()
        if self.tracer is not None:
            self.tracer.add_step(_Values(self._get))

    def settle(self) -> None:
        """Behind a call of the machine code (`binding`): raise what it found.

        Raises:
            pyrtl.PyrtlError: as `step`.
            Exception: of an assertion that is false, as `step`.
        """
        event = self._machine.get_event()
        if event is Event.NONE:
            return
        if event is Event.CONFLICT:
            raise_conflict(self._netlist, self._get, self.num_cycles)
        if event is Event.NO_DATA:
            raise_no_data(self._netlist, self._get, self.num_cycles)
        if self.tracer is not None:
            self.tracer.add_step(_Values(self._get))
        raise_assertion(self._netlist, self._get, self.num_cycles - 1)

    def _get(self, wire: pyrtl.WireVector) -> int:
        if isinstance(wire, pyrtl.Const):
            return int(wire.val)
        try:
            return self._machine.read(wire.name)
        except KeyError:
            raise pyrtl.PyrtlError(
                f'wire "{wire.name}" is not kept: NativeSimulation(observe=["{wire.name}"])'
            ) from None
