"""What each memory of the accelerator is for, and what its Verilog asks of synthesis.

`ram_style` asks for block RAM: left alone, Yosys puts the few words of a scratchpad into LUTs.
`no_rw_check` says that nothing has to be built for a word that is read while it is written, which
is safe where both hold (D-73):

- the word that a scratchpad reads goes to a register and nowhere else. Synthesis absorbs it, so
  that a read meets a write only where both have the same edge. Were the register of the address
  absorbed in its place, a word would have to be there in the cycle after its write;
- no instruction uses such a word: the tests of `rtl/vector_memory.py`, `rtl/attention/context.py`
  and `rtl/attention/softmax.py` invert every one of them, and nothing changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum

import pyrtl

from fastcar.reference.errors import ArgumentError
from fastcar.rtl.instruction import Buffer


class MemoryKind(StrEnum):
    """What a memory is for, which says what it has to map to."""

    SCRATCHPAD = "scratchpad"
    """Buffer of a core, accumulators of its contexts, reciprocals of its heads: block RAM."""
    TABLE = "table"
    """Read-only memory: block RAM."""
    QUEUE = "queue"
    """Instructions or measures that wait, a few entries: LUTs."""
    STATE = "state"
    """What attention keeps of heads, sums or slots, from cycle to cycle and few of each: LUTs."""


ENDINGS = {
    MemoryKind.SCRATCHPAD: (
        *(f"_buffer_{buffer.name.lower()}" for buffer in Buffer),
        "_score_buffer",
        "_accumulators",
        "_reciprocal_results",
    ),
    MemoryKind.QUEUE: ("_queue_memory", "_measures"),
    MemoryKind.STATE: ("_exponents", "_totals", "_tokens"),
}
"""How the names of memories that can be written end."""

ATTRIBUTES = {
    MemoryKind.SCRATCHPAD: '(* ram_style = "block", no_rw_check *)',
    MemoryKind.TABLE: '(* ram_style = "block" *)',
}
"""In front of the declaration of a memory."""

_DECLARATION = re.compile(r"^    reg(?:\[\d+:0\])? (\w+)\[\d+:0\];  // (Mem|Rom)Block$")


def get_kind(memory: pyrtl.MemBlock) -> MemoryKind:
    """What a memory is for.

    Raises:
        ArgumentError: its name does not say it.
    """
    return _find_kind(memory.name, isinstance(memory, pyrtl.RomBlock))


def _find_kind(name: str, is_table: bool) -> MemoryKind:
    if is_table:
        return MemoryKind.TABLE
    for kind, endings in ENDINGS.items():
        if name.endswith(endings):
            return kind
    raise ArgumentError("memory", name, "of a name that says what it has to map to")


def attribute_memories(lines: Iterable[str]) -> Iterator[str]:
    """Lines of PyRTL's Verilog, each memory behind what it asks of synthesis.

    >>> print(*attribute_memories(["    reg[7:0] core0_buffer_x[3:0];  // MemBlock"]), sep=chr(10))
        (* ram_style = "block", no_rw_check *)
        reg[7:0] core0_buffer_x[3:0];  // MemBlock
    """
    for line in lines:
        match = _DECLARATION.match(line)
        attribute = match and ATTRIBUTES.get(_find_kind(match[1], match[2] == "Rom"))
        if attribute:
            yield f"    {attribute}"
        yield line
