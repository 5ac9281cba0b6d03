"""Wrong input is refused as PyRTL refuses it, with the name of the wire or memory."""

from __future__ import annotations

import re
from collections.abc import Callable

import pyrtl
import pytest

from fastcar.cosim.native import NativeSimulation
from fastcar.cosim.native.layout import LIMIT_BYTES
from tests.cosim.native.blocks import make_accumulator, make_rom, make_two_port_memory

GOOD = {"add": 1, "clear": 0}


def refuse(text: str) -> pytest.RaisesExc[pyrtl.PyrtlError]:
    return pytest.raises(pyrtl.PyrtlError, match=re.escape(text))


def make_simulation() -> NativeSimulation:
    return NativeSimulation(tracer=None, block=make_accumulator())


def test_a_combinational_loop_is_shown() -> None:
    block = pyrtl.Block()
    with pyrtl.set_working_block(block):
        start = pyrtl.Input(1, "start")
        first, second, third = (pyrtl.WireVector(1, name) for name in ("one", "two", "three"))
        first <<= third & start
        second <<= ~first
        third <<= second ^ start
    with refuse("combinational loop without a register: ") as caught:
        NativeSimulation(tracer=None, block=block)
    path = re.sub(r"tmp\d+", "-", str(caught.value).split(": ")[1]).split(" -> ")
    assert path[0] == path[-1]
    named = [name for name in path[:-1] if name != "-"]
    start_index = named.index("one")
    assert named[start_index:] + named[:start_index] == ["one", "two", "three"]


def test_a_register_in_the_loop_makes_it_none() -> None:
    block = pyrtl.Block()
    with pyrtl.set_working_block(block):
        toggle = pyrtl.Register(1, "toggle")
        toggle.next <<= ~toggle
    simulation = NativeSimulation(tracer=None, block=block)
    simulation.run(4)
    assert simulation.inspect("toggle") == 1


def test_a_wire_without_a_driver_is_named() -> None:
    block = pyrtl.Block()
    with pyrtl.set_working_block(block):
        pyrtl.Output(4, "out").__ilshift__(pyrtl.WireVector(4, "floating"))
    with refuse("floating"):
        NativeSimulation(tracer=None, block=block)


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({"add": 1}, 'input "clear" has no value'),
        ({}, 'input "add" has no value'),
        (GOOD | {"add": 256}, 'input "add" = 256: it must fit in 8 bits'),
        (GOOD | {"add": -129}, 'input "add" = -129: it must fit in 8 bits'),
        (GOOD | {"add": 1.0}, 'input "add" = 1.0: it must be an integer'),
        (GOOD | {"add": "1"}, "input \"add\" = '1': it must be an integer"),
        (GOOD | {"sum": 1}, '"sum" is no input of the block'),
        (GOOD | {"other": 1}, '"other" is no input of the block'),
    ],
)
def test_inputs_are_refused_and_nothing_happens(inputs: dict[str, int], text: str) -> None:
    simulation = make_simulation()
    with refuse(text):
        simulation.step(inputs)
    with refuse(text):
        simulation.run(3, inputs)
    assert simulation.num_cycles == 0
    simulation.run(2, GOOD)
    assert simulation.inspect("sum") == 1


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (lambda simulation: simulation.run(0, GOOD), "cycles = 0: at least 1"),
        (lambda simulation: simulation.run(1.5, GOOD), "cycles = 1.5: at least 1"),
        (lambda simulation: simulation.inspect("nothing"), 'the block has no wire "nothing"'),
        (lambda simulation: simulation.step_multiple(), "nsteps: it must be given"),
        (lambda simulation: simulation.step_multiple(GOOD, nsteps=-1), "nsteps = -1: at least 1"),
        (
            lambda simulation: simulation.step_multiple({"add": [1, 2], "clear": [0]}),
            '"clear" has 1 values for 2 cycles',
        ),
        (
            lambda simulation: simulation.step_multiple({"add": "1", "clear": "0"}, {"sum": ""}),
            '"sum" has 0 values for 1 cycles',
        ),
    ],
)
def test_calls_are_refused(act: Callable[[NativeSimulation], None], text: str) -> None:
    with refuse(text):
        act(make_simulation())


