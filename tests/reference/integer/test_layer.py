"""The MLP phase of a layer against Python integers, and what the constants may be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.layer import (
    IntegerLayer,
    IntegerMatrix,
    LayerScales,
    check_accumulators,
)
from tests.reference.integer import naive as naive
from tests.reference.integer.runs import make_layer, make_matrix

RNG = np.random.default_rng(3)
LAYER = make_layer(RNG, 6, 10)


def run_naively(layer: IntegerLayer, x: list[int]) -> tuple[list[int], list[int]]:
    """y and the new residual stream of one row, instruction by instruction."""

    def multiply(matrix: IntegerMatrix, row: list[int]) -> list[int]:
        return [
            naive.requantize(naive.dot(weights, row), multiplier, matrix.shift)
            for weights, multiplier in zip(
                matrix.weights.tolist(), matrix.multipliers.tolist(), strict=True
            )
        ]

    normed = naive.rms_norm(x, layer.gains.tolist(), layer.epsilon)
    gate, up = multiply(layer.gate_proj, normed), multiply(layer.up_proj, normed)
    constants = layer.gate_shift, layer.hidden_multiplier, layer.hidden_shift
    hidden = [naive.hidden(*pair, *constants) for pair in zip(gate, up, strict=True)]
    output = multiply(layer.down_proj, hidden)
    return output, [naive.limit(one + two) for one, two in zip(x, output, strict=True)]


@given(st.integers(0, 2**16), st.sampled_from([1, 40, 3000, 32767]))
def test_layer_is_the_instruction_sequence(seed: int, largest: int) -> None:
    rng = np.random.default_rng(seed)
    layer = make_layer(rng, int(rng.integers(1, 7)), int(rng.integers(1, 9)))
    x = rng.integers(-largest, largest + 1, (3, layer.hidden_size)).astype(np.int16)
    output, residual = layer.run(x)
    for row in range(3):
        assert (output[row].tolist(), residual[row].tolist()) == run_naively(layer, x[row].tolist())


@given(st.integers(0, 2**16))
def test_rows_do_not_influence_each_other(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(-32767, 32768, (4, 6)).astype(np.int16)
    together = LAYER.run(x)
    alone = [LAYER.run(x[[row]]) for row in range(4)]
    for index in range(2):
        assert np.array_equal(together[index], np.concatenate([part[index] for part in alone]))


@given(st.integers(1, 9), st.integers(1, 9))
def test_padding_with_zeros_changes_nothing(more_width: int, more_inner: int) -> None:
    def pad(matrix: IntegerMatrix, outputs: int, inputs: int) -> IntegerMatrix:
        return IntegerMatrix(
            np.pad(matrix.weights, ((0, outputs), (0, inputs))),
            np.pad(matrix.multipliers, (0, outputs)),
            matrix.shift,
        )

    padded = replace(
        LAYER,
        gains=np.pad(LAYER.gains, (0, more_width)),
        gate_proj=pad(LAYER.gate_proj, more_inner, more_width),
        up_proj=pad(LAYER.up_proj, more_inner, more_width),
        down_proj=pad(LAYER.down_proj, more_width, more_inner),
    )
    x = RNG.integers(-32767, 32768, (3, 6)).astype(np.int16)
    for exact, found in zip(
        LAYER.run(x), padded.run(np.pad(x, ((0, 0), (0, more_width)))), strict=True
    ):
        assert np.array_equal(found[:, :6], exact)
        assert not found[:, 6:].any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gains": np.zeros(5, np.int16)}, r"gains = .*: must be int16 \(6,\)"),
        ({"gains": np.zeros(6, np.int32)}, r"gains = .*: must be int16 \(6,\)"),
        ({"epsilon": 0}, "epsilon = 0: must be at least 1"),
        ({"epsilon": 2**47}, r"epsilon = \d+: must be small enough for sums of 48 bits"),
        ({"gate_shift": 4}, r"gate_shift = 4: must be in \[0, 3\]"),
        ({"hidden_multiplier": 65536}, r"hidden_multiplier = 65536: must be in \[0, 65535\]"),
        ({"hidden_shift": 48}, r"hidden_shift = 48: must be in \[0, 47\]"),
        ({"up_proj": make_matrix(RNG, 9, 6)}, r"up_proj = \(9, 6\): must be of shape \(10, 6\)"),
    ],
)
def test_constants_outside_their_fields_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{message}$"):
        replace(LAYER, **changes)


def test_matrix_outside_its_types_is_refused() -> None:
    weights, multipliers = np.ones((2, 3), np.int8), np.ones(2, np.uint16)
    with pytest.raises(ArgumentError, match=r"^weights = 'int16 \(2, 3\)': must be int8"):
        IntegerMatrix(weights.astype(np.int16), multipliers, 0)
    with pytest.raises(ArgumentError, match=r"^weights = -128: must be in \+-127$"):
        IntegerMatrix(np.full((2, 3), -128, np.int8), multipliers, 0)
    with pytest.raises(ArgumentError, match=r"^multipliers = 'uint16 \(3,\)': must be uint16"):
        IntegerMatrix(weights, np.ones(3, np.uint16), 0)
    with pytest.raises(ArgumentError, match=r"^shift = 48: must be in \[0, 47\]$"):
        IntegerMatrix(weights, multipliers, 48)


def test_scale_of_zero_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^scale of hidden = 0.0: must be finite and above 0$"):
        LayerScales(1.0, 1.0, 1.0, 0.0, 1.0, 1.0)


def test_sizes_of_large_models_fit_the_accumulators() -> None:
    check_accumulators(hidden_size=8192, intermediate_size=28672, query_size=8192, epsilon=2**40)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((32771, 4), "hidden_size = 32771: must be small enough for sums of 48 bits"),
        ((4, 2**26), r"inputs of a matrix = 67108864: must be from 1 to \d+"),
        ((4, 4, 2**17), "query_size = 131072: must be small enough for sums of 48 bits"),
        ((4, 4, 0), "query_size = 0: must be small enough for sums of 48 bits"),
    ],
)
def test_sizes_whose_sums_might_overflow_are_refused(sizes: tuple[int, ...], message: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{message}$"):
        check_accumulators(*sizes)


def test_largest_hidden_size_is_the_one_whose_distance_fits() -> None:
    largest = (2**47 - 1) // 65534**2
    check_accumulators(largest, 4)
    with pytest.raises(ArgumentError, match=r"^hidden_size"):
        check_accumulators(largest + 1, 4)
