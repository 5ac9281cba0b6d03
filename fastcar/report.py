"""`report.json` of `fastcar generate`; every field is described in docs/report_schema.md."""

from __future__ import annotations

from dataclasses import asdict, replace
from importlib.metadata import version
from typing import Any

import numpy as np

from fastcar import statistics
from fastcar.budget_search.description import describe_search
from fastcar.generation import Generation, Pixels
from fastcar.metrics import Values, cap_psnr, compute_psnr, compute_ssim
from fastcar.proofs.certificate_names import CERTIFICATES
from fastcar.provenance import describe_provenance
from fastcar.reference.certified_gate import CertifiedGate
from fastcar.reference.correction import Correction, count_correction_multiplications
from fastcar.reference.files.json_file import to_json_number
from fastcar.reference.inert import describe_inert_gate, list_warnings
from fastcar.reference.matrix import get_dtype

SCHEMA_VERSION = 1
"""Raised when a field changes its meaning or goes; new fields leave it."""

MISSED_RATIO = 0.05
"""A measured ratio further from its target is worth a warning."""

ON_PATH_DECIBELS = 20.0
"""A frame with at least this PSNR against the truth shows what moves in its true place."""

Report = dict[str, Any]

MEASURE_KINDS = {
    "tas": "score",
    "input": "distance",
    "input-relative": "relative distance",
    "accumulated": "accumulated change",
    "accumulated-frame": "accumulated change",
    "motion": "accumulated change",
    "skip-cosine": "cosine",
    "codes": "distance",
    "oracle": "distance",
    "random": "draw",
}
"""What each gate compares; the periodic one compares nothing."""


def build_report(generation: Generation) -> Report:
    """Everything that the run showed, as JSON values.

    Args:
        generation: of `fastcar.generate`.

    Returns:
        The content of report.json without the names of files.
    """
    record = generation.replay.record
    config = generation.model.config
    tokens_per_frame = generation.model.geometry.tokens_per_frame
    gate = generation.choice.gate
    certificate = gate.certificate if isinstance(gate, CertifiedGate) else None
    work = statistics.compute_work(record, config, generation.request.gate, certificate)
    work = replace(work, correction=_count_correction(generation))
    return {
        "schema_version": SCHEMA_VERSION,
        "fastcar_version": version("fastcar"),
        "provenance": describe_provenance(generation.model.directory),
        "request": _describe_request(generation),
        "engine": generation.engine.name,
        "engine_reason": generation.engine.reason,
        "model": {
            "directory": str(generation.model.directory),
            "dtype": str(get_dtype(generation.model.weights)),
            "tokens_per_frame": tokens_per_frame,
            "config": asdict(config),
        },
        "gate": _describe_gate(generation),
        "correction": _describe_correction(generation),
        "replay": {
            "ratio": statistics.compute_ratio(record),
            "ceiling": generation.choice.ceiling if record.replayed.size else None,
            "eligible_ratio": statistics.compute_eligible_ratio(record),
            "by_layer": statistics.list_numbers(statistics.compute_layer_ratios(record)),
            "by_frame": statistics.list_numbers(
                statistics.compute_frame_ratios(record, tokens_per_frame)
            ),
            "note": describe_inert_gate(record.eligible, record.replayed),
        },
        "warnings": list_generation_warnings(generation),
        "measures": _describe_measures(generation),
        "staleness": _describe_staleness(generation),
        "mlp_work": {**asdict(work), "saved_share": work.saved_share},
        "quality": _describe_quality(generation),
        "time": _describe_time(generation),
        "videos": [
            {"label": label, "prompt": None if prompt is None else str(prompt)}
            for label, prompt in zip(
                generation.sources.labels, generation.sources.prompts, strict=True
            )
        ],
    }


def list_generation_warnings(generation: Generation) -> list[str]:
    """Lines on a run that did nothing, or something else than it was asked for."""
    record, choice = generation.replay.record, generation.choice
    if choice.gate is None:
        inert = describe_inert_gate(record.eligible, record.replayed)
        return [inert] if inert else []
    thresholds = choice.thresholds if choice.method == "fixed" else ()
    lines = list_warnings(record.eligible, record.replayed, record.measures, thresholds)
    target, measured = choice.target_ratio, record.replay_ratio
    reachable = None if target is None else min(target, choice.ceiling)
    if reachable is not None and abs(measured - reachable) > MISSED_RATIO:
        is_closed = choice.method == "calibrated" and generation.request.max_chain is None
        lines.append(
            f"{measured:.1%} were replayed, {reachable:.1%} were aimed at: more than "
            f"{100 * MISSED_RATIO:.0f} points away"
            + "; more closed-loop runs may come closer"
            * is_closed
        )
    return lines


def _describe_request(generation: Generation) -> Report:
    request = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(generation.request).items()
    }
    given = generation.request.correction
    given = given.source if isinstance(given, Correction) else given
    request["correction"] = None if given is None else str(given)
    request["frames"] = generation.frames
    request["semantics"] = generation.request.semantics.value
    request["aggregation"] = generation.request.aggregation.value
    request["kv_cache"] = generation.request.kv_cache.value
    for name in ("tau", "max_error"):
        if request[name] is not None:
            request[name] = [to_json_number(value) for value in request[name]]
    return request


