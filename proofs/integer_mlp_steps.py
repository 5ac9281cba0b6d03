"""The steps of the integer MLP phase beside the float one: values, errors and their bounds.

P-19 (`fastcar.proofs.integer_mlp`) states and proves the bounds. Everything here is element by
element and computes in floats or in balls.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.proofs.arithmetic import Array, lift
from fastcar.proofs.integer_steps import (
    Difference,
    NormPair,
    bound_norm,
    bound_product,
    cut_positive,
    get_distance,
)
from fastcar.proofs.swiglu import SILU_SLOPE, compute_silu
from fastcar.proofs.tables import SILU_ABSOLUTE_ERROR
from fastcar.reference.arrays import Int16Array
from fastcar.reference.integer.fixed_point import MAX_ACTIVATION
from fastcar.reference.integer.layer import IntegerActivations, IntegerLayer
from fastcar.reference.integer.units import compute_integer_silu
from fastcar.reference.tables import SILU_FRACTION_BITS


@dataclass(frozen=True)
class FloatMlp:
    """Float constants of one layer, floats or balls.

    Attributes:
        gain: [D], g.
        gate_proj: [F, D].
        up_proj: [F, D].
        down_proj: [D, F].
        rms_norm_eps: eps.
    """

    gain: Array
    gate_proj: Array
    up_proj: Array
    down_proj: Array
    rms_norm_eps: float


@dataclass(frozen=True)
class Steps:
    """One number per element of every step: values, errors or bounds; floats or balls.

    Attributes:
        normed: [B, D].
        gate: [B, F].
        up: [B, F].
        hidden: [B, F].
        output: [B, D].
    """

    normed: Array
    gate: Array
    up: Array
    hidden: Array
    output: Array


STEP_NAMES = tuple(Steps.__dataclass_fields__)


def get_norm(layer: IntegerLayer, mlp: FloatMlp) -> NormPair:
    """The norm of both."""
    scales = layer.scales
    return NormPair(
        layer.gains, layer.epsilon, mlp.gain, mlp.rms_norm_eps, scales.residual, scales.normed
    )


def compute_float_steps(layer: IntegerLayer, mlp: FloatMlp, x: Int16Array) -> Steps:
    """The float MLP of the rows [B, D] that X stands for."""
    normed = get_norm(layer, mlp).compute_float(x)
    gate, up = normed @ mlp.gate_proj.T, normed @ mlp.up_proj.T
    hidden = compute_silu(gate) * up
    return Steps(normed, gate, up, hidden, hidden @ mlp.down_proj.T)


def dequantize_steps(layer: IntegerLayer, found: IntegerActivations, like: Array) -> Steps:
    """What the integers stand for."""
    scales = layer.scales
    return Steps(
        lift(found.normed, like) * scales.normed,
        lift(found.gate, like) * layer.gate_scale,
        lift(found.up, like) * scales.up,
        lift(found.hidden, like) * scales.hidden,
        lift(found.output, like) * scales.residual,
    )


def compute_errors(
    layer: IntegerLayer, mlp: FloatMlp, x: Int16Array, found: IntegerActivations
) -> Steps:
    """|integer - float| of every step."""
    exact = compute_float_steps(layer, mlp, x)
    integers = dequantize_steps(layer, found, mlp.gain)
    return Steps(*(abs(getattr(integers, name) - getattr(exact, name)) for name in STEP_NAMES))


def compute_float_reach(exact: Steps, mlp: FloatMlp) -> Steps:
    """The float steps with every term of a sum taken positive: what their rounding is relative to.

    A rounded gate reaches silu with the slope of silu.
    """
    normed = abs(exact.normed)
    gate, up = normed @ abs(mlp.gate_proj).T, normed @ abs(mlp.up_proj).T
    hidden = (abs(compute_silu(exact.gate)) + SILU_SLOPE * gate) * up
    return Steps(normed, gate, up, hidden, hidden @ abs(mlp.down_proj).T)


def compute_bounds(
    layer: IntegerLayer,
    mlp: FloatMlp,
    x: Int16Array,
    found: IntegerActivations,
    difference: Difference = get_distance,
) -> Steps:
    """Largest error of every step, from the constants and the integers alone.

    Args:
        layer: integer constants.
        mlp: float constants; balls give balls.
        x: [B, D] int16.
        found: what `layer.run_mlp(x)` gave.
        difference: of constants.
    """
    scales, like = layer.scales, mlp.gain
    normed_error = bound_norm(get_norm(layer, mlp), x, difference)
    normed = found.normed, scales.normed, normed_error
    gate_error = bound_product(
        layer.gate_proj, mlp.gate_proj, *normed, layer.gate_scale, difference
    )
    up_error = bound_product(layer.up_proj, mlp.up_proj, *normed, scales.up, difference)
    silu = compute_integer_silu(found.gate, layer.gate_shift)
    up = lift(found.up, like) * scales.up
    hidden_error = bound_hidden(layer, lift(silu, like), up, gate_error, up_error, difference)
    hidden = found.hidden, scales.hidden, hidden_error
    output_error = bound_product(
        layer.down_proj, mlp.down_proj, *hidden, scales.residual, difference
    )
    return Steps(normed_error, gate_error, up_error, hidden_error, output_error)


def bound_hidden(
    layer: IntegerLayer,
    silu: Array,
    up: Array,
    gate_error: Array,
    up_error: Array,
    difference: Difference,
) -> Array:
    """e of hidden, [B, F]; silu as the unit gives it, in 15 fraction bits, up dequantised."""
    scales = layer.scales
    factor = lift(np.array([scales.hidden]), silu)[0]
    factor = factor * layer.hidden_multiplier * 2.0 ** (SILU_FRACTION_BITS - layer.hidden_shift)
    kappa = factor / scales.up
    activation = silu * 2.0**-SILU_FRACTION_BITS
    activation_error = SILU_ABSOLUTE_ERROR + SILU_SLOPE * gate_error
    product = activation * up
    of_factors = abs(activation) * up_error + activation_error * (abs(up) + up_error)
    cut = cut_positive(abs(product) * kappa / scales.hidden - MAX_ACTIVATION)
    of_scale = difference(kappa, 1) * abs(product)
    bound: Array = (cut + 0.5) * scales.hidden + of_scale + of_factors
    return bound
