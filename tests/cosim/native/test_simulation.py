"""The native simulation against `pyrtl.Simulation`, in every wire and cycle."""

from __future__ import annotations

import ctypes
import io
import signal
from contextlib import suppress
from random import Random
from typing import Literal

import pyrtl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastcar.cosim.native import NativeSimulation, groups
from fastcar.cosim.native.machine import SLICE_CYCLES
from tests.cosim.native.blocks import make_accumulator, make_two_port_memory
from tests.cosim.native.random_blocks import RandomBlock, draw_inputs, make_random_block
from tests.examples import examples


def make_both(
    made: RandomBlock, group_nets: int, observe: Literal["all"] | tuple[str, ...]
) -> tuple[pyrtl.Simulation, NativeSimulation]:
    arguments = {
        "tracer": None,
        "register_value_map": made.register_values,
        "memory_value_map": made.memory_values,
        "default_value": 1,
        "block": made.block,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "GROUP_NETS", group_nets)
        return pyrtl.Simulation(**arguments), NativeSimulation(**arguments, observe=observe)


@settings(examples(15), deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([500, 7]))
def test_every_wire_and_word_is_that_of_pyrtl_in_every_cycle(seed: int, group_nets: int) -> None:
    random = Random(seed)
    made = make_random_block(random)
    expected, native = make_both(made, group_nets, "all")
    for cycle in range(12):
        inputs = draw_inputs(random, made.block)
        expected.step(dict(inputs))
        native.step(inputs)
        for wire in made.block.wirevector_set:
            assert native.inspect(wire) == expected.value[wire], (cycle, wire)
    for memory in made.memory_values:
        words = dict.fromkeys(range(1 << memory.addrwidth), 1)
        assert dict(native.inspect_mem(memory)) == words | expected.inspect_mem(memory)


@settings(examples(6), deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([500, 7]))
def test_a_run_is_that_many_steps_with_the_same_inputs(seed: int, group_nets: int) -> None:
    """Only ports and registers are kept, so LLVM may leave out the rest."""
    random = Random(seed)
    made = make_random_block(random)
    expected, native = make_both(made, group_nets, ())
    for cycles in (1, 7, 30):
        inputs = draw_inputs(random, made.block)
        for _ in range(cycles):
            expected.step(dict(inputs))
        native.run(cycles, inputs)
        for wire in made.block.wirevector_subset((pyrtl.Register, pyrtl.Output)):
            assert native.inspect(wire) == expected.value[wire], (native.num_cycles, wire)


def test_a_run_keeps_the_inputs_that_are_not_given() -> None:
    simulation = NativeSimulation(tracer=None, block=make_accumulator())
    simulation.step({"add": 3, "clear": 0})
    simulation.run(4)
    simulation.run(2, {"add": 100})
    assert simulation.inspect("sum") == 5 * 3 + 100
    assert simulation.num_cycles == 7


def test_registers_exchange_their_values_and_take_inputs_and_constants() -> None:
    block = pyrtl.Block()
    with pyrtl.set_working_block(block):
        left, right = (pyrtl.Register(8, name, reset_value=n) for n, name in ((3, "l"), (5, "r")))
        taken, fixed = pyrtl.Register(8, "taken"), pyrtl.Register(8, "fixed")
        left.next <<= right
        right.next <<= left
        taken.next <<= pyrtl.Input(8, "given")
        fixed.next <<= pyrtl.Const(99, 8)
    simulation = NativeSimulation(tracer=None, block=block)
    for _ in range(2):
        simulation.run(3, {"given": 7})
    assert [simulation.inspect(name) for name in ("l", "r")] == [5, 3]
    assert [simulation.inspect(name) for name in ("taken", "fixed")] == [7, 99]


def test_before_the_first_cycle_registers_hold_their_reset_values() -> None:
    simulation = NativeSimulation(tracer=None, block=make_accumulator(reset_value=9))
    assert simulation.inspect("sum") == 9


