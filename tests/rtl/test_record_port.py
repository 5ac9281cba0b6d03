"""Retirements of several cores come out one in a cycle, numbered without a gap, none lost."""

from __future__ import annotations

from functools import cache

import pyrtl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.rtl.record_port import make_retire_port
from fastcar.rtl.retirement import Retirement

WIDTHS = {"slot": 5, "start_cycle": 48, "end_cycle": 48, "digest": 32, "token": 16}


@cache
def get_simulation(num_cores: int) -> pyrtl.FastSimulation:
    block = pyrtl.Block()
    with pyrtl.set_working_block(block):
        retirements = [
            Retirement(
                valid=pyrtl.Input(1, f"valid{core}"),
                **{
                    name: pyrtl.Input(num_bits, f"{name}{core}")
                    for name, num_bits in WIDTHS.items()
                },
            )
            for core in range(num_cores)
        ]
        record = make_retire_port(retirements, pyrtl.Input(1, "clear"))
        outputs = {"valid": record.valid, "order": record.order, "core": record.core}
        outputs |= {name: getattr(record.retirement, name) for name in WIDTHS}
        outputs |= {f"ready{core}": ready for core, ready in enumerate(record.ready)}
        for name, wire in outputs.items():
            output = pyrtl.Output(len(wire), name)
            output <<= wire
    return pyrtl.FastSimulation(tracer=None, block=block)


def make_payload(core: int, number: int) -> dict[str, int]:
    """Values that differ for every core and retirement."""
    seed = core * 1000 + number
    return {
        name: (seed * 0x9E3779B1 + num_bits) % (1 << num_bits) for name, num_bits in WIDTHS.items()
    }


def step(
    simulation: pyrtl.FastSimulation, num_cores: int, offers: dict[int, int], clear: bool = False
) -> None:
    """One cycle in which core k offers its retirement number offers[k]."""
    inputs = {"clear": int(clear)}
    for core in range(num_cores):
        inputs[f"valid{core}"] = int(core in offers)
        for name, value in make_payload(core, offers.get(core, 999)).items():
            inputs[f"{name}{core}"] = value
    simulation.step(inputs)


@pytest.mark.parametrize("num_cores", [1, 2, 3, 5])
@given(data=st.data())
def test_every_retirement_is_recorded_once_and_in_order(
    num_cores: int, data: st.DataObject
) -> None:
    simulation = get_simulation(num_cores)
    step(simulation, num_cores, {}, clear=True)
    starts = {
        core: sorted(data.draw(st.lists(st.integers(0, 9), max_size=4)))
        for core in range(num_cores)
    }
    numbers = dict.fromkeys(range(num_cores), 0)
    recorded: list[tuple[int, int]] = []
    for cycle in range(40):
        offers = {
            core: numbers[core]
            for core, cycles in starts.items()
            if numbers[core] < len(cycles) and cycles[numbers[core]] <= cycle
        }
        step(simulation, num_cores, offers)
        get = simulation.inspect
        assert get("valid") == bool(offers)
        if offers:
            core = min(offers)
            assert (get("core"), get("order")) == (core, len(recorded))
            assert {name: get(name) for name in WIDTHS} == make_payload(core, offers[core])
            recorded.append((core, offers[core]))
        accepted = [core for core in offers if get(f"ready{core}")]
        assert accepted == ([min(offers)] if offers else [])
        for core in accepted:
            numbers[core] += 1
    expected = {(core, n) for core, cycles in starts.items() for n in range(len(cycles))}
    assert set(recorded) == expected
    assert len(recorded) == len(expected)


def test_clear_restarts_the_order() -> None:
    simulation = get_simulation(2)
    step(simulation, 2, {}, clear=True)
    for expected in (0, 1, 2):
        step(simulation, 2, {1: 0})
        assert simulation.inspect("order") == expected
    step(simulation, 2, {}, clear=True)
    step(simulation, 2, {0: 0})
    assert simulation.inspect("order") == 0
