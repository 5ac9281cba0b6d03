"""Random PyRTL blocks: every kind of net, any width, memories, and feedback through registers."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import pyrtl

WIDTHS = (1, 1, 2, 3, 5, 7, 8, 9, 16, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 200, 256, 300)
BINARY = "&|^n+-*<>="
EXTRA_BITS = {"+": 1, "-": 1}


@dataclass
class RandomBlock:
    """A block under construction.

    Args:
        random: of all choices.

    Attributes:
        block: that is built.
        wires: that may be read.
        memories: that may be written.
        memory_values: of some words before the first cycle.
        register_values: of some registers before the first cycle.
    """

    random: Random
    block: pyrtl.Block = field(default_factory=pyrtl.Block)
    wires: list[pyrtl.WireVector] = field(default_factory=list)
    memories: list[pyrtl.MemBlock] = field(default_factory=list)
    memory_values: dict[pyrtl.MemBlock, dict[int, int]] = field(default_factory=dict)
    register_values: dict[pyrtl.Register, int] = field(default_factory=dict)

    def choose_bits(self) -> int:
        """A width."""
        return self.random.choice(WIDTHS)

    def choose(self, bits: int | None = None) -> pyrtl.WireVector:
        """A wire, cut or extended to a width."""
        wire = self.random.choice(self.wires)
        if bits is None or wire.bitwidth == bits:
            return wire
        if wire.bitwidth > bits:
            start = self.random.randrange(wire.bitwidth - bits + 1)
            return self.add("s", (wire,), bits, tuple(range(start, start + bits)))
        indices = [*range(wire.bitwidth), *[wire.bitwidth - 1] * (bits - wire.bitwidth)]
        return self.add("s", (wire,), bits, tuple(indices))

    def add(
        self, op: str, args: tuple[pyrtl.WireVector, ...], bits: int, param: object = None
    ) -> pyrtl.WireVector:
        """A net and its destination."""
        dest = pyrtl.WireVector(bits, block=self.block)
        self.block.add_net(pyrtl.LogicNet(op, param, args, (dest,)))
        self.wires.append(dest)
        return dest

    def cut(self, bits: int) -> int:
        """The width of a destination: mostly all bits, sometimes fewer."""
        return bits if self.random.random() < 0.7 else self.random.randint(1, bits)

    def add_net(self, op: str) -> None:
        """One combinational net of a kind."""
        bits = self.choose_bits()
        if op in BINARY:
            full = 1 if op in "<>=" else 2 * bits if op == "*" else bits + EXTRA_BITS.get(op, 0)
            dest_bits = full if op in "<>=" else self.cut(full)
            self.add(op, (self.choose(bits), self.choose(bits)), dest_bits)
        elif op in "w~":
            self.add(op, (self.choose(bits),), self.cut(bits))
        elif op == "x":
            self.add(op, (self.choose(1), self.choose(bits), self.choose(bits)), self.cut(bits))
        elif op == "c":
            args = tuple(self.choose() for _ in range(self.random.randint(1, 4)))
            self.add(op, args, self.cut(sum(wire.bitwidth for wire in args)))
        elif op == "s":
            wire = self.choose()
            self.add(op, (wire,), bits, self.choose_indices(wire.bitwidth, bits))
        elif op == "m":
            memory = self.random.choice(self.memories)
            self.add(op, (self.choose(memory.addrwidth),), memory.bitwidth, (memory.id, memory))

    def choose_indices(self, source_bits: int, bits: int) -> tuple[int, ...]:
        """Of a slice: ascending, descending, one bit again and again, or any; in pieces."""
        indices: list[int] = []
        while len(indices) < bits:
            first, step = self.random.randrange(source_bits), self.random.choice((1, 1, 0, -1, 7))
            for offset in range(self.random.randint(1, 40)):
                indices.append((first + step * offset) % source_bits)
        return tuple(indices[: bits + self.random.randint(0, 1)])

    def add_memory(self) -> None:
        """A memory with some contents, or a read-only one."""
        bits, address_bits = self.choose_bits(), self.random.randint(1, 6)
        words = [self.random.getrandbits(bits) for _ in range(1 << address_bits)]
        kind = self.random.choice(("memory", "memory", "list", "function", "padded"))
        if kind == "memory":
            memory = pyrtl.MemBlock(
                bits, address_bits, asynchronous=True, max_read_ports=None,
                max_write_ports=None, block=self.block,
            )  # fmt: skip
            self.memory_values[memory] = dict(list(enumerate(words))[::2])
        else:
            data = (lambda address: words[address]) if kind == "function" else words
            if kind == "padded":
                data = words[: len(words) // 2]
            memory = pyrtl.RomBlock(
                bits, address_bits, data, asynchronous=True, max_read_ports=None,
                pad_with_zeros=kind == "padded", block=self.block,
            )  # fmt: skip
        self.memories.append(memory)

    def add_writes(self) -> None:
        """Up to three ports for each memory; several never write in the same cycle."""
        for memory in self.memories:
            if isinstance(memory, pyrtl.RomBlock):
                continue
            turn = self.choose(2)
            num_ports = self.random.randint(0, 3)
            for port in range(num_ports):
                number = pyrtl.Const(port, 2, block=self.block)
                enable = self.add("=", (turn, number), 1)
                if num_ports == 1:
                    enable = self.choose(1)
                args = (self.choose(memory.addrwidth), self.choose(memory.bitwidth), enable)
                self.block.add_net(pyrtl.LogicNet("@", (memory.id, memory), args, ()))


def make_random_block(random: Random, num_nets: int = 40) -> RandomBlock:
    """Inputs, constants, registers, memories; nets of every kind; writes, registers, outputs."""
    made = RandomBlock(random)
    for index in range(3):
        made.wires.append(pyrtl.Input(made.choose_bits(), f"in{index}", block=made.block))
    bits = made.choose_bits()
    made.wires.append(pyrtl.Const(random.getrandbits(bits), bits, block=made.block))
    registers = []
    for index in range(5):
        bits = made.choose_bits()
        reset = random.choice((None, random.getrandbits(bits)))
        registers.append(pyrtl.Register(bits, f"r{index}", reset_value=reset, block=made.block))
    made.register_values[registers[0]] = random.getrandbits(registers[0].bitwidth)
    made.wires += registers
    for _ in range(3):
        made.add_memory()
    kinds = [*"w~&|^n+-*<>=xcsm"]
    for op in [*kinds, *random.choices(kinds, k=num_nets - len(kinds))]:
        made.add_net(op)
    made.add_writes()
    for register in registers:
        args = (made.choose(made.random.choice((register.bitwidth, 300))),)
        made.block.add_net(pyrtl.LogicNet("r", None, args, (register,)))
    for index in range(3):
        source = made.choose()
        output = pyrtl.Output(made.cut(source.bitwidth), f"out{index}", block=made.block)
        made.block.add_net(pyrtl.LogicNet("w", None, (source,), (output,)))
    return made


def draw_inputs(random: Random, block: pyrtl.Block) -> dict[str, int]:
    """Values for one cycle: random ones, and those at the ends of their range."""
    inputs = sorted(block.wirevector_subset(pyrtl.Input), key=lambda wire: str(wire.name))
    return {
        wire.name: random.choice((random.getrandbits(wire.bitwidth), 0, (1 << wire.bitwidth) - 1))
        for wire in inputs
    }
