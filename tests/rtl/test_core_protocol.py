"""Rules of the channels: the assertions find who breaks them; names and memories of the netlist."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pyrtl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.rtl import latency
from fastcar.rtl.assertions import ProtocolError
from fastcar.rtl.config import TINY
from fastcar.rtl.datapath import OPERAND_CYCLES
from fastcar.rtl.instruction import Buffer, Instruction, Opcode, encode
from tests.examples import examples
from tests.rtl.core_bench import CoreBench


@pytest.fixture
def bench() -> CoreBench:
    bench = CoreBench(TINY)
    bench.reset()
    return bench


@cache
def build_bench() -> CoreBench:
    return CoreBench(TINY)


def get_bench() -> CoreBench:
    """A core after a reset, built once."""
    bench = build_bench()
    bench.reset()
    return bench


def offer(bench: CoreBench, instruction: Instruction) -> None:
    """Give one instruction and wait until it reads, or sends its first beat, in the next cycle."""
    bench.step({"instruction_valid": 1, "instruction": encode(instruction)})
    fetch_cycles = OPERAND_CYCLES if instruction.opcode == Opcode.STORE else 0
    for _ in range(latency.START_CYCLES + fetch_cycles - 1):
        bench.step({})


LOAD = Instruction(Opcode.LOAD, target=Buffer.X, rows=1)
STORE = Instruction(Opcode.STORE, source=Buffer.X, rows=1)


def test_rule_4_no_response_before_the_request_is_taken(bench: CoreBench) -> None:
    offer(bench, LOAD)
    with pytest.raises(ProtocolError, match=r"^rule 4: core0_read is answered by exactly"):
        bench.step({"read_response_valid": 1})


def test_rule_4_no_more_beats_than_requested(bench: CoreBench) -> None:
    offer(bench, LOAD)
    bench.step({"read_request_ready": 1})
    bench.step({"read_response_valid": 1})
    bench.step({"read_response_valid": 1})
    with pytest.raises(ProtocolError, match=r"^rule 4: core0_read is answered by exactly"):
        bench.step({"read_response_valid": 1})


def test_rule_5_no_acknowledgement_without_a_beat(bench: CoreBench) -> None:
    offer(bench, STORE)
    bench.step({"write_ready": 1})
    bench.step({"write_acknowledge_valid": 1})
    with pytest.raises(ProtocolError, match=r"^rule 5: core0_write is acknowledged once"):
        bench.step({"write_acknowledge_valid": 1})


def test_rule_2_request_beat_and_record_wait(bench: CoreBench) -> None:
    """The core keeps what it offers for as long as it is not taken, also while it is aborted."""
    offer(bench, LOAD)
    for cycle in range(6):
        outputs = bench.step({"abort": int(cycle > 2)})
        assert outputs["read_request_valid"]
        assert outputs["read_request_num_beats"] == 2
    bench.reset()
    offer(bench, STORE)
    for cycle in range(6):
        assert bench.step({"abort": int(cycle > 2)})["write_valid"]


flags = st.lists(st.booleans(), min_size=24, max_size=24)


@examples(20)
@given(flags, flags)
def test_rule_1_reads_transfer_where_both_sides_agree(
    request: list[bool], beats: list[bool]
) -> None:
    """The request is answered only after its transfer; ready falls with the last of two beats."""
    bench = get_bench()
    offer(bench, LOAD)
    is_requested, num_beats = False, 0
    for ready, valid in zip(request, beats, strict=True):
        is_valid = valid and is_requested and num_beats < 2
        outputs = bench.step({"read_request_ready": ready, "read_response_valid": is_valid})
        assert outputs["read_request_valid"] == (not is_requested)
        assert outputs["read_response_ready"] == (is_requested and num_beats < 2)
        num_beats += is_valid
        is_requested |= ready


@examples(20)
@given(flags)
def test_rule_1_beats_are_written_where_both_sides_agree(ready: list[bool]) -> None:
    """The beat that is offered is the next one exactly after each cycle in which it was taken."""
    bench = get_bench()
    offer(bench, replace(STORE, rows=2, address=70))
    num_sent = 0
    for is_ready in ready:
        outputs = bench.step({"write_ready": is_ready})
        assert outputs["write_valid"] == (num_sent < 4)
        if outputs["write_valid"]:
            assert outputs["write_address"] == 70 + num_sent
            num_sent += is_ready


@examples(20)
@given(flags)
def test_rule_1_instructions_and_records_pass_where_both_sides_agree(offers: list[bool]) -> None:
    """A core that is not read from takes as many instructions as it holds, each offer one."""
    bench = get_bench()
    num_taken, num_records = 0, 0
    for cycle in range(200):
        is_offered = offers[cycle] if cycle < len(offers) else False
        add = Instruction(Opcode.ADD, slot=num_taken, rows=1, is_last=1)
        inputs = {"instruction_valid": is_offered, "instruction": encode(add)}
        is_ready = cycle % 3 == 0
        outputs = bench.step(inputs | {"retire_ready": is_ready})
        if outputs["retire_valid"]:
            assert outputs["retire_slot"] == num_records
            num_records += is_ready
        num_taken += is_offered and outputs["instruction_ready"]
    assert num_records == num_taken == sum(offers)


READY_AND_VALID = {
    "instruction_ready": ("instruction_valid", "instruction"),
    "read_response_ready": ("read_response_valid", "read_response_data", "read_response_error"),
}


@pytest.mark.parametrize("ready", READY_AND_VALID)
def test_rule_3_ready_depends_on_registers_alone(bench: CoreBench, ready: str) -> None:
    sources, _ = bench.block.net_connections()
    reached, waiting = set(), [bench.block.get_wirevector_by_name(f"out_{ready}")]
    while waiting:
        wire = waiting.pop()
        if wire.name in reached or isinstance(wire, pyrtl.Register):
            continue
        reached.add(wire.name)
        waiting += list(sources[wire].args) if wire in sources else []
    assert reached
    assert not reached & {name for names in READY_AND_VALID.values() for name in names}


def test_every_register_and_memory_has_a_hierarchical_name(bench: CoreBench) -> None:
    registers = [register.name for register in bench.block.wirevector_subset(pyrtl.Register)]
    memories = [net.op_param[1] for net in bench.block.logic_subset("m@")]
    assert len(registers) > 100
    assert all(name.startswith("core0_") and name.endswith("_q") for name in registers)
    assert {memory.name for memory in memories} == {
        *(f"core0_datapath_buffer_{buffer.name.lower()}" for buffer in Buffer),
        "core0_queue_memory",
        "core0_datapath_norm_table",
        "core0_datapath_result_silu_multiply_table",
    }
    assert not any(memory.asynchronous for memory in memories)
