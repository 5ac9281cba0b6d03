"""Turn of a rotary pair: both products of an element of ROPE, added or subtracted.

Source: docs/accelerator.md, section 7: u = a cos - b sin, w = b cos + a sin, exact.
"""

from __future__ import annotations

import pyrtl

from fastcar.rtl.registers import delay, latch


def make_turn(
    name: str,
    is_odd: pyrtl.WireVector,
    product_cycles: int,
    first: pyrtl.WireVector,
    second_q: pyrtl.WireVector,
) -> pyrtl.WireVector:
    """Element of a turned pair: a cos - b sin of the even lane, b cos + a sin of the odd one.

    Args:
        name: of the unit.
        is_odd: 1 bit, the lane is odd, when the factors are selected.
        product_cycles: from the factors in registers to the products.
        first: product with the cosine, a cycle before the other.
        second_q: product with the sine.
    """
    first_q = latch(first, f"{name}_cosine_product")
    is_even = ~delay(is_odd, 1 + product_cycles, f"{name}_is_odd")
    # One adder for both: the complement of a number, and 1 carried in from a bit below.
    num_bits = len(first) + 1
    second = second_q[: len(first)] ^ is_even.sign_extended(len(first))
    left = pyrtl.concat(first_q.sign_extended(num_bits), is_even)
    right = pyrtl.concat(second.sign_extended(num_bits), is_even)
    return (left + right)[1 : 1 + num_bits]
