"""What docs/bounds.md reports, measured: one function per section, JSON values in and out.

Every function is given its numbers of cases, so that a test can run them all in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from fastcar.analysis.report import describe_model
from fastcar.proofs import causal_attention, combined_bound, multi_head_attention
from fastcar.proofs import temporal_attention_score as score_bound
from fastcar.proofs.aligned_token import AlignedToken, draw_replay, draw_token
from fastcar.proofs.arithmetic import compute_norm, compute_row_norms, get_maximum
from fastcar.proofs.attack import attack
from fastcar.proofs.attention import compute_diameter
from fastcar.proofs.causal_attention import CausalPair
from fastcar.proofs.combined_layer import (
    LayerPair,
    compute_lipschitz,
    compute_query_gaps,
    get_layer_pair,
)
from fastcar.proofs.decoded_run import decode, load_rows
from fastcar.proofs.decoder.bound import compute_layer_errors, get_first_vacuous_layer
from fastcar.proofs.decoder.layer import get_decoder_pair
from fastcar.proofs.experiments import latency_fit
from fastcar.proofs.experiments.attention_levels import compute_attention_levels
from fastcar.proofs.experiments.certified_gate import SHARES, GuaranteeStudy
from fastcar.proofs.experiments.corrected_replay import GUARANTEES, measure_corrections
from fastcar.proofs.experiments.expected_rounds import ReplayChain, compute_table
from fastcar.proofs.experiments.integer_attention import AttentionErrors, measure_attention
from fastcar.proofs.experiments.tightness import Level, compute_levels, compute_norm_levels
from fastcar.proofs.registry import STEMS, get_counterexamples, get_statement
from fastcar.proofs.value_spread import make_window_pair
from fastcar.proving import Request, prove
from fastcar.reference.clips import quantize_whole_clip_model
from fastcar.reference.rms_norm import compute_rms_norm
from fastcar.reference.video.model import load_video_model

Json = dict[str, Any]

THRESHOLDS = (0.5, 0.0, -1.0, -2.0, -4.0, -8.0)
"""TAS thresholds; the paper reports -8, and its normalised scores lie in [-1, 1]."""

CALIBRATION_CLIPS = 4
"""For the scales of attention on integers, as on the page about quality."""

ROUND_SIZES = ((32, 4), (32, 8), (18, 8), (16, 4))
"""Slots and cores of the table of P-18."""

ROUND_CHAINS = tuple(
    ReplayChain(replay, persistence)
    for replay in (Fraction(1, 5), Fraction(1, 2), Fraction(4, 5))
    for persistence in (Fraction(0), Fraction(9, 10))
)
"""Replay probabilities, slots independent or in bursts."""


def measure_attack(number: str, num_cases: int, seed: int = 0) -> Json:
    """Search for a violation of one statement, and for its tightest case."""
    rng = np.random.default_rng([seed, list(STEMS).index(number)])
    found = attack(get_statement(number), rng, num_cases)
    return {
        "number": number,
        "cases": found.num_cases,
        "violations": found.num_violations,
        "tightest": found.worst.ratio,
    }


def measure_real_tokens(checkpoint: Path, num_instances: int) -> Json:
    """The report of `fastcar prove --certify`."""
    return prove(Request(checkpoint=checkpoint, num_instances=num_instances, is_certifying=True))


def measure_model(checkpoint: Path) -> Json:
    """Which model the real tokens are of."""
    return describe_model(load_video_model(checkpoint))


def list_counterexamples() -> list[Json]:
    """All counterexamples; exact enough to be compared with those of another run."""
    return [asdict(example) for example in get_counterexamples()]


def measure_thresholds(checkpoint: Path, num_tokens: int, num_layer_tokens: int) -> list[Json]:
    """What the scores of replayed tokens bound, threshold by threshold.

    A token that replays has a score of at least tau. The bound with higher scores lowered to tau
    is what the threshold guarantees, the bound at its own scores what the token itself gives.

    Args:
        checkpoint: video model.
        num_tokens: heads of tokens for P-02.
        num_layer_tokens: tokens for P-15, which takes longer.
    """
    pair, rng = decode(load_rows(checkpoint)), np.random.default_rng(0)
    tokens = [draw_token(pair, rng) for _ in range(num_tokens)]
    layers = [(token, get_layer_pair(token)) for token in tokens[:num_layer_tokens]]
    eligible = pair.dense.scores[~np.isnan(pair.dense.scores)]
    lines = []
    for tau in THRESHOLDS:
        heads = [_make_head(token) for token in tokens if _get_score(token) >= tau]
        replayed = [layer for token, layer in layers if _get_score(token) >= tau]
        lines.append(
            {
                "tau": tau,
                "normalised": float(np.sqrt(2 * (1 - tau))),
                "normalised_trivial": 2.0,
                "replayed": float((eligible >= tau).mean()),
                "query_tokens": len(heads),
                "query_at_tau": _share(_is_query_bound_vacuous(head, tau) for head in heads),
                "query_own": _share(_is_query_bound_vacuous(head, np.inf) for head in heads),
                "layer_tokens": len(replayed),
                "layer_at_tau": _share(_is_layer_bound_vacuous(layer, tau) for layer in replayed),
                "layer_own": _share(_is_layer_bound_vacuous(layer, np.inf) for layer in replayed),
            }
        )
    return lines


def _get_score(token: AlignedToken) -> float:
    return float(token.run.scores[token.layer_index, token.row_index, token.token_index])


def _make_head(token: AlignedToken) -> CausalPair:
    return multi_head_attention.get_heads(get_layer_pair(token).block)[token.head_index]


def _share(flags: Any) -> float | None:
    found = list(flags)
    return float(np.mean(found)) if found else None


def _compute_query_bound(head: CausalPair, tau: float) -> float:
    """P-02 for a head whose score is lowered to tau where it is above."""
    _, other = compute_query_gaps(head)
    key = head.keys[head.num_shared - 1]
    score = min(tau, score_bound.compute_score(head.query, key))
    norms = compute_norm(head.query), compute_norm(key)
    return float(score_bound.compute_key_gap(*norms, score, len(head.query)) + other)


def _is_query_bound_vacuous(head: CausalPair, tau: float) -> bool:
    trivial = compute_norm(head.query) + compute_norm(head.other_query)
    return bool(_compute_query_bound(head, tau) >= trivial)


def _is_layer_bound_vacuous(layer: LayerPair, tau: float) -> bool:
    """P-15 with the score of every head lowered to tau where it is above."""
    heads, gaps = multi_head_attention.get_heads(layer.block), []
    for head in heads:
        shared = head.keys[: head.num_shared]
        mass = causal_attention.compute_fresh_mass(head.query, head.keys, head.num_shared)
        value_norm = get_maximum(compute_row_norms(head.values))
        gap = _compute_query_bound(head, tau)
        diameter = compute_diameter(shared)
        gaps.append(causal_attention.bound(gap, diameter, len(head.query), value_norm, mass))
    norms = multi_head_attention.compute_output_norms(layer.block.o_proj, len(heads))
    attention_gap = multi_head_attention.bound(np.array(gaps), *norms)
    residual_gap = compute_norm(layer.residual - layer.other_residual)
    right = combined_bound.bound(compute_lipschitz(layer), residual_gap, attention_gap)
    return bool(right >= combined_bound.compute_sides(layer).trivial)


def measure_tightness(checkpoint: Path, num_pairs: int) -> list[Json]:
    """Constants of norm and MLP from crude to exact, on aligned tokens of every layer."""
    pair, rng = decode(load_rows(checkpoint)), np.random.default_rng(0)
    run, config = pair.dense, pair.given.config
    _, num_rows, num_tokens, _ = run.mlp_inputs.shape
    frame = pair.given.tokens_per_frame
    lines = []
    for layer_index, layer in enumerate(pair.given.weights.layers):
        rows = rng.integers(num_rows, size=num_pairs)
        tokens = rng.integers(frame, num_tokens, size=num_pairs)
        x, other = (run.mlp_inputs[layer_index, rows, place] for place in (tokens, tokens - frame))
        eps = config.rms_norm_eps
        normed, other_normed = (compute_rms_norm(part, layer.mlp_norm, eps) for part in (x, other))
        norm_levels = compute_norm_levels(layer.mlp_norm, eps, x, other)
        mlp_levels = compute_levels(layer, normed, other_normed)
        lines.append(
            {
                "layer": layer_index,
                "norm": [_describe_level(level) for level in norm_levels],
                "mlp": [_describe_level(level) for level in mlp_levels],
            }
        )
    return lines


def measure_attention_levels(checkpoint: Path, num_pairs: int) -> list[Json]:
    """Bounds on attention outputs from norms to known weights, on tokens of every layer."""
    pair, rng = decode(load_rows(checkpoint)), np.random.default_rng(0)
    lines = []
    for layer_index in range(pair.given.config.num_hidden_layers):
        tokens = [draw_token(pair, rng) for _ in range(num_pairs)]
        heads = [make_window_pair(replace(token, layer_index=layer_index)) for token in tokens]
        levels = [_describe_level(level) for level in compute_attention_levels(heads)]
        lines.append({"layer": layer_index, "attention": levels})
    return lines


def measure_replay_corrections(checkpoint: Path, num_pairs: int) -> Json:
    """P-26 on aligned tokens: errors and bounds of plain and of corrected replay."""
    pair, rng = decode(load_rows(checkpoint)), np.random.default_rng(0)
    results = [asdict(result) for result in measure_corrections(pair, num_pairs, rng)]
    return {"pairs": num_pairs, "guarantees": list(GUARANTEES), "results": results}


def _describe_level(level: Level) -> Json:
    return {"name": level.name, "median": level.median_ratio, "largest": level.max_ratio}


def measure_decoder(checkpoint: Path, num_tokens: int) -> Json:
    """P-16 layer by layer on replayed tokens: medians, and where the bound says nothing."""
    pair, rng = decode(load_rows(checkpoint)), np.random.default_rng(0)
    tokens = [draw_replay(pair, rng) for _ in range(num_tokens)]
    errors = [compute_layer_errors(get_decoder_pair(token)) for token in tokens]
    num_layers = pair.given.config.num_hidden_layers
    first = [get_first_vacuous_layer(layers) for layers in errors]
    return {
        "tokens": num_tokens,
        "first_vacuous": [first.count(layer) for layer in (*range(num_layers), None)],
        "layers": [
            {
                name: float(np.median([getattr(layers[index], name) for layers in errors]))
                for name in ("bound", "measured", "trivial")
            }
            for index in range(num_layers)
        ],
    }


def compute_rounds() -> list[Json]:
    """Expected rounds of both mappings, from exact fractions."""
    return [
        {
            "slots": line.num_slots,
            "cores": line.num_cores,
            "replay": float(line.chain.replay),
            "persistence": float(line.chain.persistence),
            "dense": line.dense,
            "dynamic": float(line.dynamic),
            "static": float(line.static),
            "speed_up": float(line.speed_up),
        }
        for line in compute_table(ROUND_SIZES, ROUND_CHAINS)
    ]


def compute_latency() -> Json:
    """The fits to the published latencies."""
    return asdict(latency_fit.compute_report())


def measure_guarantees(
    checkpoint: Path, num_clips: int, num_frames: int, shares: Sequence[float] = SHARES
) -> Json:
    """What a guaranteed error costs: the study of the certified gate."""
    study = GuaranteeStudy(load_video_model(checkpoint), num_clips, num_frames)
    results = [asdict(result) for result in study.run(tuple(shares))]
    return {"clips": num_clips, "frames": num_frames, "results": results}


def measure_integer_attention(checkpoint: Path, num_clips: int, num_frames: int) -> Json:
    """Shares and contexts of attention on integers beside P-22 and P-23, layer by layer."""
    model = load_video_model(checkpoint)
    whole = quantize_whole_clip_model(model, min(num_clips, CALIBRATION_CLIPS), num_frames)
    rows = model.load_rows("held_out").take(num_clips)
    layers = measure_attention(model, whole, rows, num_frames)
    return {
        "clips": num_clips,
        "frames": num_frames,
        "queries": sum(len(layer.distances) for layer in layers),
        "mean_distance": float(np.mean([layer.distances.mean() for layer in layers])),
        "share_within": float(np.mean([layer.compute_share_within() for layer in layers])),
        "layers": [_describe_errors(layer) for layer in layers],
    }


def _describe_errors(layer: AttentionErrors) -> Json:
    names = "distances", "distance_bounds", "contexts", "context_bounds"
    described = {
        f"{kind}_{name[:-1]}": float(getattr(getattr(layer, name), method)())
        for name in names
        for kind, method in (("mean", "mean"), ("largest", "max"))
    }
    return described | {"largest_ratio": layer.largest_ratio}
