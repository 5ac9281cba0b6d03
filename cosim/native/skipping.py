"""Groups are left out in cycles in which nothing changed that they depend on, as LLVM IR.

At the beginning of a cycle one place of the registers has what they are, and the other one what
they were in the cycle before, from which the groups were computed. Behind the registers lie copies
of the inputs and, for each memory that is written, how often it was. The two places are compared,
word for word, and a group is called if a word differs that it depends on. All words are copied to
the other place: a register whose group is left out becomes what it is, for the same nets that give
it have already given that.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pyrtl

from fastcar.cosim.native.layout import STARTS_BYTES, Layout, count_words
from fastcar.cosim.native.sources import Source
from fastcar.cosim.native.values import Code, Limb

LANES = 8
"""Words that are compared at once, each giving a bit."""

BLOCK_WORDS = 64
MASK_BITS = 64

_BITS_MIRROR = LANES - 1 if sys.byteorder == "big" else 0
"""A vector of bits has its first one as the lowest or the highest of a number."""


def count_blocks(place_words: int) -> int:
    """Masks of changed words."""
    return -(-place_words // BLOCK_WORDS)


def make_comparison(place_words: int) -> str:
    """The function that compares the two places, and copies; `stale` is 0 or all ones."""
    steps = []
    for lane in range(BLOCK_WORDS // LANES):
        steps.append(
            f"""\
  %place{lane} = add i64 %start, {LANES * lane}
  %now_at{lane} = getelementptr i64, ptr %registers, i64 %place{lane}
  %other_at{lane} = getelementptr i64, ptr %latched, i64 %place{lane}
  %now{lane} = load <{LANES} x i64>, ptr %now_at{lane}, align {STARTS_BYTES}
  %other{lane} = load <{LANES} x i64>, ptr %other_at{lane}, align {STARTS_BYTES}
  store <{LANES} x i64> %now{lane}, ptr %other_at{lane}, align {STARTS_BYTES}
  %differ{lane} = icmp ne <{LANES} x i64> %now{lane}, %other{lane}
  %bits{lane} = bitcast <{LANES} x i1> %differ{lane} to i{LANES}
  %wide{lane} = zext i{LANES} %bits{lane} to i{MASK_BITS}
  %moved{lane} = shl i{MASK_BITS} %wide{lane}, {LANES * lane}
  %mask{lane + 1} = or i{MASK_BITS} {"%stale" if lane == 0 else f"%mask{lane}"}, %moved{lane}
"""
        )
    return f"""\
define internal void @compare(ptr noalias %registers, ptr noalias %latched, ptr noalias %changed,
                              i64 %stale) noinline nounwind {{
entry:
  br label %loop
loop:
  %block = phi i64 [ 0, %entry ], [ %next, %loop ]
  %start = mul i64 %block, {BLOCK_WORDS}
{"".join(steps)}  %mask_at = getelementptr i{MASK_BITS}, ptr %changed, i64 %block
  store i{MASK_BITS} %mask{len(steps)}, ptr %mask_at
  %next = add i64 %block, 1
  %is_left = icmp ult i64 %next, {count_blocks(place_words)}
  br i1 %is_left, label %loop, label %end
end:
  ret void
}}"""


def watch_sources(code: Code, layout: Layout) -> None:
    """Copy the inputs, and find all words that changed."""
    code.add(f"%changed = alloca [{count_blocks(layout.place_words)} x i{MASK_BITS}]")
    for word in range(layout.inputs.num_words):
        source, target = code.name(), code.name()
        code.add(f"%{source} = getelementptr i64, ptr %inputs, i64 {word}")
        place = layout.registers.num_words + word
        code.add(f"%{target} = getelementptr i64, ptr %registers, i64 {place}")
        value = code.emit(f"load i64, ptr %{source}", 64)
        code.add(f"store {value.typed}, ptr %{target}")
    code.add("call void @compare(ptr %registers, ptr %latched, ptr %changed, i64 %stale)")


def find_changed(code: Code, layout: Layout, sources: Sequence[Source]) -> Limb:
    """A bit that is 1 where a source changed; or all are to be computed."""
    if not sources:
        return code.compare("ne", Limb("%stale", 64), Limb("0", 64))
    masks: dict[int, int] = {}
    for word in (word for source in sources for word in _list_words(layout, source)):
        block, place = divmod(word, BLOCK_WORDS)
        masks[block] = masks.get(block, 0) | 1 << (place ^ _BITS_MIRROR)
    found = []
    for block, mask in sorted(masks.items()):
        pointer = code.emit(f"getelementptr i{MASK_BITS}, ptr %changed, i64 {block}", 64)
        bits = code.emit(f"load i{MASK_BITS}, ptr {pointer.text}", MASK_BITS)
        found.append(code.binary("and", bits, Limb(str(mask), MASK_BITS)))
    return code.compare("ne", code.combine("or", found), Limb("0", MASK_BITS))


def skip_unless(code: Code, condition: Limb, call: str) -> None:
    """A call under a condition."""
    run, skip = code.name(), code.name()
    code.add(f"br {condition.typed}, label %{run}, label %{skip}")
    code.add(f"{run}:")
    code.add(call)
    code.add(f"br label %{skip}")
    code.add(f"{skip}:")


def count_write(code: Code, version: int) -> None:
    """A memory is another one in the next cycle."""
    pointer = code.emit(f"getelementptr i64, ptr %latched, i64 {version}", 64).text
    before = code.emit(f"load i64, ptr {pointer}", 64)
    after = code.binary("add", before, Limb("1", 64))
    code.add(f"store {after.typed}, ptr {pointer}")


def _list_words(layout: Layout, source: Source) -> range:
    """Where a source lies in a place."""
    if isinstance(source, pyrtl.MemBlock):
        version = layout.versions[source.id]
        return range(version, version + 1)
    slots = layout.copies if source in layout.copies.offsets else layout.registers
    start = slots.offsets[source]
    return range(start, start + count_words(source.bitwidth))
