"""Bounds on the steps to an integer logit, from constants and integers alone; P-24 proves them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.proofs.arithmetic import Array, Scalar, lift
from fastcar.proofs.integer_logit_head import Head, get_rows
from fastcar.proofs.integer_logit_steps import Integers, Steps, dequantize
from fastcar.proofs.integer_steps import (
    Difference,
    bound_norm,
    bound_product,
    cut_positive,
    get_distance,
    get_reach,
)
from fastcar.reference.arrays import Int16Array
from fastcar.reference.integer.fixed_point import MAX_ACTIVATION
from fastcar.reference.integer.whole.rotary import (
    KEY_MULTIPLIER,
    KEY_SHIFT,
    MAX_CACHED,
    ROTARY_FRACTION_BITS,
)

QUERY_FACTOR = 2.0**-ROTARY_FRACTION_BITS
KEY_FACTOR = KEY_MULTIPLIER * 2.0**-KEY_SHIFT


@dataclass(frozen=True)
class Narrowing:
    """How a turned vector becomes integers.

    Attributes:
        plain_scale: [d], of the integers before.
        scale: [d], of the result.
        factor: steps of the result per unit of the exact turn of integers.
        limit: largest magnitude of the result.
    """

    plain_scale: Array
    scale: Array
    factor: float
    limit: int


def compute_bounds(
    head: Head, x: Int16Array, found: Integers, difference: Difference = get_distance
) -> Steps:
    """Largest error of every step.

    Args:
        head: integer constants and float ones; balls give balls.
        x: [2, D] int16.
        found: what `run(head, x)` gave.
        difference: of constants; with `get_reach` cosines and sines count as 1.
    """
    query_scale, key_scale = head.get_scales()
    plain_key_scale = key_scale * MAX_CACHED / MAX_ACTIVATION
    errors = bound_norm(head.norm, x, difference)

    def bound_projection(name: str, row: int, index: int, scale: Array) -> Array:
        matrix = get_rows(getattr(head.layer, name), index, head.layer.head_dim)
        rows = slice(row, row + 1)
        inputs = found.normed[rows], head.normed_scale, errors[rows]
        weight: Array = getattr(head.exact, name)
        bound: Array = bound_product(matrix, weight, *inputs, scale, difference)[0]
        return bound

    plain_query = bound_projection("q_proj", 0, head.index, query_scale)
    plain_key = bound_projection("k_proj", 1, head.key_index, plain_key_scale)
    of_query = Narrowing(query_scale, query_scale, QUERY_FACTOR, MAX_ACTIVATION)
    of_key = Narrowing(plain_key_scale, key_scale, KEY_FACTOR, MAX_CACHED)
    query = bound_turn(head, 0, (found.plain_query, plain_query), of_query, difference)
    key = bound_turn(head, 1, (found.plain_key, plain_key), of_key, difference)
    logit = bound_logit(head, found, (query, key), difference)
    return Steps(plain_query, plain_key, query, key, np.array([logit]))


def bound_turn(
    head: Head,
    row: int,
    plain: tuple[Int16Array, Array],
    narrowing: Narrowing,
    difference: Difference,
) -> Array:
    """e of ROPE, [d].

    Args:
        head: positions and table.
        row: 0 for the query token, 1 for the key token.
        plain: integers [d] before, and their e.
        narrowing: to the result.
        difference: of constants.
    """
    integers, error = plain
    like = head.exact.gain
    [turned] = head.turns.turn(integers[None, None], np.array([row]))[0]
    steps = lift(turned, like) * narrowing.factor
    rounded = (cut_positive(abs(steps) - narrowing.limit) + 0.5) * narrowing.scale
    unit = QUERY_FACTOR * narrowing.plain_scale  # what 1 of the exact turn stands for
    of_scale = abs(lift(turned, like)) * difference(narrowing.factor * narrowing.scale, unit)
    table = (lift(part[row], like) * QUERY_FACTOR for part in (head.turns.cos, head.turns.sin))
    exact = tuple(part[row] for part in head.compute_turns())
    of_table = tuple(difference(*pair) for pair in zip(table, exact, strict=True))
    if difference is get_reach:
        exact = of_table = tuple(abs(part) * 0 + 2 for part in exact)
    reach = abs(lift(integers, like)) * narrowing.plain_scale
    bound: Array = rounded + of_scale + _mix(reach, *of_table) + _mix(error, *map(abs, exact))
    return bound


def _mix(x: Array, of_cos: Array, of_sin: Array) -> Array:
    """What both elements of a pair give to each, all signs alike."""
    first, second = np.split(x, 2)
    return np.concatenate(
        [first * of_cos + second * of_sin, second * of_cos + first * of_sin],
    )


def bound_logit(
    head: Head, found: Integers, errors: tuple[Array, Array], difference: Difference
) -> Scalar:
    """e of z, in its steps; errors of query and key, [d] each."""
    like, layer = head.exact.gain, head.layer
    query_error, key_error = errors
    query_scale, key_scale = head.get_scales()
    per_logit = head.get_logit_factor()
    values = dequantize(head, found)
    multiplier = layer.logit_multiplier * 2.0**-layer.logit_shift  # exact
    products = abs(lift(found.query, like) * lift(found.key, like))
    of_multiplier = products * difference(multiplier, query_scale * key_scale * per_logit)
    of_factors = abs(values.query) * key_error + (abs(values.key) + key_error) * query_error
    return of_multiplier.sum() + of_factors.sum() * per_logit + 0.5
