"""Logits of decoded tokens as the integer softmax reads them: whole numbers of 2^-8 octaves."""

from __future__ import annotations

import math

import numpy as np

from fastcar.proofs.aligned_token import AlignedToken
from fastcar.proofs.arithmetic import Array
from fastcar.reference.arrays import BoolArray, Int64Array
from fastcar.reference.integer.whole.scores import LOGIT_FRACTION_BITS, MAX_LOGIT

MAX_DIFFERENCE = 2 * MAX_LOGIT + (1 << LOGIT_FRACTION_BITS)
"""256 M - z of two logits of 24 bits is never above."""


def get_logit_factor(head_dim: int) -> float:
    """Steps of a logit z per unit of <q, k>: 2^8 log2(e) / sqrt(d)."""
    return math.log2(math.e) * float(1 << LOGIT_FRACTION_BITS) / math.sqrt(head_dim)


def compute_token_logits(token: AlignedToken) -> Int64Array:
    """z [n] of all keys that token j sees: its float logits, rounded once."""
    keys = token.get_keys()[token.key_head_index]
    logits = keys @ token.get_query(token.token_index) * get_logit_factor(keys.shape[1])
    rounded: Int64Array = np.rint(logits).astype(np.int64)
    return rounded


def draw_logits(rng: np.random.Generator) -> tuple[Array, BoolArray]:
    """Logits [n] and which are visible, at least one of them."""
    num_keys = int(rng.integers(1, 41))
    logits = rng.standard_normal(num_keys) * 2.0 ** rng.uniform(0, 14)
    kind = rng.integers(4)
    if kind == 1:
        logits = np.sort(logits)  # a rescaling in nearly every word
    elif kind == 2:
        logits = _draw_tail(rng, 10 * num_keys)
    elif kind == 3:
        logits = logits + rng.choice([-1, 1]) * 2.0**22  # near the ends of 24 bits
    visible = rng.random(len(logits)) < rng.choice([0.5, 1.0])
    visible[rng.integers(len(logits))] = True
    return logits, visible


def _draw_tail(rng: np.random.Generator, num_keys: int) -> Array:
    """A large logit and many equal ones, whose weights are next to a tie of their rounding."""
    octaves = int(rng.integers(15, 18))
    first = int(rng.integers(1 << LOGIT_FRACTION_BITS))
    tail = first - first % (1 << LOGIT_FRACTION_BITS) - (octaves - 1 << LOGIT_FRACTION_BITS)
    logits = np.full(num_keys, float(tail - rng.integers(2)))
    logits[rng.integers(num_keys)] = first
    return logits