def _describe_gate(generation: Generation) -> Report:
    choice = generation.choice
    curve = None
    if choice.curve is not None:
        curve = {
            "thresholds": [to_json_number(float(value)) for value in choice.curve.thresholds],
            "ratios": choice.curve.ratios.tolist(),
        }
    is_certified = choice.method == "certified"
    return {
        "name": generation.request.gate,
        "method": choice.method,
        "certificate": generation.request.certificate or CERTIFICATES[0] if is_certified else None,
        "thresholds": [to_json_number(value) for value in choice.thresholds],
        "target_ratio": generation.choice.target_ratio,
        "open_loop_ratio": choice.open_loop_ratio,
        "correction_ratios": list(choice.corrections),
        "closed_loop_ratio": statistics.compute_ratio(generation.replay.record),
        "curve": curve,
        "search": None if generation.search is None else describe_search(generation.search),
    }


def _count_correction(generation: Generation) -> int:
    """Multiplications spent on correcting replayed outputs."""
    if generation.correction is None:
        return 0
    per_replay = count_correction_multiplications(
        generation.correction.rank, generation.model.config
    )
    return int(generation.replay.record.replayed.sum()) * per_replay


def _describe_correction(generation: Generation) -> Report | None:
    correction, config = generation.correction, generation.model.config
    if correction is None:
        return None
    return {
        "rank": correction.rank,
        "source": correction.source,
        "multiplications_per_replay": count_correction_multiplications(correction.rank, config),
        "mlp_multiplications": 3 * config.hidden_size * config.intermediate_size,
    }


def _describe_measures(generation: Generation) -> Report:
    overall, *layers = statistics.compute_measure_percentiles(generation.replay.record)
    kind = MEASURE_KINDS.get(generation.request.gate)
    if generation.choice.method == "certified":
        kind = "certified error"
    return {"kind": kind, "percentiles": overall, "percentiles_by_layer": layers}


def _describe_staleness(generation: Generation) -> Report:
    staleness = statistics.compute_staleness(generation.replay.record)
    return {**asdict(staleness), "shares": staleness.shares.tolist()}


def _describe_quality(generation: Generation) -> Report:
    """Frames that are alike by construction (given ones, warm-up) do not count."""
    dense, replay, truth = (
        generation.dense_pixels,
        generation.replay_pixels,
        generation.truth_pixels,
    )
    given = 0 if truth is None else generation.request.given_frames
    quality = {
        "replay_against_dense": compare_frames(
            replay, dense, max(given, generation.request.warmup_frames)
        )
    }
    if truth is not None:
        frames = truth.shape[1]
        quality["dense_against_truth"] = compare_frames(dense[:, :frames], truth, given)
        quality["replay_against_truth"] = compare_frames(replay[:, :frames], truth, given)
    return quality


def compare_frames(pixels: Pixels, wanted: Pixels, first_frame: int) -> Report | None:
    """PSNR and SSIM of the frames from `first_frame` on; None if there are none.

    Args:
        pixels: [videos, T, H, W].
        wanted: same shape.
        first_frame: the first one that counts.
    """
    if first_frame >= pixels.shape[1]:
        return None
    psnr = compute_psnr(pixels, wanted)[:, first_frame:]  # [videos, frames]
    ssim = compute_ssim(pixels, wanted)[:, first_frame:]
    return {
        "first_frame": first_frame,
        "psnr_decibels": float(pool_psnr(psnr)),
        "ssim": float(ssim.mean()),
        "identical_share": float(np.isinf(psnr).mean()),
        "on_path_share": float((psnr >= ON_PATH_DECIBELS).mean()),
        "psnr_decibels_by_frame": pool_psnr(psnr, axis=0).tolist(),
        "ssim_by_frame": ssim.mean(axis=0).tolist(),
        "psnr_decibels_by_video": pool_psnr(psnr, axis=1).tolist(),
        "ssim_by_video": ssim.mean(axis=1).tolist(),
    }


def pool_psnr(decibels: Values, axis: int | None = None) -> Values:
    """PSNR of the mean squared error of several frames, capped as in `cap_psnr`.

    A mean of decibels would be ruled by the frames that are identical, whose PSNR is infinite.

    >>> pool_psnr(np.array([20.0, np.inf])).round(2).tolist()
    23.01
    """
    mean_error = np.mean(10 ** (-decibels / 10), axis=axis)
    with np.errstate(divide="ignore"):
        return cap_psnr(np.asarray(-10 * np.log10(mean_error)))


def _describe_time(generation: Generation) -> Report:
    timing = statistics.compute_timing(
        generation.dense_seconds,
        generation.replay_seconds,
        statistics.compute_ratio(generation.replay.record),
    )
    return {
        "dense_seconds": timing.dense,
        "replay_seconds": timing.replay,
        "dense_run_seconds": list(timing.dense_runs),
        "replay_run_seconds": list(timing.replay_runs),
        "speed_up": timing.speed_up,
        "spread": timing.spread,
        "amdahl_speed_up": timing.amdahl,
    }
