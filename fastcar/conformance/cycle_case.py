"""The case of cycles: when every instruction, commit and record of a program happens."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.conformance.case import Case, Expected, Instance, Output
from fastcar.conformance.cycle_programs import (
    compile_layer,
    compile_token,
    list_short_sections,
    make_token_config,
)
from fastcar.conformance.draws import Draws
from fastcar.cosim.cycles.cycle_model import Prediction, predict_sets
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.scheduler import Dispatch
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.rtl.attention.config import AttentionConfig
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import INSTRUCTION_BITS, Instruction, Opcode, decode, encode

NUM_RUNS = 4
"""Sets of decisions of a compiled program: all compute, all replay, two are drawn."""
NO_CORE = -1
"""Stands in `core` for what the dispatcher executes or drops."""
WORD_BYTES = INSTRUCTION_BITS // 8
SCORE, DISTANCE = DecisionSource.SCORE, DecisionSource.DISTANCE


def make_cycle_instances() -> tuple[Instance, ...]:
    """One core and many, both mappings, shallow queues, memory far away, records, whole tokens."""
    crowd = AcceleratorConfig(5, 4, 5, 4, 4, 4, queue_depth=2)
    everyone = np.ones((1, 1, crowd.num_slots), bool)
    return (
        *(
            _make_layer_instance(seed, name, *parts)
            for seed, (name, parts) in enumerate(LAYERS.items(), 91)
        ),
        _make_instance("records", crowd, 3, list_short_sections(crowd), everyone),
        _make_token_instance(96, "token", is_shared=False),
        _make_token_instance(97, "token_in_turns", is_shared=True),
    )


LAYERS: dict[str, tuple[AcceleratorConfig, DecisionSource, Dispatch, int, int]] = {
    "one_core": (AcceleratorConfig(1, 4, 3, 8, 12, 8), SCORE, Dispatch.DYNAMIC, 3, 1),
    "dynamic": (AcceleratorConfig(3, 8, 7, 16, 40, 24), SCORE, Dispatch.DYNAMIC, 7, 5),
    "static": (AcceleratorConfig(3, 4, 7, 8, 12, 8), DISTANCE, Dispatch.STATIC, 6, 2),
    "shallow": (AcceleratorConfig(2, 4, 5, 8, 8, 4, 2), DISTANCE, Dispatch.DYNAMIC, 4, 12),
    "crowded": (AcceleratorConfig(8, 4, 16, 4, 4, 4, 4), SCORE, Dispatch.DYNAMIC, 8, 1),
}
"""By name sizes, what decides, mapping, slots that are decided by it, and latency of memory."""


def _make_layer_instance(
    seed: int,
    name: str,
    config: AcceleratorConfig,
    source: DecisionSource,
    dispatch: Dispatch,
    num_decided: int,
    latency_cycles: int,
) -> Instance:
    program = compile_layer(config, source, dispatch, num_decided)
    computes = _draw_decisions(seed, 1, config.num_slots)
    computes[:, :, num_decided:] = True
    return _make_instance(name, config, latency_cycles, program, computes)


def _make_token_instance(seed: int, name: str, *, is_shared: bool) -> Instance:
    """Layers that flow, with sinks and window; or one after the other, with shared keys."""
    sparse = None if is_shared else SparseAttention(8, 2)
    config = make_token_config(2, is_shared=is_shared, queue_depth=8)
    source = DISTANCE if is_shared else SCORE
    program = compile_token(config, source, (21, 19, 16), sparse, flows=not is_shared)
    num_layers = sum(one.opcode == Opcode.BEGIN for one in program)
    computes = _draw_decisions(seed, num_layers, config.num_slots)
    return _make_instance(name, config, 3 if is_shared else 1, program, computes)


def _draw_decisions(seed: int, num_layers: int, num_slots: int) -> NDArray[np.bool_]:
    """[K, M, B]."""
    computes = Draws(seed).draw_integers(0, 2, (NUM_RUNS, num_layers, num_slots)).astype(bool)
    computes[0], computes[1] = True, False
    return computes


def _make_instance(
    name: str,
    config: AcceleratorConfig,
    latency_cycles: int,
    program: list[Instruction],
    computes: NDArray[np.bool_],
) -> Instance:
    sizes = {key: value for key, value in vars(config).items() if key != "attention"}
    attention = None if config.attention is None else vars(config.attention)
    settings = {**sizes, "attention": attention, "latency_cycles": latency_cycles}
    words = [encode(one).to_bytes(WORD_BYTES, "little") for one in program]
    arrays = {
        "program": np.frombuffer(b"".join(words), np.uint8).reshape(-1, WORD_BYTES),
        "computes": computes,
    }
    return Instance("cycles", name, settings, arrays)


def read_program(instance: Instance) -> tuple[AcceleratorConfig, list[Instruction]]:
    """Sizes and instructions."""
    sizes = {key: value for key, value in instance.settings.items() if key != "latency_cycles"}
    attention = sizes.pop("attention")
    config = AcceleratorConfig(
        **sizes, attention=None if attention is None else AttentionConfig(**attention)
    )
    words = (int.from_bytes(word.tobytes(), "little") for word in instance.arrays["program"])
    return config, [decode(word) for word in words]


def compute_cycles(instance: Instance) -> Expected:
    """What the cycle model says of every set of decisions."""
    config, program = read_program(instance)
    latency = instance.settings["latency_cycles"]
    runs = [
        _describe(predict_sets(config, program, sets.tolist(), latency), sets.shape)
        for sets in instance.arrays["computes"]
    ]
    return Expected({key: np.array([run[key] for run in runs]) for key in runs[0]})


def _describe(prediction: Prediction, shape: tuple[int, ...]) -> dict[str, Any]:
    """One run, by key."""
    steps, records = prediction.steps, prediction.retirements
    return {
        "passed": [step.pass_cycle for step in steps],
        "core": [NO_CORE if step.core is None else step.core for step in steps],
        "first": [step.first_cycle for step in steps],
        "last": [step.last_cycle for step in steps],
        "committed": np.reshape(prediction.decision_cycles, shape),
        "record_slot": [record.slot for record in records],
        "record_core": [record.core for record in records],
        "record_start": [record.start_cycle for record in records],
        "record_end": [record.end_cycle for record in records],
        "record_taken": [record.taken_cycle for record in records],
        "cycles": prediction.cycles,
    }


CYCLE_CASE = Case(
    "cycles",
    "when instructions of a program pass and run, slots are committed and records taken",
    "accelerator.md, section 9",
    (
        Output("passed", "integer", "[K, I]", "cycle in which it leaves the dispatcher"),
        Output("core", "integer", "[K, I]", "that runs it, -1 for the dispatcher or nobody"),
        Output("first", "integer", "[K, I]", "first cycle in the core; `passed` without one"),
        Output("last", "integer", "[K, I]", "last cycle in the core; `passed` without one"),
        Output("committed", "integer", "[K, M, B]", "commit of every slot in every layer"),
        Output("record_slot", "integer", "[K, R]", "slots, in the order of their records"),
        Output("record_core", "integer", "[K, R]", "core of each record"),
        Output("record_start", "integer", "[K, R]", "first cycle that the record names"),
        Output("record_end", "integer", "[K, R]", "last cycle that the record names"),
        Output("record_taken", "integer", "[K, R]", "cycle in which it is taken"),
        Output("cycles", "integer", "[K]", "of the whole run"),
    ),
    make_cycle_instances,
    compute_cycles,
)
