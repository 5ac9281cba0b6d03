from __future__ import annotations

from random import Random

import pyrtl
import pytest

from tools.native_speed.designs import DESIGNS, Design, draw_inputs, make_aes, make_fifo
from tools.native_speed.measures import TURN_SECONDS, count_cycles
from tools.native_speed.page import make_claims, make_tables
from tools.native_speed.simulators import CONTENDERS, RUN, STEP, Contender


def test_the_fifo_gives_what_was_put_in_order() -> None:
    random, simulation = Random(3), pyrtl.FastSimulation(tracer=None, block=make_fifo())
    held: list[int] = []
    for _ in range(400):
        put, take, word = random.random() < 0.7, random.random() < 0.5, random.getrandbits(32)
        simulation.step({"put": int(put), "take": int(take), "word": word})
        if held:
            assert simulation.inspect("first") == held[0]
        is_full = len(held) == 64
        held = held[1:] if take and held else held
        held = [*held, word] if put and not is_full else held


@pytest.mark.parametrize("design", DESIGNS[:2], ids=lambda design: design.name)
@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda contender: contender.name)
def test_every_simulator_runs_every_small_design(design: Design, contender: Contender) -> None:
    block = design.make()
    inputs = draw_inputs(design, block, 3)
    if contender.is_here:
        contender.build(block, design, inputs[0])(inputs)


def test_inputs_are_the_same_in_every_run_and_only_free_ones_move() -> None:
    design = Design("", make_aes, ("text",), "cipher")
    inputs = draw_inputs(design, make_aes(), 4)
    assert inputs == draw_inputs(design, make_aes(), 4)
    assert len({values["text"] for values in inputs}) == 4
    assert {(values["key"], values["start"]) for values in inputs} == {(0, 0)}


def test_a_turn_has_as_many_cycles_as_there_are_inputs_at_most() -> None:
    assert count_cycles(lambda inputs: None, [{}] * 100) == 100
    assert TURN_SECONDS > 0


def test_claims_fail_where_the_native_one_is_slower() -> None:
    speeds = {"Simulation": 1.0, "FastSimulation": 2.0, STEP: 3.0, RUN: 40.0}
    rows = [
        {"design": "d", "simulator": name, "cycles_per_second": speed}
        for name, speed in speeds.items()
    ]
    assert [claim.holds for claim in make_claims({"rows": rows})] == [True, True]
    rows[1]["cycles_per_second"] = 4.0
    rows[3]["cycles_per_second"] = 2.5
    assert [claim.holds for claim in make_claims({"rows": rows})] == [False, False]


def test_the_table_has_a_line_for_each_row() -> None:
    row = {"design": "d", "simulator": "s", "build_seconds": 1.26}
    row |= {"cycles_per_second": 12345.6, "times_simulation": 2.0}
    table = make_tables({"rows": [row, row]})["speed"].splitlines()
    assert len(table) == 4
    assert table[2].split() == ["|", "d", "|", "s", "|", "1.3", "|", "12,346", "|", "2.0", "|"]
