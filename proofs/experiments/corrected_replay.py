"""What a linear correction does to replay errors, and to what can be guaranteed about them (P-26).

Pairs of aligned tokens of the dense run, j- computed and j replayed, in the rows that the
correction was not fitted to. Of every layer and correction: the true error, both forms of P-26, and
the share of the pairs that a gate with the form for a distance could replay under a guarantee.
Plain replay is the correction 0, once with P-17 beside it; `derivative` is A = J(n0), which no
decoder can afford: what is left of the bound then, no correction takes away.

All errors are relative to the mean norm of the layer's MLP output. Float64, rounding not added.

Source: ours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fastcar.proofs import distance_bound
from fastcar.proofs.arithmetic import compute_norm
from fastcar.proofs.corrected_pair import DISTANCE, INPUT, CorrectedPair, compute_derivative_gap
from fastcar.proofs.corrected_replay import bound
from fastcar.proofs.correction_fit import fit_run
from fastcar.proofs.decoded_run import DecodedPair
from fastcar.proofs.swiglu_pair import compute_swiglu
from fastcar.reference.rms_norm import compute_rms_norm
from fastcar.reference.swiglu import compute_activations
from fastcar.reference.weights import LayerWeights

Numbers = NDArray[np.float64]

GUARANTEES = (0.25, 0.5, 1.0, 2.0)
"""Errors to guarantee, relative to the mean norm of a layer's MLP output."""

RANK = 32

PLAIN, PLAIN_DISTANCE = "none", "none, P-17"
LOW_RANK, FULL, DERIVATIVE = f"rank {RANK}", "full", "derivative"


@dataclass(frozen=True)
class CorrectionResult:
    """One layer and one correction; medians over the pairs, relative to the mean output norm.

    Attributes:
        layer: index.
        correction: what A is.
        error: |Y(n) - Y(n0) - A dn|.
        input_bound: form "input" of P-26; None for P-17.
        distance_bound: form "distance" of P-26, or P-17.
        certified: share of the pairs whose distance bound is within each of `GUARANTEES`.
    """

    layer: int
    correction: str
    error: float
    input_bound: float | None
    distance_bound: float
    certified: tuple[float, ...]


def measure_corrections(
    pair: DecodedPair, num_pairs: int, rng: np.random.Generator
) -> list[CorrectionResult]:
    """Every layer and correction.

    Args:
        pair: runs; the first half of the dense rows fits A, the others are measured.
        num_pairs: aligned pairs of every layer.
        rng: draws them.
    """
    results = []
    for layer_index in range(len(pair.given.weights.layers)):
        pairs = _draw_pairs(pair, layer_index, num_pairs, rng)
        outputs = pair.dense.mlp_outputs[layer_index]
        scale = float(np.linalg.norm(outputs, axis=-1).mean())
        results += _measure_layer(pair, layer_index, pairs, scale)
    return results


def _draw_pairs(
    pair: DecodedPair, layer_index: int, num_pairs: int, rng: np.random.Generator
) -> list[tuple[Numbers, Numbers]]:
    """(n0, n) of aligned tokens."""
    run, layer = pair.dense, pair.given.weights.layers[layer_index]
    frame, eps = pair.given.tokens_per_frame, pair.given.config.rms_norm_eps
    _, num_rows, num_tokens, _ = run.mlp_inputs.shape
    rows = rng.integers(num_rows // 2, num_rows, size=num_pairs)
    tokens = rng.integers(frame, num_tokens, size=num_pairs)
    normed = compute_rms_norm(run.mlp_inputs[layer_index], layer.mlp_norm, eps)
    return [
        (normed[row, token - frame], normed[row, token])
        for row, token in zip(rows, tokens, strict=True)
    ]


def _measure_layer(
    pair: DecodedPair, layer_index: int, pairs: list[tuple[Numbers, Numbers]], scale: float
) -> list[CorrectionResult]:
    layer = pair.given.weights.layers[layer_index]
    width = layer.gate_proj.shape[1]
    fitted: dict[str, Numbers | None] = {
        PLAIN: np.zeros((width, width)),
        LOW_RANK: fit_run(pair, layer_index, RANK),
        FULL: fit_run(pair, layer_index),
        DERIVATIVE: None,
    }
    results = []
    for name, correction in fitted.items():
        made = [_make_pair(layer, correction, *inputs) for inputs in pairs]
        errors = np.array([_compute_error(one) for one in made])
        distances = np.array([bound(replace(one, form=DISTANCE)) for one in made])
        inputs_known = float(np.median([bound(one) for one in made])) / scale
        results.append(_summarize(layer_index, name, errors, inputs_known, distances, scale))
        if name == PLAIN:
            crude = _bound_plain(layer, pairs)
            results.append(_summarize(layer_index, PLAIN_DISTANCE, errors, None, crude, scale))
    return results


def _make_pair(
    layer: LayerWeights, correction: Numbers | None, last: Numbers, normed: Numbers
) -> CorrectedPair:
    matrices = layer.gate_proj, layer.up_proj, layer.down_proj
    plain = CorrectedPair(*matrices, np.zeros((len(last), len(last))), last, normed, INPUT)
    return replace(
        plain, correction=compute_derivative_gap(plain) if correction is None else correction
    )


def _compute_error(pair: CorrectedPair) -> float:
    """|Y(n) - Y(n0) - A dn|."""
    matrices = pair.gate_proj, pair.up_proj, pair.down_proj
    moved = compute_swiglu(*matrices, pair.normed) - compute_swiglu(*matrices, pair.last)
    return float(compute_norm(moved - pair.correction @ (pair.normed - pair.last)))


def _bound_plain(layer: LayerWeights, pairs: list[tuple[Numbers, Numbers]]) -> Numbers:
    """P-17, the distance certificate, of every pair."""
    constants = distance_bound.make_constants(layer)
    last, normed = (np.stack(part) for part in zip(*pairs, strict=True))
    state = distance_bound.compute_state(constants, last, compute_activations(last, layer))
    distances = np.linalg.norm(normed - last, axis=1)
    return distance_bound.bound(state, distances, constants.largest)


def _summarize(
    layer_index: int,
    name: str,
    errors: Numbers,
    input_bound: float | None,
    distances: Numbers,
    scale: float,
) -> CorrectionResult:
    certified = tuple(float((distances <= share * scale).mean()) for share in GUARANTEES)
    error, distance = (float(np.median(part)) / scale for part in (errors, distances))
    return CorrectionResult(layer_index, name, error, input_bound, distance, certified)
