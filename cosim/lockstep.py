"""Lock-step: reference and accelerator get the same requests, every record is compared at once.

Compared are, in this order: decisions (order, slot, score, computes, core, cycle), retirements
(order, slot, core, start and end cycle, digest), the outputs in the replay cache, the residual
stream, and the counters. Decisions, cores and data come from the integer reference and its
scheduler, cycles and counters from the cycle model. Where memory stalls or instructions come with
gaps, the cycles of records are not compared, and those of the run with its bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Protocol

import numpy as np

from fastcar.cosim.backends.backend import RunSettings
from fastcar.cosim.cycles.cycle_model import Prediction, bound_cycles, predict_run
from fastcar.cosim.engine import AcceleratorEngine, LayerRun
from fastcar.cosim.records import CommitRecord, Counters, RetireRecord
from fastcar.reference.arrays import Int16Array
from fastcar.reference.errors import FastCarError
from fastcar.reference.integer.engine import IntegerMlpEngine
from fastcar.reference.integer.mlp_engine import MlpRequest, MlpResult
from fastcar.reference.scheduler import Dispatch, SlotIndex, compute_schedule, get_static_core

OnRun = Callable[[LayerRun, Prediction], None]
"""Called with every layer that was run and found equal, and what the cycle model says of it on
memory without stalls."""


@dataclass(frozen=True)
class Difference:
    """What differs first.

    Attributes:
        quantity: its name.
        slot: batch slot; None where it concerns all.
        cycle: of the run, in which the hardware showed it; None where it is read afterwards.
        reference: value of the reference or the cycle model.
        hardware: value of the accelerator.
    """

    quantity: str
    slot: int | None
    cycle: int | None
    reference: object
    hardware: object

    @property
    def place(self) -> dict[str, object]:
        """Where it is in the run, for people; None = everywhere."""
        return {"slot": self.slot, "cycle": self.cycle}


class PlacedRun(Protocol):
    """A run that knows its place in the decode."""

    @property
    def token_index(self) -> int:
        """Generated index j."""

    @property
    def place(self) -> dict[str, int]:
        """Where it is in the decode, for people."""


class LockstepError(FastCarError):
    """The accelerator differs from the reference.

    Attributes:
        run: the one that differs.
        difference: what, where and when.
    """

    def __init__(self, run: PlacedRun, difference: Difference) -> None:
        self.run = run
        self.difference = difference
        places = {**run.place, **difference.place}
        where = ", ".join(f"{name} {at}" for name, at in places.items() if at is not None)
        super().__init__(
            f"{where}: {difference.quantity} is {difference.hardware} in hardware, "
            f"{difference.reference} in the reference"
        )


class LockstepEngine:
    """Reference and accelerator side by side; implements `mlp_engine.MlpEngine`.

    Tokens before the first one run on the reference alone; the accelerator then takes over the
    replay cache. From there on the decoder continues with what the hardware computed.

    Args:
        reference: the integer reference, with the accelerator's number of lanes.
        hardware: the accelerator.
        first_token: generated index of the first token that the accelerator runs.
        on_run: called after every layer.

    Attributes:
        num_records: records compared and found equal.
    """

    def __init__(
        self,
        reference: IntegerMlpEngine,
        hardware: AcceleratorEngine,
        first_token: int = 0,
        on_run: OnRun | None = None,
    ) -> None:
        self.reference = reference
        self.hardware = hardware
        self.first_token = first_token
        self.num_records = 0
        self._on_run = on_run
        self._is_running = False

    def reset(self, num_slots: int, tokens_per_frame: int) -> None:
        """Start a generation on both."""
        self.reference.reset(num_slots, tokens_per_frame)
        self.hardware.reset(num_slots, tokens_per_frame)
        self._is_running = False

    def run_layer(self, layer_index: int, request: MlpRequest) -> MlpResult:
        """Run one layer of one token and compare.

        Raises:
            LockstepError: at the first difference.
        """
        if request.token_index < self.first_token:
            return self.reference.run_layer(layer_index, request)
        if not self._is_running:
            self.hardware.load_cache(self.reference)
            self._is_running = True
        wanted = self.reference.run_layer(layer_index, request)
        found = self.hardware.run_layer(layer_index, request)
        run = self.hardware.last_run
        assert run is not None, "the engine keeps the run it made"
        prediction = self._predict(run, wanted)
        for difference in self._compare(run, wanted, found, prediction):
            raise LockstepError(run, difference)
        self.num_records += len(run.result.decisions) + len(run.result.retires)
        if self._on_run is not None:
            self._on_run(run, prediction)
        return found

    @property
    def _is_exact(self) -> bool:
        """Whether the cycle model says every cycle."""
        settings = self.hardware.settings
        return not (settings.channels.stall_probability or settings.gap_probability)

    def _predict(self, run: LayerRun, wanted: MlpResult) -> Prediction:
        """What the cycle model says of memory without stalls."""
        computes = tuple(bool(flag) for flag in ~wanted.replayed)
        latency_cycles = self.hardware.settings.channels.latency_cycles
        return predict_run(self.hardware.config, run.program, computes, latency_cycles)

    def _compare(
        self, run: LayerRun, wanted: MlpResult, found: MlpResult, prediction: Prediction
    ) -> Iterator[Difference]:
        """All differences, in the order of the module's docstring."""
        result, exact = run.result, prediction if self._is_exact else None
        cores = list_cores(wanted, self.hardware.config.num_cores, self.hardware.dispatch)
        for slot, decision in enumerate(result.decisions):
            cycle = decision.cycle if exact is None else exact.decision_cycles[slot]
            yield from compare_records(
                "decision", make_decision(wanted, cores, slot, cycle), decision, decision.cycle
            )
        for order, retire in enumerate(result.retires):
            expected = make_retire(wanted, cores, order, retire, exact)
            yield from compare_records("retire", expected, retire, retire.end_cycle)
        yield from compare_rows("output", wanted.output, found.output)
        yield from compare_rows("residual", wanted.residual, found.residual)
        if exact is None:
            yield from compare_bounds(prediction, result.counters, self.hardware.settings)
        else:
            yield from compare_counters(exact.counters, result.counters)


