"""Cycles of the accelerator by a clock: cycle for cycle, from docs/accelerator.md alone.

The reference has formulas and a fixed point; here dispatcher, cores, commits and records act in
each cycle on what the cycles before have left. Mistakes can be planted.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

FIELDS = {
    "opcode": 5,
    "predicate": 2,
    "slot": 5,
    "target": 3,
    "source": 3,
    "rows": 12,
    "columns": 12,
    "shift": 6,
    "gate_shift": 2,
    "hidden_shift": 6,
    "multiplier": 16,
    "address": 32,
    "is_last": 1,
    "first_lane": 5,
    "last_lane": 5,
    "lane": 5,
    "is_fresh": 1,
    "is_final": 1,
    "is_tapped": 1,
    "decides": 1,
    "is_unweighted": 1,
}
BEGIN, THRESHOLD, DECIDE, END = 1, 2, 3, 4
LOAD, STORE, NORM, GEMV, GEMV_SILU, ADD, SCORE, DISTANCE = range(8, 16)
EMBED, ROPE, STORE_KEY, STORE_VALUE, SCORES, CONTEXT, PICK = range(16, 23)
NEVER = 1 << 60


def read_instruction(word: bytes) -> dict[str, int]:
    """Fields of 128 bits, with the options of attention."""
    rest, fields = int.from_bytes(word, "little"), {}
    for name, bits in FIELDS.items():
        fields[name] = rest & ((1 << bits) - 1)
        rest >>= bits
    return fields


def count_duration(one: dict[str, int], settings: dict[str, Any], bug: str) -> int:
    """Cycles of an instruction in its core."""
    lanes: int = settings["num_lanes"]
    a: int = settings["latency_cycles"]
    w, c = one["rows"], one["columns"]
    t = lanes.bit_length() // 2
    attention = settings["attention"] or {"num_key_value_heads": 0, "head_dim": 0}
    heads: int = attention["num_key_value_heads"]
    d: int = attention["head_dim"]
    blocks, single = w * heads * d, int(w == 1 and bug != "one word is like many")
    gemv = a + w * lanes * c + t + 12 + single
    if one["opcode"] == SCORES:
        if one["is_unweighted"] and bug != "scores that weigh nothing weigh":
            return a + blocks + t + 8
        if one["is_final"] and bug != "reciprocals take no time":
            return a + blocks + t + 2 * lanes + 42 + (heads - 1) * max(0, 16 - d)
        return a + blocks + t + 2 * lanes + 21
    if one["opcode"] == CONTEXT:
        return a + blocks + t + (16 + (heads * d == lanes) if one["is_final"] else 10)
    return {
        LOAD: a + 2 * w + single,
        STORE: (1 if bug == "stores end with the last beat" else a) + 2 * w + 3,
        STORE_KEY: a + 2 * w + 3,
        STORE_VALUE: a + w * lanes + 3,
        NORM: w + w * lanes // 2 + t + 20 + single,
        GEMV: gemv,
        GEMV_SILU: gemv + 9,
        ADD: w + 4 + single,
        SCORE: w + t + 6,
        DISTANCE: w + t + 6,
        EMBED: a + 2 * w + 3 + single,
        ROPE: w * lanes + 13 + single,
        PICK: gemv + 3,
    }[one["opcode"]]


@dataclass
class Core:
    """Queue, running instruction and record of a core."""

    queue: list[int] = field(default_factory=list)
    firsts: list[int] = field(default_factory=list)
    last: int = -1
    offer: int = NEVER
    record_taken: int = -2
    record: tuple[int, int, int] = (0, 0, 0)
    start: int | None = None


class Machine:
    """One run of a program."""

    def __init__(self, program: Any, decisions: Any, settings: dict[str, Any], bug: str) -> None:
        self.program, self.decisions, self.settings, self.bug = program, decisions, settings, bug
        self.cores = [Core() for _ in range(settings["num_cores"])]
        blank = [-1] * len(program)
        self.passed, self.core, self.first, self.last = (list(blank) for _ in range(4))
        self.records: list[tuple[int, ...]] = []
        self.committed: list[list[int]] = []
        self.arrivals: dict[int, int] = {}
        self.mapping: list[int] = []
        self.pointer, self.flows, self.is_static = 0, False, False
        self.closed: dict[int, int] = {}
        self.look, self.at = 0, 0

    def run(self) -> dict[str, Any]:
        """All answers."""
        for cycle in itertools.count():
            self.take_record(cycle)
            self.commit(cycle)
            for number, core in enumerate(self.cores):
                self.start(number, core, cycle)
            if cycle >= self.look:
                self.dispatch(cycle)
            if self.at == len(self.program):
                break
        slots, numbers, starts, ends, taken = zip(*self.records, strict=True)
        return {
            "passed": self.passed,
            "core": self.core,
            "first": self.first,
            "last": self.last,
            "committed": self.committed,
            "record_slot": slots,
            "record_core": numbers,
            "record_start": starts,
            "record_end": ends,
            "record_taken": taken,
            "cycles": self.passed[-1] + 1,
        }

    def take_record(self, cycle: int) -> None:
        """One record in a cycle."""
        waiting = [number for number, core in enumerate(self.cores) if core.offer <= cycle]
        for number in waiting if self.bug == "all records at once" else waiting[:1]:
            core = self.cores[number]
            slot, start, end = core.record
            self.records.append((slot, number, start, end, cycle))
            core.offer, core.record_taken, self.closed[slot] = NEVER, cycle, cycle

    def commit(self, cycle: int) -> None:
        """The next slot in their order, if its decision has arrived."""
        head = len(self.mapping)
        if self.committed and self.arrivals.get(head, NEVER) + 2 <= cycle:
            self.committed[-1].append(cycle)
            computes = self.decisions[len(self.committed) - 1][head]
            cores = len(self.cores)
            self.mapping.append(head % cores if self.is_static else self.pointer)
            if computes or self.bug == "pointer moves with every slot":
                self.pointer = (self.pointer + 1) % cores

    def start(self, number: int, core: Core, cycle: int) -> None:
        """The head of a core's queue, if it may run."""
        if not core.queue or core.last >= cycle:
            return
        index = core.queue[0]
        one = self.program[index]
        waits = self.passed[index] + 4 > cycle
        if one["is_last"] and self.bug != "records never wait":
            waits |= core.offer != NEVER or core.record_taken + 2 > cycle
        if waits:
            return
        core.queue.pop(0)
        core.firsts.append(cycle)
        core.last = cycle + count_duration(one, self.settings, self.bug) - 1
        self.first[index], self.last[index] = cycle, core.last
        core.start = cycle if core.start is None else core.start
        if one["opcode"] in (SCORE, DISTANCE) or (one["opcode"] == SCORES and one["decides"]):
            self.arrivals[one["slot"]] = core.last
        if one["is_last"]:
            core.offer, core.record = core.last + 1, (one["slot"], core.start, core.last)
        if one["is_last"] or one["opcode"] in (SCORE, DISTANCE):
            core.start = None

    def dispatch(self, cycle: int) -> None:
        """What the dispatcher looks at passes, is dropped, or waits."""
        one = self.program[self.at]
        if one["opcode"] >= LOAD:
            self.route(one, cycle)
            return
        if one["opcode"] == BEGIN:
            self.flows = self.settings["attention"] is not None and bool(one["shift"] >> 2 & 1)
            self.flows &= self.bug != "every layer in turn"
        if one["opcode"] != DECIDE and not self.may_begin(one, cycle):
            return
        if one["opcode"] == DECIDE:
            self.arrivals[one["slot"]] = cycle
        if one["opcode"] == BEGIN:
            self.is_static = bool(one["shift"] & 1)
            self.pointer = self.pointer if self.flows else 0
            self.arrivals, self.mapping = {}, []
            self.committed.append([])
        self.go(cycle, None, 1 if one["opcode"] == DECIDE else 2)

    def may_begin(self, one: dict[str, int], cycle: int) -> bool:
        """Whether the machine is idle, or settled where that is enough."""
        arrived = [self.arrivals[slot] + 1 for slot in self.arrivals]
        commits = [commit for layer in self.committed for commit in layer]
        if one["opcode"] != END and self.flows and len(self.arrivals) == len(self.mapping):
            newest = self.committed[-1] if self.committed else []
            return all(commit < cycle for commit in newest)
        if len(self.mapping) in self.arrivals:
            return False
        is_under_way = any(
            core.queue or core.last >= cycle or core.offer != NEVER or core.record_taken >= cycle
            for core in self.cores
        )
        return not is_under_way and all(event < cycle for event in arrived + commits)

    def route(self, one: dict[str, int], cycle: int) -> None:
        """To a core, or nowhere."""
        slot = one["slot"]
        number = slot % len(self.cores)
        if one["predicate"]:
            is_early = self.bug == "decisions seen at once"
            if slot >= len(self.mapping) or self.committed[-1][slot] + 1 - is_early > cycle:
                return
            computes = self.decisions[len(self.committed) - 1][slot]
            if computes != (one["predicate"] == 1):
                self.go(cycle, None, 1)
                return
            number = self.mapping[slot] if computes else number
        has_sections = self.settings["attention"] and self.bug != "sections of a slot overlap"
        if has_sections and self.closed.get(slot, -2) + 2 > cycle:
            return
        core, depth = self.cores[number], self.settings["queue_depth"]
        sent = len(core.queue) + len(core.firsts)
        if sent >= depth and len(core.firsts) <= sent - depth and self.bug != "no queue is full":
            return
        core.queue.append(self.at)
        if one["is_last"]:
            self.closed[slot] = NEVER
        self.go(cycle, number, 1)

    def go(self, cycle: int, number: int | None, behind: int) -> None:
        """The next instruction is looked at."""
        self.passed[self.at] = cycle
        self.core[self.at] = -1 if number is None else number
        if number is None:
            self.first[self.at] = self.last[self.at] = cycle
        self.at += 1
        self.look = cycle + behind


def answer(inputs: dict[str, Any], bug: str = "") -> dict[str, Any] | None:
    """All answers to one file of inputs; None for a case that is not known."""
    settings = json.loads(bytes(inputs["settings"]))
    if settings["case"] != "cycles":
        return None
    program = [read_instruction(word.tobytes()) for word in inputs["program"]]
    runs = [Machine(program, sets, settings, bug).run() for sets in inputs["computes"].tolist()]
    return {key: np.array([run[key] for run in runs]) for key in runs[0]}
