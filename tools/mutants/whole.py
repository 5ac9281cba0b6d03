"""Planted bugs of the whole decoder on integers: its table, attention, cache, head and scales."""

from __future__ import annotations

from tools.mutants.mutant import Mutant, name_test_file


def _bug(stem: str, name: str, old: str, new: str) -> Mutant:
    """A mutant of `reference/<stem>.py`; the test of that file must notice."""
    path = f"reference/{stem}"
    return Mutant(f"whole decoder: {name}", f"{path}.py", old, new, (name_test_file(path),))


WHOLE_MUTANTS = (
    _bug(
        "tables",
        "entries of the exponential rounded down",
        "(doubled + 1) // 2",
        "doubled // 2",
    ),
    _bug(
        "integer/whole/softmax",
        "weights rounded down",
        "shift_rounding(_ENTRIES[~difference & _STEP_MASK], octave)",
        "_ENTRIES[~difference & _STEP_MASK] >> octave",
    ),
    _bug(
        "integer/whole/softmax",
        "sum not rescaled to a larger maximum",
        "total = total >> np.minimum(after - before, MAX_RESCALING)",
        "total = total + 0",
    ),
    _bug(
        "integer/whole/softmax",
        "maximum of each word alone",
        "np.maximum.accumulate(needed, axis=-1)",
        "needed",
    ),
    _bug(
        "integer/whole/scores",
        "logits saturate to 16 bits",
        "return shift_rounding(accumulators * multiplier, shift)",
        "return np.clip(shift_rounding(accumulators * multiplier, shift), -32767, 32767)",
    ),
    _bug(
        "integer/whole/context",
        "words keep the exponent that they were read with",
        ">> drop[..., None]",
        ">> 0 * drop[..., None]",
    ),
    _bug(
        "integer/whole/context",
        "reciprocal of 17 bits",
        "(1 << (DIVISOR_BITS + RECIPROCAL_BITS - 1)) - 1",
        "1 << (DIVISOR_BITS + RECIPROCAL_BITS - 1)",
    ),
    _bug(
        "integer/whole/rotary",
        "keys saturate to -128",
        "np.clip(x, -MAX_CACHED,",
        "np.clip(x, -MAX_CACHED - 1,",
    ),
    _bug(
        "integer/whole/cache",
        "sinks leave with the window",
        " | (key < sparse.sink_tokens)",
        "",
    ),
    _bug(
        "integer/whole/head",
        "noise wraps around",
        "add_residual(logits, noise)",
        "(logits + noise)",
    ),
    _bug(
        "integer/whole/cache",
        "sinks and window of a block are one word",
        "is_apart = positions - sparse.window_tokens + 1 > sparse.sink_tokens",
        "is_apart = positions < 0",
    ),
    _bug(
        "integer/whole/cache",
        "a window that reaches the sinks is a run of its own",
        "sparse.window_tokens + 1 > sparse.sink_tokens",
        "sparse.window_tokens + 2 > sparse.sink_tokens",
    ),
    _bug(
        "integer/whole/decoder",
        "padding moves the positions of a row",
        "num_entries - 1 - self.kv_cache.padding_tokens",
        "num_entries - 1 - 0 * self.kv_cache.padding_tokens",
    ),
    _bug(
        "integer/whole/decoder",
        "score of the key one token late",
        "self._aligned_entry - self",
        "self._aligned_entry + 1 - self",
    ),
    _bug(
        "integer/whole/decoder",
        "limit on visible tokens forgets the window",
        "min(capacity_tokens, sparse.window_tokens + sparse.sink_tokens)",
        "capacity_tokens",
    ),
    _bug(
        "integer/whole/quantization",
        "queries take the scales of key heads in turn",
        "np.repeat(key, len(ranges.query) // len(key), axis=0)",
        "np.tile(key, (len(ranges.query) // len(key), 1))",
    ),
    _bug(
        "integer/whole/quantization",
        "scales of values not folded",
        "weight.astype(np.float64) * columns",
        "weight.astype(np.float64)",
    ),
    _bug(
        "integer/whole/ranges",
        "embeddings that no token has do not count",
        "_get_largest(weights.embedding),",
        "0.0,",
    ),
)
"""Every planted bug of the whole decoder on integers."""
