"""cocotb tests of the FastCar accelerator, as a user of the Verilog writes them.

    make                    # Icarus Verilog
    make SIM=verilator      # Verilator 5.036 or newer
    make COCOTB_TEST_FILTER=illegal

Needs cocotb 2 and cocotbext-axi. No test counts cycles.
"""

from __future__ import annotations

import random
from typing import Any

import cocotb
from cocotb.triggers import ClockCycles
from fastcar_bench import Bench
from fastcar_recording import (
    DECISION,
    TOKEN,
    Recording,
    list_retire_members,
    load_recording,
)

CYCLES = {"cycle", "start_cycle", "end_cycle"}
"""Members of records that depend on the memory's latency and stalls."""
RECORDINGS = {"recorded": "", "dense": "dense_", "replay": "replay_"}
"""Prefixes of the files: some slots replay, none (all compute), all that have a decision."""
STALLS = [0.0, 0.3]
"""Probability of a pause, on every port and in every cycle."""
NUM_RESETS = 6
NUM_POINTS, LIMIT_CYCLES = 60, 24_000
"""Resets of the accelerator alone: how many, fewer where so many runs take longer than this."""
ILLEGAL_OPCODE, ILLEGAL_OPCODE_ERROR = 31, 1


def take_records(monitor: Any, members: tuple[str, ...]) -> list[dict[str, int]]:
    """All records that a monitor has seen; an unknown bit is refused."""
    records = []
    while not monitor.empty():
        seen = monitor.recv_nowait()
        records.append({member: int(getattr(seen, member)) for member in members})
    return records


def leave_out_cycles(record: dict[str, int]) -> dict[str, int]:
    """The members that no stall changes."""
    return {member: value for member, value in record.items() if member not in CYCLES}


def check_recording(bench: Bench, expected: Recording) -> None:
    """Scoreboard: records, counters and the whole memory against the files.

    Slots of different cores may retire in another order when memory stalls, so that retirements are
    compared slot by slot, and their order by itself; the sections of a slot have one order.
    """
    dut = bench.dut
    assert dut.error.value == 0, f"error {int(dut.error_code.value)}"
    check_decisions(take_records(bench.decisions, DECISION), expected)
    check_retires(take_records(bench.retires, list_retire_members(dut)), expected)
    for name, value in expected.counters.items():
        assert int(getattr(dut, name).value) == value, name
    check_memory(bench, {**expected.memory, **expected.changes})


def check_decisions(decisions: list[dict[str, int]], expected: Recording) -> None:
    """All of them, in their order."""
    assert len(decisions) == len(expected.decisions), f"{len(decisions)} decisions"
    for number, (seen, wanted) in enumerate(zip(decisions, expected.decisions, strict=True)):
        assert leave_out_cycles(seen) == leave_out_cycles(wanted), f"decision {number}"


def check_retires(retires: list[dict[str, int]], expected: Recording) -> None:
    """Every section of every slot, once."""
    assert [record["order"] for record in retires] == list(range(len(retires)))
    assert all(record["start_cycle"] <= record["end_cycle"] for record in retires)
    seen: dict[int, list[dict[str, int]]] = {slot: [] for slot in expected.retires}
    for record in retires:
        seen.setdefault(record["slot"], []).append(record)
    for slot, records in seen.items():
        wanted = expected.retires.get(slot, [])
        assert len(records) == len(wanted), f"{len(records)} retirements of slot {slot}"
        for record, one, section in zip(records, wanted, expected.sections[slot], strict=True):
            for member in (name for name in ("core", "digest", TOKEN) if name in record):
                assert record[member] == one[member], f"{member} of slot {slot}, {section}"


def check_memory(bench: Bench, beats: dict[int, int]) -> None:
    """Every beat holds what it should."""
    for address, beat in beats.items():
        found = bench.memory.read(address * bench.beat_bytes, bench.beat_bytes)
        assert int.from_bytes(found, "little") == beat, f"memory beat {address}"


async def start(dut: Any, expected: Recording) -> Bench:
    """A bench around the accelerator after reset, with the memory before the run."""
    bench = Bench(dut)
    await bench.reset()
    bench.fill_memory(expected.memory)
    return bench


@cocotb.test()
@cocotb.parametrize(("name", list(RECORDINGS)), ("probability", STALLS))
async def program(dut: Any, name: str, probability: float) -> None:
    """The recorded program, with and without stalls."""
    expected = load_recording(dut, RECORDINGS[name])
    bench = await start(dut, expected)
    bench.stall(probability, seed=1)
    await bench.run(expected.program)
    check_recording(bench, expected)


@cocotb.test()
async def two_runs_without_reset(dut: Any) -> None:
    """The second run forgets the decisions and counters of the first."""
    expected = load_recording(dut)
    bench = await start(dut, expected)
    for seed in (1, 2):
        bench.fill_memory(expected.memory)
        bench.stall(0.2, seed)
        await bench.run(expected.program)
        check_recording(bench, expected)


@cocotb.test()
async def illegal_opcode(dut: Any) -> None:
    """It is a sticky error with the instruction, nothing is written, and reset recovers."""
    expected = load_recording(dut)
    bench = await start(dut, expected)
    illegal = expected.program[0] | ILLEGAL_OPCODE
    await bench.run([expected.program[0], illegal, *expected.program[1:]])
    assert dut.error.value == 1
    assert int(dut.error_code.value) == ILLEGAL_OPCODE_ERROR
    assert int(dut.error_instruction.value) == illegal
    assert bench.decisions.empty()
    assert bench.retires.empty()
    check_memory(bench, expected.memory)
    await bench.reset()
    await bench.run(expected.program)
    check_recording(bench, expected)


@cocotb.test()
async def reset_in_mid_run(dut: Any) -> None:
    """Reset at any time recovers everything, the memory's side or not."""
    expected = load_recording(dut)
    bench = await start(dut, expected)
    generator = random.Random(3)
    for number in range(NUM_RESETS):
        bench.stall(0.2, generator.getrandbits(32))
        run = cocotb.start_soon(bench.run(expected.program))
        await ClockCycles(dut.clk, generator.randint(1, 200))
        run.cancel()
        await (bench.reset_alone() if number % 2 else bench.reset())
    bench.fill_memory(expected.memory)
    await bench.run(expected.program)
    check_recording(bench, expected)


@cocotb.test()
async def reset_alone_at_every_point(dut: Any) -> None:
    """The memory goes on answering; the program that is run from its start is right."""
    expected = load_recording(dut)
    bench = await start(dut, expected)
    await bench.run(expected.program)
    num_cycles = int(dut.counter_cycles.value)
    num_points = max(3, min(NUM_POINTS, LIMIT_CYCLES // num_cycles))
    check_recording(bench, expected)
    for point in range(num_points):
        bench.fill_memory(expected.memory)
        run = cocotb.start_soon(bench.run(expected.program))
        await ClockCycles(dut.clk, 2 + point * num_cycles // num_points)
        run.cancel()
        await bench.reset_alone()
        bench.fill_memory(expected.memory)
        await bench.run(expected.program)
        check_recording(bench, expected)
