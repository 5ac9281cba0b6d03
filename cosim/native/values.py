"""Values in LLVM IR, and the instructions that make them.

A value of n bits is a row of limbs: integers of 64 bits, the last one of what is left. LLVM knows
integers of any width, but takes long over wide ones, and its code generator ends the process over
some shifts of more than 512 bits (LLVM 22.1.0, llvmlite 0.50.0).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

LIMB_BITS = 64


@dataclass(frozen=True)
class Limb:
    """An integer of IR.

    Attributes:
        text: a name or a number.
        bits: its width, at most 64.
    """

    text: str
    bits: int

    @property
    def typed(self) -> str:
        """As most instructions want it."""
        return f"i{self.bits} {self.text}"


@dataclass(frozen=True)
class Value:
    """What a wire carries.

    Attributes:
        limbs: the lowest first; all but the last have 64 bits.
        source: the value whose highest bit it is, if it is one.
    """

    limbs: tuple[Limb, ...]
    source: Value | None = None

    @property
    def bits(self) -> int:
        """Its width."""
        return LIMB_BITS * (len(self.limbs) - 1) + self.limbs[-1].bits

    @property
    def only(self) -> Limb:
        """The limb of a value that has one."""
        (limb,) = self.limbs
        return limb


def split_bits(bits: int) -> list[int]:
    """Widths of the limbs of a value.

    >>> split_bits(64), split_bits(130)
    ([64], [64, 64, 2])
    """
    return [min(LIMB_BITS, bits - start) for start in range(0, bits, LIMB_BITS)]


def make_constant(number: int, bits: int) -> Value:
    """A number."""
    mask = (1 << LIMB_BITS) - 1
    return Value(
        tuple(
            Limb(str(number >> LIMB_BITS * place & mask), width)
            for place, width in enumerate(split_bits(bits))
        )
    )


@dataclass
class Code:
    """Lines of a function, and the names given in it.

    Attributes:
        lines: in their order.
        num_names: given so far.
        known: results by their instruction, where none is computed twice: in a function without
            branches that stores nothing it loads.
    """

    lines: list[str] = field(default_factory=list)
    num_names: int = 0
    known: dict[str, Limb] | None = None

    def add(self, line: str) -> None:
        """A line without a result."""
        self.lines.append(line)

    def name(self) -> str:
        """A name that is not in use; for a label without the percent sign."""
        self.num_names += 1
        return f"v{self.num_names}"

    def emit(self, instruction: str, bits: int) -> Limb:
        """An instruction with a result."""
        if self.known is not None and instruction in self.known:
            return self.known[instruction]
        limb = Limb(f"%{self.name()}", bits)
        self.lines.append(f"{limb.text} = {instruction}")
        if self.known is not None:
            self.known[instruction] = limb
        return limb

    def fit(self, limb: Limb, bits: int) -> Limb:
        """A limb in another width, with zeros above it or cut."""
        if limb.bits == bits:
            return limb
        verb = "zext" if limb.bits < bits else "trunc"
        return self.emit(f"{verb} {limb.typed} to i{bits}", bits)

    def extend(self, limb: Limb, bits: int) -> Limb:
        """A limb in another width that is not smaller, with copies of its highest bit above."""
        return limb if limb.bits == bits else self.emit(f"sext {limb.typed} to i{bits}", bits)

    def binary(self, verb: str, left: Limb, right: Limb) -> Limb:
        """Of two limbs of one width."""
        return self.emit(f"{verb} {left.typed}, {right.text}", left.bits)

    def compare(self, relation: str, left: Limb, right: Limb) -> Limb:
        """One bit."""
        return self.emit(f"icmp {relation} {left.typed}, {right.text}", 1)

    def shift(self, limb: Limb, amount: int) -> Limb:
        """By a constant below the width: to the left, or to the right if it is negative."""
        if amount == 0:
            return limb
        verb = "shl" if amount > 0 else "lshr"
        return self.binary(verb, limb, Limb(str(abs(amount)), limb.bits))

    def combine(self, verb: str, bits: Sequence[Limb]) -> Limb:
        """Of several limbs of one width."""
        result = bits[0]
        for bit in bits[1:]:
            result = self.binary(verb, result, bit)
        return result
