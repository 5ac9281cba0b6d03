"""P-24: an integer logit stays within a computed distance of the float decoder's own.

Claim. The residual rows x = s_x X, X int16, of a query token and of a key token enter one head of a
float decoder and of the layer `fastcar.reference.integer.whole.attention`. Query and key of both,
before and after rotary embedding, differ element by element, and the logit z from
2^8 log2(e) <q, k> / sqrt(d), by at most `compute_bounds`, whatever the weights of the two, the
positions, and whether or not a product or a key saturates.

Proof. Hatted numbers are dequantised integers, e_z bounds |hat z - z|, all element by element. Norm
and projections are those of P-19, with an output scale of its own for every row.

ROPE: with integers A, B of a pair in steps of t and table entries C, D of 2^-14 the exact integer
u = A C - B D stands for 2^-14 t u. That is off from a cos - b sin by |hat a| |2^-14 C - cos| +
|hat b| |2^-14 D - sin| + e_a |cos| + e_b |sin|. The result, f u rounded in steps of s, is off from
2^-14 t u by s / 2, what the limit cut off, and |u| |f s - 2^-14 t|: 0 for a query, f = 2^-14,
s = t; for a key f = 65026 2^-38 and t = 127 s / 32767.

Logit: z is the sum of Q K, times m 2^-shift, rounded. With c = 2^8 log2(e) / sqrt(d) it is off from
c sum of hat q hat k by 1/2 + sum |Q K| |m 2^-shift - c s_q s_k|, and that from the float one by
c sum (|hat q| e_k + |hat k| e_q + e_q e_k). No logit saturates: `check_logit_range`.

Source: ours.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from fastcar.proofs.aligned_token import draw_token
from fastcar.proofs.arithmetic import Scalar, is_ball_array
from fastcar.proofs.decoded_run import DecodedPair
from fastcar.proofs.integer_logit_bounds import compute_bounds
from fastcar.proofs.integer_logit_head import Head, draw_head, make_token_head
from fastcar.proofs.integer_logit_steps import (
    Integers,
    Steps,
    compute_float_reach,
    compute_float_steps,
    dequantize,
    run,
)
from fastcar.proofs.integer_steps import get_reach
from fastcar.proofs.statement import UNIT_ROUNDOFF, Hypothesis, Sides, Statement
from fastcar.reference.arrays import Int16Array

STEP_NAMES = Steps._fields


@dataclass(frozen=True)
class LogitElement:
    """One element of one step on the way to a logit.

    Attributes:
        head: integer and float constants.
        x: [2, D] int16, residual rows of query token and key token.
        found: what the integers made of them.
        step: name of `STEP_NAMES`.
        index: of the element.
    """

    head: Head
    x: Int16Array
    found: Integers
    step: str
    index: int


def compute_sides(element: LogitElement) -> Sides:
    """Distance of integer and float, and its bound."""
    head = element.head
    exact, integer, right = (
        _get(element, steps)
        for steps in (
            compute_float_steps(head, element.x),
            dequantize(head, element.found),
            compute_bounds(head, element.x, element.found),
        )
    )
    return Sides(abs(integer - exact), right, trivial=abs(integer) + abs(exact))


def _get(element: LogitElement, steps: Steps) -> Scalar:
    return getattr(steps, element.step)[element.index]


def compute_rounding(element: LogitElement) -> float:
    """As for P-19: no path has more than n = 2 D + d + 100 operations; an angle is off by u of
    itself and cosine and sine by that and 4 u. Where a term is a difference of rounded numbers, its
    error is relative to their sum: the bound with `get_reach`, the float steps with all terms
    positive and cosine and sine 1.
    """
    head, x, found = element.head, element.x, element.found
    reaches = (
        compute_bounds(head, x, found, get_reach),
        compute_float_reach(head, x),
        dequantize(head, found),
    )
    magnitude = sum(abs(_get(element, reach)) for reach in reaches)
    largest_angle = max(head.positions) * float(abs(head.exact.frequencies).max())
    num_operations: float = 2 * x.shape[-1] + head.layer.head_dim + 100 + 2 * largest_angle
    return 4 * UNIT_ROUNDOFF * num_operations * float(magnitude)


def draw(rng: np.random.Generator) -> LogitElement:
    """One to four wide; rows of very different size, ranges far too small or large."""
    return _make_element(rng, *draw_head(rng))


def draw_decoded(pair: DecodedPair, rng: np.random.Generator) -> LogitElement:
    """Token j and a key that it sees, the scales from all tokens of the layer and row."""
    return _make_element(rng, *make_token_head(draw_token(pair, rng), rng))


def _make_element(rng: np.random.Generator, head: Head, x: Int16Array) -> LogitElement:
    step = STEP_NAMES[rng.integers(len(STEP_NAMES))]
    index = 0 if step == "logit" else int(rng.integers(head.layer.head_dim))
    return LogitElement(head, x, run(head, x), step, index)


def _is_as_computed(element: LogitElement) -> bool:
    again = run(element.head, element.x)
    names = [field.name for field in fields(Integers)]
    return all(np.array_equal(getattr(again, name), getattr(element.found, name)) for name in names)


def _is_finite(element: LogitElement) -> bool:
    exact = element.head.exact
    arrays = exact.gain, exact.q_proj, exact.k_proj, exact.frequencies
    return all(is_ball_array(array) or bool(np.isfinite(array).all()) for array in arrays)


STATEMENT = Statement(
    number="P-24",
    title="integer logit against the float one, every element of every step",
    source="ours",
    hypotheses=(
        Hypothesis("finite weights", _is_finite),
        Hypothesis("integers as the layer computes them", _is_as_computed),
    ),
    compute_sides=compute_sides,
    compute_rounding=compute_rounding,
    draw=draw,
    draw_decoded=draw_decoded,
    looseness="As for P-19; and the errors of query and key meet in every product.",
)
