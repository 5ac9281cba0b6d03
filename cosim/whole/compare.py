"""Everything that one token of the accelerator shows, compared with the reference.

Layer by layer, in the order in which the numbers follow from each other: keys and values in memory
(those of all positions), the attention section, decisions, the MLP section, the rows of the replay
cache; then the residual stream behind the last layer, the logits and tokens of PICK; last cycles
and counters, with those of the cycle model. So the first difference is where it began.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.cosim.cycles.cycle_model import Prediction
from fastcar.cosim.lockstep import (
    Difference,
    compare_bounds,
    compare_counters,
    compare_records,
    compare_rows,
)
from fastcar.cosim.program.memory_map import CachePart
from fastcar.cosim.records import CommitRecord, RetireRecord
from fastcar.cosim.whole.machine import DecoderMachine, TokenRun
from fastcar.cosim.whole.wanted import WantedLayer, WantedToken
from fastcar.reference.scheduler import Dispatch, SlotIndex, get_static_core

ATTENTION, MLP, PICK = "attention", "mlp", "pick"
SECTIONS = (ATTENTION, MLP, PICK)
"""What a slot has in every layer, and behind the last one."""


@dataclass(frozen=True)
class DecoderDifference(Difference):
    """What differs first.

    Attributes:
        layer: l; None behind the last layer.
        section: of `SECTIONS`; None where the whole run differs.
        head: key head; None of what has no heads.
        position: of a key or value in its row; None of anything else.
    """

    layer: int | None = None
    section: str | None = None
    head: int | None = None
    position: int | None = None

    @property
    def place(self) -> dict[str, object]:
        """Where it is in the run, for people; None = everywhere."""
        names = "layer", "section", "slot", "head", "position", "cycle"
        return {name: getattr(self, name) for name in names}


class TokenComparison:
    """One token of the accelerator beside that of the reference.

    Args:
        machine: the accelerator, behind the run: its memory is read.
        run: of the token.
        wanted: what the reference did.
        dispatch: of the MLP phases.
    """

    def __init__(
        self, machine: DecoderMachine, run: TokenRun, wanted: WantedToken, dispatch: Dispatch
    ) -> None:
        self._image, self._config = machine.image, machine.config
        self._run, self._wanted = run, wanted
        self._sections = run.sections
        self._cores = wanted.list_cores(machine.config.num_cores, dispatch, flows=machine.flows)

    def list_differences(self) -> Iterator[DecoderDifference]:
        """All of them, in the order of the module's docstring, but for cycles."""
        for index, layer in enumerate(self._wanted.layers):
            yield from self._compare_store("key", index, layer)
            yield from self._compare_store("value", index, layer)
            yield from self._compare_attention(index, layer)
            yield from self._compare_decisions(index, layer)
            yield from self._compare_mlp(index, layer)
            yield from self._compare_cache(index, layer)
        yield from self._compare_residual()
        yield from self._compare_picks()

    def _is_fed(self, slot: int) -> bool:
        return self._wanted.step.slots[slot] is not None

    def _find_cycle(self, slot: int, section: int) -> int | None:
        """In which a section of a slot ended; None of a slot that is not fed."""
        return self._sections[slot][section].end_cycle if self._is_fed(slot) else None

    def _compare_store(
        self, name: str, layer_index: int, layer: WantedLayer
    ) -> Iterator[DecoderDifference]:
        image, num_positions = self._image, layer.keys.shape[2]
        read = image.read_keys if name == "key" else image.read_values
        for slot, wanted in enumerate(layer.keys if name == "key" else layer.values):
            found = read(layer_index, slot, num_positions)  # [H_kv, positions, d]
            for head, position, element in np.argwhere(wanted != found).tolist():
                at = head, position, element
                yield DecoderDifference(
                    f"{name}[{element}]",
                    slot,
                    self._find_cycle(slot, 2 * layer_index),
                    int(wanted[at]),
                    int(found[at]),
                    layer_index,
                    ATTENTION,
                    head,
                    position,
                )

    def _compare_attention(
        self, layer_index: int, layer: WantedLayer
    ) -> Iterator[DecoderDifference]:
        for slot, digest in enumerate(layer.attention_digests):
            if self._is_fed(slot):
                core = get_static_core(SlotIndex(slot), self._config.num_cores)
                found = self._sections[slot][2 * layer_index]
                yield from _compare_section(found, core, digest, 0, layer_index, ATTENTION)

    def _compare_decisions(
        self, layer_index: int, layer: WantedLayer
    ) -> Iterator[DecoderDifference]:
        cores = self._cores[layer_index]
        num_slots = len(cores)
        for slot in range(num_slots):
            order = layer_index * num_slots + slot
            found = self._run.result.decisions[order]
            computes, score = bool(~layer.replayed[slot]), int(layer.scores[slot])
            wanted = CommitRecord(order, slot, score, computes, cores[slot], found.cycle)
            differences = compare_records("decision", wanted, found, found.cycle)
            yield from _place(differences, layer_index, ATTENTION)

    def _compare_mlp(self, layer_index: int, layer: WantedLayer) -> Iterator[DecoderDifference]:
        for slot, digest in enumerate(layer.mlp_digests):
            if self._is_fed(slot):
                found = self._sections[slot][2 * layer_index + 1]
                yield from _compare_section(
                    found, self._cores[layer_index][slot], digest, 0, layer_index, MLP
                )

    def _compare_cache(self, layer_index: int, layer: WantedLayer) -> Iterator[DecoderDifference]:
        """Rows of the replay cache, which a later token may add."""
        location = self._wanted.step.layers[layer_index].location
        for part, wanted in ((CachePart.OUTPUT, layer.outputs), (CachePart.NORMED, layer.inputs)):
            if wanted is not None:
                found = [
                    self._image.mlp.read_cache(layer_index, location, slot, part)
                    for slot in range(len(wanted))
                ]
                differences = compare_rows(f"cached {part.value}", wanted, np.stack(found))
                yield from self._place_rows(differences, layer_index)

    def _compare_residual(self) -> Iterator[DecoderDifference]:
        last = len(self._wanted.layers) - 1
        wanted = self._wanted.layers[last].residual
        fed = np.array([self._is_fed(slot) for slot in range(len(wanted))])[:, None]
        found = np.stack([self._image.mlp.read_residual(slot) for slot in range(len(wanted))])
        yield from self._place_rows(compare_rows("residual", wanted * fed, _hide(found, fed)), last)

    def _place_rows(
        self, differences: Iterator[Difference], layer_index: int
    ) -> Iterator[DecoderDifference]:
        """With the cycle in which the MLP phase of the slot ended."""
        for one in differences:
            assert one.slot is not None
            cycle = self._find_cycle(one.slot, 2 * layer_index + 1)
            members = {**_get_members(one), "cycle": cycle}
            yield DecoderDifference(**members, layer=layer_index, section=MLP)

    def _compare_picks(self) -> Iterator[DecoderDifference]:
        pairs = zip(self._wanted.logit_digests, self._wanted.token_ids, strict=True)
        for slot, (digest, token_id) in enumerate(pairs):
            core = get_static_core(SlotIndex(slot), self._config.num_cores)
            found = self._sections[slot][-1]
            yield from _compare_section(found, core, digest, token_id, None, PICK)


