"""The functions of one clock cycle, and the loop around it, as LLVM IR."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from itertools import combinations

import pyrtl

from fastcar.cosim.native.arithmetic import is_equal
from fastcar.cosim.native.bits import fit
from fastcar.cosim.native.groups import Grouping
from fastcar.cosim.native.layout import (
    WORD_BITS,
    WORD_BYTES,
    Layout,
    MemoryPlace,
    Slots,
)
from fastcar.cosim.native.netlist import Netlist
from fastcar.cosim.native.nets import emit_net
from fastcar.cosim.native.skipping import (
    count_write,
    find_changed,
    make_comparison,
    skip_unless,
    watch_sources,
)
from fastcar.cosim.native.values import Code, Limb, Value, make_constant, split_bits

BUFFERS = ("inputs", "registers", "latched", "memories", "kept")
PARAMETERS = ", ".join(f"ptr noalias %{name}" for name in BUFFERS)
ARGUMENTS = ", ".join(f"ptr %{name}" for name in BUFFERS)
"""`registers` is what they are in a cycle, `latched` what they become."""


class Event(IntEnum):
    """Why the loop ended before its limit.

    A cycle with a false assertion is ended as any other, as PyRTL does it; nothing is written or
    latched in one with a conflict or without data.
    """

    NONE = 0
    ASSERTION = 1
    CONFLICT = 2
    NO_DATA = 3


def make_loop(place_words: int) -> str:
    """The function that runs up to `limit` cycles, at least one, and gives how many were begun.

    Registers have two places that change their parts with every cycle that is latched. `progress`
    is `fastcar.cosim.native.machine.Progress`. All groups are computed in the cycle behind one that
    was refused: nothing says what they were computed from.
    """
    return f"""\
