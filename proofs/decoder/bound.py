"""P-16: how far replay moves the logits of one token: the error carried through all layers.

Claim. One token is fed to the same weights twice: to a dense run (x_l before layer l, n = its norm,
own query q, key k, value v in each head) and to a run with replay (all marked ~), in which some
layers add a cached vector in place of their MLP output. The caches of earlier tokens may differ.
"Mixed" is attention of the dense run's own q, k, v on the replay run's cache: K, V are its keys and
values, own ones included, c its context, p its weight on k. For a norm of x let N(e) be the smaller
of |n| + sqrt(D) max|gain| and, where rho(x) > e / (2 sqrt(D)), max|gain| e / (rho(x) -
e / (2 sqrt(D))), rho as in P-06; and P(b) = min(|W_O| sqrt(sum of b_h^2), sum of |W_O,h| b_h) for
heads h. Let e_0 = 0 and in layer l, with each head's part of W_Q, W_K, W_V and head width a,

    d = N(e_l),  w = (|W_Q| d diam(K) + (|q| + |W_Q| d) |W_K| d) / sqrt(a),  t = tanh(w / 4),
    b = t diam(V) + (p + t) |W_V| d,
    r = diam(V) w^2 / 8 + p |v - c| |W_Q| |W_K| d^2 / sqrt(a) + t |W_V| d,
    m = e_l + C + min(P(b), |J_A| d + P(r)),  f = N(m) of the norm before the MLP,
    e_{l+1} = m + (|J| + |W_d| |W_g| (L max|w_u,i| + max(|u_i| |w_g,i|) / 4) f) f + eps_l.

Here C = distance of the dense from the mixed attention output; J_A and J are the derivatives of the
mixed output and of the MLP by their normalised inputs, at the dense ones; g, u = projections of the
MLP's input, w_i rows of a matrix, L = max silu'; eps_l = |cached - MLP output of the replay run|, 0
where layer l computes. Then |x_l - x~_l| <= e_l, and the logits differ by at most |W_head| N(e_L).

Proof. Induction over l; e_0 = 0, the token being the same.
Norm: P-06, as rho(x~) >= rho(x) - e / sqrt(D): sqrt(D) rho is the norm of (x, sqrt(D eps)). And
|n~| <= sqrt(D) max|gain| (P-14). Rotary embedding keeps distances, so q, k, v move by vectors Q,
K', V' of norm at most |W_Q| d, |W_K| d, |W_V| d.
Attention: sqrt(a) times the logits moves by <Q, k_s> over K, for the own key by <q + Q, K'> more: w
bounds the oscillation, t the total variation of the weights (P-01). The context moves by the sum of
(p~_s - p_s) v_s over V, at most t diam(V), and by p~_own V', at most (p + t) |W_V| d: together b.
Let z be the logits' change and move it in linearly, weights p(x), 0 <= x <= 1. The context's first
derivative is the covariance of v and z, the second E[(v - c(x)) (z - E z)^2], at most diam(V)
w^2 / 4. So the sum over V differs from the covariance under p by at most diam(V) w^2 / 8. What is
linear in Q, K', V' there and in p V' is J_A's share; left over are p (v - c) <Q, K'> / sqrt(a) and
(p~_own - p) V': together r. P-13 projects; C and the residual connection add up.
MLP: let its input move by z, |z| <= f, and A = <w_g,i, z>, B = <w_u,i, z>. Then silu(g_i) u_i moves
by silu(g_i) B + silu'(g_i) u_i A, which is J's share, and by a rest of
(silu(g_i + A) - silu(g_i)) B + u_i (silu(g_i + A) - silu(g_i) - silu'(g_i) A), at most
|A| (L |B| + |u_i A| / 4) as |silu''| <= 1/2 (P-07). |B| <= max|w_u,i| f, |u_i A| <=
max(|u_i| |w_g,i|) f, and the norm of all A is at most |W_g| f. A replayed output is eps_l further.

Source: the recursion is ours; the paper's theorem (arXiv:2505.14709v1) is about one layer.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np

from fastcar.proofs.arithmetic import Array, Scalar, compute_norm
from fastcar.proofs.decoder.layer import DecoderPair as DecoderPair
from fastcar.proofs.decoder.layer import LayerRuns, Run, draw_decoded, run, run_layer
from fastcar.proofs.decoder.rounding import compute_decoder_rounding
from fastcar.proofs.decoder.step import bound_layer, bound_logits
from fastcar.proofs.decoder.terms import compute_norm_terms, compute_terms
from fastcar.proofs.spectral_norm import compute_spectral_norm
from fastcar.proofs.statement import Hypothesis, Sides, Statement
from fastcar.reference.weights import LayerWeights


@dataclass(frozen=True)
class LayerError:
    """Error of the residual stream after a layer; floats or balls.

    Attributes:
        bound: e_{l+1}.
        measured: |x - x~|.
        trivial: |x| + |x~|.
    """

    bound: Scalar
    measured: Scalar
    trivial: Scalar

    @property
    def is_vacuous(self) -> bool:
        """Whether the bound says no more than is known without it."""
        return bool(self.bound >= self.trivial)


def compute_layer_errors(pair: DecoderPair) -> list[LayerError]:
    """Bound and measured error after every layer."""
    dense, replay = run(pair, with_replay=False), run(pair, with_replay=True)
    return _compute_errors(pair, dense, replay)


def _compute_errors(pair: DecoderPair, dense: Run, replay: Run) -> list[LayerError]:
    bound: Scalar = 0.0
    errors = []
    streams = [[state.x for state in found.states[1:]] + [found.x] for found in (dense, replay)]
    for index, (x, other) in enumerate(zip(*streams, strict=True)):
        terms = compute_terms(
            pair.layers[index], dense.states[index], replay.states[index], pair.eps
        )
        bound = bound_layer(bound, terms)
        trivial = compute_norm(x) + compute_norm(other)
        errors.append(LayerError(bound, compute_norm(x - other), trivial))
    return errors


def get_first_vacuous_layer(errors: list[LayerError]) -> int | None:
    """First layer after which the bound says nothing; None if it says something throughout."""
    return next((index for index, error in enumerate(errors) if error.is_vacuous), None)


def compute_sides(pair: DecoderPair) -> Sides:
    """Distance of the logits and its bound; trivial: the sum of their norms."""
    dense, replay = run(pair, with_replay=False), run(pair, with_replay=True)
    error = _compute_errors(pair, dense, replay)[-1]
    norm = compute_norm_terms(dense.x, dense.normed, pair.norm, pair.eps)
    return Sides(
        compute_norm(dense.logits - replay.logits),
        bound_logits(error.bound, norm, compute_spectral_norm(pair.head)),
        is_right_exact=False,
        trivial=compute_norm(dense.logits) + compute_norm(replay.logits),
    )


def draw(rng: np.random.Generator) -> DecoderPair:
    """A tiny random model, D = 4; caches equal or drifted, replayed outputs near the computed."""
    num_layers, width, head_dim = int(rng.integers(1, 4)), 4, 2
    angles = rng.uniform(0, 6, head_dim // 2)
    eps = float(10.0 ** rng.uniform(-8, -2))
    embedding = x = 10.0 ** rng.uniform(-1, 2) * rng.standard_normal(width)
    drift = rng.choice([0.0, 10.0 ** rng.uniform(-6, 0)])
    layers = []
    for _ in range(num_layers):
        weights = _draw_weights(rng, width, head_dim)
        keys, values = rng.standard_normal((2, len(weights.k_proj) // head_dim, 3, head_dim))
        other_keys, other_values = (
            part + drift * rng.standard_normal(part.shape) for part in (keys, values)
        )
        state = run_layer(weights, x, other_keys, other_values, angles, eps)
        error = 10.0 ** rng.uniform(-6, 1) * rng.standard_normal(width)
        cached = state.output + error if rng.integers(2) else None
        layers.append(LayerRuns(weights, keys, values, other_keys, other_values, cached))
        x = state.mid + (state.output if cached is None else cached)
    gain, head = rng.uniform(0.5, 1.5, width), rng.standard_normal((int(rng.integers(1, 5)), width))
    return DecoderPair(embedding, tuple(layers), gain, head, angles, eps)


def _draw_weights(rng: np.random.Generator, width: int, head_dim: int) -> LayerWeights:
    num_key_heads, group, inner = (int(rng.integers(1, size)) for size in (3, 3, 5))
    rows, kv_rows = num_key_heads * group * head_dim, num_key_heads * head_dim

    def draw_matrix(rows: int, columns: int) -> Array:
        matrix = rng.standard_normal((rows, columns)) / columns**0.5
        scaled: Array = 10.0 ** rng.uniform(-2, 0.5) * matrix
        return scaled

    return LayerWeights(
        attention_norm=rng.uniform(0.5, 1.5, width),
        q_proj=draw_matrix(rows, width),
        k_proj=draw_matrix(kv_rows, width),
        v_proj=draw_matrix(kv_rows, width),
        o_proj=draw_matrix(width, rows),
        mlp_norm=rng.uniform(0.5, 1.5, width),
        gate_proj=draw_matrix(inner, width),
        up_proj=draw_matrix(inner, width),
        down_proj=draw_matrix(width, inner),
    )


def _is_finite(value: Any) -> bool:
    """Whether all float arrays in it are; balls are finite when their floats were."""
    if isinstance(value, np.ndarray):
        return value.dtype == object or bool(np.isfinite(value).all())
    if isinstance(value, tuple):
        return all(map(_is_finite, value))
    if is_dataclass(value):
        return all(_is_finite(getattr(value, field.name)) for field in fields(value))
    return True


STATEMENT = Statement(
    number="P-16",
    title="logits of a token after replay, through all layers",
    source="ours",
    hypotheses=(
        Hypothesis[DecoderPair]("finite weights, caches and outputs", _is_finite),
        Hypothesis[DecoderPair]("eps > 0", lambda pair: pair.eps > 0),
        Hypothesis[DecoderPair](
            "at least one layer and one cached token",
            lambda pair: (
                bool(pair.layers) and all(layer.keys.shape[1] >= 1 for layer in pair.layers)
            ),
        ),
    ),
    compute_sides=compute_sides,
    compute_rounding=compute_decoder_rounding,
    draw=draw,
    draw_decoded=draw_decoded,
    looseness="Every layer multiplies the error by the norm of its derivative, as if it pointed "
    "in the worst direction again, and adds a rest that grows with its square.",
    max_instances=10,
    max_certified=1,
)
