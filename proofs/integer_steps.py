"""Norm and matrix product on integers beside the float ones: bounds that several statements share.

P-19 (`fastcar.proofs.integer_mlp`) proves them; P-24 takes them for attention. Element by element,
in floats or in balls; e_z is a bound on |hat z - z| of dequantised and float numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fastcar.proofs.arithmetic import Array, Scalar, lift, sqrt
from fastcar.proofs.tables import RSQRT_RELATIVE_ERROR
from fastcar.reference.arrays import Int16Array
from fastcar.reference.integer.fixed_point import MAX_ACTIVATION
from fastcar.reference.integer.layer import IntegerMatrix


def get_distance(x: Scalar, y: Scalar) -> Scalar:
    """|x - y|, element by element."""
    return abs(x - y)


def get_reach(x: Scalar, y: Scalar) -> Scalar:
    """|x| + |y|: the difference where no sign helps."""
    return abs(x) + abs(y)


Difference = Callable[[Scalar, Scalar], Scalar]
"""How a bound takes a difference: `get_distance`, or `get_reach` for a bound on its rounding."""


def take_roots(x: Array) -> Array:
    """Square roots, element by element."""
    roots: Array = np.array([sqrt(element) for element in x.ravel()], dtype=x.dtype)
    return roots.reshape(x.shape)


def cut_positive(x: Array) -> Array:
    """max(x, 0), in both arithmetics."""
    positive: Array = (x + abs(x)) / 2
    return positive


@dataclass(frozen=True)
class NormPair:
    """An integer norm and the float one, which enters at the same residual rows x = s_x X.

    Attributes:
        gains: [D] int16, G.
        epsilon: E.
        gain: [D], g, floats or balls.
        rms_norm_eps: eps.
        residual_scale: s_x.
        normed_scale: s_n.
    """

    gains: Int16Array
    epsilon: int
    gain: Array
    rms_norm_eps: float
    residual_scale: float
    normed_scale: float

    def compute_float(self, x: Int16Array) -> Array:
        """Normalised rows of X [B, D], in the arithmetic of the gain."""
        wide = lift(x, self.gain)
        roots = take_roots(self.get_real_squares(wide))
        normed: Array = wide * self.gain * self.get_root_width() / roots
        return normed

    def get_root_width(self) -> Array:
        """sqrt(D), [1]."""
        return take_roots(lift(np.array([len(self.gains)]), self.gain))

    def get_real_squares(self, wide: Array) -> Array:
        """V* of every row, [B, 1]."""
        step = lift(np.array([self.residual_scale]), self.gain)[0]
        epsilon = self.rms_norm_eps / (step * step) * wide.shape[-1]
        squares: Array = (wide * wide).sum(axis=-1, keepdims=True) + epsilon
        return squares


def bound_norm(norm: NormPair, x: Int16Array, difference: Difference) -> Array:
    """e of NORM, [B, D]."""
    wide, gains = lift(x, norm.gain), lift(norm.gains, norm.gain)
    exact_gains = norm.gain * norm.get_root_width() / norm.normed_scale  # G*
    roots = take_roots((wide * wide).sum(axis=-1, keepdims=True) + norm.epsilon)
    exact_roots = take_roots(norm.get_real_squares(wide))
    of_roots = RSQRT_RELATIVE_ERROR / roots + difference(1 / roots, 1 / exact_roots)
    of_gains = difference(gains, exact_gains) / exact_roots
    steps = abs(wide) * (abs(gains) * of_roots + of_gains)
    bound: Array = (steps + 0.5) * norm.normed_scale
    return bound


def bound_product(
    matrix: IntegerMatrix,
    weight: Array,
    inputs: Int16Array,
    input_scale: float,
    input_error: Array,
    output_scale: float | Array,
    difference: Difference,
) -> Array:
    """e of a GEMV, [B, out].

    Args:
        matrix: integer constants.
        weight: [out, in], the float one.
        inputs: [B, in] int16.
        input_scale: of the inputs.
        input_error: [B, in], e of the inputs.
        output_scale: one, or one per output [out].
        difference: of constants.
    """
    multipliers = lift(matrix.multipliers, weight) * 2.0**-matrix.shift  # [out], exact
    row_scales = multipliers * output_scale / input_scale  # s_w, [out]
    weight_error = difference(lift(matrix.weights, weight) * row_scales[:, None], weight)
    of_weights = abs(lift(inputs, weight)) * input_scale @ weight_error.T
    steps = lift(matrix.accumulate(inputs), weight) * multipliers
    cut = cut_positive(abs(steps) - MAX_ACTIVATION)
    bound: Array = (cut + 0.5) * output_scale + of_weights + input_error @ abs(weight).T
    return bound
