"""P-23 with a reciprocal that is taken for exact, and with exact weights."""

from __future__ import annotations

import numpy as np

from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.integer_context import STEPS, ValueRow, compute_sides, compute_words
from fastcar.proofs.integer_softmax import LogitRow
from fastcar.proofs.reciprocal import BELOW
from fastcar.reference.integer.whole.context import accumulate_context
from fastcar.reference.integer.whole.rotary import MAX_CACHED


def get_counterexamples() -> list[Counterexample]:
    """The terms of reciprocal and weights."""
    return [_forget_reciprocal(), _forget_weights()]


def _make_row(logits: list[float], values: list[int]) -> ValueRow:
    row = LogitRow(np.array(logits), np.ones(len(logits), bool), num_lanes=4)
    return ValueRow(row, np.array(values, np.float64))


def _forget_reciprocal() -> Counterexample:
    """One key has the share 1 whatever its weight; the division still loses a step."""
    given = _make_row([-58.0], [MAX_CACHED])
    sides, words = compute_sides(given), compute_words(given)
    accumulator = float(accumulate_context(words, given.integers)[0, 0, 0])
    of_reciprocal = STEPS * BELOW * accumulator / float(words.total[0, 0])
    return Counterexample(
        "P-23",
        "the reciprocal's error, 2^-15 |A| / S",
        "n = 1, z = -58, v = 127: c is 256 * 127 less one step",
        left=float(sides.left),
        right=float(sides.right) - of_reciprocal,
    )


def _forget_weights() -> Counterexample:
    """Thirty-one weights of 1/2 become 1, which pulls the mean towards their values."""
    given = _make_row([0.0, *[-16.0 * 256] * 31], [-MAX_CACHED, *[MAX_CACHED] * 31])
    return Counterexample(
        "P-23",
        "the weights' errors: final rounding and reciprocal alone",
        "z = 0 with v = -127, and 31 keys 16 octaves below with v = 127",
        left=float(compute_sides(given).left),
        right=0.5 + STEPS * BELOW * MAX_CACHED,
    )
