"""Counts of tokens are those of the formula, and every cycle has its section."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fastcar.cosim.cycles.cycle_model import predict_sets
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.rtl.instruction import Opcode
from tools.hardware.decoder.counting import TokenCounter, name_sections
from tools.hardware.decoder.measure import Bench, Measured
from tools.hardware.decoder.programs import ProgramShelf, Token
from tools.hardware.decoder.settings import MODES, RESET, Mode

ODD = np.array([[True, False, False]] * 3)
"""[layers, B]: a pointer that goes on stands at another core than one that starts anew."""
LAST = Token(position=18, is_decided=True)
each_mode = pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)


def make_counter(measured: Measured, source: DecisionSource = DecisionSource.SCORE) -> TokenCounter:
    return TokenCounter(ProgramShelf(measured.memory_map, measured.whole, None, source))


@each_mode
@pytest.mark.parametrize("source", DecisionSource)
def test_counts_are_those_of_the_formula(
    measured: Measured, mode: Mode, source: DecisionSource
) -> None:
    counter = make_counter(measured, source)
    expected = predict_sets(counter.config, counter.shelf.compile(LAST, mode), ODD.tolist(), 1)
    count = counter.count(LAST, ODD, mode)
    assert count.cycles == expected.cycles
    cores = expected.counters.cores
    assert sum(count.mac_beats.values()) == sum(core.mac_busy for core in cores)
    steps = [step for step in expected.steps if step.core is not None]
    worked = sum(step.last_cycle - step.first_cycle + 1 for step in steps)
    assert sum(count.busy.values()) == worked
    assert sum(number for (_, kind), number in count.opcodes.items() if kind == "cycles") == worked


def test_every_instruction_is_in_its_section(measured: Measured) -> None:
    counter = make_counter(measured)
    prediction = predict_sets(counter.config, counter.shelf.get(LAST, MODES[0]), ODD.tolist(), 1)
    named: dict[str, set[str]] = {}
    for section, step in name_sections(prediction.steps):
        named.setdefault(section, set()).add(Opcode(step.instruction.opcode).name)
    assert named["pick"] == {"LOAD", "NORM", "PICK"}
    assert "GEMV_SILU" in named["mlp"] - named["attention"]
    assert {"EMBED", "ROPE", "SCORES", "CONTEXT"} <= named["attention"] - named["mlp"]


def test_other_decisions_and_modes_are_counted_anew(measured: Measured) -> None:
    counter = make_counter(measured)
    everyone = np.ones_like(ODD)
    assert (
        counter.count(LAST, ODD, MODES[0]).cycles < counter.count(LAST, everyone, MODES[0]).cycles
    )
    cycles = {mode.name: counter.count(LAST, ODD, mode).cycles for mode in MODES}
    assert len(set(cycles.values())) > 1


def test_a_pointer_that_starts_anew_changes_layers_that_flow_and_no_others(
    measured: Measured,
) -> None:
    counter = make_counter(measured)
    for mode in MODES:
        reset = replace(mode, resets=True)
        cycles = [counter.count(LAST, ODD, one).cycles for one in (mode, reset)]
        assert (cycles[0] != cycles[1]) == (reset == RESET)


def test_a_score_costs_nothing_where_its_key_is_seen(measured: Measured) -> None:
    bench = Bench(measured)
    full = bench.cost_score(None, "tas", MODES[0])
    assert full["core_cycles"] == [0, 0]
    alone = bench.cost_score(SparseAttention(4, 0), "tas", MODES[0])
    assert alone["core_cycles"][1] > alone["core_cycles"][0] == 0, "of the last key, or not"
    assert bench.cost_score(None, "input", MODES[0])["core_cycles"][0] > 0
