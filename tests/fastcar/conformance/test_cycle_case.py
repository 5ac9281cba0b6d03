"""Programs of the cycle case ask for everything, and hardware takes the cycles that they expect."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fastcar.conformance.cycle_case import read_program
from fastcar.conformance.kit import Question, list_questions
from fastcar.cosim.backends.backend import RunSettings
from fastcar.cosim.backends.memory_model import ChannelSettings, SharedMemory
from fastcar.cosim.backends.native_backend import NativeBackend
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import Instruction, Opcode, encode, join_options, split_value

QUESTIONS = list_questions(("cycles",))
MEMORY_BEATS = 1 << 14


def test_every_opcode_is_asked_for() -> None:
    programs = [read_program(question.instance)[1] for question in QUESTIONS]
    assert {one.opcode for program in programs for one in program} == set(Opcode)
    scores = [one for program in programs for one in program if one.opcode == Opcode.SCORES]
    assert any(one.options["is_unweighted"] for one in scores)
    assert {one.options["is_final"] for one in scores} == {0, 1}


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda one: one.instance.name)
def test_what_is_decided_beforehand_is_decided_so(question: Question) -> None:
    _, program = read_program(question.instance)
    layer = -1
    for one in program:
        layer += one.opcode == Opcode.BEGIN
        if one.opcode == Opcode.DECIDE:
            assert (question.instance.arrays["computes"][:, layer, one.slot] == one.rows % 2).all()


def set_threshold(program: list[Instruction], computes: bool) -> list[Instruction]:
    """Scores and distances of zeros are 0: everything computes, or nothing."""
    thresholds, is_distance = [], 0
    for one in program:
        is_distance = one.shift >> 1 & 1 if one.opcode == Opcode.BEGIN else is_distance
        threshold = (-1 if is_distance else 1) if computes else 0
        is_set = one.opcode == Opcode.THRESHOLD
        thresholds.append(replace(one, **split_value(threshold)) if is_set else one)
    return thresholds


def list_picks(config: AcceleratorConfig) -> list[Instruction]:
    """What leaves a token of every slot, which EMBED asks for."""
    options = join_options(is_fresh=1, is_final=1)
    pick = Instruction(Opcode.PICK, source=1, rows=1, columns=1, reserved=options, is_last=1)
    return [
        Instruction(Opcode.BEGIN, rows=config.num_slots),
        *(
            replace(one, slot=slot)
            for slot in range(config.num_slots)
            for one in (Instruction(Opcode.NORM, rows=1, address=1), pick)
        ),
        Instruction(Opcode.END),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda one: one.instance.name)
def test_the_hardware_takes_these_cycles(question: Question) -> None:
    """On a memory of zeros all slots that are scored do the same: the first two runs."""
    config, program = read_program(question.instance)
    expected = question.case.compute(question.instance).answers
    backend, memory = NativeBackend(config), SharedMemory(MEMORY_BEATS, config.beat_bytes)
    channels = ChannelSettings(question.instance.settings["latency_cycles"])
    if config.attention is not None:
        picks = [encode(one) for one in list_picks(config)]
        assert backend.run(picks, memory, RunSettings(channels=channels)).error is None
    for run, computes in enumerate((True, False)[: len(expected["cycles"])]):
        memory.beats[:] = 0
        words = [encode(one) for one in set_threshold(program, computes)]
        found = backend.run(words, memory, RunSettings(channels=channels))
        assert found.error is None
        wanted = question.instance.arrays["computes"][run].ravel().tolist()
        assert [one.computes for one in found.decisions] == wanted
        assert [one.cycle for one in found.decisions] == expected["committed"][run].ravel().tolist()
        assert found.cycles == expected["cycles"][run]
        for key, name in RECORDS.items():
            assert [getattr(one, name) for one in found.retires] == expected[key][run].tolist()


RECORDS = {
    "record_slot": "slot",
    "record_core": "core",
    "record_start": "start_cycle",
    "record_end": "end_cycle",
}
