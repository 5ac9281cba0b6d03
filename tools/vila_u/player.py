"""A VILA-U model of random weights, decoded in a process of its own."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fastcar.reference.arrays import FloatArray
from fastcar.reference.decoder import Decoder
from fastcar.reference.guidance import combine_logits
from fastcar.reference.kernels.engine import NumbaEngine
from fastcar.reference.kv_cache import CacheStorage
from fastcar.reference.laps import PARTS
from fastcar.reference.observation import LayerObservation
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.vila_u.checkpoint import load_vila_u
from fastcar.reference.vila_u.depth_transformer import DepthRun
from fastcar.reference.vila_u.pixel_decoder import get_pixel_decoder_shapes, load_pixel_decoder
from fastcar.reference.vila_u.pixel_decoder_config import (
    PixelDecoderConfig,
    read_pixel_decoder_config,
)
from fastcar.reference.vila_u.sampling import CodeSampling
from tools.bench.memory import get_held_bytes, get_peak_bytes, get_private_bytes
from tools.bench.own import fill_cache
from tools.vila_u.gate import EvenInputGate
from tools.vila_u.sizes import PRESETS, VilaSizes, make_vision_config
from tools.vila_u.write_random_checkpoint import write_random_checkpoint

Answer = dict[str, Any]

ROWS = 2
"""A video under guidance: the conditional row and the one that it is compared with."""
GUIDANCE = 3.0
PROMPT_TOKENS = 100
SHARD_BYTES = 5 * 10**9


class VilaPlayer:
    """Writes a checkpoint, or decodes one from the middle of a video on."""

    def write(self, folder: str, preset: str) -> Answer:
        """Write the model; its garbage is not in the memory of who decodes it."""
        start = time.perf_counter()
        write_random_checkpoint(Path(folder), PRESETS[preset], "int8", SHARD_BYTES)
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
        return {"seconds": time.perf_counter() - start, "bytes": size}

    def open(self, folder: str, preset: str) -> Answer:
        """Map the weights, make a decoder with half of a video behind it."""
        sizes = PRESETS[preset]
        start = time.perf_counter()
        self._model = load_vila_u(folder)
        seconds = time.perf_counter() - start
        tokens = sizes.tokens_per_frame
        self._context = PROMPT_TOKENS + tokens * sizes.num_frames // 2
        self._engine = NumbaEngine()
        self._decoder = Decoder(
            self._model.config.llm,
            self._model.weights,
            rows=ROWS,
            capacity_tokens=PROMPT_TOKENS + tokens * sizes.num_frames - 1,
            replay=ReplayConfig(tokens),
            gate=EvenInputGate(0.5, sizes.num_layers),
            float_engine=self._engine,
            cache_storage=CacheStorage.INT8,
        )
        fill_cache(self._decoder, self._context)
        self._decoder.prompt_tokens = PROMPT_TOKENS
        self._decoder.mlp.reset()
        self._sampling = CodeSampling(top_k=min(900, sizes.num_codes))
        cache = self._decoder.kv_cache
        return {
            "load_seconds": seconds,
            "context_tokens": self._context,
            "cache_bytes": 2 * cache.keys.nbytes,
        }

    def burst(self, ratio: float, tokens: int) -> Answer:
        """One token untimed, then `tokens` timed ones, by part; processor time of all threads."""
        self._decoder.kv_cache.num_entries = self._context
        self._use_gate(ratio)
        self._stream = np.random.default_rng(0)
        shape = ROWS, self._model.config.llm.hidden_size
        self._restart_clocks()
        hidden = self._step(np.random.default_rng(1).standard_normal(shape, np.float32))
        self._restart_clocks()
        start, start_cpu = time.perf_counter(), time.process_time()
        for _ in range(tokens):
            hidden = self._step(hidden)
        cpu_seconds, seconds = time.process_time() - start_cpu, time.perf_counter() - start
        laps = self._decoder.laps.seconds
        body = {name: laps[name] - self._before[name] for name in PARTS}
        counts = np.bincount(self._computing, minlength=ROWS + 1).tolist()
        return {
            "seconds": seconds,
            "cpu_seconds": cpu_seconds,
            "parts": body | self._parts,
            "row_counts": counts,
        }

    def _restart_clocks(self) -> None:
        self._before = dict(self._decoder.laps.seconds)
        self._parts = dict.fromkeys(("depth", "projector"), 0.0)
        self._computing: list[int] = []

    def _use_gate(self, ratio: float) -> None:
        self._decoder.mlp.rule.gate = None  # its inputs of a frame go before others come
        if ratio:
            config, replay = self._model.config.llm, self._decoder.replay
            gate = EvenInputGate(ratio, config.num_hidden_layers)
            gate.reset(config, ROWS, replay.tokens_per_frame, np.dtype(np.float32))
            self._decoder.mlp.rule.gate = gate

    def _step(self, hidden: FloatArray) -> FloatArray:
        """Draw the codes of a token from hidden states [2, H] and feed them; the next ones."""
        model, start = self._model, time.perf_counter()
        run = DepthRun(model.depth, hidden, self._engine)
        logits, words = run.start(), model.codebooks.look_up(np.zeros(ROWS, np.int64), 0) * 0
        for depth in range(model.depth.depth):
            guided = combine_logits(logits, GUIDANCE)
            codes = np.full(ROWS, self._sampling.draw(guided[0], self._stream))
            words = words + model.codebooks.look_up(codes, depth)
            if depth + 1 < model.depth.depth:
                logits = run.step(words)
        self._parts["depth"] += time.perf_counter() - start
        start = time.perf_counter()
        embedded = model.projector.compute(words, self._engine)
        self._parts["projector"] += time.perf_counter() - start
        return self._decoder.step_hidden(embedded, self._count)

    def _count(self, seen: LayerObservation) -> None:
        self._computing.append(ROWS - int(seen.decision.replayed.sum()))

    def get_memory(self) -> Answer:
        """Peak with the mapped weights, and what no file backs."""
        return {"peak_bytes": get_peak_bytes(), "private_bytes": get_private_bytes()}


class PixelPlayer:
    """Decodes a frame by a pixel decoder of random weights."""

    def decode(self, preset: str, is_large: bool) -> Answer:
        """Seconds and memory of one frame; `is_large` = 27 x 27 codes, latent of 24 x 24."""
        config = make_pixel_config(PRESETS[preset], is_large)
        rng = np.random.default_rng(0)
        shapes = get_pixel_decoder_shapes(config)

        def draw(name: str) -> FloatArray:
            shape = shapes[name]
            if len(shape) == 1:
                return np.full(shape, not name.endswith(".bias"), np.float32)
            scale = np.float32(math.prod(shape[1:]) ** -0.5)
            return rng.standard_normal(shape, np.float32) * scale

        decoder = load_pixel_decoder(draw, config)
        side = config.latent_side
        latents = rng.standard_normal((1, side, side, config.code_width), np.float32)
        before, start = get_held_bytes(), time.perf_counter()
        pixels = decoder.decode(latents)
        return {
            "shape": list(pixels.shape[1:]),
            "seconds": time.perf_counter() - start,
            "weight_bytes": 4 * sum(map(math.prod, shapes.values())),
            "working_bytes": get_peak_bytes() - before,
            "peak_bytes": get_peak_bytes(),
        }


def make_pixel_config(sizes: VilaSizes, is_large: bool) -> PixelDecoderConfig:
    """Sizes of the pixel decoder of 256-token frames, or of the 729-token ones."""
    if is_large:
        sizes = replace(sizes, side=27, code_width=1152, resized_side=24, attention_side=24)
    return read_pixel_decoder_config(make_vision_config(sizes)["rqvaesiglip"], "rqvaesiglip")
