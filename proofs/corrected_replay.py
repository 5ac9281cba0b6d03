"""P-26: error of an MLP output that is replayed with a linear correction.

Claim. Let Y(n) = W_d (silu(W_g n) * (W_u n)), and let Y(n0) + A (n - n0) be used in the place of
Y(n), A any matrix. With dn = n - n0, g = W_g n0, u = W_u n0, a = W_g dn, b = W_u dn, J the
derivative of Y at n0, w_i and v_i the rows of W_g and W_u, d_i the columns of W_d,
s_i = |silu'(g_i)| and C(t) = s'(t) max(2, t - 2), s' the logistic function's derivative,

    |Y(n) - Y(n0) - A dn| <= |(J - A) dn| + min(sum |d_i| r_i, |W_d| |r|),
    r_i = C(max(0, |g_i| - |a_i|)) a_i^2 |u_i + b_i| / 2 + s_i |a_i b_i|           (form "input"),

and for every n with |dn| <= x, with c_i = C(max(0, |g_i| - |w_i| x)) (|u_i| + |v_i| x) / 2,

    |Y(n) - Y(n0) - A dn| <= |J - A| x + min(max(|d_i| c_i) |W_g|, |W_d| max(c_i |w_i|)) |W_g| x^2
        + min(max(|d_i| s_i) |W_g|, |W_d| max(s_i |w_i|)) |W_u| x^2             (form "distance").

Proof. Neuron i changes by silu(g_i + a_i) (u_i + b_i) - silu(g_i) u_i, which is its share of J dn,
silu'(g_i) u_i a_i + silu(g_i) b_i, and the rest (silu(g_i + a_i) - silu(g_i) - silu'(g_i) a_i)
(u_i + b_i) + silu'(g_i) a_i b_i. By Taylor the bracket is at most a_i^2 / 2 times the largest
|silu''| between g_i and g_i + a_i, all of which is at least |g_i| - |a_i| away from 0, so at most C
there (`fastcar.proofs.silu`; C falls): |rest_i| <= r_i. J dn - A dn is the first term. Through W_d
the rest moves the output by at most sum |d_i| r_i, and by at most |W_d| |r|.
Distance: |a_i| <= |w_i| x, |b_i| <= |v_i| x, so r_i <= c_i a_i^2 + s_i |a_i b_i|; sum a_i^2 <=
|W_g|^2 x^2, sum b_i^2 <= |W_u|^2 x^2. Then sum |d_i| c_i a_i^2 <= max(|d_i| c_i) |W_g|^2 x^2, the
norm of all c_i a_i^2 <= max(c_i |w_i| x) |W_g| x, and by Cauchy-Schwarz likewise for s_i |a_i b_i|.
Attained in the limit x -> 0, where |(J - A) dn| alone is left.

What it says of A. A correction changes the first term only. For plain replay, A = 0, "distance" is
sharper than P-17: |J| instead of norms of its factors, and per neuron the curvature that can be
met. The price is J itself: D^2 F multiplications for every computed token, D / 3 times its MLP.

Source: ours.
"""

from __future__ import annotations

import numpy as np

from fastcar.proofs.aligned_token import AlignedToken, draw_replay, get_chain
from fastcar.proofs.arithmetic import Scalar, compute_norm
from fastcar.proofs.corrected_pair import (
    FORMS,
    INPUT,
    CorrectedPair,
    apply_derivative,
    bound_rest_at_distance,
    bound_rest_at_input,
    compute_gap_norm,
    compute_neurons,
)
from fastcar.proofs.corrected_rounding import compute_rounding
from fastcar.proofs.correction_fit import fit_run
from fastcar.proofs.decoded_run import DecodedPair
from fastcar.proofs.statement import Hypothesis, Sides, Statement, make_finite_hypothesis
from fastcar.proofs.swiglu_pair import compute_swiglu


def bound(pair: CorrectedPair) -> Scalar:
    """Largest error of the corrected replay, in the form of the pair."""
    neurons, gap = compute_neurons(pair), pair.normed - pair.last
    if pair.form != INPUT:
        distance = compute_norm(gap)
        return compute_gap_norm(pair) * distance + bound_rest_at_distance(neurons, distance)
    moves, up_moves = pair.gate_proj @ gap, pair.up_proj @ gap
    up = abs(pair.up_proj @ pair.last + up_moves)
    rest = bound_rest_at_input(neurons, abs(moves), abs(up_moves), up)
    return compute_norm(apply_derivative(pair, gap)) + rest


def compute_sides(pair: CorrectedPair) -> Sides:
    """Error of the corrected replay and its bound; trivial: norm of what is used and of Y(n)."""
    matrices = pair.gate_proj, pair.up_proj, pair.down_proj
    fresh = compute_swiglu(*matrices, pair.normed)
    used = compute_swiglu(*matrices, pair.last) + pair.correction @ (pair.normed - pair.last)
    return Sides(
        compute_norm(fresh - used),
        bound(pair),
        is_right_exact=False,
        trivial=compute_norm(fresh) + compute_norm(used),
    )


def draw(rng: np.random.Generator) -> CorrectedPair:
    """Small layers; inputs near or far; A none, any, or the difference quotient along dn."""
    width, inner = (int(size) for size in rng.integers(1, 5, 2))
    scales = 10.0 ** rng.uniform(-1, 1, 4)
    last = rng.standard_normal(width) * scales[0]
    gap = rng.standard_normal(width) * scales[0] * 10.0 ** rng.uniform(-5, 0.5)
    gate = rng.standard_normal((inner, width)) * scales[1] / scales[0]
    up = rng.standard_normal((inner, width)) * scales[2]
    down = rng.standard_normal((width, inner)) * scales[3]
    kind = rng.integers(3)
    correction = np.zeros((width, width))
    if kind == 1:
        correction = rng.standard_normal((width, width)) * scales[2] * scales[3]
    elif kind == 2:
        moved = compute_swiglu(gate, up, down, last + gap) - compute_swiglu(gate, up, down, last)
        correction = np.outer(moved, gap) / (gap @ gap)
    form = FORMS[int(rng.integers(len(FORMS)))]
    return CorrectedPair(gate, up, down, correction, last, last + gap, form)


def draw_decoded(pair: DecodedPair, rng: np.random.Generator) -> CorrectedPair:
    """What was computed last in the place and what is read now; A fitted to the dense run."""
    token: AlignedToken = draw_replay(pair, rng)
    layer, chain = token.layer, get_chain(token)
    return CorrectedPair(
        layer.gate_proj,
        layer.up_proj,
        layer.down_proj,
        fit_run(pair, token.layer_index),
        token.get_normed(chain[0]),
        token.get_normed(chain[-1]),
        FORMS[int(rng.integers(len(FORMS)))],
    )


NAMES = ("gate_proj", "up_proj", "down_proj", "correction", "last", "normed")

STATEMENT = Statement(
    number="P-26",
    title="error of an MLP output replayed with a linear correction",
    source="ours",
    hypotheses=(
        make_finite_hypothesis(*NAMES),
        Hypothesis("a form of the bound", lambda pair: pair.form in FORMS),
    ),
    compute_sides=compute_sides,
    compute_rounding=compute_rounding,
    draw=draw,
    draw_decoded=draw_decoded,
    looseness="The rest takes every neuron's second order with the same sign; the form for a "
    "distance also takes the worst direction.",
)
