"""The function of one clock cycle, and the loop around it, as LLVM IR."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from itertools import combinations

import pyrtl

from fastcar.cosim.native.layout import WORD_BITS, Layout, MemoryPlace, Slots, count_words
from fastcar.cosim.native.netlist import Netlist
from fastcar.cosim.native.nets import Code, Value, emit_net

PARAMETERS = "ptr noalias %inputs, ptr noalias %registers, ptr noalias %memories, ptr noalias %kept"
ARGUMENTS = "ptr %inputs, ptr %registers, ptr %memories, ptr %kept"


class Event(IntEnum):
    """Why the loop ended before its limit.

    A cycle with a false assertion is ended as any other, as PyRTL does it; nothing is written or
    latched in one with a conflict or without data.
    """

    NONE = 0
    ASSERTION = 1
    CONFLICT = 2
    NO_DATA = 3


LOOP = f"""\
define i64 @run({PARAMETERS}, ptr noalias %event, i64 %limit) {{
entry:
  br label %loop
loop:
  %before = phi i64 [ 0, %entry ], [ %count, %loop ]
  %count = add i64 %before, 1
  %found = call i32 @cycle({ARGUMENTS})
  %is_quiet = icmp eq i32 %found, 0
  %is_left = icmp ult i64 %count, %limit
  %goes_on = and i1 %is_quiet, %is_left
  br i1 %goes_on, label %loop, label %end
end:
  store i32 %found, ptr %event
  ret i64 %count
}}
"""
"""Runs up to `limit` cycles, at least one; gives how many were begun."""


def make_module_text(netlist: Netlist, layout: Layout) -> str:
    """LLVM IR with the functions `cycle` and `run`, without any name of the block."""
    lines = "\n".join(_Cycle(netlist, layout).emit())
    return f"define internal i32 @cycle({PARAMETERS}) noinline {{\n{lines}\n}}\n{LOOP}"


class _Cycle:
    """One cycle: load, compute, check, keep, write, latch."""

    def __init__(self, netlist: Netlist, layout: Layout) -> None:
        self.netlist, self.layout = netlist, layout
        self.code = Code()
        self.values: dict[pyrtl.WireVector, Value] = {}
        self.bases = {
            number: self._point("memories", place.offset_bytes)
            for number, place in layout.memories.items()
        }

    def emit(self) -> list[str]:
        """The lines of the function."""
        self._load()
        missing = self._compute()
        self._keep()
        self._stop_if(missing, Event.NO_DATA)
        self._stop_if(self._find_conflicts(), Event.CONFLICT)
        self._write()
        self._latch()
        self._return()
        return self.code.lines

    def _load(self) -> None:
        for wire in self.netlist.block.wirevector_subset(pyrtl.Const):
            self.values[wire] = Value(str(wire.val), wire.bitwidth)
        for base, slots in (("inputs", self.layout.inputs), ("registers", self.layout.registers)):
            for wire, offset in slots.offsets.items():
                bits = WORD_BITS * count_words(wire.bitwidth)
                pointer = self._point(base, 8 * offset)
                whole = self.code.emit(f"load i{bits}, ptr {pointer}, align 8", bits)
                self.values[wire] = self.code.fit(whole, wire.bitwidth)

    def _compute(self) -> list[Value]:
        """All nets; gives bits that are 1 where a read-only memory has no data."""
        missing = []
        for net in self.netlist.nets:
            args = [self.values[wire] for wire in net.args]
            if net.op != "m":
                self.values[net.dests[0]] = emit_net(self.code, net, args)
                continue
            place = self.layout.memories[net.op_param[1].id]
            self.values[net.dests[0]] = self._read(place, args[0])
            if place.presence_bytes is not None:
                missing.append(self._find_missing(place.presence_bytes, args[0]))
        return missing

    def _read(self, place: MemoryPlace, address: Value) -> Value:
        bits = 8 * place.element_bytes
        pointer = self._point_to_element(place, address)
        whole = self.code.emit(f"load i{bits}, ptr {pointer}, align {_align(place)}", bits)
        return self.code.fit(whole, place.memory.bitwidth)

    def _find_missing(self, presence_bytes: int, address: Value) -> Value:
        base = self._point("memories", presence_bytes)
        index = self.code.fit(address, WORD_BITS)
        pointer = self.code.emit(f"getelementptr i8, ptr {base}, {index.typed}", WORD_BITS)
        return self.code.compare(
            "eq", self.code.emit(f"load i8, ptr {pointer.text}", 8), Value("0", 8)
        )

    def _keep(self) -> None:
        self._store("kept", self.layout.kept, lambda wire: self.values[wire])

    def _find_conflicts(self) -> list[Value]:
        """Bits that are 1 where two ports write different words to one address."""
        found = []
        for memory in self.netlist.memories:
            ports = [
                [self.values[wire] for wire in net.args] for net in self.netlist.list_writes(memory)
            ]
            for (address, word, enable), (address_b, word_b, enable_b) in combinations(ports, 2):
                is_same_place = self.code.compare("eq", address, address_b)
                is_other_word = self.code.compare("ne", word, word_b)
                are_enabled = self.code.binary("and", enable, enable_b)
                clash = self.code.binary("and", is_same_place, is_other_word)
                found.append(self.code.binary("and", are_enabled, clash))
        return found

    def _stop_if(self, conditions: list[Value], event: Event) -> None:
        """Return before anything is written or latched."""
        if not conditions:
            return
        stop, go = self.code.name(), self.code.name()
        self._branch(self._combine("or", conditions), stop, go)
        self.code.add(f"{stop}:")
        self.code.add(f"ret i32 {event.value}")
        self.code.add(f"{go}:")

    def _write(self) -> None:
        for net in self.netlist.writes:
            address, word, enable = (self.values[wire] for wire in net.args)
            place = self.layout.memories[net.op_param[1].id]
            write, skip = self.code.name(), self.code.name()
            self._branch(enable, write, skip)
            self.code.add(f"{write}:")
            pointer = self._point_to_element(place, address)
            whole = self.code.fit(word, 8 * place.element_bytes)
            self.code.add(f"store {whole.typed}, ptr {pointer}, align {_align(place)}")
            self.code.add(f"br label %{skip}")
            self.code.add(f"{skip}:")

    def _latch(self) -> None:
        sources = {
            register: self.values[register if source is None else source]
            for register, source in self.netlist.registers
        }
        self._store(
            "registers",
            self.layout.registers,
            lambda register: self.code.fit(sources[register], register.bitwidth),
        )

    def _return(self) -> None:
        wires = [self.values[wire] for wire in self.netlist.assertions]
        if not wires:
            self.code.add(f"ret i32 {Event.NONE.value}")
            return
        is_true = self._combine("and", wires)
        result = self.code.emit(
            f"select {is_true.typed}, i32 {Event.NONE.value}, i32 {Event.ASSERTION.value}", 32
        )
        self.code.add(f"ret {result.typed}")

    def _store(self, base: str, slots: Slots, get: Callable[[pyrtl.WireVector], Value]) -> None:
        for wire, offset in slots.offsets.items():
            whole = self.code.fit(get(wire), WORD_BITS * count_words(wire.bitwidth))
            self.code.add(f"store {whole.typed}, ptr {self._point(base, 8 * offset)}, align 8")

    def _combine(self, verb: str, bits: list[Value]) -> Value:
        result = bits[0]
        for bit in bits[1:]:
            result = self.code.binary(verb, result, bit)
        return result

    def _branch(self, condition: Value, if_one: str, if_zero: str) -> None:
        self.code.add(f"br {condition.typed}, label %{if_one}, label %{if_zero}")

    def _point(self, base: str, offset_bytes: int) -> str:
        return self.code.emit(f"getelementptr i8, ptr %{base}, i64 {offset_bytes}", 64).text

    def _point_to_element(self, place: MemoryPlace, address: Value) -> str:
        """An address is below 2^30, see `fastcar.cosim.native.layout.LIMIT_BYTES`."""
        index = self.code.fit(address, WORD_BITS)
        scaled = self.code.binary("mul", index, Value(str(place.element_bytes), WORD_BITS))
        base = self.bases[place.memory.id]
        return self.code.emit(f"getelementptr i8, ptr {base}, {scaled.typed}", 64).text


def _align(place: MemoryPlace) -> int:
    return min(8, place.element_bytes)
