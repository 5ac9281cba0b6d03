"""Cycles of instructions as a formula, for given cycles in which records are taken.

A recursion in max and plus over the instructions in their order, exact for memory that never
stalls (its answers follow a request after a fixed number of cycles, one beat in each) and for an
instruction port that always offers one. Cycle 0 is the one in which the dispatcher looks at the
first instruction. Notation, in cycles:

    look_i   the dispatcher sees instruction i          = pass_{i-1} + 1
                                                        or + DRAIN_CYCLES behind BEGIN and THRESHOLD
    pass_i   it leaves the dispatcher, the largest of
               look_i
               visible_b         predicated: the decision of its slot b can be read
               taken + open      with attention: the record of the slot's section before, if one was
                                 dispatched, has been taken, OPEN_CYCLES of section_lock.py
               first_{j-Q}       sent to a core as its j-th instruction: the queue of depth Q has
                                 room again
               idle              BEGIN, THRESHOLD, END: nothing is under way any more; or settled,
                                 where BEGIN flows, and for the THRESHOLD behind it
    first_j  first cycle of the j-th instruction of a core, the largest of
               pass + start      through the queue and the sequencer, START_CYCLES of latency.py
               last_{j-1} + 1    one instruction runs at a time
               taken + 2         is_last: the record of the slot before has been taken
    last_j   = first_j + duration_j - 1, the duration of `fastcar.rtl.latency`
    arrive_b the decision of slot b reaches the score unit: pass of DECIDE, last of SCORE, DISTANCE
    commit_b = max(arrive_b + compare, commit_{b-1}) + 1, one slot in a cycle, in order of slots
    visible_b = commit_b + 1, in Index and Mapping
    offer    of a record: last + 1 of an instruction that is_last
    taken    of a record: first cycle from offer on in which no core of a lower number offers one
    idle     = 1 + the last cycle with an instruction in a core, a decision that is kept, a commit
               or an untaken record
    settled  = 1 + the last commit, if all that was to be decided is committed
    cycles   = pass of END + 1

Several BEGIN may stand in a run: behind each of them decisions begin anew, and so does the pointer
of the mapping unless it flows.
`taken` alone looks at other cores: it is given, and computed anew from the records; the fixed point
is the run (`fastcar.cosim.cycles.cycle_model`).
"""

from __future__ import annotations

from collections.abc import Sequence

from fastcar.cosim.cycles.course import CoreCourse, Step
from fastcar.reference.errors import ArgumentError
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import Instruction, Opcode, Predicate
from fastcar.rtl.latency import (
    START_CYCLES,
    count_cycles,
    count_mac_beats,
    count_read_beats,
    count_written_beats,
)
from fastcar.rtl.section_lock import OPEN_CYCLES
from fastcar.rtl.sequencer import DECISION_OPCODES

RECORD_CYCLES = 2
"""From the cycle in which a record is taken to the first cycle of the next last instruction."""
DRAIN_CYCLES = 2
"""From BEGIN or THRESHOLD to the next instruction, which is accepted in between."""
COMPARE_CYCLES = 1
"""A decision is kept in a register before it is marked."""
COMMIT_CYCLES = 1
VISIBLE_CYCLES = 1
OFFER_CYCLES = 1

DRAINING_OPCODES = (Opcode.BEGIN, Opcode.THRESHOLD, Opcode.END)