define i64 @run(ptr noalias %inputs, ptr noalias %first, ptr noalias %memories, ptr noalias %kept,
                ptr noalias %progress, i64 %limit) nounwind {{
entry:
  %place_at = getelementptr i32, ptr %progress, i64 1
  %place = load i32, ptr %place_at
  %total_at = getelementptr i64, ptr %progress, i64 1
  %total = load i64, ptr %total_at
  %second = getelementptr i64, ptr %first, i64 {place_words}
  %is_second = icmp ne i32 %place, 0
  %start = select i1 %is_second, ptr %second, ptr %first
  %other = select i1 %is_second, ptr %first, ptr %second
  %stale_at = getelementptr i64, ptr %progress, i64 2
  %stale_word = load i64, ptr %stale_at
  %is_stale = icmp ne i64 %stale_word, 0
  %stale_start = sext i1 %is_stale to i64
  br label %loop
loop:
  %registers = phi ptr [ %start, %entry ], [ %registers_after, %loop ]
  %latched = phi ptr [ %other, %entry ], [ %latched_after, %loop ]
  %before = phi i64 [ 0, %entry ], [ %count, %loop ]
  %stale = phi i64 [ %stale_start, %entry ], [ 0, %loop ]
  %count = add i64 %before, 1
  %found = call i32 @cycle({ARGUMENTS}, i64 %stale)
  %is_refused = icmp ugt i32 %found, {Event.ASSERTION.value}
  %registers_after = select i1 %is_refused, ptr %registers, ptr %latched
  %latched_after = select i1 %is_refused, ptr %latched, ptr %registers
  %is_quiet = icmp eq i32 %found, 0
  %is_left = icmp ult i64 %count, %limit
  %goes_on = and i1 %is_quiet, %is_left
  br i1 %goes_on, label %loop, label %end
end:
  %ends_second = icmp eq ptr %registers_after, %second
  %end_place = zext i1 %ends_second to i32
  store i32 %end_place, ptr %place_at
  %is_latched = xor i1 %is_refused, true
  %last = zext i1 %is_latched to i64
  %latched_cycles = add i64 %before, %last
  %total_after = add i64 %total, %latched_cycles
  store i64 %total_after, ptr %total_at
  %stale_after = sext i1 %is_refused to i64
  store i64 %stale_after, ptr %stale_at
  store i32 %found, ptr %progress
  ret i64 %count
}}
"""


def make_module_text(netlist: Netlist, layout: Layout, grouping: Grouping) -> str:
    """LLVM IR with the functions `group<n>`, `cycle` and `run`, without any name of the block."""
    inline = "alwaysinline" if len(grouping.groups) == 1 else "noinline"
    functions = [make_comparison(layout.place_words)] if grouping.is_skipping else []
    for index, group in enumerate(grouping.groups):
        lines = "\n".join(_Values(netlist, layout, grouping).emit_group(group.nets))
        head = f"define internal void @group{index}({PARAMETERS}) {inline} nounwind"
        functions.append(f"{head} {{\n{lines}\n}}")
    lines = "\n".join(_Cycle(netlist, layout, grouping).emit())
    head = f"define internal i32 @cycle({PARAMETERS}, i64 %stale) noinline nounwind"
    functions.append(f"{head} {{\n{lines}\n}}")
    return "\n".join((*functions, make_loop(layout.place_words)))


class _Values:
    """Operands of one function: computed in it, or loaded where they are first used."""

    def __init__(self, netlist: Netlist, layout: Layout, grouping: Grouping) -> None:
        self.netlist, self.layout, self.grouping = netlist, layout, grouping
        self.code = Code()
        self.values: dict[pyrtl.WireVector, Value] = {}

    def emit_group(self, nets: Sequence[pyrtl.LogicNet]) -> list[str]:
        """The lines that compute some nets and keep what must be kept."""
        self.code.known = {}
        for net in nets:
            args = [self.get(wire) for wire in net.args]
            if net.op == "m":
                value = self._read(self.layout.memories[net.op_param[1].id], args[0])
            else:
                value = emit_net(self.code, net, args)
            self.values[net.dests[0]] = value
            if net.dests[0] in self.layout.kept.offsets:
                self.store("kept", self.layout.kept, net.dests[0], value)
            for register in self.layout.destinations.get(net.dests[0], ()):
                self.latch(register, value)
        self.code.add("ret void")
        return self.code.lines

    def get(self, wire: pyrtl.WireVector) -> Value:
        """A wire; loads stand where the function begins to need them."""
        if isinstance(wire, pyrtl.Const):
            return make_constant(int(wire.val), wire.bitwidth)
        moved, origin = [], wire
        while origin not in self.values and origin in self.grouping.moved:
            moved.append(self.grouping.moved[origin])
            origin = moved[-1].args[0]
        if moved:
            value = self.get(origin)
            for net in reversed(moved):
                value = self.values[net.dests[0]] = emit_net(self.code, net, [value])
        elif wire not in self.values:
            self.values[wire] = self._load(wire)
        return self.values[wire]

    def store(self, base: str, slots: Slots, wire: pyrtl.WireVector, value: Value) -> None:
        """Put a value into the slot of a wire."""
        self.put(self.point(base, WORD_BYTES * slots.offsets[wire]), value, WORD_BYTES)

    def put(self, pointer: str, value: Value, limb_bytes: int) -> None:
        """Store limbs one behind the other."""
        for place, limb in enumerate(value.limbs):
            whole = self.code.fit(limb, 8 * limb_bytes)
            address = self.step(pointer, place)
            self.code.add(f"store {whole.typed}, ptr {address}, align {limb_bytes}")

    def fetch(self, pointer: str, bits: int, limb_bytes: int) -> Value:
        """Load what `put` stored."""
        limbs = []
        for place, width in enumerate(split_bits(bits)):
            address, whole = self.step(pointer, place), 8 * limb_bytes
            loaded = self.code.emit(f"load i{whole}, ptr {address}, align {limb_bytes}", whole)
            limbs.append(self.code.fit(loaded, width))
        return Value(tuple(limbs))

    def step(self, pointer: str, place: int) -> str:
        """The address of a limb."""
        if place == 0:
            return pointer
        return self.code.emit(f"getelementptr i64, ptr {pointer}, i64 {place}", 64).text

    def latch(self, register: pyrtl.Register, value: Value) -> None:
        """What a register becomes."""
        fitting = fit(self.code, value, register.bitwidth)
        self.store("latched", self.layout.registers, register, fitting)

    def point(self, base: str, offset_bytes: int) -> str:
        """An address in one of the buffers."""
        return self.code.emit(f"getelementptr i8, ptr %{base}, i64 {offset_bytes}", 64).text

    def point_to_element(self, place: MemoryPlace, address: Value) -> str:
        """An address is below 2^30, see `fastcar.cosim.native.layout.LIMIT_BYTES`."""
        index = self.code.fit(address.only, WORD_BITS)
        scaled = self.code.binary("mul", index, Limb(str(place.element_bytes), WORD_BITS))
        base = self.point("memories", place.offset_bytes)
        return self.code.emit(f"getelementptr i8, ptr {base}, {scaled.typed}", 64).text

    def _load(self, wire: pyrtl.WireVector) -> Value:
        layout = self.layout
        if wire in layout.inputs.offsets:
            return self.load("inputs", layout.inputs, wire)
        if wire in layout.registers.offsets:
            return self.load("registers", layout.registers, wire)
        return self.load("kept", layout.kept, wire)

    def load(self, base: str, slots: Slots, wire: pyrtl.WireVector) -> Value:
        """Take a value from the slot of a wire."""
        pointer = self.point(base, WORD_BYTES * slots.offsets[wire])
        return self.fetch(pointer, wire.bitwidth, WORD_BYTES)

    def _read(self, place: MemoryPlace, address: Value) -> Value:
        pointer = self.point_to_element(place, address)
        return self.fetch(pointer, place.memory.bitwidth, count_limb_bytes(place))


class _Cycle(_Values):
    """One cycle: compute all groups, check, keep, write, latch."""

    def emit(self) -> list[str]:
        """The lines of the function."""
        if self.grouping.is_skipping:
            watch_sources(self.code, self.layout)
        for index, group in enumerate(self.grouping.groups):
            call = f"call void @group{index}({ARGUMENTS})"
            if group.sources is None:
                self.code.add(call)
            else:
                skip_unless(self.code, find_changed(self.code, self.layout, group.sources), call)
        self._stop_if(self._find_missing(), Event.NO_DATA)
        self._stop_if(self._find_conflicts(), Event.CONFLICT)
        self._write()
        result = self._find_result()
        self._latch()
        self.code.add(f"ret {result.typed}")
        return self.code.lines

    def _find_missing(self) -> list[Limb]:
        """Bits that are 1 where a read-only memory is read where it has no data."""
        missing = []
        for place in self.layout.memories.values():
            if place.presence_bytes is None:
                continue
            for net in self.netlist.list_reads(place.memory):
                index = self.code.fit(self.get(net.args[0]).only, WORD_BITS)
                base = self.point("memories", place.presence_bytes)
                pointer = self.code.emit(f"getelementptr i8, ptr {base}, {index.typed}", 64)
                present = self.code.emit(f"load i8, ptr {pointer.text}", 8)
                missing.append(self.code.compare("eq", present, Limb("0", 8)))
        return missing

    def _find_conflicts(self) -> list[Limb]:
        """Bits that are 1 where two ports write different words to one address."""
        found = []
        for memory in self.netlist.memories:
            ports = [
                [self.get(wire) for wire in net.args] for net in self.netlist.list_writes(memory)
            ]
            for (address, word, enable), (address_b, word_b, enable_b) in combinations(ports, 2):
                is_same_word = is_equal(self.code, word, word_b)
                conditions = [
                    enable.only,
                    enable_b.only,
                    is_equal(self.code, address, address_b),
                    self.code.binary("xor", is_same_word, Limb("1", 1)),
                ]
                found.append(self.code.combine("and", conditions))
        return found

    def _stop_if(self, conditions: list[Limb], event: Event) -> None:
        """Return before anything is written or latched."""
        if not conditions:
            return
        stop, go = self.code.name(), self.code.name()
        self._branch(self.code.combine("or", conditions), stop, go)
        self.code.add(f"{stop}:")
        self.code.add(f"ret i32 {event.value}")
        self.code.add(f"{go}:")

    def _write(self) -> None:
        ports = [[self.get(wire) for wire in net.args] for net in self.netlist.writes]
        for net, (address, word, enable) in zip(self.netlist.writes, ports, strict=True):
            place = self.layout.memories[net.op_param[1].id]
            write, skip = self.code.name(), self.code.name()
            self._branch(enable.only, write, skip)
            self.code.add(f"{write}:")
            pointer = self.point_to_element(place, address)
            self.put(pointer, word, count_limb_bytes(place))
            if place.memory.id in self.layout.versions:
                count_write(self.code, self.layout.versions[place.memory.id])
            self.code.add(f"br label %{skip}")
            self.code.add(f"{skip}:")

    def _find_result(self) -> Limb:
        wires = [self.get(wire).only for wire in self.netlist.assertions]
        if not wires:
            return Limb(str(Event.NONE.value), 32)
        is_true = self.code.combine("and", wires)
        return self.code.emit(
            f"select {is_true.typed}, i32 {Event.NONE.value}, i32 {Event.ASSERTION.value}", 32
        )

    def _latch(self) -> None:
        """Registers that take an input, a constant or another register; nets store the others."""
        driven = {net.dests[0] for net in self.netlist.nets}
        for register, source in self.netlist.registers:
            if source is not None and source not in driven:
                self.latch(register, self.get(source))

    def _branch(self, condition: Limb, if_one: str, if_zero: str) -> None:
        self.code.add(f"br {condition.typed}, label %{if_one}, label %{if_zero}")


def count_limb_bytes(place: MemoryPlace) -> int:
    """Of a word of a memory: a small one has one limb of its own size."""
    return min(WORD_BYTES, place.element_bytes)
