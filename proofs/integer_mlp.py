"""P-19: the integer MLP phase stays within a computed distance of the float one.

Claim. The residual rows x = s_x X, X int16, enter the float MLP of a layer and the integer MLP with
the constants of `fastcar.reference.integer.layer`. The integers of every step, times their scale,
differ from the floats by at most `compute_bounds`, element by element, whatever the weights of the
two and whether or not a product saturates.

Proof. Hatted numbers are dequantised integers, e_z bounds |hat z - z|, all element by element.

NORM, in steps of s_n: with V = S + E, V* = S + eps D / s_x^2 and G* = g sqrt(D) / s_n the float is
X G* / sqrt(V*), the integer is X G (1 + delta) / sqrt(V) rounded, |delta| <= rho
(`RSQRT_RELATIVE_ERROR`). The difference is X G delta / sqrt(V) + X G (1 / sqrt(V) - 1 / sqrt(V*)) +
X (G - G*) / sqrt(V*), and at most 1/2 of rounding. |X G| <= 32767 sqrt(V), so a saturated result is
X G (1 + delta') / sqrt(V) rounded, with delta' between 0 and delta: the same bound holds.

GEMV: the multiplier m 2^-shift of a row is s_w s_in / s_out for exactly one s_w, and with that one
the number that is rounded is s_w w . s_in a: no error of the multiplier is left. Hence e_out =
s_out / 2 + |s_w w - W| |hat a| + |W| e_in + what saturation cut off.

Hidden: likewise hidden_multiplier 2^-hidden_shift = kappa 2^-15 s_u / s_h, and kappa sigma' u' is
rounded, where sigma' is silu of the unit: |sigma' - silu(gate)| <= `SILU_ABSOLUTE_ERROR` +
`SILU_SLOPE` e_gate. Hence e_hidden = s_h / 2 + |kappa - 1| |sigma' hat u| + |sigma'| e_u +
|sigma' - silu(gate)| (|hat u| + e_u) + what saturation cut off.

The errors of the two tables hold for every input: `fastcar.proofs.tables` looks at all of them.

Source: ours.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from fastcar.proofs.aligned_token import draw_token
from fastcar.proofs.arithmetic import Scalar, is_ball_array
from fastcar.proofs.decoded_run import DecodedPair
from fastcar.proofs.integer_mlp_steps import (
    STEP_NAMES,
    FloatMlp,
    Steps,
    compute_bounds,
    compute_float_reach,
    compute_float_steps,
    dequantize_steps,
)
from fastcar.proofs.integer_steps import get_reach
from fastcar.proofs.statement import UNIT_ROUNDOFF, Hypothesis, Sides, Statement
from fastcar.reference.arrays import Int16Array
from fastcar.reference.integer.fixed_point import MAX_ACTIVATION, quantize
from fastcar.reference.integer.layer import IntegerActivations, IntegerLayer
from fastcar.reference.integer.quantization import LayerRanges, quantize_layer
from fastcar.reference.rms_norm import compute_rms_norm
from fastcar.reference.swiglu import compute_activations
from fastcar.reference.weights import LayerWeights

PROJECTIONS = ("gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True)
class IntegerElement:
    """One element of one step of the MLP phase of one row.

    Attributes:
        layer: integer constants.
        mlp: float constants, float64.
        x: [1, D] int16, residual stream.
        found: what the integer MLP made of it.
        step: name of `STEP_NAMES`.
        index: of the element.
    """

    layer: IntegerLayer
    mlp: FloatMlp
    x: Int16Array
    found: IntegerActivations
    step: str
    index: int


def compute_sides(element: IntegerElement) -> Sides:
    """Distance of integer and float, and its bound."""
    exact = compute_float_steps(element.layer, element.mlp, element.x)
    integers = dequantize_steps(element.layer, element.found, element.mlp.gain)
    bounds = compute_bounds(element.layer, element.mlp, element.x, element.found)
    place = element.step, element.index
    exact_value, integer_value, right = (_get(steps, *place) for steps in (exact, integers, bounds))
    return Sides(
        abs(integer_value - exact_value), right, trivial=abs(integer_value) + abs(exact_value)
    )


def _get(steps: Steps, step: str, index: int) -> Scalar:
    return getattr(steps, step)[0, index]


def compute_rounding(element: IntegerElement) -> float:
    """No path through either side has more than n = 2 D + F + 100 operations (squares and norm,
    gate, hidden, down). Where a term is a difference of rounded numbers, its error is relative to
    their sum: the same bound with `get_reach`, and the float steps with all terms positive. So
    right - left is off by n u times those, and the factor 2 covers products of errors.
    """
    layer, mlp, x, found = element.layer, element.mlp, element.x, element.found
    exact = compute_float_steps(layer, mlp, x)
    reaches = (
        compute_bounds(layer, mlp, x, found, get_reach),
        compute_float_reach(exact, mlp),
        dequantize_steps(layer, found, mlp.gain),
    )
    magnitude = sum(abs(_get(reach, element.step, element.index)) for reach in reaches)
    num_operations: int = 2 * x.shape[-1] + mlp.gate_proj.shape[0] + 100
    return 2 * UNIT_ROUNDOFF * num_operations * float(magnitude)


def make_element(
    weights: LayerWeights, ranges: LayerRanges, eps: float, x: Int16Array, place: tuple[str, int]
) -> IntegerElement:
    """An element of a layer that is quantised by `fastcar.reference.integer.quantization`.

    Args:
        weights: float64.
        ranges: largest magnitudes; what exceeds them saturates.
        eps: of the RMS norm.
        x: [1, D] int16.
        place: step and index.
    """
    layer = quantize_layer(weights, ranges, eps, headroom=1.0)
    mlp = FloatMlp(weights.mlp_norm, weights.gate_proj, weights.up_proj, weights.down_proj, eps)
    return IntegerElement(layer, mlp, x, layer.run_mlp(x), *place)


def draw(rng: np.random.Generator) -> IntegerElement:
    """One to four wide; rows of very different size, ranges far too small or large."""
    width, inner = (int(rng.integers(1, 5)) for _ in range(2))

    def draw_matrix(outputs: int, inputs: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return rng.standard_normal((outputs, inputs)) * 10.0 ** rng.uniform(-1, 1, (outputs, 1))

    gain = rng.uniform(-2, 2, width)
    gate, up, down = (
        draw_matrix(inner, width),
        draw_matrix(inner, width),
        draw_matrix(width, inner),
    )
    residual, widest_gate, widest_up, hidden = (2.0 ** rng.uniform(-6, 8, 4)).tolist()
    ranges = LayerRanges(residual, widest_gate, widest_up, hidden, 1.0, 1.0)
    largest = int(rng.choice([1, 50, 3000, MAX_ACTIVATION]))
    x = rng.integers(-largest, largest + 1, (1, width)).astype(np.int16)
    step = STEP_NAMES[rng.integers(len(STEP_NAMES))]
    index = int(rng.integers(width if step in ("normed", "output") else inner))
    weights = LayerWeights(gain, down, down, down, down, gain, gate, up, down)
    return make_element(weights, ranges, 10.0 ** rng.uniform(-8, -2), x, (step, index))


def draw_decoded(pair: DecodedPair, rng: np.random.Generator) -> IntegerElement:
    """An element of a step for token j, the scales from all tokens of the layer and row."""
    token = draw_token(pair, rng)
    layer = token.layer
    residuals = token.run.mlp_inputs[token.layer_index, token.row_index]
    seen = compute_activations(compute_rms_norm(residuals, layer.mlp_norm, token.eps), layer)
    ranges = LayerRanges(query=1.0, key=1.0)
    ranges.cover("residual", residuals)
    for name in ("gate", "up", "hidden"):
        ranges.cover(name, getattr(seen, name))
    step = STEP_NAMES[rng.integers(len(STEP_NAMES))]
    like = residuals if step in ("normed", "output") else seen.gate
    index = int(rng.integers(like.shape[-1]))
    x = quantize(residuals[None, token.token_index], ranges.residual / MAX_ACTIVATION)
    return make_element(layer, ranges, token.eps, x, (step, index))


def _is_as_computed(element: IntegerElement) -> bool:
    again = element.layer.run_mlp(element.x)
    names = [field.name for field in fields(IntegerActivations)]
    return all(np.array_equal(getattr(again, name), getattr(element.found, name)) for name in names)


def _is_finite(element: IntegerElement) -> bool:
    arrays = (getattr(element.mlp, name) for name in ("gain", *PROJECTIONS))
    return all(is_ball_array(array) or bool(np.isfinite(array).all()) for array in arrays)


STATEMENT = Statement(
    number="P-19",
    title="integer MLP phase against the float one, every element of every step",
    source="ours",
    hypotheses=(
        Hypothesis("finite weights", _is_finite),
        Hypothesis("integers as the layer computes them", _is_as_computed),
    ),
    compute_sides=compute_sides,
    compute_rounding=compute_rounding,
    draw=draw,
    draw_decoded=draw_decoded,
    looseness="The roundings of many weights and activations have both signs; the bound has "
    "them all alike.",
)
