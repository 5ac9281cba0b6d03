"""A tiny model with the tokens to feed it, and everything that a decode of them gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import BoolArray, FloatArray
from fastcar.reference.decoder import Decoder
from fastcar.reference.gates.gate import Gate
from fastcar.reference.observation import LayerObservation
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.teacher_forcing import feed_tokens
from fastcar.reference.weights import LayerWeights, ModelWeights
from fastcar.strategies import Run
from fastcar.strategies.models import FloatType


@dataclass(frozen=True)
class Decoded:
    """Everything that a decode gave; compared bit for bit.

    Attributes:
        prefill_logits: [B, P, V].
        logits: [S, B, V].
        keys: [L, B, H_kv, P + S, d].
        values: [L, B, H_kv, P + S, d].
        observations: in the order of their making, L per step.
    """

    prefill_logits: FloatArray
    logits: FloatArray
    keys: FloatArray
    values: FloatArray
    observations: tuple[LayerObservation, ...]

    @property
    def replayed(self) -> BoolArray:
        """[S, L, B]."""
        return self._stack([seen.decision.replayed for seen in self.observations])

    @property
    def eligible(self) -> BoolArray:
        """[S, L, B]."""
        return self._stack([seen.decision.eligible for seen in self.observations])

    @property
    def outputs(self) -> FloatArray:
        """MLP outputs used, [S, L, B, D]."""
        return self._stack([seen.decision.output for seen in self.observations])

    @property
    def measures(self) -> NDArray[np.float64]:
        """What the gate looked at, [S, L, B]; NaN where it looked at nothing."""
        nothing = np.full(self.logits.shape[1], np.nan)
        measures = [seen.decision.measures for seen in self.observations]
        return self._stack([nothing if one is None else one for one in measures])

    @property
    def chains(self) -> NDArray[np.int32]:
        """[S, L, B]."""
        return self._stack([seen.decision.chain for seen in self.observations])

    def _stack(self, parts: list[Any]) -> NDArray[Any]:
        stacked = np.stack(parts)
        return stacked.reshape(len(self.logits), -1, *stacked.shape[1:])


def cast_weights(weights: ModelWeights, dtype: FloatType) -> ModelWeights:
    """The same weights, rounded to another type."""
    layers = tuple(
        LayerWeights(**{name: array.astype(dtype) for name, array in vars(layer).items()})
        for layer in weights.layers
    )
    embedding, norm, head = weights.embedding, weights.norm, weights.head
    return ModelWeights(embedding.astype(dtype), layers, norm.astype(dtype), head.astype(dtype))


@dataclass
class Recorder:
    """An observer that keeps everything."""

    observations: list[LayerObservation] = field(default_factory=list)

    def observe(self, observation: LayerObservation) -> None:
        """Keep one observation."""
        self.observations.append(observation)


def make_decoder(run: Run, gate: Gate | None = None, **options: Any) -> Decoder:
    """A decoder with room for the whole run; `options` as in `Decoder`."""
    options.setdefault("replay", ReplayConfig(run.tokens_per_frame))
    capacity = run.prompt_ids.shape[1] + run.steps
    return Decoder(
        run.config, run.weights, rows=run.rows, capacity_tokens=capacity, gate=gate, **options
    )


def decode_with(decoder: Decoder, run: Run) -> Decoded:
    """Feed a run to a decoder that may have run before."""
    recorder = Recorder()
    prefill_logits, *logits = feed_tokens(
        decoder, run.prompt_ids, run.forced_ids, recorder.observe, run.prompt_mask
    )
    cache = decoder.kv_cache
    used = slice(0, cache.num_entries)
    return Decoded(
        prefill_logits,
        np.concatenate([step_logits.swapaxes(0, 1) for step_logits in logits]),
        cache.keys[:, :, :, used].copy(),
        cache.values[:, :, :, used].copy(),
        tuple(recorder.observations),
    )


def decode(run: Run, gate: Gate | None = None, **options: Any) -> Decoded:
    """Feed a run to a fresh decoder."""
    return decode_with(make_decoder(run, gate, **options), run)
