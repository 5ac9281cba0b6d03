"""P-17: what a certificate bounds, the replay error never exceeds.

Claim. Let y0 be the MLP output that the decoder computed for input n0, and y the one that it would
compute for n, both in its own floating point. Then |y - y0| <= bound(n0, n), for the distance
certificate (`fastcar.proofs.distance_bound`) and for the activation certificate
(`fastcar.proofs.activation_certificate`). Hypotheses: the float exp is within 5 unit roundoffs, and
a sum of k products within gamma_k of the exact one, whatever its order.

Proof. In the two files: each bounds the difference in exact arithmetic and adds a limit on what
rounding does to y0 and to y. A gate that replays iff bound <= epsilon therefore guarantees
|used - fresh| <= epsilon for every token, whatever the chain: n0 is the input of the last
*computed* token in that place, whose output the cache still holds (D-07).

Source: ours; the paper guarantees nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from fastcar.proofs import activation_certificate, distance_bound, distance_certificate
from fastcar.proofs.aligned_token import draw_replay, get_chain
from fastcar.proofs.arithmetic import Array, compute_norm, is_ball_array, to_balls, to_floats
from fastcar.proofs.certificate_names import CERTIFICATES
from fastcar.proofs.decoded_run import DecodedPair
from fastcar.proofs.statement import UNIT_ROUNDOFF, Sides, Statement, make_finite_hypothesis
from fastcar.reference.arrays import FloatArray
from fastcar.reference.certified_gate import Certificate
from fastcar.reference.errors import ArgumentError
from fastcar.reference.swiglu import compute_activations, compute_swiglu
from fastcar.reference.weights import LayerWeights, ModelWeights


@dataclass(frozen=True)
class CertifiedPair:
    """Two inputs of one MLP, in the decoder's arithmetic (float32 or float64).

    Attributes:
        gate_proj: [F, D].
        up_proj: [F, D].
        down_proj: [D, F].
        last: [D], normalised input whose output is cached.
        normed: [D], normalised input of the present token.
        name: of `CERTIFICATES`.
        rank: of the activation certificate.
    """

    gate_proj: Array
    up_proj: Array
    down_proj: Array
    last: Array
    normed: Array
    name: str
    rank: int = activation_certificate.DEFAULT_RANK


def make_certificate(name: str, weights: ModelWeights) -> Certificate:
    """A certificate of `CERTIFICATES` for a model."""
    if name == distance_certificate.DistanceCertificate.name:
        return distance_certificate.DistanceCertificate(weights)
    if name == activation_certificate.ActivationCertificate.name:
        return activation_certificate.ActivationCertificate(weights)
    raise ArgumentError("certificate", name, f"one of {', '.join(CERTIFICATES)}")


def bound(
    layer: LayerWeights,
    last: FloatArray,
    normed: FloatArray,
    name: str,
    rank: int = activation_certificate.DEFAULT_RANK,
) -> float:
    """Certified error of replaying the output of `last` [D] for `normed` [D]."""
    present, cached = (
        compute_activations(normed[None], layer),
        compute_activations(last[None], layer),
    )
    if name == activation_certificate.ActivationCertificate.name:
        decomposed = activation_certificate.make_constants(layer, rank)
        return float(activation_certificate.bound(decomposed, present.hidden, cached.hidden)[0])
    constants = distance_bound.make_constants(layer)
    state = distance_bound.compute_state(constants, last[None], cached)
    gap = normed.astype(np.float64) - last
    distance = np.array([compute_norm(gap) * (1 + 4 * len(gap) * UNIT_ROUNDOFF)])
    return float(distance_bound.bound(state, distance, constants.largest)[0])


def compute_sides(pair: CertifiedPair) -> Sides:
    """Difference of the float outputs (in balls: of these floats exactly) and what is certified."""
    layer, last, normed = _get_floats(pair)
    cached, fresh = compute_swiglu(np.stack([last, normed]), layer).astype(np.float64)
    if is_ball_array(pair.normed):
        cached, fresh = to_balls(cached), to_balls(fresh)
    trivial = compute_norm(cached) + compute_norm(fresh)
    certified = bound(layer, last, normed, pair.name, pair.rank)
    return Sides(compute_norm(fresh - cached), certified, trivial=trivial)


def compute_rounding(pair: CertifiedPair) -> float:
    """Right: nothing, the certificate allows for its own rounding. Left: the float outputs are what
    the claim is about; their difference and its norm take D + 4 operations.
    """
    layer, last, normed = _get_floats(pair)
    outputs = compute_swiglu(np.stack([last, normed]), layer).astype(np.float64)
    return float((len(last) + 4) * UNIT_ROUNDOFF * np.linalg.norm(outputs[1] - outputs[0]))


def _get_floats(pair: CertifiedPair) -> tuple[LayerWeights, FloatArray, FloatArray]:
    """Weights and inputs as floats; balls that came from floats give them back exactly."""
    arrays = {
        field.name: to_floats(getattr(pair, field.name))
        for field in fields(pair)
        if field.name not in ("name", "rank")
    }
    width = arrays["gate_proj"].shape[1]
    nothing = np.zeros((0, width), arrays["gate_proj"].dtype)
    layer = LayerWeights(
        np.ones(width),
        *(nothing,) * 4,
        np.ones(width),
        arrays["gate_proj"],
        arrays["up_proj"],
        arrays["down_proj"],
    )
    return layer, arrays["last"], arrays["normed"]


def draw(rng: np.random.Generator) -> CertifiedPair:
    """Small layers of any scale; inputs far apart, near, or equal."""
    width, inner = int(rng.integers(1, 5)), int(rng.integers(1, 6))
    dtype = np.float32 if rng.random() < 0.5 else np.float64
    scale = 10.0 ** rng.uniform(-1.5, 1, 3)
    last = rng.standard_normal(width) * 10.0 ** rng.uniform(-2, 1)
    gap = rng.standard_normal(width) * 10.0 ** rng.uniform(-6, 1) * (rng.random() < 0.95)
    gate, up = scale[:2, None, None] * rng.standard_normal((2, inner, width))
    down = scale[2] * rng.standard_normal((width, inner))
    name = CERTIFICATES[int(rng.integers(len(CERTIFICATES)))]
    parts = [array.astype(dtype) for array in (gate, up, down, last, last + gap)]
    return CertifiedPair(parts[0], parts[1], parts[2], parts[3], parts[4], name)


def draw_decoded(pair: DecodedPair, rng: np.random.Generator) -> CertifiedPair:
    """What was computed last in the place and what is read now, in float32 or float64."""
    token = draw_replay(pair, rng)
    layer, chain = token.layer, get_chain(token)
    dtype = (np.float32, np.float64)[rng.integers(2)]
    return CertifiedPair(
        layer.gate_proj.astype(dtype),
        layer.up_proj.astype(dtype),
        layer.down_proj.astype(dtype),
        token.get_normed(chain[0]).astype(dtype),
        token.get_normed(chain[-1]).astype(dtype),
        CERTIFICATES[rng.integers(len(CERTIFICATES))],
    )


STATEMENT = Statement(
    number="P-17",
    title="certified error of a replay",
    source="ours",
    hypotheses=(make_finite_hypothesis("gate_proj", "up_proj", "down_proj", "last", "normed"),),
    compute_sides=compute_sides,
    compute_rounding=compute_rounding,
    draw=draw,
    draw_decoded=draw_decoded,
    looseness="The distance certificate must hold for every input at that distance, and the "
    "Taylor terms of second and third order take norms of whole matrices.",
)
