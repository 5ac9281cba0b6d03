"""P-23: one element of the integer context against the exact mean of the values.

Claim. With the notation of P-22 and values v_i, whole numbers within +-127, the result c of
`compute_context` and 256 times the exact mean, sum pi_i v_i, differ by at most, in steps of c,

    1/2 + 256 (sum d_i |v_i - v| / X + (2 |v| + W' + 2^-15 |A|) / S),

where v = sum alpha_i v_i, A is the accumulator and W' the number of words that are shifted, those
with an M below the last. That is at most 1.5 n + 2 for n keys. Nothing saturates: |c| <= 256 * 127;
and every width of docs/accelerator.md, section 7, is kept (`find_wide`).

Proof. sum (alpha_i - pi_i) v_i = sum (e_i - alpha_i E) v_i / X = sum e_i (v_i - v) / X, by P-22.
Shifting a word drops less than 1: A = 2^11 sum a_i v_i - f with 0 <= f < W'; 2^11 sum a lies in
[S, S + 2), so A / S is within (2 |v| + W') / S of v. By P-21 R 2^-(e + 15) is 1 / S within 2^-15
of itself, and c is A R 2^-(e + 7) rounded, 256 A / S but for 256 * 2^-15 |A| / S and 1/2. At last
d_i <= 3/4 with X >= 2^15, |v_i - v| <= 254, W' <= n <= 8192 and |A| <= 127 (S + 2) + W'.

Widths, with p <= 65359 and W <= n <= 8192 words: some key is within an octave of 256 M, so its p is
at least 2^15 and S at least 2^26; S <= 8192 * 65359 * 2^11 < 2^40; e + 7 <= 47. |A| <= 127 (S + 2)
+ W < 2^47. By P-21 R 2^-(e + 15) < (1 + 2^-17) / S, so |A| R < 2^(e + 15) (127 (1 + 2 / S) + W / S)
(1 + 2^-17) < 2^62, and 256 times the last factors is below 256 * 127 + 1/2.

Source: ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.proofs.aligned_token import draw_token
from fastcar.proofs.arithmetic import Array, Scalar, lift, round_to_whole
from fastcar.proofs.decoded_run import DecodedPair
from fastcar.proofs.integer_logits import compute_token_logits, draw_logits
from fastcar.proofs.integer_softmax import HYPOTHESES as ROW_HYPOTHESES
from fastcar.proofs.integer_softmax import LogitRow, Shares, compute_shares
from fastcar.proofs.reciprocal import BELOW
from fastcar.proofs.statement import (
    UNIT_ROUNDOFF,
    Hypothesis,
    Sides,
    Statement,
    make_finite_hypothesis,
)
from fastcar.reference.arrays import Int8Array
from fastcar.reference.integer.fixed_point import quantize
from fastcar.reference.integer.units import MAX_SHIFT
from fastcar.reference.integer.whole.context import (
    CONTEXT_FRACTION_BITS,
    RECIPROCAL_BITS,
    accumulate_context,
    compute_context,
    compute_reciprocal,
)
from fastcar.reference.integer.whole.rotary import MAX_CACHED
from fastcar.reference.integer.whole.softmax import GUARD_BITS, MAX_SOFTMAX_WEIGHT, SoftmaxWords

STEPS = 1 << CONTEXT_FRACTION_BITS


@dataclass(frozen=True)
class ValueRow:
    """What one query reads, and one element of the values behind it.

    Attributes:
        row: logits [n].
        values: [n] float64, v once rounded to whole numbers.
    """

    row: LogitRow
    values: Array

    @property
    def integers(self) -> Int8Array:
        """Values as the context takes them, [1, 1, n, 1]."""
        return round_to_whole(self.values).astype(np.int8)[None, None, :, None]


def compute_words(given: ValueRow) -> SoftmaxWords:
    """Words of one row and one head."""
    words = given.row.words
    return SoftmaxWords(words.weights[None], words.exponents[None], words.total[None])


def count_shifted(words: SoftmaxWords) -> int:
    """W' of the words of one query."""
    return int((words.exponents < words.exponents[..., -1:]).sum())


def bound(shares: Shares, values: Array, accumulator: Scalar, num_shifted: int) -> Scalar:
    """Largest error of a context, in its steps.

    Args:
        shares: of the visible keys.
        values: [n] of the same, or [n, d].
        accumulator: A, or [d].
        num_shifted: W'.
    """
    mean = (shares.found @ values) / shares.found.sum()
    weighted = (shares.limits @ abs(values - mean)) / shares.exact.sum()
    units = 2 * abs(mean) + num_shifted + BELOW * abs(accumulator)  # of 2^-27 2^M
    return 0.5 + STEPS * (weighted + units * 2.0**-GUARD_BITS / shares.total)


