"""P-08: how far a replayed MLP output is from the one that was due, over a chain of replays.

Claim. Let x_0, ..., x_r be residual inputs of one place in r + 1 consecutive frames, f = MLP after
RMS norm, n_i the normalised x_i. The output of x_0 is cached and replayed for x_1, ..., x_r. Then
|f(x_0) - f(x_r)| <= sum over i < r of Lambda_i |x_i - x_{i+1}| with Lambda_i = the constant of P-07
for (n_i, n_{i+1}) times max|g| / r_i, r_i = (rho(x_i) + rho(x_{i+1})) / 2 of P-06.

Proof. By P-06 |n_i - n_{i+1}| <= max|g| |x_i - x_{i+1}| / r_i, by P-07 |f(x_i) - f(x_{i+1})| <=
Lambda_i |x_i - x_{i+1}|, and f(x_0) - f(x_r) is the telescoped sum of the differences. The same two
statements for the one pair (x_0, x_r) give the direct bound, usually the smaller one; it needs x_0
to be kept, where the sum needs only the change of every step.

Source: the paper's theorem for one step, our constants; chains and direct distance are ours.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from fastcar.proofs import swiglu
from fastcar.proofs.aligned_token import draw_replay, get_chain
from fastcar.proofs.arithmetic import Array, Scalar, compute_norm
from fastcar.proofs.decoded_run import DecodedPair
from fastcar.proofs.replay_chain import ReplayChain as ReplayChain
from fastcar.proofs.replay_chain import bound as bound
from fastcar.proofs.replay_chain import compute_steps as compute_steps
from fastcar.proofs.spectral_norm import compute_error
from fastcar.proofs.statement import (
    UNIT_ROUNDOFF,
    Hypothesis,
    Sides,
    Statement,
    make_finite_hypothesis,
)
from fastcar.proofs.swiglu_pair import Extent, compute_swiglu
from fastcar.proofs.swiglu_rounding import Propagation, compute_propagation
from fastcar.reference.rms_norm import compute_rms_norm


def compute_direct_bound(chain: ReplayChain) -> Scalar:
    """Bound by the distance of the present input from the cached one."""
    return bound(compute_steps(chain, [0, len(chain.inputs) - 1]))


def compute_sides(chain: ReplayChain) -> Sides:
    """Error of the last replay and the sum over the chain; trivial: the sum of both norms."""
    ends = compute_rms_norm(chain.inputs[[0, -1]], chain.gain, chain.eps)
    cached, due = (compute_swiglu(*chain.matrices, normed) for normed in ends)
    return Sides(
        compute_norm(cached - due),
        bound(compute_steps(chain, list(range(len(chain.inputs))))),
        is_right_exact=False,
        trivial=compute_norm(cached) + compute_norm(due),
    )


def compute_rounding(chain: ReplayChain) -> float:
    """P-06 puts every normalised element off by (D / 2 + 5) u and every step's distance by
    2 (D + 12) u; P-07 follows the former through the MLP. Left: both outputs, and (D + 4) u of
    trivial. Right: every step as in P-07, and r u for the sum.
    """
    width = chain.inputs.shape[1]
    propagations = [_propagate(chain, x) for x in chain.inputs]
    down, up, gate = map(compute_error, (chain.down_proj, chain.up_proj, chain.gate_proj))
    sides = compute_sides(chain)
    rounding = propagations[0].output + propagations[-1].output
    rounding += UNIT_ROUNDOFF * (width + 4) * sides.trivial
    rounding += UNIT_ROUNDOFF * 2 * len(chain.inputs) * sides.right
    steps = compute_steps(chain, list(range(len(chain.inputs))))
    for step, (first, second) in zip(steps, pairwise(propagations), strict=True):
        errors = Extent(down, up, gate, first.activation, second.up)
        error = 2 * (width + 12) * UNIT_ROUNDOFF * step.distance
        rounding += swiglu.compute_bound_rounding(step.distance, step.extent, errors, error)
    return float(rounding)


def _propagate(chain: ReplayChain, x: Array) -> Propagation:
    normed = compute_rms_norm(x, chain.gain, chain.eps)
    error = (len(x) + 10) * UNIT_ROUNDOFF * abs(normed)
    return compute_propagation(*chain.matrices, normed, error)


def draw(rng: np.random.Generator) -> ReplayChain:
    """One to three replays; inputs that drift, any sizes, gate values around 1."""
    width, inner = (int(size) for size in rng.integers(1, 5, 2))
    num_replays = int(rng.integers(1, 4))
    scale = 10.0 ** rng.uniform(-3, 3)
    changes = rng.standard_normal((num_replays + 1, width)) * 10.0 ** rng.uniform(-6, 1)
    changes[0] = rng.standard_normal(width)
    gain = rng.uniform(0.1, 2, width) * 10.0 ** rng.uniform(-2, 2)
    gate_scale = 10.0 ** rng.uniform(-1, 1) / float(np.max(gain))
    return ReplayChain(
        rng.standard_normal((inner, width)) * gate_scale,
        rng.standard_normal((inner, width)) * 10.0 ** rng.uniform(-2, 2),
        rng.standard_normal((width, inner)) * 10.0 ** rng.uniform(-2, 2),
        gain,
        float(scale**2 * 10.0 ** rng.uniform(-6, 3)),
        np.cumsum(changes, axis=0) * scale,
    )


def draw_decoded(pair: DecodedPair, rng: np.random.Generator) -> ReplayChain:
    """A replayed token back to the one that was computed."""
    token = draw_replay(pair, rng)
    layer = token.layer
    inputs = np.stack([token.get_mlp_input(index) for index in get_chain(token)])
    matrices = (layer.gate_proj, layer.up_proj, layer.down_proj)
    return ReplayChain(*matrices, layer.mlp_norm, token.eps, inputs)


HAS_EPS: Hypothesis[ReplayChain] = Hypothesis("eps > 0", lambda chain: chain.eps > 0)
IS_REPLAYED: Hypothesis[ReplayChain] = Hypothesis(
    "at least one replay", lambda chain: len(chain.inputs) >= 2
)

STATEMENT = Statement(
    number="P-08",
    title="error of a replayed MLP output over a chain of replays",
    source="paper",
    hypotheses=(
        make_finite_hypothesis("gate_proj", "up_proj", "down_proj", "gain", "inputs"),
        HAS_EPS,
        IS_REPLAYED,
    ),
    compute_sides=compute_sides,
    compute_rounding=compute_rounding,
    draw=draw,
    draw_decoded=draw_decoded,
    looseness="The loss of P-07 in every step, and the steps of a real chain partly cancel.",
)