def compare_cycles(run: TokenRun, prediction: Prediction) -> Iterator[DecoderDifference]:
    """Cycles of records, and counters; where memory stalls, counters within their bounds."""
    result, channels = run.result, run.settings.channels
    if channels.stall_probability:
        yield from _place(compare_bounds(prediction, result.counters, run.settings))
        return
    for found, cycle in zip(result.decisions, prediction.decision_cycles, strict=True):
        if found.cycle != cycle:
            yield DecoderDifference("decision cycle", found.slot, found.cycle, cycle, found.cycle)
    for record, retirement in zip(result.retires, prediction.retirements, strict=True):
        for name in ("slot", "core", "start_cycle", "end_cycle"):
            pair = getattr(retirement, name), getattr(record, name)
            if pair[0] != pair[1]:
                cycle = record.end_cycle
                yield DecoderDifference(f"retire {name}", record.slot, cycle, *pair)
    yield from _place(compare_counters(prediction.counters, result.counters))


def _compare_section(
    found: RetireRecord,
    core: int,
    digest: int,
    token: int,
    layer_index: int | None,
    section: str,
) -> Iterator[DecoderDifference]:
    """Core, digest and token of a section; when it began and ended is the cycle model's."""
    wanted = RetireRecord(
        found.order, found.slot, core, found.start_cycle, found.end_cycle, digest, token
    )
    differences = compare_records("retire", wanted, found, found.end_cycle)
    yield from _place(differences, layer_index, section)


def _place(
    differences: Iterator[Difference], layer: int | None = None, section: str | None = None
) -> Iterator[DecoderDifference]:
    for one in differences:
        yield DecoderDifference(**_get_members(one), layer=layer, section=section)


def _get_members(difference: Difference) -> dict[str, Any]:
    return {one.name: getattr(difference, one.name) for one in fields(Difference)}


def _hide(rows: NDArray[np.int16], fed: NDArray[np.bool_]) -> NDArray[np.int16]:
    """The rows with zeros for slots that were not fed: nothing is said of those."""
    shown: NDArray[np.int16] = np.where(fed, rows, np.int16(0))
    return shown
