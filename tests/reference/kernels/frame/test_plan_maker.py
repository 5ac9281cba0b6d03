"""What the kernel of whole frames does not know is decoded step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from fastcar.reference.certified_gate import CertifiedGate
from fastcar.reference.gates.gate import Gate
from fastcar.reference.gates.input import InputGate
from fastcar.reference.gates.planned import PlannedGate, RandomGate
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.kernels.engine import NumbaEngine
from fastcar.reference.kernels.frame.runner import FrameRunner
from fastcar.reference.matrix import compress_weights
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.sampling import Sampling
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.reference.thresholds import FixedThresholds, Measures
from fastcar.reference.token_loop import TokenLoop, TokenRunner
from fastcar.reference.weights import ModelWeights
from tests.reference.kernels.frame.generation import (
    DecoderKeeper,
    FrameEngine,
    Generation,
    StepEngine,
    compare,
)
from tests.reference.strategies import STEP_GATES, GateSpec

pytestmark = pytest.mark.slow
"""Compiling the kernels takes a minute."""

GENERATION = Generation(sampling=Sampling(0))


class WatchedEngine(NumbaEngine):
    """Says who decoded."""

    runner: TokenRunner | None = None

    def make_runner(self, loop: TokenLoop) -> TokenRunner | None:
        """That of the engine."""
        self.runner = super().make_runner(loop)
        return self.runner


class HalvedGate(InputGate):
    """Measures something else."""

    def measure(self, query: GateQuery) -> Measures:
        """Half of the distance."""
        halved: Measures = super().measure(query) / 2
        return halved


class HalvedThresholds(FixedThresholds):
    """Compares with something else."""

    def get(self, layer_index: int) -> Any:
        """Half of what was given."""
        return super().get(layer_index) / 2


class ZeroCertificate:
    """Of a model that makes no errors."""

    num_layers = 2

    def reset(self, rows: int, tokens_per_frame: int) -> None:
        """Nothing is kept."""

    def bound(self, query: GateQuery) -> Measures:
        """None."""
        return np.zeros(len(query.eligible))

    def count_multiplications(self, replayed: Any) -> int:
        """None."""
        return 0

    def remember(self, query: GateQuery, computing: Any) -> None:
        """Nothing."""


UNKNOWN_GATES: dict[str, Callable[[], Gate]] = {
    "subclass": lambda: HalvedGate(FixedThresholds([4.0] * 2)),
    "subclass of thresholds": lambda: InputGate(HalvedThresholds([8.0] * 2)),
    **{f"{spec.name} {spec.level}": partial(spec.make, 2) for spec in STEP_GATES},
    "certified": lambda: CertifiedGate(ZeroCertificate(), (1.0, 1.0)),
}


@pytest.mark.parametrize("name", UNKNOWN_GATES)
def test_a_gate_that_measures_something_else_decides_step_by_step(name: str) -> None:
    engine, make = WatchedEngine(), UNKNOWN_GATES[name]
    generation = replace(GENERATION, frames=5)  # whole frames are decided from the third one on
    found = generation.run(engine, make())
    assert engine.runner is None
    assert found.record.replayed.any()
    compare(generation.run(StepEngine(), make()), found)


def test_an_oracle_of_corrected_rows_decides_step_by_step() -> None:
    engine = WatchedEngine()
    generation = replace(GENERATION, spec=GateSpec("oracle", 3.0), replaced_by="3 corrected")
    found = generation.run(engine)
    assert engine.runner is None
    assert found.record.replayed.any()
    compare(generation.run(StepEngine()), found)


def stretch(array: Any) -> Any:
    """The same numbers, every second one in memory."""
    return np.repeat(array, 2, axis=-1)[..., ::2]


def stretch_norm(weights: ModelWeights) -> Any:
    """A vector of a layer."""
    layer = replace(weights.layers[1], mlp_norm=stretch(weights.layers[1].mlp_norm))
    return replace(weights, layers=(weights.layers[0], layer))


def turn_matrix(weights: ModelWeights) -> Any:
    """The columns of a matrix of a layer one after the other, as of a transposed one."""
    up_proj = np.asfortranarray(weights.layers[1].up_proj)
    layer = replace(weights.layers[1], up_proj=up_proj)
    return replace(weights, layers=(weights.layers[0], layer))


def turn_head(weights: ModelWeights) -> Any:
    """Likewise the last matrix."""
    return replace(weights, head=np.asfortranarray(weights.head))


def stretch_last_norm(weights: ModelWeights) -> Any:
    """The vector behind all layers."""
    return replace(weights, norm=stretch(weights.norm))


def mix(weights: ModelWeights) -> Any:
    """Layers of two kinds."""
    rounded: Any = compress_weights(weights, "bfloat16")
    other: Any = weights
    return replace(other, layers=(weights.layers[0], rounded.layers[1]))


CHANGES = [stretch_norm, stretch_last_norm, turn_matrix, turn_head, mix]


@pytest.mark.parametrize("change", CHANGES)
def test_weights_that_have_no_common_form_are_multiplied_step_by_step(
    change: Callable[[ModelWeights], Any],
) -> None:
    weights, engine = change(GENERATION.make_float_weights()), WatchedEngine()
    found = GENERATION.run(engine, weights=weights)
    assert engine.runner is None
    if change is not mix:
        assert np.array_equal(found.token_ids, GENERATION.run(WatchedEngine()).token_ids)
    compare(GENERATION.run(StepEngine(), weights=weights), found)


def test_the_largest_limits_are_none() -> None:
    huge = (1 << 63) - 1
    base = replace(GENERATION, spec=GateSpec("input", 4.0), sampling=Sampling(1, huge))
    for replay in (ReplayConfig(4, max_chain=huge), ReplayConfig(4, warmup_frames=huge)):
        for sparse in (SparseAttention(huge, huge), SparseAttention(3, huge)):
            generation = replace(base, replay=replay, sparse=sparse)
            found = generation.run(FrameEngine())
            assert found.record.replayed.any() == (replay.warmup_frames < huge)
            compare(generation.run(StepEngine()), found)
            if sparse.window_tokens == huge:
                compare(replace(generation, sparse=None).run(StepEngine()), found)


def test_what_it_knows_is_decoded_frame_by_frame() -> None:
    for gate in (None, InputGate(FixedThresholds([4.0] * 2)), RandomGate(0.5)):
        engine, keeper = WatchedEngine(), DecoderKeeper()
        GENERATION.run(engine, gate, make_decoder=keeper.make)
        assert isinstance(engine.runner, FrameRunner)
        assert gate is None or isinstance(gate, InputGate | PlannedGate)
