"""Bits of values: cut, joined, extended, taken out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastcar.cosim.native.values import LIMB_BITS, Code, Limb, Value, split_bits


@dataclass(frozen=True)
class Run:
    """Bits of a slice that are taken at once.

    Attributes:
        first: bit of the source.
        length: in bits.
        is_repeated: all are `first`, else they follow one another.
    """

    first: int
    length: int
    is_repeated: bool


def split_runs(indices: Sequence[int]) -> list[Run]:
    """Bits of a slice, lowest first, in runs as long as they go.

    >>> split_runs((4, 5, 6, 6, 6))
    [Run(first=4, length=3, is_repeated=False), Run(first=6, length=2, is_repeated=True)]
    """
    runs = []
    start = 0
    while start < len(indices):
        step = indices[start + 1] - indices[start] if start + 1 < len(indices) else 1
        end = start + 1
        while step in (0, 1) and end < len(indices) and indices[end] - indices[end - 1] == step:
            end += 1
        runs.append(Run(indices[start], end - start, is_repeated=step == 0))
        start = end
    return runs


def fit(code: Code, value: Value, bits: int) -> Value:
    """A value in another width, with zeros above it or cut."""
    if value.bits == bits:
        return value
    limbs = [
        code.fit(value.limbs[place], width) if place < len(value.limbs) else Limb("0", width)
        for place, width in enumerate(split_bits(bits))
    ]
    return Value(tuple(limbs))


def extend(code: Code, value: Value, bits: int) -> Value:
    """A value in another width that is not smaller, with copies of its highest bit above."""
    top = value.limbs[-1]
    limbs = list(value.limbs[:-1])
    fill: Limb | None = None
    for place, width in enumerate(split_bits(bits)):
        if place < len(value.limbs) - 1:
            continue
        if place == len(value.limbs) - 1:
            limbs.append(code.extend(top, width))
            continue
        if fill is None:
            sign = code.fit(code.shift(top, 1 - top.bits), 1)
            fill = code.extend(sign, LIMB_BITS)
        limbs.append(code.fit(fill, width))
    return Value(tuple(limbs))


def take(code: Code, source: Value, run: Run) -> Value:
    """The bits of a run."""
    if run.is_repeated:
        return extend(code, take(code, source, Run(run.first, 1, is_repeated=False)), run.length)
    limbs = []
    for place, width in enumerate(split_bits(run.length)):
        index, offset = divmod(run.first + LIMB_BITS * place, LIMB_BITS)
        limb = code.shift(source.limbs[index], -offset)
        if offset + width > LIMB_BITS:  # The rest lies in the next limb.
            low = code.fit(limb, width)
            high = code.fit(source.limbs[index + 1], width)
            limb = code.binary("or", low, code.shift(high, LIMB_BITS - offset))
        limbs.append(code.fit(limb, width))
    return Value(tuple(limbs))


def join(code: Code, parts: Sequence[tuple[Value, int]], bits: int) -> Value:
    """Values, each from a bit on; what lies above the width is cut."""
    widths = split_bits(bits)
    pieces: list[list[Limb]] = [[] for _ in widths]
    for value, start in parts:
        for place, limb in enumerate(value.limbs):
            index, offset = divmod(start + LIMB_BITS * place, LIMB_BITS)
            if index < len(widths) and offset < widths[index]:
                moved = code.shift(code.fit(limb, widths[index]), offset)
                pieces[index].append(moved)
            spill = LIMB_BITS - offset
            if limb.bits > spill and index + 1 < len(widths):
                rest = code.shift(limb, -spill)
                pieces[index + 1].append(code.fit(rest, widths[index + 1]))
    return Value(
        tuple(
            code.combine("or", found) if found else Limb("0", width)
            for found, width in zip(pieces, widths, strict=True)
        )
    )
