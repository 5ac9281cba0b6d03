"""The MLP phase of one layer on integers, with its frozen constants.

The order is that of the instruction sequence in docs/accelerator.md, section 2: NORM, GEMV gate,
GEMV_SILU (up and hidden), GEMV down, ADD. Padding to whole words is the compiler's business: zeros
that it adds change no sum.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import Int8Array, Int16Array, Int64Array, UInt16Array
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.fixed_point import MAX_ACTIVATION, check_scale
from fastcar.reference.integer.units import (
    ACCUMULATOR_BITS,
    GATE_FRACTION_BITS,
    MAX_ACCUMULATOR,
    MAX_GATE_SHIFT,
    MAX_MULTIPLIER,
    MAX_WEIGHT,
    add_residual,
    check_shift,
    check_width,
    compute_accumulators_in_float,
    compute_integer_hidden,
    compute_integer_rms_norm,
    requantize,
)


@dataclass(frozen=True)
class IntegerMatrix:
    """A projection: int8 weights and what brings a sum to the scale of the result.

    Attributes:
        weights: [out, in] int8, -127 .. 127.
        multipliers: [out] uint16.
        shift: of all rows, 0 .. 47.
    """

    weights: Int8Array
    multipliers: UInt16Array
    shift: int

    def __post_init__(self) -> None:
        if self.weights.dtype != np.int8 or self.weights.ndim != 2:
            found = f"{self.weights.dtype} {self.weights.shape}"
            raise ArgumentError("weights", found, "int8 [out, in]")
        if self.weights.size and self.weights.min() < -MAX_WEIGHT:
            raise ArgumentError("weights", -MAX_WEIGHT - 1, f"in +-{MAX_WEIGHT}")
        if self.multipliers.dtype != np.uint16 or self.multipliers.shape != self.weights.shape[:1]:
            found = f"{self.multipliers.dtype} {self.multipliers.shape}"
            raise ArgumentError("multipliers", found, f"uint16 {self.weights.shape[:1]}")
        check_shift("shift", self.shift)

    @cached_property
    def _weights_in_float(self) -> NDArray[np.float64]:
        return self.weights.astype(np.float64)

    def accumulate(self, activations: Int16Array) -> Int64Array:
        """Sums [B, out] of rows [B, in], before requantisation."""
        return compute_accumulators_in_float(activations, self._weights_in_float)

    def run(self, activations: Int16Array) -> Int16Array:
        """Product with rows [B, in], requantised: [B, out] int16."""
        return requantize(self.accumulate(activations), self.multipliers, self.shift)


@dataclass(frozen=True)
class LayerScales:
    """Value of one step of each int16 quantity of a layer.

    Attributes:
        residual: s_x, of residual stream, MLP output and replay cache.
        normed: s_n.
        up: s_u.
        hidden: s_h.
        query: s_q.
        key: s_k.
    """

    residual: float
    normed: float
    up: float
    hidden: float
    query: float
    key: float

    def __post_init__(self) -> None:
        for field in fields(self):
            check_scale(f"scale of {field.name}", getattr(self, field.name))


@dataclass(frozen=True)
class IntegerActivations:
    """Everything the MLP phase of some rows computes, in order.

    Attributes:
        normed: [B, D], n.
        gate: [B, F].
        up: [B, F].
        hidden: [B, F], silu(gate) * up.
        output: [B, D], y.
    """

    normed: Int16Array
    gate: Int16Array
    up: Int16Array
    hidden: Int16Array
    output: Int16Array


@dataclass(frozen=True)
class IntegerLayer:
    """Frozen integer constants of one layer's score and MLP phase.

    Attributes:
        gains: [D] int16, G.
        epsilon: E, at least 1.
        gate_proj: [F, D].
        up_proj: [F, D].
        down_proj: [D, F].
        gate_shift: 0 .. 3.
        hidden_multiplier: uint16.
        hidden_shift: 0 .. 47.
        scales: value of one step.
    """

    gains: Int16Array
    epsilon: int
    gate_proj: IntegerMatrix
    up_proj: IntegerMatrix
    down_proj: IntegerMatrix
    gate_shift: int
    hidden_multiplier: int
    hidden_shift: int
    scales: LayerScales

    def __post_init__(self) -> None:
        width, inner = self.hidden_size, self.intermediate_size
        if self.gains.dtype != np.int16 or self.gains.shape != (width,):
            found = f"{self.gains.dtype} {self.gains.shape}"
            raise ArgumentError("gains", found, f"int16 ({width},)")
        for name, shape in (
            ("gate_proj", (inner, width)),
            ("up_proj", (inner, width)),
            ("down_proj", (width, inner)),
        ):
            found_shape = getattr(self, name).weights.shape
            if found_shape != shape:
                raise ArgumentError(name, found_shape, f"of shape {shape}")
        if not 0 <= self.gate_shift <= MAX_GATE_SHIFT:
            raise ArgumentError("gate_shift", self.gate_shift, f"in [0, {MAX_GATE_SHIFT}]")
        if not 0 <= self.hidden_multiplier <= MAX_MULTIPLIER:
            limit = f"in [0, {MAX_MULTIPLIER}]"
            raise ArgumentError("hidden_multiplier", self.hidden_multiplier, limit)
        check_shift("hidden_shift", self.hidden_shift)
        check_accumulators(width, inner, epsilon=self.epsilon)

    @property
    def hidden_size(self) -> int:
        """D."""
        return int(self.down_proj.weights.shape[0])

    @property
    def intermediate_size(self) -> int:
        """F."""
        return int(self.down_proj.weights.shape[1])

    @property
    def gate_scale(self) -> float:
        """Value of one step of the gate."""
        return float(2.0 ** (self.gate_shift - GATE_FRACTION_BITS))

    def normalize(self, x: Int16Array) -> Int16Array:
        """NORM: [B, D] to n [B, D]."""
        return compute_integer_rms_norm(x, self.gains, self.epsilon)

    def run_mlp(self, x: Int16Array) -> IntegerActivations:
        """The MLP of rows [B, D] int16 of the residual stream, up to y; ADD stands apart."""
        normed = self.normalize(x)
        gate = self.gate_proj.run(normed)
        up = self.up_proj.run(normed)
        hidden = compute_integer_hidden(
            gate, up, self.gate_shift, self.hidden_multiplier, self.hidden_shift
        )
        return IntegerActivations(normed, gate, up, hidden, self.down_proj.run(hidden))

    def run(self, x: Int16Array) -> tuple[Int16Array, Int16Array]:
        """y and the new residual stream of computing rows, both [B, D]."""
        output = self.run_mlp(x).output
        return output, add_residual(x, output)


def check_accumulators(
    hidden_size: int, intermediate_size: int, query_size: int = 1, epsilon: int = 1
) -> None:
    """Refuse sizes with which a sum could leave the 48 bits of an accumulator.

    Proof, with |int16| <= 2^15 and |int8| <= 127: NORM sums D squares and E; a GEMV sums D or F
    products below 127 * 2^15; SCORE sums Q products of at most 2^30; DISTANCE sums D squares of
    differences of saturated numbers, at most 65,534 each. All partial sums are smaller still, and
    padding adds zeros. The products of NORM are below 2^47: 2^15 * 2^15 * 2^16 plus half. The
    product of silu (23 bits) and up is below 2^38.

    Args:
        hidden_size: D.
        intermediate_size: F.
        query_size: Q = H d.
        epsilon: E.

    Raises:
        ArgumentError: names the size.
    """
    check_width(hidden_size)
    check_width(intermediate_size)
    if epsilon < 1:
        raise ArgumentError("epsilon", epsilon, "at least 1")
    square = (MAX_ACTIVATION + 1) ** 2
    for name, size, largest in (
        ("hidden_size", hidden_size, hidden_size * (2 * MAX_ACTIVATION) ** 2),
        ("epsilon", epsilon, hidden_size * square + epsilon),
        ("query_size", query_size, query_size * square),
    ):
        if not 1 <= largest <= MAX_ACCUMULATOR:
            limit = f"small enough for sums of {ACCUMULATOR_BITS} bits"
            raise ArgumentError(name, size, limit)