def list_cores(wanted: MlpResult, num_cores: int, dispatch: Dispatch) -> list[int]:
    """Core of every slot: Mapping if it computes, else b mod C."""
    schedule = compute_schedule(~wanted.replayed, num_cores, dispatch)
    return [
        get_static_core(SlotIndex(slot), num_cores) if core is None else core
        for slot, core in enumerate(schedule.mapping)
    ]


def make_decision(wanted: MlpResult, cores: Sequence[int], slot: int, cycle: int) -> CommitRecord:
    """The decision of a slot as the reference takes it; decisions come in the order of slots."""
    score, computes = int(wanted.scores[slot]), bool(~wanted.replayed[slot])
    return CommitRecord(slot, slot, score, computes, cores[slot], cycle)


def make_retire(
    wanted: MlpResult,
    cores: Sequence[int],
    order: int,
    found: RetireRecord,
    prediction: Prediction | None,
) -> RetireRecord:
    """The retirement of an order; slot and cycles are the hardware's where none are predicted."""
    slot, start_cycle, end_cycle = found.slot, found.start_cycle, found.end_cycle
    if prediction is not None:
        retirement = prediction.retirements[order]
        slot, start_cycle, end_cycle = (
            retirement.slot,
            retirement.start_cycle,
            retirement.end_cycle,
        )
    digest = int(wanted.digests[slot])
    return RetireRecord(order, slot, cores[slot], start_cycle, end_cycle, digest)


def compare_records(
    kind: str,
    wanted: CommitRecord | RetireRecord,
    found: CommitRecord | RetireRecord,
    cycle: int,
) -> Iterator[Difference]:
    """Fields that differ, in their order."""
    for field in fields(wanted):
        pair = getattr(wanted, field.name), getattr(found, field.name)
        if pair[0] != pair[1]:
            yield Difference(f"{kind} {field.name}", found.slot, cycle, *pair)


def compare_rows(name: str, wanted: Int16Array, found: Int16Array) -> Iterator[Difference]:
    """Numbers [B, D] that differ."""
    for slot, element in np.argwhere(wanted != found).tolist():
        pair = int(wanted[slot, element]), int(found[slot, element])
        yield Difference(f"{name}[{element}]", slot, None, *pair)


def compare_counters(wanted: Counters, found: Counters) -> Iterator[Difference]:
    """Counters that differ, those of the whole run first."""
    for field in fields(wanted):
        if field.name != "cores":
            pair = getattr(wanted, field.name), getattr(found, field.name)
            if pair[0] != pair[1]:
                yield Difference(f"counter {field.name}", None, None, *pair)
    for core, (wanted_core, found_core) in enumerate(zip(wanted.cores, found.cores, strict=True)):
        for field in fields(wanted_core):
            pair = getattr(wanted_core, field.name), getattr(found_core, field.name)
            if pair[0] != pair[1]:
                yield Difference(f"counter {field.name} of core {core}", None, None, *pair)


def compare_bounds(
    prediction: Prediction, found: Counters, settings: RunSettings
) -> Iterator[Difference]:
    """Cycles outside their bounds, and counters that differ though no stall changes them."""
    fewest, most = bound_cycles(prediction, found)
    if found.cycles < fewest or (found.cycles > most and not settings.gap_probability):
        limits = f"{fewest} to {most}"
        yield Difference("counter cycles", None, None, limits, found.cycles)
    wanted = prediction.counters
    cores = [
        replace(core, mac_busy=predicted.mac_busy, dispatched=predicted.dispatched)
        for core, predicted in zip(found.cores, wanted.cores, strict=True)
    ]
    yield from compare_counters(replace(found, dropped=wanted.dropped, cores=tuple(cores)), found)
