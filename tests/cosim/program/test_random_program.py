"""Random programs: legal but for planted faults, and of every kind."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from fastcar.cosim.backends.backend import RunSettings
from fastcar.cosim.backends.memory_model import SharedMemory
from fastcar.cosim.backends.native_backend import NativeBackend
from fastcar.cosim.program.random_program import count_beats, draw_program, list_loads
from fastcar.rtl.config import PRESETS, TINY
from fastcar.rtl.instruction import Buffer, Predicate, decode, list_opcodes

NUM_BEATS = count_beats(TINY)


@pytest.fixture(scope="module")
def backend() -> NativeBackend:
    return NativeBackend(TINY)


def test_programs_without_a_fault_run_to_their_end(
    backend: NativeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastcar.cosim.program.random_program.FAULT_PROBABILITY", 0.0)
    for seed in range(30):
        random = Random(seed)
        memory = SharedMemory(NUM_BEATS, TINY.beat_bytes)
        memory.beats[:] = [list(random.randbytes(TINY.beat_bytes)) for _ in range(NUM_BEATS)]
        program = draw_program(TINY, NUM_BEATS, random)
        result = backend.run(program, memory, RunSettings(limit_cycles=20_000))
        assert result.error is None, result.error


def test_faults_are_found(backend: NativeBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastcar.cosim.program.random_program.FAULT_PROBABILITY", 1.0)
    codes = set()
    for seed in range(60):
        memory = SharedMemory(NUM_BEATS, TINY.beat_bytes)
        program = draw_program(TINY, NUM_BEATS, Random(seed))
        result = backend.run(program, memory, RunSettings(limit_cycles=20_000))
        if result.error is not None:
            codes.add(result.error.code)
            backend.reset()
    assert len(codes) >= 5


@pytest.mark.parametrize("preset", PRESETS)
def test_every_opcode_predicate_and_buffer_is_drawn(preset: str) -> None:
    random, config = Random(0), PRESETS[preset]
    seen: Counter[object] = Counter()
    for _ in range(60):
        for instruction in map(decode, draw_program(config, count_beats(config), random)):
            seen[f"opcode {instruction.opcode}"] += 1
            seen[f"predicate {instruction.predicate}"] += 1
            seen[f"target {instruction.target}"] += 1
            seen[f"is_last {instruction.is_last}"] += 1
    opcodes = list_opcodes(config)
    for name, members in (("opcode", opcodes), ("predicate", Predicate), ("target", Buffer)):
        for member in members:
            assert seen[f"{name} {int(member)}"] > 0, (name, member)
    assert seen["is_last 1"] > 0


def test_a_seed_gives_one_program() -> None:
    assert draw_program(TINY, NUM_BEATS, Random(5)) == draw_program(TINY, NUM_BEATS, Random(5))
    assert draw_program(TINY, NUM_BEATS, Random(5)) != draw_program(TINY, NUM_BEATS, Random(6))


@pytest.mark.parametrize("preset", PRESETS)
def test_loads_fill_every_buffer_of_every_core(preset: str) -> None:
    config = PRESETS[preset]
    loads = [decode(word) for word in list_loads(config)][1:-1]
    filled = {(load.slot % config.num_cores, load.target) for load in loads}
    assert len(filled) == config.num_cores * len(Buffer)