def test_a_wire_that_is_not_kept_is_refused_until_it_is_observed() -> None:
    block = make_accumulator()
    (inner,) = [net.dests[0] for net in block.logic if net.op == "+"]
    simulation = NativeSimulation(tracer=None, block=block)
    simulation.step(GOOD)
    with refuse(f'wire "{inner.name}" is not kept: NativeSimulation(observe=["{inner.name}"])'):
        simulation.inspect(inner)
    simulation = NativeSimulation(tracer=None, block=block, observe=[inner.name])
    simulation.step(GOOD)
    assert simulation.inspect(inner) == 1
    with refuse('the block has no wire "else"'):
        NativeSimulation(tracer=None, block=block, observe=["else"])


def test_a_block_that_was_changed_is_refused() -> None:
    block = make_accumulator()
    simulation = NativeSimulation(tracer=None, block=block)
    simulation.step(GOOD)
    with pyrtl.set_working_block(block):
        late = pyrtl.Output(16, "late")
        late <<= block.get_wirevector_by_name("sum")
    for act in (simulation.step, lambda inputs: simulation.run(2, inputs)):
        with refuse("the block was changed after it was compiled (late): a new"):
            act(GOOD)


def test_a_memory_of_another_block_is_refused() -> None:
    memory = make_two_port_memory()[1]
    with refuse('the block has no memory "words"'):
        make_simulation().inspect_mem(memory)
    with refuse('memory_value_map: "words" is no memory of the block'):
        NativeSimulation(tracer=None, memory_value_map={memory: {}}, block=make_accumulator())


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ({4: 0}, 'memory "words": address 4 is outside, they go from 0 to 3'),
        ({-1: 0}, 'memory "words": address -1 is outside'),
        ({1: 256}, 'memory "words"[1] = 256: it must fit in 8 bits'),
    ],
)
def test_contents_that_do_not_fit_are_refused(words: dict[int, int], text: str) -> None:
    block, memory = make_two_port_memory()
    with refuse(text):
        NativeSimulation(tracer=None, memory_value_map={memory: words}, block=block)


@pytest.mark.parametrize(("value", "default"), [(1 << 16, 0), (None, 1 << 16)])
def test_registers_that_do_not_fit_are_refused(value: int | None, default: int) -> None:
    block = pyrtl.Block()
    with pyrtl.set_working_block(block):
        register = pyrtl.Register(16, "count")
        register.next <<= register
    given = {} if value is None else {register: value}
    with refuse('register "count" = 65536: it must fit in 16 bits'):
        NativeSimulation(tracer=None, register_value_map=given, default_value=default, block=block)
    with refuse("is no register of the block"):
        NativeSimulation(tracer=None, register_value_map={register: 1}, block=make_accumulator())


def test_a_read_only_memory_keeps_its_words() -> None:
    block, rom = make_rom([1, 2, 3, 4])
    with refuse('memory_value_map: "table" is read-only'):
        NativeSimulation(tracer=None, memory_value_map={rom: {0: 0}}, block=block)
    words = NativeSimulation(tracer=None, block=block).inspect_mem(rom)
    assert list(words.values()) == [1, 2, 3, 4]
    with refuse('memory "table" is read-only'):
        words[0] = 5


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ([1, 2], "RomBlock index 2 is invalid"),
        ({0: 1, 1: 2, 3: 4}, "RomBlock key 2 is invalid"),
        ([1, 2, 300, 4], "insufficient to represent constant 300"),
        (lambda address: 8 // (2 - address), "Invalid data function for RomBlock"),
    ],
)
def test_data_that_a_read_only_memory_lacks_is_refused_when_it_is_read(
    data: object, text: str
) -> None:
    block, _ = make_rom(data)
    simulation = NativeSimulation(tracer=None, block=block)
    simulation.run(3, {"address": 1})
    assert simulation.inspect("word") in (2, 8)
    with refuse('memory "table" at address 2 in cycle 3: ') as caught:
        simulation.run(3, {"address": 2})
    assert text in str(caught.value)
    assert simulation.num_cycles == 3


def test_memories_that_would_not_fit_are_refused() -> None:
    block = pyrtl.Block()
    with pyrtl.set_working_block(block):
        memory = pyrtl.MemBlock(32, 40, "huge")
        read = pyrtl.Output(32, "read")
        read <<= memory[pyrtl.Input(40, "address")]
    limit = LIMIT_BYTES >> 20
    with refuse(
        f'memory "huge" has 2**40 words of 32 bits: all memories together may take {limit} MiB'
    ):
        NativeSimulation(tracer=None, block=block)
