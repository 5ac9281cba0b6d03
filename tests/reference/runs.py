"""A tiny model with the tokens to feed it, and everything that a decode of them gives."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import BoolArray, FloatArray, TokenIds
from fastcar.reference.config import ModelConfig
from fastcar.reference.decoder import Decoder
from fastcar.reference.gates import Gate
from fastcar.reference.observation import LayerObservation
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.teacher_forcing import feed_tokens
from fastcar.reference.weights import LayerWeights, ModelWeights, make_random_weights

FloatType = type[np.floating[Any]]
HEADS = {"multi-head": (2, 2), "grouped-query": (4, 2), "multi-query": (2, 1)}
"""Query heads and key heads of each kind of attention."""


@dataclass(frozen=True)
class Run:
    """A model and the tokens that a test feeds it.

    Attributes:
        config: sizes.
        weights: random.
        prompt_ids: [B, P].
        prompt_mask: [B, P], False for padding at the left.
        forced_ids: [B, S].
        tokens_per_frame: N.
    """

    config: ModelConfig
    weights: ModelWeights = field(repr=False)
    prompt_ids: TokenIds
    prompt_mask: BoolArray
    forced_ids: TokenIds
    tokens_per_frame: int

    @property
    def rows(self) -> int:
        """B."""
        return len(self.prompt_ids)

    @property
    def steps(self) -> int:
        """S."""
        return int(self.forced_ids.shape[1])

    def select_rows(self, rows: list[int]) -> Run:
        """The same run with some of its rows."""
        return replace(
            self,
            prompt_ids=self.prompt_ids[rows],
            prompt_mask=self.prompt_mask[rows],
            forced_ids=self.forced_ids[rows],
        )


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


def make_config(kind: str = "grouped-query", layers: int = 2) -> ModelConfig:
    """A tiny model whose width is not the width of its heads."""
    heads, key_value_heads = HEADS[kind]
    return ModelConfig(11, 12, 20, layers, heads, key_value_heads, 4, 1e-5, 100.0, 64)


def cast_weights(weights: ModelWeights, dtype: FloatType) -> ModelWeights:
    """The same weights, rounded to another type."""
    layers = tuple(
        LayerWeights(**{name: array.astype(dtype) for name, array in vars(layer).items()})
        for layer in weights.layers
    )
    embedding, norm, head = weights.embedding, weights.norm, weights.head
    return ModelWeights(embedding.astype(dtype), layers, norm.astype(dtype), head.astype(dtype))


def make_run(
    seed: int,
    config: ModelConfig | None = None,
    *,
    rows: int = 3,
    tokens_per_frame: int = 3,
    frames: int = 3,
    dtype: FloatType = np.float32,
    padding: tuple[int, ...] = (0, 0, 0, 0),
    prompt_tokens: int = 4,
    steps: int | None = None,
) -> Run:
    """A run drawn from a seed; the last token of the last frame is not fed unless `steps` says."""
    config = make_config() if config is None else config
    rng = np.random.default_rng(seed)
    weights = make_random_weights(config, rng, dtype)
    num_steps = frames * tokens_per_frame - 1 if steps is None else steps
    prompt_ids = rng.integers(0, config.vocab_size, (rows, prompt_tokens))
    forced_ids = rng.integers(0, config.vocab_size, (rows, num_steps))
    prompt_mask = np.arange(prompt_tokens) >= np.array(padding[:rows])[:, None]
    return Run(config, weights, prompt_ids, prompt_mask, forced_ids, tokens_per_frame)


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
