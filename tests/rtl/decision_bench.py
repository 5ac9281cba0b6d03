"""Score unit and scheduler as the accelerator connects them, driven cycle by cycle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import pyrtl

from fastcar.cosim.native import NativeSimulation
from fastcar.reference.scheduler import Dispatch
from fastcar.rtl.circuits import SLOT_BITS
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.lanes import ACCUMULATOR_BITS
from fastcar.rtl.scheduler import NUM_SLOTS_BITS, SchedulerInputs, make_scheduler
from fastcar.rtl.score_unit import Measure, ScoreUnitInputs, make_score_unit

MEASURE_MASK = (1 << ACCUMULATOR_BITS) - 1


@dataclass(frozen=True)
class Commit:
    """One commit, with the cycle (counted from BEGIN) in which it happened."""

    cycle: int
    slot: int
    computes: bool
    core: int
    score: int


SETTLE_CYCLES = 3
"""Kept, committed, shown."""


@dataclass(frozen=True)
class Decided:
    """What one cycle shows of the registers."""

    index: int
    index_valid: int
    mappings: tuple[int, ...]


@cache
def build_decision_block(num_cores: int, num_slots: int) -> pyrtl.Block:
    """Both units with inputs and outputs of their own."""
    config = AcceleratorConfig(num_cores, 4, num_slots, 8, 12, 8)
    block = pyrtl.Block()
    with pyrtl.set_working_block(block):
        reset, is_begin = pyrtl.Input(1, "reset"), pyrtl.Input(1, "is_begin")
        head_slot = pyrtl.WireVector(NUM_SLOTS_BITS, "head_slot")
        next_slot = pyrtl.WireVector(NUM_SLOTS_BITS, "next_slot")
        is_commit = pyrtl.WireVector(1, "is_committing")
        score_unit = make_score_unit(
            config,
            ScoreUnitInputs(
                reset=reset,
                is_begin=is_begin,
                is_distance=pyrtl.Input(1, "is_distance"),
                is_threshold=pyrtl.Input(1, "is_threshold"),
                threshold=pyrtl.Input(ACCUMULATOR_BITS, "threshold"),
                measures=[_make_measure(core) for core in range(num_cores)],
                direct_valid=pyrtl.Input(1, "direct_valid"),
                direct_slot=pyrtl.Input(SLOT_BITS, "direct_slot"),
                direct_computes=pyrtl.Input(1, "direct_computes"),
                head_slot=head_slot,
                next_slot=next_slot,
                is_commit=is_commit,
            ),
        )
        scheduler = make_scheduler(
            config,
            SchedulerInputs(
                reset=reset,
                is_begin=is_begin,
                num_slots=pyrtl.Input(NUM_SLOTS_BITS, "num_slots"),
                is_static=pyrtl.Input(1, "is_static"),
                is_decided=score_unit.is_decided,
                computes=score_unit.computes,
            ),
        )
        head_slot <<= scheduler.commit_slot
        next_slot <<= scheduler.next_slot
        is_commit <<= scheduler.is_commit
        outputs = {
            "is_commit": scheduler.is_commit,
            "commit_slot": scheduler.commit_slot,
            "commit_computes": scheduler.commit_computes,
            "commit_core": scheduler.commit_core,
            "score": score_unit.score,
            "index": scheduler.index,
            "index_valid": scheduler.index_valid,
        }
        outputs |= {f"mapping{slot}": wire for slot, wire in enumerate(scheduler.mappings)}
        for name, wire in outputs.items():
            output = pyrtl.Output(len(wire), name)
            output <<= wire
    return block


def _make_measure(core: int) -> Measure:
    return Measure(
        pyrtl.Input(1, f"valid{core}"),
        pyrtl.Input(SLOT_BITS, f"slot{core}"),
        pyrtl.Input(ACCUMULATOR_BITS, f"value{core}"),
    )


class DecisionBench:
    """Driver and monitor of both units."""

    def __init__(self, num_cores: int, num_slots: int) -> None:
        self.num_cores, self.num_slots = num_cores, num_slots
        self.block = build_decision_block(num_cores, num_slots)
        self.idle = {wire.name: 0 for wire in self.block.wirevector_subset(pyrtl.Input)}
        self.simulation = NativeSimulation(tracer=None, block=self.block)
        self.commits: list[Commit] = []
        self.history: list[Decided] = []
        self.step({"reset": 1})

    def step(self, inputs: Mapping[str, int]) -> None:
        """One cycle; inputs that are not named are 0."""
        self.simulation.step({**self.idle, **inputs})
        get = self.simulation.inspect
        if get("is_commit"):
            score = get("score") - (get("score") >> (ACCUMULATOR_BITS - 1) << ACCUMULATOR_BITS)
            self.commits.append(
                Commit(
                    cycle=len(self.history),
                    slot=get("commit_slot"),
                    computes=bool(get("commit_computes")),
                    core=get("commit_core"),
                    score=score,
                )
            )
        mappings = tuple(get(f"mapping{slot}") for slot in range(self.num_slots))
        self.history.append(Decided(get("index"), get("index_valid"), mappings))

    def begin(
        self,
        threshold: int = 0,
        is_distance: bool = False,
        dispatch: Dispatch = Dispatch.DYNAMIC,
        num_slots: int | None = None,
    ) -> None:
        """BEGIN and THRESHOLD; the next cycle is cycle 0 and has no commits before it."""
        begin = {"is_begin": 1, "is_distance": int(is_distance)}
        begin["is_static"] = int(dispatch is Dispatch.STATIC)
        begin["num_slots"] = self.num_slots if num_slots is None else num_slots
        self.step(begin)
        self.step({"is_threshold": 1, "threshold": threshold & MEASURE_MASK})
        self.commits.clear()
        self.history.clear()

    def step_measures(self, measures: Sequence[tuple[int, int]]) -> None:
        """One cycle in which (slot, value) arrive, each from core slot mod C."""
        inputs: dict[str, int] = {}
        for slot, value in measures:
            core = slot % self.num_cores
            inputs[f"valid{core}"] = 1
            inputs[f"slot{core}"] = slot
            inputs[f"value{core}"] = value & MEASURE_MASK
        self.step(inputs)

    def settle(self) -> None:
        """Cycles until the registers show the last decision that arrived, if all were in order."""
        for _ in range(SETTLE_CYCLES):
            self.step({})

    def step_direct(self, slot: int, computes: bool) -> None:
        """One cycle in which DECIDE decides a slot."""
        self.step({"direct_valid": 1, "direct_slot": slot, "direct_computes": int(computes)})
