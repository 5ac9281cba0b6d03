"""Planted bugs of the hardware's softmax and context; names begin with `attention unit:`."""

from __future__ import annotations

from tools.mutants.mutant import Mutant

TEST_SOFTMAX = (
    "tests/rtl/attention/test_softmax.py::test_equals_the_reference_in_every_word_and_cycle"
)


def _bug(stem: str, name: str, old: str, new: str, test: str) -> Mutant:
    """A mutant of a file of `rtl/attention/`; the test named must notice, or a file of tests."""
    path = test if test.startswith("tests/") else f"tests/rtl/attention/test_{test}.py"
    return Mutant(f"attention unit: {name}", f"rtl/attention/{stem}.py", old, new, (path,))


_MAXIMUM = (
    _bug(
        "running_maximum",
        "octaves compared as unsigned numbers",
        "pyrtl.signed_gt(inputs.octave, largest_q)",
        "(inputs.octave > largest_q)",
        TEST_SOFTMAX,
    ),
    _bug(
        "running_maximum",
        "maximum falls with the word",
        "pyrtl.select(is_below & ~inputs.is_restart, before, needed_q)",
        "needed_q",
        TEST_SOFTMAX,
    ),
    _bug(
        "running_maximum",
        "a fresh head keeps its maximum",
        "is_below & ~inputs.is_restart",
        "is_below",
        TEST_SOFTMAX,
    ),
    _bug(
        "running_maximum",
        "maximum written a cycle late",
        "exponents[inputs.head] <<= pyrtl.MemBlock.EnabledWrite(exponent, is_coming)",
        "exponents[inputs.head] <<= pyrtl.MemBlock.EnabledWrite("
        'latch(exponent, f"{name}_late"), latch(is_coming, f"{name}_is_late"))',
        TEST_SOFTMAX,
    ),
    _bug(
        "comparison",
        "a key that does not count raises the maximum",
        "return pyrtl.select(is_visible, octave, lowest)",
        "return pyrtl.select(is_visible | ~is_visible, octave, lowest)",
        TEST_SOFTMAX,
    ),
    _bug(
        "comparison",
        "head of the word that comes next",
        "head=compared.head,",
        "head=arrived.head,",
        TEST_SOFTMAX,
    ),
)

_WEIGHTS = (
    _bug(
        "exponential",
        "weights cut off, not rounded",
        "rounded = increment(halves_q)[1:]",
        "rounded = halves_q[1:]",
        "exponential",
    ),
    _bug(
        "exponential",
        "weights come back after 32 octaves",
        "~pyrtl.or_all_bits(distance_q[OCTAVE_BITS:])",
        "~distance_q[OCTAVE_BITS]",
        "exponential",
    ),
    _bug(
        "exponential",
        "keys that do not count have a weight",
        "is_visible & is_near",
        "is_near | is_visible & is_near",
        "exponential",
    ),
    _bug(
        "weighing",
        "exponent of the word that comes next",
        'keep(f"{name}_exponent", counter.is_last, inputs.exponent)',
        "inputs.exponent",
        TEST_SOFTMAX,
    ),
    _bug(
        "softmax",
        "lanes of a word of weights turned round",
        "lanes.insert(0, latch(lanes[0],",
        "lanes.append(latch(lanes[-1],",
        TEST_SOFTMAX,
    ),
)

_SUM = (
    _bug(
        "running_sum",
        "sum not shifted when the maximum rises",
        "shift_coarse(pyrtl.concat(pyrtl.Const(0, 1), counted), inputs.rescaling)",
        "pyrtl.concat(pyrtl.Const(0, 1), counted)",
        TEST_SOFTMAX,
    ),
    _bug(
        "running_sum",
        "a fresh head keeps its sum",
        "counted = mask(before, ~inputs.is_restart)",
        "counted = before",
        TEST_SOFTMAX,
    ),
    _bug(
        "running_sum",
        "sum of a word goes on in the next one",
        "base = mask(partial_q, ~inputs.is_first)",
        "base = mask(partial_q, ~inputs.is_first | inputs.is_restart)",
        TEST_SOFTMAX,
    ),
    _bug(
        "formats",
        "rises of 64 octaves and more wrap around",
        "octaves[:RESCALING_BITS] | is_large.sign_extended(RESCALING_BITS)",
        "octaves[:RESCALING_BITS] | (is_large & ~is_large).zero_extended(RESCALING_BITS)",
        "context",
    ),
)

_RECIPROCAL = (
    _bug(
        "reciprocal",
        "dividend begins with 16 ones and a zero",
        "(load, (1 << (DIVISOR_BITS - 1)) - 1)",
        "(load, (1 << (DIVISOR_BITS - 1)) - 2)",
        "reciprocal",
    ),
    _bug(
        "reciprocal",
        "bit length of the head that comes next",
        'latch(bit_length_q, f"{name}_old_bit_length")',
        "bit_length_q",
        "reciprocal",
    ),
    _bug(
        "reciprocal",
        "a division begins before the last one has ended",
        "is_starting = (num_waiting_q != 0) & ~is_busy_q",
        "is_starting = (num_waiting_q != 0) & (~is_busy_q | (num_cycles_q == START_CYCLES - 1))",
        "reciprocal",
    ),
    _bug(
        "reciprocal",
        "a head that finishes when a division begins is forgotten",
        "(~inputs.is_finished & is_starting, decrement(num_waiting_q))",
        "(is_starting, decrement(num_waiting_q))",
        "reciprocal",
    ),
    _bug(
        "softmax",
        "done while the reciprocals are divided out",
        "is_finished & is_last_head & ~inputs.is_final",
        "is_finished & is_last_head",
        TEST_SOFTMAX,
    ),
)

_CONTEXT = (
    _bug(
        "context",
        "accumulator not started anew",
        "mask(before, ~is_first)",
        "before",
        "context",
    ),
    _bug(
        "context",
        "sum shifted as an unsigned number",
        "scaled = pyrtl.concat(sum_q, pyrtl.Const(0, GUARD_BITS))",
        "scaled = pyrtl.concat(sum_q[:-4].zero_extended(len(sum_q)), pyrtl.Const(0, GUARD_BITS))",
        "context",
    ),
    _bug(
        "context",
        "fine shift of the sum that comes next",
        'fine_drop = delay(drop_q, 1, f"{name}_fine_drop")',
        "fine_drop = drop_q",
        "context",
    ),
    _bug(
        "context",
        "accumulator written a cycle late",
        "EnabledWrite(total_q, end.valid)",
        'EnabledWrite(latch(total_q, f"{name}_late"), end.valid)',
        "context",
    ),
    _bug(
        "context",
        "a position may return before it is written",
        "for place in places[1:RETURN_CYCLES]:",
        "for place in places[1 : RETURN_CYCLES - 1]:",
        "context",
    ),
)

ATTENTION_UNIT_MUTANTS = (*_MAXIMUM, *_WEIGHTS, *_SUM, *_RECIPROCAL, *_CONTEXT)
"""Every planted bug of the units of attention."""
