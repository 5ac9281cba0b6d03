"""What instructions and cores do in time: the results of the recursion."""

from __future__ import annotations

from dataclasses import dataclass, field

from fastcar.rtl.instruction import Instruction


@dataclass(frozen=True)
class Step:
    """One instruction in time.

    Attributes:
        instruction: it.
        pass_cycle: in which it left the dispatcher.
        core: that executed it; None for the dispatcher's own and for dropped ones.
        first_cycle: in the core; the pass cycle without one.
        last_cycle: likewise.
    """

    instruction: Instruction
    pass_cycle: int
    core: int | None
    first_cycle: int
    last_cycle: int


@dataclass
class CoreCourse:
    """One core along the recursion.

    Attributes:
        first_cycles: of its instructions.
        last_cycle: of the newest one.
        start_cycle: first cycle of the slot under way; None between slots.
        finished: (slot, start cycle, end cycle) of its retired slots.
        mac_busy: cycles in which its MAC array takes a beat; this and the next two as counted.
        read_stall: cycles of waiting for a request or response.
        write_stall: cycles of waiting for the write channel.
    """

    first_cycles: list[int] = field(default_factory=list)
    last_cycle: int = -1
    start_cycle: int | None = None
    finished: list[tuple[int, int, int]] = field(default_factory=list)
    mac_busy: int = 0
    read_stall: int = 0
    write_stall: int = 0
