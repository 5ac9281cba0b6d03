"""P-22 for logits that saturate, and for words that forget their exponent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.integer_softmax import (
    LogitRow,
    bound,
    compute_distance,
    compute_shares,
    compute_sides,
)
from fastcar.reference.arrays import Int64Array
from fastcar.reference.integer.fixed_point import MAX_ACTIVATION
from fastcar.reference.integer.whole.scores import LOGIT_FRACTION_BITS

SATURATING_FRACTION_BITS = 10
"""Of an int16 logit in octaves: it ends at 32."""


def get_counterexamples() -> list[Counterexample]:
    """Saturate the difference, never the logit; M is that of the word."""
    return [_saturate_logits(), _forget_exponents()]


def saturate_logits(logits: Int64Array) -> Int64Array:
    """Logits [n], z, as int16 with 10 fraction bits would hold them, in steps of 2^-8 octaves.

    >>> saturate_logits(np.array([-100, 40 * 256, 36 * 256])).tolist()
    [-100, 8191, 8191]
    """
    finer = logits << (SATURATING_FRACTION_BITS - LOGIT_FRACTION_BITS)
    limited = np.clip(finer, -MAX_ACTIVATION, MAX_ACTIVATION)
    saturated: Int64Array = limited >> (SATURATING_FRACTION_BITS - LOGIT_FRACTION_BITS)
    return saturated


def _make_row(*octaves: float) -> LogitRow:
    logits = 2.0**LOGIT_FRACTION_BITS * np.array(octaves)
    return LogitRow(logits, np.ones(len(logits), bool), num_lanes=4)


def _saturate_logits() -> Counterexample:
    """The two largest become equal; the difference of the third may saturate, its weight is 0."""
    row = _make_row(40, 36, -90)
    saturated = replace(row, logits=saturate_logits(row.logits.astype(np.int64)).astype(float))
    words = replace(row.words, weights=saturated.words.weights, total=saturated.words.total)
    shares = compute_shares(row, words)
    return Counterexample(
        "P-22",
        "the difference saturates, never the logit: int16 logits with 10 fraction bits",
        "logits of 40, 36 and -90 octaves: the first two become 32, shares 1/2 for 16/17 and 1/17",
        left=float(compute_distance(shares)),
        right=float(compute_sides(row).right),
    )


def _forget_exponents() -> Counterexample:
    """All words are taken to be relative to the last maximum."""
    row = _make_row(0, 0, 0, 0, 8)
    last = np.full_like(row.words.exponents, row.words.exponents[0, -1])
    shares = compute_shares(row, replace(row.words, exponents=last))
    return Counterexample(
        "P-22",
        "exponent M of each word: that of the last word in its place",
        "L = 4, logits of 0, 0, 0, 0 and 8 octaves",
        left=float(compute_distance(shares)),
        right=float(bound(compute_shares(row, row.words))),
    )
