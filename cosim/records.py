"""What a run of the accelerator leaves: records of decisions and retirements, counters, registers.

Every back end reads them from the same ports by a function `get` from port name to value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

from fastcar.reference.errors import FastCarError
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction_check import ErrorCode
from fastcar.rtl.lanes import ACCUMULATOR_BITS

GetPort = Callable[[str], int]
"""Value of an output port in the current cycle, unsigned."""


class RecordError(FastCarError):
    """Records came with a gap, twice or out of order."""

    def __init__(self, kind: str, place: int, order: int) -> None:
        super().__init__(f"{kind} record {place}: has order {order}: must be {place}")


@dataclass(frozen=True)
class CommitRecord:
    """One committed decision.

    Attributes:
        order: place among the decisions of the run, from 0 without a gap.
        slot: batch slot.
        score: score or distance; 0 if the slot was decided directly.
        computes: the decision; False = replay.
        core: core of the slot: Mapping if it computes, else b mod C.
        cycle: of the commit, counted from the start of the run.
    """

    order: int
    slot: int
    score: int
    computes: bool
    core: int
    cycle: int


@dataclass(frozen=True)
class RetireRecord:
    """One finished slot.

    Attributes:
        order: place among the retirements of the run, from 0 without a gap.
        slot: batch slot.
        core: core that finished it.
        start_cycle: in which the core began its first instruction.
        end_cycle: in which the core ended its last instruction.
        digest: of the beats that it stored, `fastcar.reference.integer.digest`.
        token: that it picked; 0 if it picked none, or without attention.
    """

    order: int
    slot: int
    core: int
    start_cycle: int
    end_cycle: int
    digest: int
    token: int = 0


DECISION_PORTS = tuple(member.name for member in fields(CommitRecord))
"""Members of the record; also names of their ports, behind `decision_`."""


def list_retire_ports(config: AcceleratorConfig) -> tuple[str, ...]:
    """The members of a retirement that an accelerator has ports for, behind `retire_`."""
    has_token = config.attention is not None
    return tuple(one.name for one in fields(RetireRecord) if has_token or one.name != "token")


@dataclass(frozen=True)
class CoreCounters:
    """Counters of one core over a run.

    Attributes:
        mac_busy: cycles in which the MAC array took a beat.
        read_stall: cycles in which the core waited for a response.
        write_stall: cycles in which the core waited for the write channel.
        dispatched: instructions that the core got.
    """

    mac_busy: int
    read_stall: int
    write_stall: int
    dispatched: int

    @property
    def stalls(self) -> int:
        """Cycles in which the core waited for memory."""
        return self.read_stall + self.write_stall


@dataclass(frozen=True)
class Counters:
    """Counters of a run.

    Attributes:
        cycles: of the run, from the first look at an instruction to the end of END.
        dropped: instructions that a predicate excluded.
        wait_decision: cycles in which the dispatcher waited for a decision.
        wait_queue: cycles in which the dispatcher waited for a full queue.
        cores: counters of each core.
    """

    cycles: int
    dropped: int
    wait_decision: int
    wait_queue: int
    cores: tuple[CoreCounters, ...]


@dataclass(frozen=True)
class AcceleratorError:
    """The sticky error.

    Attributes:
        code: what was wrong.
        instruction: the offending one, 128 bits.
    """

    code: ErrorCode
    instruction: int


@dataclass(frozen=True)
class Registers:
    """Index and Mapping Registers.

    Attributes:
        index: bit b is 1 where slot b computes.
        index_valid: bit b is 1 where slot b is decided.
        mappings: for each slot its core; counts where the slot computes.
    """

    index: int
    index_valid: int
    mappings: tuple[int, ...]


def read_decision(get: GetPort) -> CommitRecord | None:
    """The decision that is committed in this cycle, if any."""
    if not get("decision_valid"):
        return None
    values = {name: get(f"decision_{name}") for name in DECISION_PORTS}
    computes = bool(values.pop("computes"))
    values["score"] -= values["score"] >> ACCUMULATOR_BITS - 1 << ACCUMULATOR_BITS
    return CommitRecord(**values, computes=computes)


def read_retire(config: AcceleratorConfig, get: GetPort) -> RetireRecord | None:
    """The retirement that is recorded in this cycle, if any."""
    if not get("retire_valid"):
        return None
    return RetireRecord(**{name: get(f"retire_{name}") for name in list_retire_ports(config)})


def read_counters(config: AcceleratorConfig, get: GetPort) -> Counters:
    """All counters."""
    return Counters(
        cycles=get("counter_cycles"),
        dropped=get("counter_dropped"),
        wait_decision=get("counter_wait_decision"),
        wait_queue=get("counter_wait_queue"),
        cores=tuple(_read_core_counters(f"core{k}", get) for k in range(config.num_cores)),
    )


def _read_core_counters(name: str, get: GetPort) -> CoreCounters:
    members = (member.name for member in fields(CoreCounters))
    return CoreCounters(**{member: get(f"{name}_counter_{member}") for member in members})


def read_error(get: GetPort) -> AcceleratorError | None:
    """The sticky error, if any."""
    if not get("error"):
        return None
    return AcceleratorError(ErrorCode(get("error_code")), get("error_instruction"))


def read_registers(config: AcceleratorConfig, get: GetPort) -> Registers:
    """Index and Mapping Registers."""
    mappings = tuple(get(f"mapping_register_{slot}") for slot in range(config.num_slots))
    return Registers(get("index_register"), get("index_valid_register"), mappings)


def check_orders(decisions: Sequence[CommitRecord], retires: Sequence[RetireRecord]) -> None:
    """Refuse records whose orders are not 0, 1, 2, ...

    Raises:
        RecordError: naming the first one that is out of order.
    """
    orders = {
        "decision": [record.order for record in decisions],
        "retire": [record.order for record in retires],
    }
    for kind, found in orders.items():
        for place, order in enumerate(found):
            if order != place:
                raise RecordError(kind, place, order)
