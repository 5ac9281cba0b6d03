"""The top: ports, runs, counters and errors; cores are stand-ins where time has to be chosen."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pyrtl
import pytest

from fastcar.cosim.backends.backend import RunResult, RunSettings, WatchdogError
from fastcar.rtl.accelerator import make_accelerator
from fastcar.rtl.config import TINY, TINY_DECODER, AcceleratorConfig
from fastcar.rtl.instruction import Instruction, Opcode, Predicate, encode
from fastcar.rtl.instruction_check import ErrorCode
from tests.rtl.control_bench import ControlBench
from tests.rtl.netlist import find_combinational_inputs

BEGIN = Instruction(Opcode.BEGIN, rows=4)
END = Instruction(Opcode.END)
WORK = Instruction(Opcode.ADD, rows=1, columns=3, is_last=1)
FAILING_LOAD = Instruction(Opcode.LOAD, rows=1, columns=4, shift=ErrorCode.MEMORY_READ)

CORE_PORTS = {
    "read_request_valid": 1,
    "read_request_ready": 1,
    "read_request_address": 32,
    "read_request_num_beats": 16,
    "read_response_valid": 1,
    "read_response_ready": 1,
    "read_response_data": 32,
    "read_response_error": 1,
    "write_valid": 1,
    "write_ready": 1,
    "write_address": 32,
    "write_data": 32,
    "write_acknowledge_valid": 1,
    "write_acknowledge_error": 1,
    "counter_mac_busy": 48,
    "counter_read_stall": 48,
    "counter_write_stall": 48,
    "counter_dispatched": 48,
}
PORTS = {
    "reset": 1,
    "instruction_valid": 1,
    "instruction": 128,
    "instruction_ready": 1,
    "index_register": 32,
    "index_valid_register": 32,
    "done": 1,
    "error": 1,
    "error_code": 4,
    "error_instruction": 128,
    "decision_valid": 1,
    "decision_order": 32,
    "decision_slot": 5,
    "decision_score": 48,
    "decision_computes": 1,
    "decision_core": 5,
    "decision_cycle": 48,
    "retire_valid": 1,
    "retire_order": 32,
    "retire_slot": 5,
    "retire_core": 5,
    "retire_start_cycle": 48,
    "retire_end_cycle": 48,
    "retire_digest": 32,
    "counter_cycles": 48,
    "counter_dropped": 48,
    "counter_wait_decision": 48,
    "counter_wait_queue": 48,
}
INPUTS = {"reset", "instruction_valid", "instruction"} | {
    f"core{core}_{name}"
    for core in range(2)
    for name in (
        "read_request_ready",
        "read_response_valid",
        "read_response_data",
        "read_response_error",
        "write_ready",
        "write_acknowledge_valid",
        "write_acknowledge_error",
    )
}


@cache
def get_block() -> pyrtl.Block:
    return make_accelerator(TINY)


@cache
def get_bench() -> ControlBench:
    return ControlBench(TINY)


def list_ports(block: pyrtl.Block) -> dict[str, int]:
    """Width of every port, but for the wires of assertions."""
    ports = block.wirevector_subset((pyrtl.Input, pyrtl.Output))
    asserted = {wire.name for wire in block.rtl_assert_dict}
    return {wire.name: len(wire) for wire in ports if wire.name not in asserted}


def test_ports_have_their_names_and_widths() -> None:
    expected = dict(PORTS)
    for core in range(2):
        expected |= {f"core{core}_{name}": bits for name, bits in CORE_PORTS.items()}
    expected |= {f"mapping_register_{slot}": 5 for slot in range(4)}
    assert list_ports(get_block()) == expected
    inputs = {wire.name for wire in get_block().wirevector_subset(pyrtl.Input)}
    assert inputs == INPUTS


def test_attention_adds_strobes_and_the_token() -> None:
    added = {"retire_token": 16} | {f"core{core}_write_strobe": 4 for core in range(2)}
    assert list_ports(make_accelerator(TINY_DECODER)) == list_ports(get_block()) | added


def test_every_register_and_memory_has_a_name() -> None:
    registers = [wire.name for wire in get_block().wirevector_subset(pyrtl.Register)]
    assert all(name.endswith("_q") for name in registers)
    memories = {net.op_param[1].name for net in get_block().logic_subset("m@")}
    assert not [name for name in memories if name.startswith(("tmp", "mem"))]


@pytest.mark.parametrize("core", range(2))
def test_rule_3_ready_for_responses_depends_on_registers_alone(core: int) -> None:
    assert find_combinational_inputs(get_block(), f"core{core}_read_response_ready") == set()


def test_rule_3_ready_for_instructions_depends_on_none() -> None:
    inputs = find_combinational_inputs(get_block(), "instruction_ready")
    assert not {name for name in inputs if name.startswith("instruction")}


@pytest.mark.parametrize("core", range(2))
def test_rule_3_valid_of_a_request_depends_on_no_ready_of_its_channel(core: int) -> None:
    for channel in ("read_request", "write"):
        inputs = find_combinational_inputs(get_block(), f"core{core}_{channel}_valid")
        assert f"core{core}_{channel}_ready" not in inputs


def test_the_search_for_dependencies_finds_one() -> None:
    block = pyrtl.Block()
    with pyrtl.set_working_block(block):
        direct, delayed = pyrtl.Input(1, "direct"), pyrtl.Input(1, "delayed")
        delayed_q = pyrtl.Register(1, "delayed_q")
        delayed_q.next <<= delayed
        output = pyrtl.Output(1, "output")
        output <<= ~(direct & delayed_q)
    assert find_combinational_inputs(block, "output") == {"direct"}


def test_a_run_repeats_without_reset() -> None:
    bench = get_bench()
    program = [BEGIN, WORK, replace(WORK, slot=1), END]
    first, again = bench.run(program), bench.run(program)
    assert replace(first, num_steps=0) == replace(again, num_steps=0)
    assert [one.order for one in again.retires] == [0, 1]
    assert bench.run([BEGIN, END]).counters.cores[0].dispatched == 0


def test_counters_stand_still_until_the_next_run() -> None:
    bench = ControlBench(TINY)
    cycles = bench.run([BEGIN, END]).cycles
    quiet = {wire.name: 0 for wire in bench.backend.block.wirevector_subset(pyrtl.Input)}
    for _ in range(5):
        bench.backend.simulation.step(quiet)
        assert bench.backend.simulation.inspect("done") == 1
        assert bench.backend.simulation.inspect("counter_cycles") == cycles


def test_done_is_seen_between_runs_that_follow_at_once() -> None:
    bench = ControlBench(TINY)
    quiet = {wire.name: 0 for wire in bench.backend.block.wirevector_subset(pyrtl.Input)}
    simulation, done = bench.backend.simulation, []
    for _ in range(8):
        simulation.step({**quiet, "instruction_valid": 1, "instruction": encode(END)})
        done.append(simulation.inspect("done"))
        assert simulation.inspect("counter_cycles") == 1 or not done[-1]
    assert done == [0, 0, 1, 0, 1, 0, 1, 0]


def test_a_program_without_end_is_stopped_by_the_watchdog() -> None:
    bench = ControlBench(TINY)
    text = r"^limit_cycles = 50: run is not done after them, 2 of 2 instructions accepted$"
    with pytest.raises(WatchdogError, match=text):
        bench.run([BEGIN, WORK], RunSettings(limit_cycles=50))
    bench.backend.reset()
    assert bench.run([BEGIN, WORK, END]).error is None


WRONG = {
    ErrorCode.OPCODE: Instruction(31),
    ErrorCode.PREDICATE: replace(WORK, predicate=3),
    ErrorCode.SLOT: replace(WORK, slot=4),
    ErrorCode.LENGTH: replace(WORK, rows=0),
    ErrorCode.RESERVED: replace(WORK, reserved=1),
    ErrorCode.BUFFER: Instruction(Opcode.LOAD, target=7, rows=1),
    ErrorCode.MEMORY_READ: FAILING_LOAD,
    ErrorCode.MEMORY_WRITE: replace(FAILING_LOAD, shift=ErrorCode.MEMORY_WRITE),
    ErrorCode.DECIDED_TWICE: Instruction(Opcode.DECIDE, slot=1),
    ErrorCode.NEVER_DECIDED: replace(WORK, predicate=Predicate.IF_REPLAY),
    ErrorCode.ORDER: replace(FAILING_LOAD, shift=ErrorCode.ORDER),
}

OF_CORES = (ErrorCode.MEMORY_READ, ErrorCode.MEMORY_WRITE, ErrorCode.ORDER)


def test_every_code_is_provoked() -> None:
    assert set(WRONG) == set(ErrorCode) - {ErrorCode.NONE}


def run_wrong(bench: ControlBench, wrong: Instruction) -> RunResult:
    """A wrong instruction between good ones."""
    before = [BEGIN, Instruction(Opcode.DECIDE, slot=1), replace(WORK, slot=3, columns=9)]
    waiting = replace(WORK, slot=2)
    return bench.run([*before, wrong, *[waiting] * 9, END])


@pytest.mark.parametrize("code", WRONG)
def test_an_error_stops_dispatch_and_stays_until_reset(code: ErrorCode) -> None:
    bench, wrong = ControlBench(TINY), WRONG[code]
    result = run_wrong(bench, wrong)
    assert result.error is not None
    assert (result.error.code, result.error.instruction) == (code, encode(wrong))
    taken = [one.instruction for one in bench.dispatched]
    assert (wrong in taken) == (code in OF_CORES)
    # The cores drop what they hold; only code 10 comes when they have finished.
    assert bool(result.retires) == (code is ErrorCode.NEVER_DECIDED)

    again = bench.run([BEGIN, WORK, END])
    assert (again.error, bench.dispatched) == (result.error, [])
    assert again.counters == result.counters

    bench.backend.reset()
    assert bench.run([BEGIN, WORK, END]).error is None
    assert [one.instruction for one in bench.dispatched] == [WORK]


def test_the_first_error_stays() -> None:
    bench = ControlBench(TINY)
    later = replace(FAILING_LOAD, slot=1)
    result = bench.run([BEGIN, FAILING_LOAD, later, END])
    assert [one.step for one in bench.dispatched] == [3, 4]
    assert result.error is not None
    assert result.error.instruction == encode(FAILING_LOAD)


def test_of_two_cores_in_one_cycle_the_lower_number_counts() -> None:
    bench = ControlBench(TINY)
    slow = replace(FAILING_LOAD, slot=1, columns=6)
    fast = replace(FAILING_LOAD, slot=0, columns=5)
    result = bench.run([BEGIN, slow, fast, END])
    assert [one.step for one in bench.dispatched] == [3, 4]
    assert result.error is not None
    assert result.error.instruction == encode(fast)


def test_input_is_discarded_after_an_error() -> None:
    bench = ControlBench(TINY)
    program = [BEGIN, WRONG[ErrorCode.OPCODE], *[WORK] * 20]
    result = bench.run([*program, replace(WORK, slot=1, columns=40)])
    assert result.error is not None
    ports = bench.backend.simulation
    quiet = {wire.name: 0 for wire in bench.backend.block.wirevector_subset(pyrtl.Input)}
    for _ in range(30):
        ports.step({**quiet, "instruction_valid": 1, "instruction": encode(BEGIN)})
        assert ports.inspect("instruction_ready") == 1
        assert (ports.inspect("done"), ports.inspect("error")) == (1, 1)


def test_a_configuration_with_one_slot_and_many_cores() -> None:
    bench = ControlBench(AcceleratorConfig(5, 4, 1, 8, 12, 8))
    result = bench.run([replace(BEGIN, rows=1), Instruction(Opcode.DECIDE, rows=1), WORK, END])
    assert [(one.slot, one.core) for one in result.retires] == [(0, 0)]
    assert result.registers.index == 1


def decide(slot: int, computes: int = 1) -> Instruction:
    """A decision without a score."""
    return Instruction(Opcode.DECIDE, slot=slot, rows=computes)


@pytest.mark.parametrize("opcode", [Opcode.LOAD, Opcode.GEMV, Opcode.GEMV_SILU])
def test_buffer_7_is_no_target(opcode: Opcode) -> None:
    wrong = Instruction(opcode, target=7, rows=1, columns=1)
    error = ControlBench(TINY).run([BEGIN, wrong, END]).error
    assert error is not None
    assert error.code is ErrorCode.BUFFER


@pytest.mark.parametrize("opcode", [Opcode.STORE, Opcode.GEMV, Opcode.GEMV_SILU])
def test_buffer_7_is_no_source(opcode: Opcode) -> None:
    wrong = Instruction(opcode, source=7, rows=1, columns=1)
    error = ControlBench(TINY).run([BEGIN, wrong, END]).error
    assert error is not None
    assert error.code is ErrorCode.BUFFER


def test_buffer_7_is_ignored_where_none_is_named() -> None:
    used = replace(WORK, source=7, target=7)
    assert ControlBench(TINY).run([BEGIN, used, END]).error is None


@pytest.mark.parametrize("first", [WORK, decide(0), Instruction(Opcode.SCORE, rows=1)])
def test_before_the_first_begin_there_are_no_slots(first: Instruction) -> None:
    bench = ControlBench(TINY)
    assert bench.run([Instruction(Opcode.THRESHOLD), END]).error is None
    error = bench.run([first, END]).error
    assert error is not None
    assert error.code is ErrorCode.SLOT


def test_a_run_without_begin_goes_on_with_the_decisions_of_the_run_before() -> None:
    bench = ControlBench(TINY)
    bench.run([BEGIN, decide(0), END])
    computing = replace(WORK, predicate=Predicate.IF_COMPUTE)
    more = bench.run([computing, decide(1, 0), END])
    assert (more.error, [one.slot for one in more.retires]) == (None, [0])
    assert [(one.slot, one.computes) for one in more.decisions] == [(1, False)]
    error = bench.run([decide(0), END]).error
    assert error is not None
    assert error.code is ErrorCode.DECIDED_TWICE


def test_a_decision_behind_an_undecided_slot_waits_beyond_the_end() -> None:
    bench = ControlBench(TINY)
    result = bench.run([BEGIN, decide(2), END])
    assert (result.error, list(result.decisions)) == (None, [])
    assert result.registers.index_valid == 0
    later = bench.run([decide(0), decide(1), END])
    assert [one.slot for one in later.decisions] == [0, 1, 2]
    assert later.registers.index_valid == 0b111


def test_begin_forgets_a_decision_behind_an_undecided_slot() -> None:
    bench = ControlBench(TINY)
    result = bench.run([BEGIN, decide(2), BEGIN, decide(0), decide(1), END])
    assert (result.error, [one.slot for one in result.decisions]) == (None, [0, 1])