def bound_by_number(num_keys: int) -> float:
    """A bound for any logits and values of so many keys."""
    return 1.5 * num_keys + 2


def compute_sides(given: ValueRow) -> Sides:
    """Distance of the integer context and the exact mean, and its bound."""
    words, row = compute_words(given), given.row
    shares = compute_shares(row, row.words)
    values = lift(round_to_whole(given.values)[row.visible], given.values)
    context = int(compute_context(words, given.integers)[0, 0, 0])
    accumulator = int(accumulate_context(words, given.integers)[0, 0, 0])
    exact = STEPS * (shares.exact * values).sum() / shares.exact.sum()
    right = bound(shares, values, accumulator, count_shifted(words))
    return Sides(abs(context - exact), right, trivial=abs(context) + abs(exact))


def compute_rounding(given: ValueRow) -> float:
    """As for P-22, sums and quotients of n keys are off by (2 n + 30) u of what they are with all
    terms positive: 256 * 127 for the exact mean, 256 (2 * 127) sum d / X for the bound, and sum d
    is at most 3 X. The mean that is subtracted from every value is off by (2 n + 30) u 127 itself.
    """
    num_operations = 2 * int(given.row.visible.sum()) + 40
    return UNIT_ROUNDOFF * num_operations * STEPS * MAX_CACHED * (1 + 3 * (2 + 2))


def find_wide(words: SoftmaxWords, values: Int8Array) -> list[str]:
    """What leaves the widths of docs/accelerator.md, section 7; empty by the proof above.

    Args:
        words: of [R, H] queries.
        values: [R, H_kv, n, d].
    """
    accumulated = accumulate_context(words, values)
    reciprocal, bit_length = compute_reciprocal(words.total)
    product = accumulated * reciprocal[..., None]
    context = compute_context(words, values)
    kept = {
        "p": words.weights.min() >= 0 and words.weights.max() <= MAX_SOFTMAX_WEIGHT,
        "S": words.total.min() >= 1 << 26 and words.total.max() < 1 << 40,
        "A": abs(accumulated).max() < 1 << 47,
        "R": reciprocal.min() >= 1 << 15 and reciprocal.max() < 1 << RECIPROCAL_BITS,
        "A R": abs(product).max() < 1 << 62,
        "e + 7": bit_length.max() + 7 <= MAX_SHIFT,
        "context": abs(context.astype(np.int64)).max() <= STEPS * MAX_CACHED,
    }
    return [name for name, holds in kept.items() if not holds]


def draw(rng: np.random.Generator) -> ValueRow:
    """Logits as for P-22; values of any size, at the ends, or opposite to that of the largest."""
    logits, visible = draw_logits(rng)
    values = rng.integers(-MAX_CACHED, MAX_CACHED + 1, len(logits)).astype(np.float64)
    kind = rng.integers(3)
    if kind == 1:
        values = MAX_CACHED * np.sign(values)
    elif kind == 2:
        values = MAX_CACHED * np.where(logits == logits.max(), -1.0, 1.0)
    return ValueRow(LogitRow(logits, visible, int(rng.choice([4, 8, 16]))), values)


def draw_decoded(pair: DecodedPair, rng: np.random.Generator) -> ValueRow:
    """All keys that a head of token j sees, an element of their values with the head's scale."""
    token = draw_token(pair, rng)
    logits = compute_token_logits(token).astype(np.float64)
    values = token.get_values()[token.key_head_index]
    column = values[:, rng.integers(values.shape[1])]
    integers = quantize(column, float(np.abs(values).max()) / MAX_CACHED).astype(np.float64)
    return ValueRow(LogitRow(logits, np.ones(len(logits), bool), num_lanes=16), integers)


def _lies_within_row(given: ValueRow) -> bool:
    return all(hypothesis.holds(given.row) for hypothesis in ROW_HYPOTHESES)


STATEMENT = Statement(
    number="P-23",
    title="integer context against the exact mean of the values",
    source="ours",
    hypotheses=(
        make_finite_hypothesis("values"),
        Hypothesis("logits as for P-22", _lies_within_row),
        Hypothesis(
            f"values within +-{MAX_CACHED}",
            lambda given: bool((abs(given.values) <= MAX_CACHED).all()),
        ),
    ),
    compute_sides=compute_sides,
    compute_rounding=compute_rounding,
    draw=draw,
    draw_decoded=draw_decoded,
    looseness="As for P-22, and the reciprocal is rarely as far off as it can be.",
)
