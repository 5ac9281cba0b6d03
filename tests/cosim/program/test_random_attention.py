"""Random programs of an accelerator with attention are legal, and have all of its opcodes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from fastcar.cosim.backends.backend import RunSettings
from fastcar.cosim.backends.memory_model import SharedMemory
from fastcar.cosim.backends.native_backend import NativeBackend
from fastcar.cosim.cycles.cycle_model import predict_sets
from fastcar.cosim.program.random_program import count_beats, draw_program
from fastcar.rtl.attention.config import AttentionConfig
from fastcar.rtl.config import DEMO_DECODER, TINY, TINY_DECODER, AcceleratorConfig
from fastcar.rtl.instruction import OPTIONS, Opcode, decode, list_opcodes
from tests.cosim.program.attention_rules import check_attention

GROUPED = replace(TINY, query_size=32, attention=AttentionConfig(4, 2, 8, max_blocks=5))


@pytest.mark.parametrize("config", [TINY_DECODER, DEMO_DECODER, GROUPED])
def test_drawn_programs_keep_lengths_addresses_and_order(
    config: AcceleratorConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastcar.cosim.program.random_program.FAULT_PROBABILITY", 0.0)
    seen: Counter[str] = Counter()
    for seed in range(60):
        num_beats = count_beats(config)
        words = draw_program(config, num_beats, Random(seed))
        check_attention(config, words, num_beats)
        for one in map(decode, words):
            seen[Opcode(one.opcode).name] += 1
            seen["flows"] += one.opcode == Opcode.BEGIN and one.flows
            if one.opcode >= Opcode.EMBED:
                seen.update(name for name, value in one.options.items() if value)
                seen[f"last {Opcode(one.opcode).name}"] += one.is_last
    wanted = [one.name for one in list_opcodes(config)] + [name for name, _ in OPTIONS]
    assert [name for name in (*wanted, "last PICK", "flows") if not seen[name]] == []


def test_programs_without_attention_are_what_they_were() -> None:
    words = draw_program(TINY, count_beats(TINY), Random(3))
    assert max(decode(word).opcode for word in words) <= Opcode.DISTANCE


@pytest.mark.slow
@pytest.mark.parametrize("config", [TINY_DECODER, GROUPED])
def test_drawn_programs_run_in_the_cycles_of_the_formula(
    config: AcceleratorConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastcar.cosim.program.random_program.FAULT_PROBABILITY", 0.0)
    backend, num_beats = NativeBackend(config), count_beats(config)
    for seed in range(40):
        random = Random(seed)
        memory = SharedMemory(num_beats, config.beat_bytes)
        memory.beats[:] = [list(random.randbytes(config.beat_bytes)) for _ in range(num_beats)]
        words = draw_program(config, num_beats, random)
        result = backend.run(words, memory, RunSettings(limit_cycles=60_000))
        assert result.error is None, result.error
        program = [decode(word) for word in words]
        computes = [one.computes for one in result.decisions]
        size = program[0].rows
        sets = [computes[first : first + size] for first in range(0, len(computes), size)]
        predicted = predict_sets(config, program, sets, 1)
        assert predicted.cycles == result.cycles
        assert predicted.counters == result.counters
        assert [(one.slot, one.core, one.end_cycle) for one in predicted.retirements] == [
            (one.slot, one.core, one.end_cycle) for one in result.retires
        ]
