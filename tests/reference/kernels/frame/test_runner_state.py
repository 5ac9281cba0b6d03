"""What the kernel of whole frames leaves behind is what steps leave behind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastcar.reference.decoder import Decoder
from fastcar.reference.gates.gate import ThresholdGate
from fastcar.reference.gates.input import InputGate
from fastcar.reference.kernels.engine import NumbaEngine
from fastcar.reference.kernels.frame.runner import FrameRunner
from fastcar.reference.thresholds import AdaptiveThresholds
from fastcar.reference.token_loop import StepRunner, TokenLoop, TokenRunner
from tests.reference.kernels.frame.generation import (
    PAIRS,
    DecoderKeeper,
    FrameEngine,
    Generation,
    StepEngine,
    compare,
)
from tests.reference.strategies import GATES, GateSpec

pytestmark = pytest.mark.slow
"""Compiling the kernels takes a minute."""

gates = pytest.mark.parametrize(
    "spec", [None, *GATES], ids=lambda spec: "dense" if spec is None else str(spec)
)
GENERATION = Generation(num_given=3)


def get_state(decoder: Decoder) -> dict[str, NDArray[Any]]:
    """Memory of cache, replay and gate; entries in use only."""
    cache, gate = decoder.kv_cache, decoder.mlp.rule.gate
    state: dict[str, NDArray[Any]] = {
        "num_entries": np.array(cache.num_entries),
        "cached_outputs": decoder.mlp.cached_outputs,
        "chains": decoder.mlp.rule.chains,
    }
    for name in ("keys", "values", "key_scales", "value_scales"):
        state[name] = getattr(cache, name)[:, :, :, : cache.num_entries]
    if isinstance(gate, InputGate):
        state["last_inputs"] = gate.last_inputs
    if isinstance(gate, ThresholdGate) and isinstance(gate.thresholds, AdaptiveThresholds):
        state["thresholds"] = gate.thresholds.values
        state["spreads"] = gate.thresholds.spreads
        state["surpluses"] = gate.thresholds.surpluses
    return state


@gates
@pytest.mark.parametrize("pair", [PAIRS[0], PAIRS[2]], ids=str)
def test_all_memory_is_that_of_steps(spec: GateSpec | None, pair: Any) -> None:
    keepers = DecoderKeeper(), DecoderKeeper()
    generation = replace(GENERATION, spec=spec, pair=pair)
    for engine, keeper in zip((StepEngine(), FrameEngine()), keepers, strict=True):
        generation.run(engine, make_decoder=keeper.make)
    first, second = (get_state(keeper.decoder) for keeper in keepers)
    assert first["num_entries"] == 5 + generation.num_tokens - 1
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert np.array_equal(value, second[name], equal_nan=True), name


@gates
def test_a_gate_that_has_decided_decides_as_a_fresh_one(spec: GateSpec | None) -> None:
    generation = replace(GENERATION, spec=spec)
    gate = generation.make_gate()
    other = replace(generation, videos=3, frames=2).run(FrameEngine(), gate)
    assert other.token_ids.shape == (3, 8)
    compare(generation.run(FrameEngine(), gate), generation.run(FrameEngine()))


class ChangingRunner:
    """Frames up to a token and steps from it on, or steps first."""

    def __init__(self, loop: TokenLoop, change: int, frames_first: bool) -> None:
        self._loop, self._change, self._frames_first = loop, change, frames_first
        self._runner: TokenRunner = self._make(frames_first)
        self._is_changed = False

    def _make(self, by_frames: bool) -> TokenRunner:
        return FrameRunner(self._loop, 1) if by_frames else StepRunner(self._loop)

    def run(self, token_index: int) -> int:
        """As the present runner does."""
        if token_index >= self._change and not self._is_changed:
            self._runner, self._is_changed = self._make(not self._frames_first), True
        return self._runner.run(token_index)


class ChangingEngine(NumbaEngine):
    """An engine of such runners."""

    def __init__(self, frames_first: bool) -> None:
        super().__init__()
        self._frames_first = frames_first

    def make_runner(self, loop: TokenLoop) -> ChangingRunner:
        """Changes in the second frame, or behind it where that is one call."""
        return ChangingRunner(loop, 6, self._frames_first)


@gates
@pytest.mark.parametrize("frames_first", [True, False])
def test_a_run_goes_on_where_the_other_way_has_ended(
    spec: GateSpec | None, frames_first: bool
) -> None:
    generation = replace(GENERATION, spec=spec, frames=4)
    compare(generation.run(StepEngine()), generation.run(ChangingEngine(frames_first)))