class Recursion:
    """The terms of the module's docstring, instruction by instruction."""

    def __init__(
        self,
        config: AcceleratorConfig,
        decisions: Sequence[Sequence[bool]],
        latency_cycles: int,
        taken_cycles: Sequence[Sequence[int]],
    ) -> None:
        self.config, self.decisions = config, list(decisions)
        self.computes = decisions[0] if decisions else ()
        self.num_begins = 0
        self.latency_cycles, self.taken_cycles = latency_cycles, taken_cycles
        self.cores = [CoreCourse() for _ in range(config.num_cores)]
        self.pass_cycle, self.look_cycle = -1, 0
        self.arrivals: dict[int, int] = {}
        self.commits: list[int] = []
        self.mappings: list[int] = []
        self.decision_cycles: list[int] = []
        self.section_ends: dict[int, tuple[int, int]] = {}
        self.is_static = self.flows = False
        self.pointer = 0
        self.dropped = self.wait_decision = self.wait_queue = 0
        self.steps: list[Step] = []

    def advance(self, instruction: Instruction) -> None:
        """One more instruction."""
        look = self.look_cycle
        is_draining = instruction.opcode in DRAINING_OPCODES
        if Opcode(instruction.opcode).is_for_core:
            self._route(instruction, look)
        else:
            self._execute(instruction, look)
        self.look_cycle = self.pass_cycle + (DRAIN_CYCLES if is_draining else 1)

    def _execute(self, instruction: Instruction, look: int) -> None:
        """What the dispatcher does itself."""
        self.pass_cycle = look
        if instruction.opcode == Opcode.BEGIN:
            self.flows = instruction.flows and self.config.attention is not None
        if instruction.opcode in DRAINING_OPCODES:
            is_end = instruction.opcode == Opcode.END
            wait = self._find_idle_cycle() if is_end else self._find_start_cycle()
            self.pass_cycle = max(look, wait)
        elif instruction.opcode == Opcode.DECIDE:
            self._decide(instruction.slot, look)
        if instruction.opcode == Opcode.BEGIN:
            self._begin(instruction)
        self._note(instruction, None, self.pass_cycle, self.pass_cycle)

    def _begin(self, instruction: Instruction) -> None:
        """Forget all decisions; the next ones are those of the next set."""
        if self.num_begins >= len(self.decisions):
            limit = f"at most {len(self.decisions)}, one for each set of decisions"
            raise ArgumentError("number of BEGIN", self.num_begins + 1, limit)
        self.computes = self.decisions[self.num_begins]
        self.num_begins += 1
        self.is_static = instruction.is_static
        self.pointer = self.pointer if self.flows else 0
        self.arrivals, self.commits, self.mappings = {}, [], []

    def _route(self, instruction: Instruction, look: int) -> None:
        """Wait for the decision, then go to a core or nowhere."""
        slot, core = instruction.slot, instruction.slot % self.config.num_cores
        self.pass_cycle = look
        if instruction.predicate != Predicate.ALWAYS:
            self.pass_cycle = max(look, self._get_visible_cycle(slot))
            is_for_compute = instruction.predicate == Predicate.IF_COMPUTE
            if is_for_compute != self.computes[slot]:
                self.dropped += 1
                self.wait_decision += self.pass_cycle - look
                self._note(instruction, None, self.pass_cycle, self.pass_cycle)
                return
            if is_for_compute:
                core = self.mappings[slot]
        self.pass_cycle = max(self.pass_cycle, self._get_section_cycle(slot))
        self.wait_decision += self.pass_cycle - look
        self._dispatch(instruction, core)

    def _dispatch(self, instruction: Instruction, number: int) -> None:
        """Through the queue of a core, and executed."""
        core, depth = self.cores[number], self.config.queue_depth
        if len(core.first_cycles) >= depth:
            room = max(self.pass_cycle, core.first_cycles[-depth])
            self.wait_queue += room - self.pass_cycle
            self.pass_cycle = room
        first = max(self.pass_cycle + START_CYCLES, core.last_cycle + 1)
        num_finished = len(core.finished)
        if instruction.is_last and 0 < num_finished <= len(self.taken_cycles[number]):
            first = max(first, self.taken_cycles[number][num_finished - 1] + RECORD_CYCLES)
        latency = self.latency_cycles
        last = first + count_cycles(self.config, instruction, latency, latency) - 1
        core.first_cycles.append(first)
        core.last_cycle = last
        self._count(instruction, core)
        self._finish(instruction, number, first, last)
        self._note(instruction, number, first, last)

    def _finish(self, instruction: Instruction, number: int, first: int, last: int) -> None:
        """A decision, or the record of a slot."""
        core = self.cores[number]
        if core.start_cycle is None:
            core.start_cycle = first
        is_tapped = instruction.opcode == Opcode.SCORES and instruction.options["decides"]
        if instruction.opcode in DECISION_OPCODES or is_tapped:
            self._decide(instruction.slot, last)
        if instruction.is_last:
            core.finished.append((instruction.slot, core.start_cycle, last))
            self.section_ends[instruction.slot] = number, len(core.finished) - 1
        if instruction.is_last or instruction.opcode in DECISION_OPCODES:
            core.start_cycle = None

    def _count(self, instruction: Instruction, core: CoreCourse) -> None:
        """Busy and stalled cycles: before its first answer a transfer waits for latency - 1."""
        core.mac_busy += count_mac_beats(self.config, instruction)
        if count_read_beats(self.config, instruction):
            core.read_stall += self.latency_cycles - 1
        if count_written_beats(self.config, instruction):
            core.write_stall += self.latency_cycles - 1

    def _decide(self, slot: int, cycle: int) -> None:
        """A decision arrives; all that are next in the order of slots are committed."""
        self.arrivals[slot] = cycle
        while len(self.commits) in self.arrivals:
            head = len(self.commits)
            before = self.commits[-1] if self.commits else -1
            arrived = self.arrivals[head] + COMPARE_CYCLES
            self.commits.append(max(arrived, before) + COMMIT_CYCLES)
            self.decision_cycles.append(self.commits[-1])
            self.mappings.append(head % self.config.num_cores if self.is_static else self.pointer)
            self.pointer = (self.pointer + self.computes[head]) % self.config.num_cores

    def _get_section_cycle(self, slot: int) -> int:
        """The first cycle in which the slot's section before has ended."""
        if self.config.attention is None or slot not in self.section_ends:
            return 0
        number, record = self.section_ends[slot]
        taken = self.taken_cycles[number]
        _, _, last = self.cores[number].finished[record]
        return (taken[record] if record < len(taken) else last + OFFER_CYCLES) + OPEN_CYCLES

    def _get_visible_cycle(self, slot: int) -> int:
        if slot >= len(self.commits):
            raise ArgumentError("program", slot, "one that decides a slot before it is needed")
        return self.commits[slot] + VISIBLE_CYCLES

    def _find_start_cycle(self) -> int:
        """What BEGIN and THRESHOLD wait for."""
        if not self.flows or len(self.arrivals) > len(self.commits):
            return self._find_idle_cycle()
        return self.commits[-1] + VISIBLE_CYCLES if self.commits else 0

    def _find_idle_cycle(self) -> int:
        """The first cycle in which nothing is under way."""
        kept = [cycle + COMPARE_CYCLES for cycle in self.arrivals.values()]
        busy = [core.last_cycle for core in self.cores] + kept + self.commits
        taken = [
            cycle
            for core, cycles in zip(self.cores, self.taken_cycles, strict=True)
            for cycle in cycles[: len(core.finished)]
        ]
        return max(busy + taken) + 1

    def _note(self, instruction: Instruction, core: int | None, first: int, last: int) -> None:
        self.steps.append(Step(instruction, self.pass_cycle, core, first, last))

    def arbitrate(self) -> list[list[int]]:
        """For every core the cycles in which its records are taken, one record in a cycle."""
        waiting = [[end + OFFER_CYCLES for *_, end in core.finished] for core in self.cores]
        taken: list[list[int]] = [[] for _ in self.cores]
        cycle = 0
        while any(waiting):
            offered = [number for number, offers in enumerate(waiting) if offers]
            ready = [number for number in offered if waiting[number][0] <= cycle]
            if ready:
                taken[ready[0]].append(cycle)
                waiting[ready[0]].pop(0)
            cycle = max(cycle + 1, min((offers[0] for offers in waiting if offers), default=0))
        return taken
