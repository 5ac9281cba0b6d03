from __future__ import annotations

from random import Random

import pyrtl
import pytest

from fastcar.cosim.backends.native_backend import NativeBackend
from fastcar.cosim.request import CosimRequest
from fastcar.cosim.whole.request import DecoderRequest
from fastcar.rtl.config import AcceleratorConfig
from tools.native_speed.accelerator import (
    FAST,
    NATIVE,
    SIZES,
    VERILATOR,
    record_layers,
    run_all,
)
from tools.native_speed.designs import DESIGNS, Design, draw_inputs, make_aes, make_fifo
from tools.native_speed.measures import TURN_SECONDS, Json, count_cycles
from tools.native_speed.page import make_claims, make_tables
from tools.native_speed.resting import measure_resting
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


def make_report() -> Json:
    """Numbers for which every claim holds."""
    speeds = {"Simulation": 1.0, "FastSimulation": 2.0, STEP: 3.0, RUN: 40.0}
    rows = [
        {
            "design": "d",
            "simulator": name,
            "build_seconds": 1.26,
            "cycles_per_second": speed,
            "times_simulation": 2.0,
        }
        for name, speed in speeds.items()
    ]
    loops = [
        {"simulator": name, "cycles_per_second": 12345.6, "times_fast": fast, "times_verilator": 1}
        for name, fast in ((FAST, 1), (NATIVE, 150), (VERILATOR, 150))
    ]
    seconds = {"verilator_seconds": 60.0, "native_cached_seconds": 1.0}
    builds = [
        {"cores": cores, "lanes": lanes, "native_seconds": 2.0 * cores + (cores > 4), **seconds}
        for cores, lanes in SIZES
    ]
    video = {"tokens": 1023, "cycles": 10, "native_seconds": 60.0, "verilator_seconds": 60.0}
    resting = [
        {
            "accelerator": name,
            "nets": 12345,
            "all_microseconds": 5.0,
            "skipping_microseconds": 5.0 / times,
            "times": times,
        }
        for name, times in (("small", 1.0), ("large", 1.2))
    ]
    return {"rows": rows, "loops": loops, "builds": builds, "video": video, "resting": resting}


def list_false(report: Json) -> list[int]:
    """Places of the claims that do not hold."""
    return [place for place, claim in enumerate(make_claims(report)) if not claim.holds]


def test_claims_fail_where_the_native_one_is_slower() -> None:
    report = make_report()
    assert list_false(report) == []
    report["rows"][1]["cycles_per_second"] = 4.0
    report["rows"][3]["cycles_per_second"] = 2.5
    assert list_false(report) == [0, 1]


@pytest.mark.parametrize(
    ("part", "row", "name", "value"),
    [
        ("loops", 1, "times_fast", 149.9),
        ("loops", 1, "times_verilator", 0.99),
        ("builds", 2, "native_seconds", 20.1),
        ("builds", 3, "native_seconds", 16.0),
        ("builds", 2, "native_cached_seconds", 0.9),
        ("video", "", "native_seconds", 120.1),
        ("resting", 0, "times", 1.06),
        ("resting", 1, "times", 1.05),
    ],
)
def test_a_target_missed_or_reached_otherwise_than_told_is_a_false_claim(
    part: str, row: int | str, name: str, value: float
) -> None:
    report = make_report()
    where = report[part] if row == "" else report[part][row]
    where[name] = value
    assert len(list_false(report)) == 1


def test_the_tables_have_a_line_for_each_row() -> None:
    tables = make_tables(make_report())
    num_lines = {name: len(text.splitlines()) for name, text in tables.items()}
    assert num_lines == {"speed": 6, "loops": 5, "builds": 7, "resting": 4, "video": 3}
    cells = [cell.strip() for cell in tables["speed"].splitlines()[2].split("|")]
    assert cells[2:-1] == ["Simulation", "1.3", "1", "2.0"]
    cells = [cell.strip() for cell in tables["loops"].splitlines()[3].split("|")]
    assert cells[1:-1] == ["native", "12,346", "150.0", "1.000"]


@pytest.mark.slow
def test_what_rests_is_left_out_with_equal_results() -> None:
    """Of both designs every result is compared, before anything is timed."""
    request = DecoderRequest(batch=1, cores=1, first_token=0, num_tokens=1)
    rows = measure_resting(request, rounds=1, num_layers=1)
    assert [row["accelerator"] for row in rows] == ["MLP phase", "whole decoder"]
    assert all(row["times"] > 0 < row["cycles"] for row in rows)


@pytest.mark.slow
def test_layers_are_recorded_as_the_back_end_gets_them() -> None:
    """Four layers of a token; run again, they leave the memory of the run before for the next."""
    programs = record_layers(CosimRequest(batch=1, cores=1, num_tokens=1))
    assert len(programs) == 4
    backend = NativeBackend(AcceleratorConfig(1, 16, 1, 128, 352, 128))
    results = run_all(backend, programs)
    assert all(result.error is None and len(result.retires) == 1 for result, _ in results)
