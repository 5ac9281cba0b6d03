"""Planted bugs of P-20 to P-24, and of attention on integers where these statements must see it."""

from __future__ import annotations

from tools.mutants.mutant import Mutant, name_test_file

WHOLE = "reference/integer/whole"


def _bug(stem: str, name: str, old: str, new: str, test: str | None = None) -> Mutant:
    """A mutant of `proofs/<stem>.py`; the test of that file must notice, or the one named."""
    return Mutant(name, f"proofs/{stem}.py", old, new, (name_test_file(f"proofs/{test or stem}"),))


def _seen(stem: str, name: str, old: str, new: str, test: str) -> Mutant:
    """A mutant of the reference that the test of a statement must notice."""
    return Mutant(name, f"{WHOLE}/{stem}.py", old, new, (name_test_file(f"proofs/{test}"),))


ATTENTION_PROOF_MUTANTS = (
    _bug(
        "exponential_weight",
        "P-20 table taken for exact",
        "lift(0.5 + of_entry, difference)",
        "lift(0.5 + 0.0 * of_entry, difference)",
    ),
    _bug(
        "exponential_weight",
        "P-20 undecided differences count as proved",
        "is_certain(error <= limit) for error, limit in pairs",
        "not is_certain(error > 2 * limit) for error, limit in pairs",
    ),
    _seen(
        "softmax",
        "P-20 sees weights that are rounded down",
        "shift_rounding(_ENTRIES[~difference & _STEP_MASK], octave)",
        "_ENTRIES[~difference & _STEP_MASK] >> octave",
        "exponential_weight",
    ),
    _bug(
        "reciprocal",
        "P-21 limits of both sides exchanged",
        "(divisor if error < 0 else reciprocal)",
        "(divisor if error > 0 else reciprocal)",
    ),
    _bug(
        "reciprocal",
        "P-21 longest sums left out",
        "range(LEAST_SUM_BITS, MOST_SUM_BITS + 1):",
        "range(LEAST_SUM_BITS, MOST_SUM_BITS):",
    ),
    _seen(
        "context",
        "P-21 sees a reciprocal of 17 bits",
        "(1 << (DIVISOR_BITS + RECIPROCAL_BITS - 1)) - 1",
        "1 << (DIVISOR_BITS + RECIPROCAL_BITS - 1)",
        "reciprocal",
    ),
    _bug(
        "integer_softmax",
        "P-22 half of the errors",
        "(others * shares.limits).sum() / shares.exact.sum()",
        "(others * shares.limits).sum() / 2 / shares.exact.sum()",
    ),
    _bug(
        "integer_softmax",
        "P-22 weights of all words relative to the last maximum",
        "lift(weights, like) * rescaling,",
        "lift(weights, like),",
    ),
    _seen(
        "softmax",
        "P-22 sees a sum that is not rescaled",
        "total = total >> np.minimum(after - before, MAX_RESCALING)",
        "total = total + 0",
        "integer_softmax",
    ),
    _bug(
        "integer_context",
        "P-23 reciprocal taken for exact",
        "BELOW * abs(accumulator)",
        "0 * abs(accumulator)",
    ),
    _bug(
        "integer_context",
        "P-23 errors of the weights meet the mean alone",
        "abs(values - mean)) / shares",
        "abs(values - values + mean)) / shares",
    ),
    _bug("integer_context", "P-23 widths always kept", "if not holds]", "if holds is None]"),
    _seen(
        "context",
        "P-23 sees words that keep the exponent that they were read with",
        ">> drop[..., None]",
        ">> 0 * drop[..., None]",
        "integer_context",
    ),
    _bug(
        "integer_logit",
        "P-24 believes any integers",
        "np.array_equal(getattr(again, name), getattr(element.found, name))",
        "getattr(again, name) is not None",
    ),
    _bug(
        "integer_logit_bounds",
        "P-24 table of cosines taken for exact",
        " + _mix(reach, *of_table)",
        "",
        "integer_logit",
    ),
    _bug(
        "integer_logit_bounds",
        "P-24 forgets what the cache cannot hold",
        "(cut_positive(abs(steps) - narrowing.limit) + 0.5)",
        "0.5",
        "integer_logit",
    ),
    _bug(
        "integer_logit_bounds",
        "P-24 error of the key alone",
        "abs(values.query) * key_error + (abs(values.key) + key_error) * query_error",
        "abs(values.query) * key_error",
        "integer_logit",
    ),
    _bug(
        "counterexamples/integer_softmax",
        "logits that saturate keep their order",
        "np.clip(finer, -MAX_ACTIVATION, MAX_ACTIVATION)",
        "finer",
        "integer_softmax",
    ),
    _bug(
        "experiments/integer_attention",
        "errors of attention with the values of another head",
        "head // group]",
        "head // group - 1]",
    ),
)
"""Every planted bug of the statements about attention on integers."""
