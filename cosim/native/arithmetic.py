"""Arithmetic on rows of limbs: carries, products, comparisons. Both operands have one width."""

from __future__ import annotations

from fastcar.cosim.native.values import LIMB_BITS, Code, Limb, Value

_PRODUCT_BITS = 2 * LIMB_BITS


def add(code: Code, left: Value, right: Value) -> Value:
    """The sum modulo 2^n."""
    return _chain(code, "add", left, right)


def subtract(code: Code, left: Value, right: Value) -> Value:
    """The difference modulo 2^n."""
    return _chain(code, "sub", left, right)


def _chain(code: Code, verb: str, left: Value, right: Value) -> Value:
    """From limb to limb goes a carry, or what is borrowed."""
    limbs: list[Limb] = []
    carry: Limb | None = None
    for one, other in zip(left.limbs, right.limbs, strict=True):
        first = code.binary(verb, one, other)
        is_over = _is_over(code, verb, first, one, other)
        if carry is None:
            limbs.append(first)
            carry = is_over
            continue
        whole = code.fit(carry, first.bits)
        limbs.append(code.binary(verb, first, whole))
        carry = code.binary("or", is_over, _is_over(code, verb, limbs[-1], first, whole))
    return Value(tuple(limbs))


def _is_over(code: Code, verb: str, result: Limb, one: Limb, other: Limb) -> Limb:
    """Whether a sum is too large for a limb, or a difference below 0."""
    if verb == "add":
        return code.compare("ult", result, one)
    return code.compare("ult", one, other)


def multiply(code: Code, left: Value, right: Value) -> Value:
    """The product modulo 2^n, as on paper."""
    if len(left.limbs) == 1:
        return Value((code.binary("mul", left.only, right.only),))
    widths = [limb.bits for limb in left.limbs]
    sums = [Limb("0", _PRODUCT_BITS) for _ in widths]
    for place, one in enumerate(left.limbs):
        carry = Limb("0", _PRODUCT_BITS)
        for index in range(place, len(widths)):
            product = code.binary(
                "mul",
                code.fit(one, _PRODUCT_BITS),
                code.fit(right.limbs[index - place], _PRODUCT_BITS),
            )
            total = code.combine("add", [product, sums[index], carry])
            carry = code.shift(total, -LIMB_BITS)
            sums[index] = code.fit(code.fit(total, LIMB_BITS), _PRODUCT_BITS)
    return Value(tuple(code.fit(limb, width) for limb, width in zip(sums, widths, strict=True)))


def is_equal(code: Code, left: Value, right: Value) -> Limb:
    """One bit."""
    found = [
        code.compare("eq", one, other) for one, other in zip(left.limbs, right.limbs, strict=True)
    ]
    return code.combine("and", found)


def is_less(code: Code, left: Value, right: Value) -> Limb:
    """One bit; the numbers have no sign."""
    result = code.compare("ult", left.limbs[0], right.limbs[0])
    for one, other in zip(left.limbs[1:], right.limbs[1:], strict=True):
        is_same, is_below = code.compare("eq", one, other), code.compare("ult", one, other)
        result = code.emit(f"select {is_same.typed}, {result.typed}, {is_below.typed}", 1)
    return result
