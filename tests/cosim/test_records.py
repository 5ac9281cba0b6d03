"""Records are read from the ports as they stand, and refused if their order has a gap."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fastcar.cosim.records import (
    AcceleratorError,
    CommitRecord,
    CoreCounters,
    RecordError,
    Registers,
    RetireRecord,
    check_orders,
    read_counters,
    read_decision,
    read_error,
    read_registers,
    read_retire,
)
from fastcar.rtl.config import TINY
from fastcar.rtl.instruction_check import ErrorCode

DECISION = CommitRecord(order=0, slot=3, score=-5, computes=True, core=1, cycle=77)
RETIRE = RetireRecord(order=0, slot=3, core=1, start_cycle=5, end_cycle=9, digest=0xDEADBEEF)


def test_a_decision_is_read_with_its_sign() -> None:
    ports = {
        "decision_valid": 1,
        "decision_order": 0,
        "decision_slot": 3,
        "decision_score": (1 << 48) - 5,
        "decision_computes": 1,
        "decision_core": 1,
        "decision_cycle": 77,
    }
    assert read_decision(ports.__getitem__) == DECISION
    largest = ports | {"decision_score": (1 << 47) - 1}
    assert read_decision(largest.__getitem__) == replace(DECISION, score=(1 << 47) - 1)
    assert read_decision({"decision_valid": 0}.__getitem__) is None


def test_a_retirement_is_read() -> None:
    ports = {f"retire_{name}": value for name, value in vars(RETIRE).items()} | {"retire_valid": 1}
    assert read_retire(TINY, ports.__getitem__) == RETIRE
    assert read_retire(TINY, {"retire_valid": 0}.__getitem__) is None


def test_an_error_is_read() -> None:
    ports = {"error": 1, "error_code": 4, "error_instruction": 12}
    assert read_error(ports.__getitem__) == AcceleratorError(ErrorCode.LENGTH, 12)
    assert read_error({"error": 0}.__getitem__) is None


def test_counters_and_registers_are_read_from_their_ports() -> None:
    names = ["counter_cycles", "counter_dropped", "counter_wait_decision", "counter_wait_queue"]
    names += [
        f"core{core}_counter_{event}"
        for core in range(2)
        for event in ("mac_busy", "read_stall", "write_stall", "dispatched")
    ]
    names += ["index_register", "index_valid_register"]
    names += [f"mapping_register_{slot}" for slot in range(4)]
    ports = {name: 10 + place for place, name in enumerate(names)}
    counters = read_counters(TINY, ports.__getitem__)
    assert (counters.cycles, counters.dropped) == (10, 11)
    assert (counters.wait_decision, counters.wait_queue) == (12, 13)
    assert counters.cores == (CoreCounters(14, 15, 16, 17), CoreCounters(18, 19, 20, 21))
    assert read_registers(TINY, ports.__getitem__) == Registers(22, 23, (24, 25, 26, 27))


def test_orders_without_a_gap_pass() -> None:
    check_orders([replace(DECISION, order=n) for n in range(3)], [RETIRE])
    check_orders([], [])


@pytest.mark.parametrize("orders", [[1], [0, 0], [0, 2], [0, 1, 0]])
def test_a_gap_is_refused(orders: list[int]) -> None:
    place = next(place for place, order in enumerate(orders) if order != place)
    text = rf"record {place}: has order {orders[place]}: must be {place}$"
    with pytest.raises(RecordError, match="^decision " + text):
        check_orders([replace(DECISION, order=order) for order in orders], [])
    with pytest.raises(RecordError, match="^retire " + text):
        check_orders([], [replace(RETIRE, order=order) for order in orders])
