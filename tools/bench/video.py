"""Whole videos of the shipped model: speed, parts of the time, memory, growth with every size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fastcar.reference.generate import DecodeOptions, Prompts, generate
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.sampling import Sampling
from fastcar.reference.video.model import load_video_model
from fastcar.reference.weights import make_random_weights
from tools.bench.gate import EvenGate
from tools.bench.memory import get_peak_bytes
from tools.bench.own import fill_cache, make_decoder, make_engine, run_turn
from tools.bench.plan import TOKENS_PER_FRAME, Geometry
from tools.bench.stats import fit_exponent
from tools.bench.worker import Worker
from tools.moving_digits.prompts import make_prompts

Results = dict[str, Any]
Measure = Callable[[str, int], float]

VIDEO_ENGINES = ("numpy-float32", "numba-float32")
REPLAYED = 0.8
HEAD_WIDTH = 32
GROWTH_LAYERS = 4
GROWTH_CONTEXT = 256


@dataclass(frozen=True)
class VideoPlan:
    """How much is measured.

    Attributes:
        frames: of the video whose parts are shown.
        batches: videos decoded together.
        rounds: of every measurement.
        growth_frames: lengths of one video.
        growth_widths: D of random models.
        growth_batches: rows of the shipped model's geometry.
        growth_tokens: timed tokens of one turn for width and batch.
    """

    frames: int
    batches: tuple[int, ...]
    rounds: int
    growth_frames: tuple[int, ...]
    growth_widths: tuple[int, ...]
    growth_batches: tuple[int, ...]
    growth_tokens: int


FULL_VIDEO_PLAN = VideoPlan(
    frames=16,
    batches=(1, 16),
    rounds=3,
    growth_frames=(8, 16, 32, 64),
    growth_widths=(128, 256, 512, 1024, 2048),
    growth_batches=(1, 2, 4, 8, 16, 32),
    growth_tokens=24,
)
QUICK_VIDEO_PLAN = VideoPlan(
    frames=1,
    batches=(1,),
    rounds=1,
    growth_frames=(1, 2),
    growth_widths=(32, 64),
    growth_batches=(1, 2),
    growth_tokens=2,
)


class VideoPlayer:
    """Decodes videos in a process of its own, so that its memory is the memory of one run."""

    def open(self, engine: str, batch: int) -> None:
        """Load the shipped model; decode one frame untimed."""
        self._batch = batch
        self._model = load_video_model()
        self._engine = make_engine(engine)
        for ratio in (0.0, REPLAYED):
            self.run(1, ratio)

    def run(self, frames: int, ratio: float) -> Results:
        """One batch of videos from the prompt alone; seconds after the prefill, by part."""
        model = self._model
        tokens = frames * model.geometry.tokens_per_frame
        prompts = self._make_prompts()
        room = prompts.conditional.shape[1] + tokens
        config = replace(
            model.config,
            max_position_embeddings=max(room, model.config.max_position_embeddings),
        )
        options = DecodeOptions(
            ReplayConfig(model.geometry.tokens_per_frame),
            gate=EvenGate(ratio) if ratio else None,
            engine=self._engine,
        )
        result = generate(
            config,
            model.weights,
            prompts,
            options,
            num_frames=frames,
            num_codes=model.codec.num_codes,
            sampling=Sampling(1.0),
        )
        return {"tokens": tokens, "seconds": sum(result.seconds.values()), "parts": result.seconds}

    def _make_prompts(self) -> Prompts:
        prompts = make_prompts(-(-self._batch // 10))[: self._batch]
        return self._model.encode_prompts(self._model.draw_starts(prompts, seed=0))

    def get_peak(self) -> int:
        """Most bytes that the process held."""
        return get_peak_bytes()

    def measure_width(self, engine: str, width: int, tokens: int) -> float:
        """Seconds per token of a random model of that width."""
        inner = width * 11 // 4
        geometry = Geometry("growth", width, inner, GROWTH_LAYERS, width // HEAD_WIDTH)
        return _measure(geometry, engine, 1, tokens)

    def measure_batch(self, engine: str, rows: int, tokens: int) -> float:
        """Seconds per token of all rows, in the shipped model's geometry."""
        sizes = load_video_model().config
        geometry = Geometry(
            "growth",
            sizes.hidden_size,
            sizes.intermediate_size,
            sizes.num_hidden_layers,
            sizes.num_attention_heads,
            sizes.vocab_size,
        )
        return _measure(geometry, engine, rows, tokens)


