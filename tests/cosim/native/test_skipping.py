"""Groups whose sources did not change are left out, and nobody can tell."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Literal

import pyrtl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from fastcar.cosim.native import NativeSimulation, groups, partition
from fastcar.cosim.native.netlist import make_netlist
from fastcar.cosim.native.sources import find_sources
from tests.cosim.native.blocks import make_two_port_memory
from tests.cosim.native.random_blocks import RandomBlock, draw_inputs, make_random_block
from tests.examples import examples

JUNK = 99


@pytest.fixture(autouse=True, scope="module")
def skip_small_parts() -> Iterator[None]:
    """As in large designs, and every class of nets is a part of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "SKIPPING_NETS", 0)
        for name in ("CALL_COST", "CHECK_COST", "SOURCE_COST", "JOIN_COST"):
            patch.setattr(partition, name, 0.0)
        yield


def make_both(
    made: RandomBlock, observe: Literal["all"] | tuple[str, ...]
) -> tuple[pyrtl.Simulation, NativeSimulation]:
    arguments = {
        "tracer": None,
        "register_value_map": made.register_values,
        "memory_value_map": made.memory_values,
        "default_value": 1,
        "block": made.block,
    }
    return pyrtl.Simulation(**arguments), NativeSimulation(**arguments, observe=observe)


def assign_word(
    random: Random, made: RandomBlock, expected: pyrtl.Simulation, native: NativeSimulation
) -> None:
    """One word of a memory, from outside."""
    for memory in made.memory_values:
        address, word = random.randrange(1 << memory.addrwidth), random.getrandbits(memory.bitwidth)
        expected.memvalue[memory.id][address] = word
        native.inspect_mem(memory)[address] = word


@settings(examples(20), deadline=None, phases=(Phase.explicit, Phase.generate))
@given(
    seed=st.integers(0, 2**32),
    check_cost=st.sampled_from([0.0, 3.0]),
    observe=st.sampled_from(["all", ()]),
)
def test_every_wire_is_that_of_pyrtl_while_inputs_rest(
    seed: int, check_cost: float, observe: Literal["all"] | tuple[str, ...]
) -> None:
    """A smaller seed is no smaller block, so nothing is shrunk."""
    random = Random(seed)
    made = make_random_block(random, 60)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partition, "CHECK_COST", check_cost)
        patch.setattr(partition, "JOIN_COST", check_cost)
        expected, native = make_both(made, observe)
    shown = made.block.wirevector_subset((pyrtl.Register, pyrtl.Output))
    inputs = draw_inputs(random, made.block)
    for cycle in range(25):
        name, value = random.choice(list(draw_inputs(random, made.block).items()))
        inputs |= {name: value} if random.random() < 0.5 else {}
        if random.random() < 0.2:
            assign_word(random, made, expected, native)
        expected.step(dict(inputs))
        native.run(1, inputs)
        for wire in made.block.wirevector_set if observe == "all" else shown:
            assert native.inspect(wire) == expected.value[wire], (cycle, wire)
    for memory in made.memory_values:
        words = dict.fromkeys(range(1 << memory.addrwidth), 1)
        assert dict(native.inspect_mem(memory)) == words | expected.inspect_mem(memory)


def make_two_cones() -> NativeSimulation:
    """Outputs: `left` is input `a` + 1, `right` input `b` + 1, `fixed` 3 + 4."""
    block = pyrtl.Block()
    with pyrtl.set_working_block(block):
        for source, name in (("a", "left"), ("b", "right")):
            pyrtl.Output(9, name).__ilshift__(pyrtl.Input(8, source) + 1)
        pyrtl.Output(4, "fixed").__ilshift__(pyrtl.Const(3, 3) + pyrtl.Const(4, 3))
    return NativeSimulation(tracer=None, block=block)


def spoil(simulation: NativeSimulation, name: str) -> None:
    """Only nets that are computed put the value right."""
    binding = simulation.binding
    binding.kept[binding.locate(name)] = JUNK


