"""P-16 needs the replay error, the caches' distance and the smaller radius of the second run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fastcar.proofs.arithmetic import Array
from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.decoder.bound import DecoderPair, compute_sides
from fastcar.proofs.decoder.layer import LayerRuns, run
from fastcar.proofs.decoder.step import bound_layer, bound_logits
from fastcar.proofs.decoder.terms import LayerTerms, NormTerms, compute_norm_terms, compute_terms
from fastcar.proofs.spectral_norm import compute_spectral_norm
from fastcar.reference.weights import LayerWeights

TOKEN = "L = H = F = 1, D = d = V = 2, x = (1, 0), W_head = I"


def get_counterexamples() -> list[Counterexample]:
    """Each of the three left out."""
    return [_get_replay_error(), _get_cache_gap(), _get_dense_radius()]


def make_layer(
    *, o_proj: Array, values: Array, other_values: Array, cached: Array | None
) -> LayerRuns:
    """One head of width 2 whose projections and MLP are 0, so that attention is the mean value.

    Args:
        o_proj: [2, 2].
        values: [1, n, 2], cached in the dense run; all keys are 0.
        other_values: [1, n, 2], cached in the run with replay.
        cached: [2], MLP output that is replayed; None where the MLP computes 0.
    """
    zero, row = np.zeros((2, 2)), np.zeros((1, 2))
    weights = LayerWeights(np.ones(2), zero, zero, zero, o_proj, np.ones(2), row, row, row.T)
    keys = np.zeros(values.shape)
    return LayerRuns(weights, keys, values, keys, other_values, cached)


def make_pair(*layers: LayerRuns) -> DecoderPair:
    """A token (1, 0) through these layers; the head is the identity, eps hardly counts."""
    return DecoderPair(
        np.array([1.0, 0.0]), layers, np.ones(2), np.eye(2), angles=np.zeros(1), eps=1e-12
    )


def _get_terms(pair: DecoderPair) -> tuple[LayerTerms, NormTerms]:
    """Terms of the only layer and of the last norm."""
    dense, replay = run(pair, with_replay=False), run(pair, with_replay=True)
    terms = compute_terms(pair.layers[0], dense.states[0], replay.states[0], pair.eps)
    return terms, compute_norm_terms(dense.x, dense.normed, pair.norm, pair.eps)


def _bound(pair: DecoderPair, terms: LayerTerms, norm: NormTerms) -> float:
    return float(bound_logits(bound_layer(0.0, terms), norm, compute_spectral_norm(pair.head)))


def _get_replay_error() -> Counterexample:
    nothing = np.zeros((1, 1, 2))
    layer = make_layer(
        o_proj=np.eye(2), values=nothing, other_values=nothing, cached=np.array([0.0, 1.0])
    )
    pair = make_pair(layer)
    terms, norm = _get_terms(pair)
    without = replace(terms, mlp=replace(terms.mlp, replay_error=0.0))
    return Counterexample(
        "P-16",
        "replay error",
        f"{TOKEN}, all else 0, the MLP's output is 0 and (0, 1) is replayed",
        left=compute_sides(pair).left,
        right=_bound(pair, without, norm),
    )


def _get_cache_gap() -> Counterexample:
    values = np.array([[[0.0, 1.0]]])
    layer = make_layer(o_proj=np.eye(2), values=values, other_values=-values, cached=None)
    pair = make_pair(layer)
    terms, norm = _get_terms(pair)
    without = replace(terms, attention=replace(terms.attention, cache_gap=0.0))
    return Counterexample(
        "P-16",
        "distance of the caches",
        f"{TOKEN}, W_O = I, all else 0, one cached value (0, 1), with replay (0, -1)",
        left=compute_sides(pair).left,
        right=_bound(pair, without, norm),
    )


def _get_dense_radius() -> Counterexample:
    """An infinite sqrt(D) leaves rho(x) of rho(x) - e / (2 sqrt(D))."""
    nothing = np.zeros((1, 1, 2))
    layer = make_layer(
        o_proj=np.eye(2), values=nothing, other_values=nothing, cached=np.array([-1.0, 0.1])
    )
    pair = make_pair(layer)
    terms, norm = _get_terms(pair)
    return Counterexample(
        "P-16",
        "radius rho(x) - e / (2 sqrt(D)): rho(x) in its place",
        f"{TOKEN}, all else 0, (-1, 0.1) is replayed, which leaves (0, 0.1)",
        left=compute_sides(pair).left,
        right=_bound(pair, terms, replace(norm, root=np.inf)),
    )
