"""Today's contenders on the shipped model: engines, replaying gates, and a reader of memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastcar.reference.calibration import compute_ceiling, compute_eligible_ratio
from fastcar.reference.decoder import Decoder
from fastcar.reference.gates.gate import Gate
from fastcar.reference.generate import DecodeOptions, generate
from fastcar.reference.kernels.engine import NumbaEngine
from fastcar.reference.kv_cache import CacheStorage
from fastcar.reference.matrix import DecoderWeights, compress_weights
from fastcar.reference.records import DecodeResult, ReplayRecord
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.sampling import Sampling
from fastcar.reference.video.model import load_video_model
from tools.bench.gate import EvenGate
from tools.bench.memory import get_peak_bytes
from tools.bench.own import count_weight_bytes
from tools.bench.shipped.gates import GATES, RowsGate, calibrate, make_gate
from tools.bench.shipped.plan import (
    BFLOAT16,
    EXACT,
    INT8,
    INT8_CACHE,
    OWN,
    PLANNED_GATE,
    STEPS,
    name_read,
    name_replay,
)
from tools.bench.shipped.reading import Reader
from tools.bench.shipped.turn import Answer, describe_tokens, run_timed
from tools.moving_digits.prompts import make_prompts

if TYPE_CHECKING:
    from fastcar.reference.token_loop import TokenLoop

KINDS = {BFLOAT16: "bfloat16", INT8: "int8", INT8_CACHE: "int8"}
"""Compressed weights of a contender; the others have float32."""
STORAGES = {BFLOAT16: CacheStorage.BFLOAT16, INT8_CACHE: CacheStorage.INT8}
"""Caches; the others are exact."""
BYTES_PER_SCALE = 4


class StepEngine(NumbaEngine):
    """The kernels, called one by one."""

    def make_runner(self, loop: TokenLoop) -> None:
        """None: steps only."""


class ShippedPlayer:
    """Decodes batches of whole videos of the shipped model."""

    def open(self, batch: int, frames: int, temperature: float) -> Answer:
        """Load the model and choose the prompts."""
        self._model = model = load_video_model()
        prompts = make_prompts(-(-batch // 10))[:batch]
        self._prompts = model.encode_prompts(model.draw_starts(prompts, seed=0))
        self._sampling = Sampling(temperature)
        self._frames = frames
        self._engines = {True: StepEngine(), False: NumbaEngine()}
        self._compressed: dict[str, DecoderWeights] = {}
        self._gates: dict[str, Gate] = {}
        self._readers: dict[str, Reader] = {}
        return {
            "prompt_ids": self._prompts.conditional.tolist(),
            "tokens_per_frame": model.tokens_per_frame,
            "prompt_tokens": self._prompts.conditional.shape[1],
            "layers": model.config.num_hidden_layers,
        }

    def _get_weights(self, name: str) -> DecoderWeights:
        if name not in KINDS:
            return self._model.weights
        if name not in self._compressed:
            self._compressed[name] = compress_weights(self._model.weights, KINDS[name])
        return self._compressed[name]

    def run(self, variant: str, frames: int) -> Answer:
        """A batch of whole videos, prefill and draws included; or what reading takes."""
        if variant in self._readers:
            return self._readers[variant].read()
        name = variant if variant in OWN else EXACT
        self._result, answer = run_timed(
            lambda: self._decode(name, self._get_gate(variant), frames)
        )
        replayed = self._result.record.replayed  # [S, L, B]
        computing = (~replayed).sum(axis=2)
        return answer | {
            "mlp": self._result.seconds["mlp"],
            "replay_ratio": self._result.record.replay_ratio,
            "row_counts": np.bincount(computing.ravel(), minlength=replayed.shape[2] + 1).tolist(),
        }

    def _decode(self, name: str, gate: Gate | None, frames: int) -> DecodeResult:
        model = self._model
        options = DecodeOptions(
            ReplayConfig(model.tokens_per_frame),
            gate=gate,
            engine=self._engines[name == STEPS],
            cache_storage=STORAGES.get(name, CacheStorage.EXACT),
        )
        return generate(
            model.config,
            self._get_weights(name),
            self._prompts,
            options,
            num_frames=frames,
            num_codes=model.num_codes,
            sampling=self._sampling,
        )

    def _get_gate(self, variant: str) -> Gate | None:
        kind, _, value = variant.partition(" ")
        if kind == RowsGate.name:
            return RowsGate(int(value))
        return self._gates.get(variant)

    def set_gate(self, name: str, ratio: float, num_runs: int) -> Answer:
        """Set a gate to a share of all fed tokens and layers."""
        layers = self._model.config.num_hidden_layers
        if name == PLANNED_GATE:
            frame = self._model.tokens_per_frame
            ceiling = compute_ceiling(self._frames * frame - 1, frame)
            gate: Gate = EvenGate(compute_eligible_ratio(ratio, ceiling))
        else:

            def run(threshold: float) -> ReplayRecord:
                return self._decode(EXACT, make_gate(name, threshold, layers), self._frames).record

            safe = GATES[name].higher_is_safer
            gate = make_gate(name, calibrate(run, safe, ratio, num_runs), layers)
        self._gates[name_replay(name, ratio)] = gate
        return {}

    def prepare_readers(self, names: list[str]) -> Answer:
        """Buffers as large as what a token of each of these contenders reads: bytes by name.

        Weights of all layers, the head and one row of the embedding; keys and values, with their
        scales, of the mean token.
        """
        config, frame = self._model.config, self._model.tokens_per_frame
        context = self._prompts.conditional.shape[1] + self._frames * frame / 2
        vectors = 2 * config.num_hidden_layers * config.num_key_value_heads
        sizes: Answer = {}
        for name in names:
            storage = STORAGES.get(name, CacheStorage.EXACT)
            per_number = {CacheStorage.BFLOAT16: 2, CacheStorage.INT8: 1}.get(storage, 4)
            scale = BYTES_PER_SCALE if storage is CacheStorage.INT8 else 0
            cached = round(context * vectors * (config.head_dim * per_number + scale))
            sizes[name] = count_weight_bytes(self._get_weights(name), 1) + cached
            self._readers[name_read(name)] = Reader(sizes[name])
        return sizes

    def read_logits(self, token_ids: list[int]) -> Answer:
        """Of NumPy, behind these tokens: what a peer's model is to give too."""
        model, ids = self._model, np.array([token_ids], np.int64)
        decoder = Decoder(
            model.config,
            model.weights,
            rows=1,
            capacity_tokens=len(token_ids),
            replay=ReplayConfig(model.tokens_per_frame),
        )
        return {"logits": decoder.prefill(ids)[0, -1].tolist()}

    def get_tokens(self) -> Answer:
        """Of the last run."""
        return describe_tokens(self._result)

    def get_peak(self) -> int:
        """Most bytes that the process held."""
        return get_peak_bytes()