def test_only_what_depends_on_a_change_is_computed() -> None:
    simulation = make_two_cones()
    simulation.step({"a": 1, "b": 2})
    assert [simulation.inspect(name) for name in ("left", "right", "fixed")] == [2, 3, 7]
    for name in ("left", "right", "fixed"):
        spoil(simulation, name)
    simulation.step({"a": 1, "b": 5})
    assert [simulation.inspect(name) for name in ("left", "right", "fixed")] == [JUNK, 6, JUNK]
    spoil(simulation, "right")
    simulation.hold({"a": 4})
    simulation.run(1)
    assert [simulation.inspect(name) for name in ("left", "right")] == [5, JUNK]


def test_a_large_design_alone_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "SKIPPING_NETS", 100)
    simulation = make_two_cones()
    simulation.step({"a": 1, "b": 2})
    spoil(simulation, "left")
    simulation.step({"a": 1, "b": 2})
    assert simulation.inspect("left") == 2


@pytest.mark.parametrize("how", ["word", "write", "refused"])
def test_a_read_is_computed_again_after(how: str) -> None:
    block, memory = make_two_port_memory()
    simulation = NativeSimulation(tracer=None, block=block)
    quiet = {"address0": 2, "word0": 5, "enable0": 0, "address1": 2, "word1": 6, "enable1": 0}
    simulation.step(quiet)
    if how == "word":
        simulation.inspect_mem(memory)[2] = 6
    elif how == "write":
        simulation.step(quiet | {"enable1": 1})
    else:
        simulation.inspect_mem(memory)[2] = 6
        with pytest.raises(pyrtl.PyrtlError, match="two ports write"):
            simulation.step(quiet | {"enable0": 1, "enable1": 1})
        spoil(simulation, "read")
    simulation.step(quiet)
    assert simulation.inspect("read") == 6
    spoil(simulation, "read")
    simulation.step(quiet)
    assert simulation.inspect("read") == JUNK


def test_what_a_register_latched_in_a_refused_cycle_is_forgotten() -> None:
    """Its nets rest in the cycle behind, in which it must latch what they give."""
    block, _ = make_two_port_memory()
    with pyrtl.set_working_block(block):
        taken = pyrtl.Register(8, "taken")
        taken.next <<= (pyrtl.Input(8, "given") + 1).truncate(8)
    simulation = NativeSimulation(tracer=None, block=block)
    quiet = {"address0": 2, "word0": 5, "enable0": 0, "address1": 2, "word1": 6, "enable1": 0}
    simulation.step(quiet | {"given": 1})
    with pytest.raises(pyrtl.PyrtlError, match="two ports write"):
        simulation.step(quiet | {"enable0": 1, "enable1": 1, "given": 7})
    for _ in range(2):
        simulation.step(quiet | {"given": 7})
    assert simulation.inspect("taken") == 8


def test_parts_are_in_order_and_hold_every_net_once() -> None:
    netlist = make_netlist(make_random_block(Random(3), 200).block)
    sources = find_sources(netlist)
    parts = partition.partition_nets(netlist.nets, {}, sources.sets)
    nets = [net for part in parts for net in part.nets]
    assert len(nets) == len(netlist.nets)
    assert set(nets) == set(netlist.nets)
    computed: set[pyrtl.WireVector] = set()
    driven = set(sources.sets)
    for net in nets:
        assert driven.intersection(net.args) <= computed
        computed.update(net.dests)
    for part in parts:
        assert all(sources.sets[net.dests[0]] | part.sources == part.sources for net in part.nets)


def test_a_change_of_the_highest_bit_of_a_wide_source_is_seen() -> None:
    block = pyrtl.Block()
    with pyrtl.set_working_block(block):
        pyrtl.Output(201, "more").__ilshift__(pyrtl.Input(200, "wide") + 1)
    simulation = NativeSimulation(tracer=None, block=block)
    for wide in (0, 1 << 199, 1 << 64, 0):
        simulation.step({"wide": wide})
        assert simulation.inspect("more") == wide + 1
