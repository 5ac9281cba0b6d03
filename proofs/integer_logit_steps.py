"""The way to one integer logit beside the float one: values of every step.

P-24 (`fastcar.proofs.integer_logit`) speaks about them. Everything here is element by element and
computes in floats or in balls. Notation: a query token and a key token, d width of the
head; every array of two rows has that of the query first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fastcar.proofs.arithmetic import Array, lift
from fastcar.proofs.integer_logit_head import Head, get_rows
from fastcar.reference.arrays import Int8Array, Int16Array, Int64Array
from fastcar.reference.integer.fixed_point import MAX_ACTIVATION
from fastcar.reference.integer.units import compute_integer_rms_norm
from fastcar.reference.integer.whole.rotary import MAX_CACHED
from fastcar.reference.integer.whole.scores import compute_logits, compute_score_accumulators


@dataclass(frozen=True)
class Integers:
    """What the integers are on the way to a logit.

    Attributes:
        normed: [2, D].
        plain_query: [d] before ROPE.
        plain_key: [d] before ROPE, in steps of 127 s_k / 32767.
        query: [d].
        key: [d].
        logit: [1], z.
    """

    normed: Int16Array
    plain_query: Int16Array
    plain_key: Int16Array
    query: Int16Array
    key: Int8Array
    logit: Int64Array


class Steps(NamedTuple):
    """One number per element of every step: values, errors or bounds; a logit in steps of z."""

    plain_query: Array
    plain_key: Array
    query: Array
    key: Array
    logit: Array


def run(head: Head, x: Int16Array) -> Integers:
    """The integers of the rows X [2, D], as the layer computes them."""
    layer = head.layer
    normed = compute_integer_rms_norm(x, layer.gains, layer.epsilon)
    projected = layer.project(x, head.turns, np.arange(2))
    accumulators = compute_score_accumulators(projected.query[:1], projected.key[1:, :, None])
    logits = compute_logits(accumulators, layer.logit_multiplier, layer.logit_shift)
    return Integers(
        normed,
        get_rows(layer.q_proj, head.index, layer.head_dim).run(normed[:1])[0],
        get_rows(layer.k_proj, head.key_index, layer.head_dim).run(normed[1:])[0],
        projected.query[0, head.index],
        projected.key[1, head.key_index],
        logits[0, head.index],
    )


def compute_float_steps(head: Head, x: Int16Array) -> Steps:
    """The float query, key and logit of the rows that X stands for."""
    exact = head.exact
    query_normed, key_normed = head.norm.compute_float(x)
    query, key = exact.q_proj @ query_normed, exact.k_proj @ key_normed
    cos, sin = head.compute_turns()
    turned_query, turned_key = turn(query, cos[0], sin[0]), turn(key, cos[1], sin[1])
    logit = (turned_query * turned_key).sum() * head.get_logit_factor()
    return Steps(query, key, turned_query, turned_key, np.array([logit]))


def turn(x: Array, cos: Array, sin: Array) -> Array:
    """Rotary embedding of a vector [d], half-split."""
    first, second = np.split(x, 2)
    return np.concatenate([first * cos - second * sin, second * cos + first * sin])


def compute_float_reach(head: Head, x: Int16Array) -> Steps:
    """The float steps with every term of a sum positive, cosine and sine 1."""
    exact = head.exact
    query_normed, key_normed = abs(head.norm.compute_float(x))
    query, key = abs(exact.q_proj) @ query_normed, abs(exact.k_proj) @ key_normed
    turned_query, turned_key = (_add_pairs(part) for part in (query, key))
    logit = (turned_query * turned_key).sum() * head.get_logit_factor()
    return Steps(query, key, turned_query, turned_key, np.array([logit]))


def _add_pairs(x: Array) -> Array:
    first, second = np.split(x, 2)
    total = first + second
    return np.concatenate([total, total])


def dequantize(head: Head, found: Integers) -> Steps:
    """What the integers stand for."""
    like = head.exact.gain
    query_scale, key_scale = head.get_scales()
    return Steps(
        lift(found.plain_query, like) * query_scale,
        lift(found.plain_key, like) * key_scale * MAX_CACHED / MAX_ACTIVATION,
        lift(found.query, like) * query_scale,
        lift(found.key, like) * key_scale,
        lift(found.logit, like),
    )
