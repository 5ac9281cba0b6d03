"""What float64 does to both sides of P-16.

A run in float64 and the exact one are themselves two runs that differ by small local errors, so the
step of P-16 limits their distance: `compute_run_errors`. The bound depends on the dense run through
a few nonnegative terms. With limits on their errors (`fastcar.proofs.decoder.term_errors`) it is
computed once for all of them raised and once for all lowered (`shift`); as it is monotone in each
of them, the exact bound lies between.

Local errors, with u the unit roundoff and |.|_F the Frobenius norm: the output of a norm is off by
(D + 6) u of itself, a product with it by gamma_D |W|_F |n|, together with rotary embedding by
(2 D + 32) u |W|_F |n|. As |W|_F <= sqrt(D) |W|, an input error of sqrt(D) (2 D + 32) u |n|, the
"slack", covers that. Contexts: `compute_head_rounding`. MLP: `compute_propagation`. Output
projection: gamma |W_O|_F |c|. Residual additions: u of each sum, counted from the layer's start.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import numpy as np

from fastcar.proofs.arithmetic import Array, Scalar, compute_norm
from fastcar.proofs.decoder.layer import DecoderPair, LayerRuns, LayerState, Run, run
from fastcar.proofs.decoder.step import bound_layer, bound_logits, bound_mid, bound_mlp, bound_norm
from fastcar.proofs.decoder.term_errors import (
    RunError,
    compute_norm_errors,
    compute_output_rounding,
    compute_term_errors,
)
from fastcar.proofs.decoder.terms import LayerTerms, NormTerms, compute_norm_terms, compute_terms
from fastcar.proofs.spectral_norm import compute_error, compute_gamma, compute_spectral_norm
from fastcar.proofs.statement import UNIT_ROUNDOFF
from fastcar.proofs.swiglu import compute_propagation

TermsT = TypeVar("TermsT")


def compute_slack(normed: Array) -> float:
    """Input error that covers norm, projection and rotary embedding of an input [D]."""
    width = len(normed)
    return float(compute_gamma(2 * width + 32) * np.sqrt(width) * compute_norm(normed))


def compute_run_errors(pair: DecoderPair, found: Run, with_replay: bool) -> list[RunError]:
    """Follow the rounding of one run through the layers."""
    end, errors = 0.0, []
    for layer, state in zip(pair.layers, found.states, strict=True):
        error = _compute_run_error(layer, state, pair.eps, end)
        if with_replay and layer.cached is not None:
            error = replace(error, end=error.mid)
        end = error.end
        errors.append(error)
    return errors


def _compute_run_error(layer: LayerRuns, state: LayerState, eps: float, before: float) -> RunError:
    weights, terms = layer.weights, _compute_run_terms(layer, state, eps)
    sums = 2 * compute_norm(state.mid) + compute_norm(state.output)
    if layer.cached is not None:
        sums += compute_norm(layer.cached)
    start = float(before + UNIT_ROUNDOFF * sums)
    mid = bound_mid(start, terms.attention)
    matrices = weights.gate_proj, weights.up_proj, weights.down_proj
    exact_input = np.zeros(len(state.x))
    rounding = compute_propagation(*matrices, state.mlp_normed, exact_input).output
    output = bound_mlp(mid, terms.mlp) + rounding
    normed, mlp_normed = bound_norm(start, terms.attention.norm), bound_norm(mid, terms.mlp.norm)
    return RunError(start, normed, mid, mlp_normed, output, mid + output, terms)


def _compute_run_terms(layer: LayerRuns, state: LayerState, eps: float) -> LayerTerms:
    """Terms of a run against itself, rounding in the place of the caches' distance."""
    keys, values = state.keys[:, :-1], state.values[:, :-1]
    same = LayerRuns(layer.weights, keys, values, keys, values, None)
    terms = compute_terms(same, state, state, eps)
    attention, mlp = terms.attention, terms.mlp
    attention = replace(
        attention,
        norm=replace(attention.norm, slack=compute_slack(state.normed)),
        cache_gap=compute_output_rounding(same, state),
    )
    norm = replace(mlp.norm, slack=compute_slack(state.mlp_normed))
    return LayerTerms(attention, replace(mlp, norm=norm))


def shift(terms: TermsT, errors: TermsT, sign: int) -> TermsT:
    """Terms raised (+1) or lowered (-1) by their errors so that the bound rises or falls."""
    shifted: Any
    if isinstance(terms, tuple) and isinstance(errors, tuple):
        shifted = tuple(shift(term, error, sign) for term, error in zip(terms, errors, strict=True))
    elif is_dataclass(terms) and not isinstance(terms, type):
        changes = {
            field.name: shift(
                getattr(terms, field.name),
                getattr(errors, field.name),
                -sign if field.name == "radius" else sign,
            )
            for field in fields(terms)
        }
        shifted = replace(terms, **changes)
    else:
        shifted = max(0.0, terms + sign * errors)  # type: ignore[operator]
    return shifted  # type: ignore[no-any-return]


def compute_decoder_rounding(pair: DecoderPair) -> float:
    """Left: both runs' errors through the last norm and the head, whose product the slack covers,
    and (V + 8) u of trivial. Right: the bound of all raised terms minus that of all lowered ones; a
    layer's step is off by no more than (8 H + 64) u of itself, and these factors multiply. Doubled,
    for the run errors are themselves computed in float64, and second-order terms are left out.
    """
    runs = run(pair, with_replay=False), run(pair, with_replay=True)
    dense, replay = (
        compute_run_errors(pair, found, with_replay)
        for found, with_replay in zip(runs, (False, True), strict=True)
    )
    norms = [compute_norm_terms(found.x, found.normed, pair.norm, pair.eps) for found in runs]
    ends = dense[-1].end, replay[-1].end
    moved = [
        bound_norm(end, norm) + compute_slack(found.normed)
        for end, norm, found in zip(ends, norms, runs, strict=True)
    ]
    size = sum(compute_norm(found.logits) for found in runs)
    gain, gain_error = compute_spectral_norm(pair.head), compute_error(pair.head)
    left = (gain + gain_error) * sum(moved) + compute_gamma(len(pair.head) + 8) * size

    layers = []
    for index, layer in enumerate(pair.layers):
        state = runs[0].states[index]
        terms = compute_terms(layer, state, runs[1].states[index], pair.eps)
        errors = compute_term_errors(layer, state, terms, dense[index], replay[index])
        layers.append((terms, errors))
    last = norms[0], compute_norm_errors(norms[0], ends[0], moved[0])
    above, below = (
        _bound_shifted(layers, last, gain + sign * gain_error, sign) for sign in (1, -1)
    )
    num_operations = len(layers) * (8 * len(runs[0].states[0].queries) + 64)
    return float(2 * (left + above - below + compute_gamma(num_operations) * above))


def _bound_shifted(
    layers: list[tuple[LayerTerms, LayerTerms]],
    last: tuple[NormTerms, NormTerms],
    head_norm: float,
    sign: int,
) -> Scalar:
    """The bound with all terms raised (1) or lowered (-1) by their errors."""
    distance: Scalar = 0.0
    for terms, errors in layers:
        distance = bound_layer(distance, shift(terms, errors, sign))
    return bound_logits(distance, shift(*last, sign), head_norm)
