"""Tiny decodes in lock-step, on the interpreter or on a back end of the hardware."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from fastcar.cosim.backends.backend import Backend, RunSettings
from fastcar.cosim.program.memory_map import MemoryMap
from fastcar.cosim.program.whole.whole_map import WholeMemoryMap
from fastcar.cosim.whole.draws import Draws
from fastcar.cosim.whole.lockstep import DecoderLockstep
from fastcar.cosim.whole.machine import DecoderMachine, TokenRun
from fastcar.cosim.whole.prediction import TokenPrediction
from fastcar.cosim.whole.reference import TracedDecoder
from fastcar.reference.arrays import TokenIds
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.scheduler import Dispatch
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.rtl.config import AcceleratorConfig
from fastcar.strategies import Run, make_run
from tests.cosim.interpreted_decoder import InterpretedDecoder
from tests.cosim.whole_runs import make_accelerator, make_heads_config
from tests.reference.integer.whole.runs import make_gate, quantize_whole_run

LEVELS = {"dense": 0.0, "tas": 0.0, "input": 4.0}
"""Thresholds with which some replay and some compute."""


@dataclass
class Decode:
    """A decode in lock-step.

    Attributes:
        run: model and tokens.
        lockstep: both decoders.
        token_ids: [B, tokens] so far.
        runs: of the accelerator.
        predictions: of them, by the cycle model.
    """

    run: Run
    lockstep: DecoderLockstep
    token_ids: TokenIds
    runs: list[TokenRun] = field(default_factory=list)
    predictions: list[TokenPrediction] = field(default_factory=list)

    def feed(self, num_tokens: int, num_given: int = 0) -> None:
        """The prompt and so many tokens, the first of them true ones."""
        run, lockstep = self.run, self.lockstep
        next_ids = lockstep.feed_prompt(
            run.prompt_ids, run.prompt_mask, is_next_given=num_given > 0
        )
        for index in range(num_tokens):
            given = run.forced_ids[:, index] if index < num_given else None
            fed = next_ids if given is None else given
            self.token_ids = np.column_stack([self.token_ids, fed])
            next_ids = lockstep.feed_token(given, next_ids, is_next_given=index + 1 < num_given)


def make_tiny_run(kind: str = "grouped-query", frames: int = 3, **sizes: int) -> Run:
    """Rows with and without padding, four tokens a frame."""
    config = make_heads_config(kind, **sizes)
    return make_run(5, config, frames=frames, padding=(0, 2, 1), tokens_per_frame=4)


def make_decode(
    make_backend: Callable[[AcceleratorConfig], Backend] = InterpretedDecoder,
    run: Run | None = None,
    *,
    gate: str = "tas",
    sparse: SparseAttention | None = None,
    temperature: float = 0.7,
    dispatch: Dispatch = Dispatch.DYNAMIC,
    first_token: int = 0,
    settings: RunSettings | None = None,
    flows: bool = True,
) -> Decode:
    """Reference and accelerator of a tiny model, words of four keys."""
    run = make_tiny_run() if run is None else run
    model, config = quantize_whole_run(run), make_accelerator(run.config, run.rows)
    capacity = run.prompt_ids.shape[1] + run.steps
    lanes, num_codes = config.num_lanes, run.config.vocab_size - 1
    decoder = TracedDecoder(
        run.config,
        run.weights,
        rows=run.rows,
        capacity_tokens=capacity,
        replay=ReplayConfig(run.tokens_per_frame),
        model=model,
        gate=make_gate(gate, LEVELS[gate]),
        sparse=sparse,
        num_lanes=lanes,
    )
    layers = run.config.num_hidden_layers
    memory_map = WholeMemoryMap(
        MemoryMap(config, layers, run.rows, run.tokens_per_frame),
        run.config.vocab_size,
        num_codes,
        -(-capacity // lanes),
    )
    machine = DecoderMachine(memory_map, model, make_backend(config), sparse, settings, flows=flows)
    runs: list[TokenRun] = []
    predictions: list[TokenPrediction] = []

    def keep(done: TokenRun, prediction: TokenPrediction) -> None:
        runs.append(done)
        predictions.append(prediction)

    lockstep = DecoderLockstep(
        decoder,
        machine,
        Draws(temperature, 3, run.rows, num_codes, model.head.scale),
        dispatch=dispatch,
        first_token=first_token,
        on_run=keep,
    )
    return Decode(run, lockstep, np.empty((run.rows, 0), np.int64), runs, predictions)
