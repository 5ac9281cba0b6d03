"""Softmax on integers in one pass: weights, exponents per word of L keys, and their sum.

Specified in docs/accelerator.md, section 7 (D-46). The running maximum M counts whole octaves, so
every rescaling is a shift; it is stored beside each word. Nothing is divided here: the reciprocal
of the sum is taken once, at the end (`fastcar.reference.integer.whole.context`).

Notation: n keys, W = ceil(n / L) words of L keys. Leading axes (rows, heads) are independent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.reference.arrays import BoolArray, Int64Array
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.units import shift_rounding
from fastcar.reference.integer.whole.scores import LOGIT_FRACTION_BITS
from fastcar.reference.tables import EXPONENTIAL_FRACTION_BITS, EXPONENTIAL_TABLE

WEIGHT_FRACTION_BITS = EXPONENTIAL_FRACTION_BITS + 1
"""A weight counts 2^-16 2^M, so that one of the first octave is an entry of the table."""
GUARD_BITS = 11
"""Bits that sum and context keep below a weight, so that rescaling drops little."""
NUM_OCTAVES = 17
"""So many below M have weights above 0: E[j] < 2^16, and half of 2^17 is added before the shift."""
LAST_DIFFERENCE = ((NUM_OCTAVES + 1) << LOGIT_FRACTION_BITS) - 1
MAX_SOFTMAX_WEIGHT = EXPONENTIAL_TABLE[-1]
"""Largest weight p, below 2^16."""
MAX_VISIBLE_TOKENS = 8192
"""With so many keys S is below 2^40, the context below 2^47 and its shift at most 47."""
MAX_RESCALING = 63
"""Shifts are cut here: nothing is left of 48 bits but the sign."""

_LOWEST_LOGIT = -(1 << 40)
_ENTRIES = np.array(EXPONENTIAL_TABLE, np.int64)
_STEP_MASK = len(EXPONENTIAL_TABLE) - 1


@dataclass(frozen=True)
class SoftmaxWords:
    """What the softmax of one query leaves, for each leading axis.

    Attributes:
        weights: [..., W, L] int64, p of 16 bits: share 2^-16 2^M of each key; 0 where not visible.
        exponents: [..., W] int64, M when the word had been read; it never falls.
        total: [...] int64, S: sum of all weights in units of 2^-27 2^M of the last word.
    """

    weights: Int64Array
    exponents: Int64Array
    total: Int64Array


def compute_softmax_words(logits: Int64Array, visible: BoolArray, num_lanes: int) -> SoftmaxWords:
    """The words of all keys in their order.

    Args:
        logits: [..., n] int64, z in 2^-8 octaves.
        visible: broadcast to [..., n], False for a key that does not count; at least one does.
        num_lanes: L.

    Raises:
        ArgumentError: no visible key, or more of them than the sums hold.
    """
    for num_visible in np.unique(visible.sum(axis=-1)).tolist():
        check_visible_tokens(num_visible)
    seen = np.broadcast_to(visible, logits.shape)
    padding = [(0, 0)] * (logits.ndim - 1) + [(0, -logits.shape[-1] % num_lanes)]
    words = *logits.shape[:-1], -1, num_lanes
    seen = np.pad(seen, padding).reshape(words)  # [..., W, L]
    z = np.where(seen, np.pad(logits, padding).reshape(words), _LOWEST_LOGIT)
    needed = (z.max(axis=-1) >> LOGIT_FRACTION_BITS) + 1
    exponents = np.maximum.accumulate(needed, axis=-1)  # M, [..., W]
    weights = np.where(seen, compute_weights(z, exponents[..., None]), 0)
    return SoftmaxWords(weights, exponents, _accumulate_total(weights.sum(axis=-1), exponents))


def compute_weights(logits: Int64Array, exponents: Int64Array) -> Int64Array:
    """p = round(2^16 2^(z / 256 - M)) by a table of one octave; below M by 17 octaves it is 0.

    Args:
        logits: z below 256 M.
        exponents: M, broadcast against z.

    >>> compute_weights(np.array([-1, -256, -257, -17 * 256, -(10**9)]), np.array([0])).tolist()
    [65359, 32768, 32680, 1, 0]
    """
    difference = (exponents << LOGIT_FRACTION_BITS) - logits - 1
    difference = np.minimum(difference, LAST_DIFFERENCE)  # saturates where p is 0
    octave = difference >> LOGIT_FRACTION_BITS
    return shift_rounding(_ENTRIES[~difference & _STEP_MASK], octave)


def _accumulate_total(sums: Int64Array, exponents: Int64Array) -> Int64Array:
    """S [...] of the sums [..., W] of words: S = (S >> (M' - M)) + (sum << 11), word by word."""
    total = np.zeros_like(sums[..., 0])
    before = exponents[..., 0]
    for word in range(sums.shape[-1]):
        after = exponents[..., word]
        total = total >> np.minimum(after - before, MAX_RESCALING)
        total = total + (sums[..., word] << GUARD_BITS)
        before = after
    return total


def check_visible_tokens(num_tokens: int) -> None:
    """Refuse no keys, and more than the widths of sum and context allow for."""
    if not 1 <= num_tokens <= MAX_VISIBLE_TOKENS:
        limit = f"from 1 to {MAX_VISIBLE_TOKENS} with attention on integers"
        raise ArgumentError("visible tokens", num_tokens, limit)