def _measure(geometry: Geometry, engine: str, rows: int, tokens: int) -> float:
    capacity = GROWTH_CONTEXT + tokens + 1
    config = geometry.make_config(capacity)
    weights = make_random_weights(config, np.random.default_rng(0))
    decoder = make_decoder(config, weights, engine, rows, capacity)
    decoder.mlp.rule.gate = None
    decoder.prompt_tokens = GROWTH_CONTEXT - TOKENS_PER_FRAME
    fill_cache(decoder, GROWTH_CONTEXT)
    seconds: float = run_turn(decoder, tokens)["seconds"]
    return seconds / tokens


def measure_videos(plan: VideoPlan, threads: int) -> list[Results]:
    """Speed, parts and memory of every engine and batch, dense and replaying."""
    places = [(engine, batch) for engine in VIDEO_ENGINES for batch in plan.batches]
    with ExitStack() as stack:
        workers = {place: stack.enter_context(Worker("video", threads=threads)) for place in places}
        runs: dict[tuple[str, int, float], list[Results]] = {}
        for (engine, batch), worker in workers.items():
            worker.ask("open", engine, batch)
        for _ in range(plan.rounds):
            for (engine, batch), worker in workers.items():
                for ratio in (0.0, REPLAYED):
                    answer = worker.ask("run", plan.frames, ratio)
                    runs.setdefault((engine, batch, ratio), []).append(answer)
        peaks = {place: worker.ask("get_peak") for place, worker in workers.items()}
    return [
        _summarise_runs(engine, batch, ratio, answers, peaks[engine, batch])
        for (engine, batch, ratio), answers in runs.items()
    ]


def _summarise_runs(
    engine: str, batch: int, ratio: float, answers: Sequence[Results], peak_bytes: int
) -> Results:
    seconds = np.array([answer["seconds"] for answer in answers])
    parts = {
        name: float(np.median([run["parts"][name] / run["seconds"] for run in answers]))
        for name in answers[0]["parts"]
    }
    return {
        "engine": engine,
        "batch": batch,
        "target_ratio": ratio,
        "tokens": answers[0]["tokens"],
        "seconds": float(np.median(seconds)),
        "tokens_per_second": float(batch * answers[0]["tokens"] / np.median(seconds)),
        "parts": parts,
        "peak_bytes": peak_bytes,
    }


def measure_growth(plan: VideoPlan, threads: int) -> list[Results]:
    """Time by frames (whole videos), width and batch (one token), with the exponents."""
    tokens = plan.growth_tokens
    with ExitStack() as stack:
        players = {
            name: stack.enter_context(Worker("video", threads=threads)) for name in VIDEO_ENGINES
        }
        for name, player in players.items():
            player.ask("open", name, 1)

        def run_frames(engine: str, frames: int) -> float:
            return float(players[engine].ask("run", frames, 0.0)["seconds"])

        def run_width(engine: str, width: int) -> float:
            return float(players[engine].ask("measure_width", engine, width, tokens))

        def run_batch(engine: str, rows: int) -> float:
            return float(players[engine].ask("measure_batch", engine, rows, tokens))

        return [
            *_measure_kind("frames", plan.growth_frames, run_frames, plan.rounds),
            *_measure_kind("width", plan.growth_widths, run_width, plan.rounds),
            *_measure_kind("batch", plan.growth_batches, run_batch, plan.rounds),
        ]


def _measure_kind(kind: str, sizes: Sequence[int], measure: Measure, rounds: int) -> list[Results]:
    """Every engine at every size in every round."""
    seconds: dict[str, list[list[float]]] = {name: [] for name in VIDEO_ENGINES}
    for _ in range(rounds):
        for name, times in seconds.items():
            times.append([measure(name, size) for size in sizes])
    medians = {name: np.median(times, axis=0).tolist() for name, times in seconds.items()}
    return [
        {
            "kind": kind,
            "engine": name,
            "sizes": list(sizes),
            "seconds": times,
            "exponent": fit_exponent(sizes, times),
        }
        for name, times in medians.items()
    ]
