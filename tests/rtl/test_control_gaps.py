"""What planted bugs of the control half showed as untested."""

from __future__ import annotations

from dataclasses import replace

import pyrtl
import pytest

from fastcar.rtl.assertions import ProtocolError, require_stable
from fastcar.rtl.config import TINY, AcceleratorConfig
from fastcar.rtl.instruction import Buffer, Instruction, Opcode, encode
from fastcar.rtl.instruction_check import ErrorCode
from tests.rtl.control_bench import ControlBench
from tests.rtl.test_instruction_check import find_code

BEGIN = Instruction(Opcode.BEGIN, rows=4)
END = Instruction(Opcode.END)
WORK = Instruction(Opcode.ADD, rows=1, columns=9)
WRONG = Instruction(31)

NARROW_INNER = AcceleratorConfig(2, 4, 4, 16, 8, 8)
"""G holds fewer words than P and every other buffer but H."""


def make_watched_channel() -> pyrtl.FastSimulation:
    """A channel that consists of its assertion alone."""
    block = pyrtl.Block()
    with pyrtl.set_working_block(block):
        reset, valid, ready = (pyrtl.Input(1, name) for name in ("reset", "valid", "ready"))
        require_stable("channel", reset, valid, ready, pyrtl.Input(2, "payload"))
    return pyrtl.FastSimulation(tracer=None, block=block)


@pytest.mark.parametrize(("valid", "payload"), [(0, 2), (1, 3), (0, 0)])
def test_rule_2_is_watched(valid: int, payload: int) -> None:
    simulation = make_watched_channel()
    waiting = {"reset": 0, "valid": 1, "ready": 0, "payload": 2}
    simulation.step(waiting)
    simulation.step(waiting)
    with pytest.raises(ProtocolError, match=r"^rule 2: channel keeps valid and payload$"):
        simulation.step(waiting | {"valid": valid, "ready": 1, "payload": payload})


@pytest.mark.parametrize("end", ["ready", "reset"])
def test_rule_2_ends_with_the_transfer_or_a_reset(end: str) -> None:
    simulation = make_watched_channel()
    waiting = {"reset": 0, "valid": 1, "ready": 0, "payload": 2}
    simulation.step(waiting)
    simulation.step(waiting | {end: 1})
    simulation.step(waiting | {"valid": 0, "payload": 1})


@pytest.mark.parametrize("target", [Buffer.X, Buffer.Y, Buffer.K])
def test_a_gated_product_is_no_longer_than_its_gates(target: Buffer) -> None:
    product = Instruction(Opcode.GEMV, target=target, source=Buffer.N, rows=4, columns=4)
    gated = replace(product, opcode=Opcode.GEMV_SILU)
    assert find_code(product, NARROW_INNER) is ErrorCode.NONE
    assert find_code(gated, NARROW_INNER) is ErrorCode.LENGTH
    assert find_code(replace(gated, rows=2), NARROW_INNER) is ErrorCode.NONE


@pytest.mark.parametrize("num_between", [0, 1, 2])
def test_every_decided_slot_stays_claimed(num_between: int) -> None:
    bench = ControlBench(TINY)
    first, *others = (Instruction(Opcode.DECIDE, slot=slot) for slot in (0, 1, 2))
    result = bench.run([BEGIN, first, *others[:num_between], first, END])
    assert result.error is not None
    assert (result.error.code, result.error.instruction) == (
        ErrorCode.DECIDED_TWICE,
        encode(first),
    )


@pytest.mark.parametrize(("before", "cycles"), [([], 4), ([WORK], 6)])
def test_after_an_error_a_run_ends_when_the_cores_are_idle(
    before: list[Instruction], cycles: int
) -> None:
    # The cycle after the wrong instruction shows the error; work is dropped in the next one.
    assert ControlBench(TINY).run([BEGIN, *before, WRONG, END]).cycles == cycles


def test_the_port_is_ready_from_the_first_cycle_of_an_error_on() -> None:
    bench = ControlBench(TINY)
    ports = bench.backend.simulation
    quiet = {wire.name: 0 for wire in bench.backend.block.wirevector_subset(pyrtl.Input)}
    seen = []
    for instruction in (BEGIN, WRONG, WRONG, *[WORK] * 4):
        ports.step({**quiet, "instruction_valid": 1, "instruction": encode(instruction)})
        seen.append((ports.inspect("error"), ports.inspect("instruction_ready")))
    # BEGIN is executed in cycle 1; WRONG is taken in 2 and looked at in 3: it blocks the port.
    assert seen == [(0, 1), (0, 0), (0, 1), (0, 0), (1, 1), (1, 1), (1, 1)]