def test_the_trace_is_that_of_pyrtl_for_steps_and_runs() -> None:
    block = make_accumulator()
    traces = []
    for kind in (pyrtl.Simulation, NativeSimulation):
        with pyrtl.set_working_block(block):
            simulation = kind()
        simulation.step_multiple({"add": [5, 250, 1], "clear": "000"})
        if isinstance(simulation, NativeSimulation):
            simulation.run(2, {"add": 7, "clear": 0})
        else:
            simulation.step_multiple({"add": [7, 7], "clear": [0, 0]})
        text = io.StringIO()
        assert simulation.tracer is not None
        simulation.tracer.print_vcd(text)
        traces.append((dict(simulation.tracer.trace), text.getvalue()))
    assert traces[0] == traces[1]
    assert len(traces[0][0]["sum"]) == 5


def test_a_tracer_of_chosen_wires_may_choose_unnamed_ones() -> None:
    block = make_accumulator()
    (inner,) = [net.dests[0] for net in block.logic if net.op == "+"]
    tracer = pyrtl.SimulationTrace([inner], block=block)
    simulation = NativeSimulation(tracer=tracer, block=block)
    simulation.step_multiple({"add": [5, 6], "clear": [0, 0]})
    assert tracer.trace[inner.name] == [5, 11]


def test_unexpected_outputs_are_told_in_the_table_of_pyrtl() -> None:
    texts = []
    for kind in (pyrtl.Simulation, NativeSimulation):
        text = io.StringIO()
        simulation = kind(tracer=None, block=make_accumulator())
        simulation.step_multiple(
            {"add": [1, 2, 3], "clear": [0, 0, 0]}, {"sum": ["?", 2, 4]}, file=text
        )
        simulation.step_multiple(
            {"add": "11", "clear": "00"}, {"sum": [0, 0]}, file=text, stop_after_first_error=True
        )
        texts.append(text.getvalue())
    assert texts[0] == texts[1]
    assert texts[0].count("\n") == 7


def test_negative_inputs_are_two_s_complement_as_in_pyrtl() -> None:
    simulation = NativeSimulation(tracer=None, block=make_accumulator())
    simulation.step({"add": -1, "clear": 0})
    assert simulation.inspect("add") == 255


def test_memories_can_be_changed_between_cycles() -> None:
    block, memory = make_two_port_memory()
    simulation = NativeSimulation(
        tracer=None, memory_value_map={memory: {3: 33}}, default_value=1, block=block
    )
    words = simulation.inspect_mem(memory)
    assert (words[3], words[0], len(words)) == (33, 1, 4)
    words[2] = 77
    simulation.step(
        {"address0": 2, "word0": 5, "enable0": 0, "address1": 0, "word1": 9, "enable1": 1}
    )
    assert simulation.inspect("read") == 77
    assert list(words.items()) == [(0, 9), (1, 1), (2, 77), (3, 33)]
    with pytest.raises(KeyError):
        words[4]


@pytest.mark.parametrize("step", ["step", "run"])
def test_two_ports_may_write_the_same_word_but_not_two(step: str) -> None:
    block, memory = make_two_port_memory()
    simulation = NativeSimulation(tracer=None, block=block)
    inputs = {"address0": 2, "word0": 5, "enable0": 1, "address1": 2, "word1": 5, "enable1": 1}
    simulation.step(inputs | {"address0": 1, "word0": 6})
    simulation.step(inputs)
    inputs |= {"word1": 6}
    expected = r'^memory "words": two ports write 5 and 6 to address 2 in cycle 2;'
    with pytest.raises(pyrtl.PyrtlError, match=expected):
        simulation.step(inputs) if step == "step" else simulation.run(10, inputs)
    assert simulation.inspect_mem(memory)[2] == 5
    assert simulation.inspect_mem(memory)[1] == 6
    assert simulation.num_cycles == 2
    simulation.step(inputs | {"enable1": 0, "word0": 8})
    assert simulation.inspect_mem(memory)[2] == 8


