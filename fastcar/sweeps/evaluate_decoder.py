"""A point of scope decoder: videos dense and with replay, their quality and multiplications."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from fastcar.api.types import make
from fastcar.generation import Generation, Pixels, run_generation
from fastcar.reference.correction import count_correction_multiplications
from fastcar.reference.gates.cost import GateCost
from fastcar.reference.multiplications import count_run
from fastcar.reference.sampling import Sampling
from fastcar.reference.sparse_attention import make_sparse_attention
from fastcar.reference.video.model import SHIPPED_MODEL, VideoModel, load_video_model
from fastcar.report import compare_frames
from fastcar.request import DEFAULT_TEMPERATURE, GenerationRequest


def evaluate(values: dict[str, Any]) -> dict[str, Any]:
    """Results of a point; no times, which differ from run to run."""
    request = make_request(values)
    model = _load_model(str(values.get("checkpoint", SHIPPED_MODEL)))
    return _describe(run_generation(model, request))


def check(values: dict[str, Any]) -> None:
    """Refuse values outside their limits."""
    make_request(values)


def make_request(values: dict[str, Any]) -> GenerationRequest:
    """The request of `fastcar generate` for a point."""
    given = {
        name: value for name, value in values.items() if name not in ("checkpoint", "temperature")
    }
    sampling = Sampling(values.get("temperature", DEFAULT_TEMPERATURE))
    defaults = {"engine": "numpy", "repeats": 1, "sampling": sampling}
    return make(GenerationRequest, **{**defaults, **given})


@lru_cache(maxsize=2)
def _load_model(directory: str) -> VideoModel:
    return load_video_model(directory, np.float32)


def _describe(generation: Generation) -> dict[str, Any]:
    request, truth = generation.request, generation.truth_pixels
    given = 0 if truth is None else request.given_frames
    dense, replay = generation.dense_pixels, generation.replay_pixels
    results = {
        "replay_ratio": generation.replay.record.replay_ratio,
        **_count(generation),
        **_compare(replay, dense, max(given, request.warmup_frames), ""),
    }
    if truth is not None:
        for name, pixels in (("dense_truth_", dense), ("replay_truth_", replay)):
            found = _compare(pixels[:, : truth.shape[1]], truth, given, name)
            results |= {f"{name}psnr_decibels": found.get(f"{name}psnr_decibels")}
    return results


def _count(generation: Generation) -> dict[str, float]:
    """Multiplications with gate and correction, as shares of the dense ones."""
    config, gate = generation.model.config, generation.choice.gate
    rank = 0 if generation.correction is None else generation.correction.rank
    counted = count_run(
        config,
        generation.replay.record,
        GateCost() if gate is None else gate.compute_cost(config),
        prompt_tokens=generation.model.vocabulary.prompt_tokens,
        sparse=make_sparse_attention(generation.request.window, generation.request.sinks),
        correction=count_correction_multiplications(rank, config) if rank else 0,
    )
    return {"mlp_share": counted.mlp_share, "layer_share": counted.layer_share}


def _compare(pixels: Pixels, wanted: Pixels, first_frame: int, prefix: str) -> dict[str, Any]:
    """Of the frames that are not alike by construction; nothing where there are none."""
    found = compare_frames(pixels, wanted, first_frame) or {}
    names = ("psnr_decibels", "ssim", "identical_share") if not prefix else ("psnr_decibels",)
    return {f"{prefix}{name}": found[name] for name in names if name in found}