def test_a_false_assertion_raises_its_own_exception_and_tells_the_cycle() -> None:
    block = make_accumulator(is_asserted=True)
    error = next(iter(block.rtl_assert_dict.values()))
    for cycles in (5, 7):
        simulation = NativeSimulation(tracer=None, block=block)
        simulation.run(cycles, {"add": 0, "clear": 0})
        with pytest.raises(OverflowError, match=r"^sum above 99") as caught:
            simulation.run(1000, {"add": 10})
        assert caught.value is error
        assert caught.value.__notes__ == [f"in cycle {cycles + 10}"]
        assert simulation.inspect("sum") == 100


def test_a_long_run_goes_on_over_its_slices() -> None:
    simulation = NativeSimulation(tracer=None, block=make_accumulator(is_asserted=True))
    simulation.run(3 * SLICE_CYCLES + 5, {"add": 0, "clear": 0})
    with pytest.raises(OverflowError) as caught:
        simulation.run(1 << 70, {"add": 50})
    assert caught.value.__notes__ == [f"in cycle {3 * SLICE_CYCLES + 7}"]
    assert simulation.num_cycles == 3 * SLICE_CYCLES + 8


def test_a_run_can_be_interrupted() -> None:
    """Wherever the signal arrives, every cycle is counted: 3 does not divide a slice."""
    simulation = NativeSimulation(tracer=None, block=make_accumulator())
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(KeyboardInterrupt):
            simulation.run(1 << 62, {"add": 3, "clear": 0})
    finally:
        signal.signal(signal.SIGALRM, before)
    num_cycles = simulation.num_cycles
    assert num_cycles > 0
    simulation.run(1)
    assert simulation.inspect("sum") == 3 * num_cycles % (1 << 16)


def test_a_loop_of_ones_own_calls_the_machine_code() -> None:
    simulation = NativeSimulation(tracer=None, block=make_accumulator(is_asserted=True))
    binding = simulation.binding
    run = ctypes.CFUNCTYPE(ctypes.c_uint64, *[ctypes.c_uint64] * 6)(binding.address)
    simulation.hold({"clear": 0})
    for add in (20, 30, 50):
        binding.inputs[binding.locate("add")] = add
        assert run(*binding.arguments, 1) == 1
        simulation.settle()
    assert simulation.inspect("sum") == 50
    assert run(*binding.arguments, 10) == 1
    with pytest.raises(OverflowError, match="sum above 99"):
        simulation.settle()
    assert simulation.num_cycles == 4
    with pytest.raises(pyrtl.PyrtlError, match=r'^wire "sum" is a register, which moves'):
        binding.locate("sum")


def test_a_refused_cycle_latches_nothing_and_shows_what_it_had() -> None:
    block, _ = make_two_port_memory()
    with pyrtl.set_working_block(block):
        count = pyrtl.Register(8, "count")
        count.next <<= count + 1
    simulation = NativeSimulation(tracer=None, block=block)
    inputs = {"address0": 2, "word0": 5, "enable0": 1, "address1": 2, "word1": 5, "enable1": 1}
    seen = []
    for word in (5, 6, 6, 5, 5):
        with suppress(pyrtl.PyrtlError):
            simulation.step(inputs | {"word1": word})
        seen.append((simulation.inspect("count"), simulation.num_cycles))
    assert seen == [(0, 1), (1, 1), (1, 1), (1, 2), (2, 3)]


def test_a_cycle_with_a_false_assertion_counts_as_in_pyrtl() -> None:
    sums = []
    for kind in (pyrtl.Simulation, NativeSimulation):
        simulation = kind(block=(block := make_accumulator(is_asserted=True)), tracer=None)
        simulation.step({"add": 200, "clear": 0})
        with pytest.raises(OverflowError):
            simulation.step({"add": 1, "clear": 0})
        with pytest.raises(OverflowError):
            simulation.step({"add": 0, "clear": 1})
        simulation.step({"add": 4, "clear": 0})
        sums.append(simulation.inspect(next(iter(block.rtl_assert_dict)).name))
    assert sums == [1, 1]
