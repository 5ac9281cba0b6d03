"""Cycles of whole tokens by the formula, and where the cores spend them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from unittest import mock

from fastcar.cosim.cycles import cycle_model, cycle_recursion
from fastcar.cosim.cycles.course import Step
from fastcar.cosim.cycles.cycle_model import Prediction, predict_sets
from fastcar.reference.arrays import BoolArray
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import Instruction, Opcode, Predicate
from fastcar.rtl.latency import count_cycles, count_mac_beats
from tools.hardware.decoder.programs import ProgramShelf, Token
from tools.hardware.decoder.settings import Mode
from tools.hardware.tally import LATENCY_CYCLES

SECTIONS = ("attention", "mlp", "pick")


class ResettingRecursion(cycle_recursion.Recursion):
    """The recursion, with a pointer that starts at core 0 in every layer, whether it flows or not.

    No hardware does this; D-48 says why.
    """

    def _begin(self, instruction: Instruction) -> None:
        super()._begin(instruction)
        self.pointer = 0


@dataclass(frozen=True)
class TokenCount:
    """One token of all slots.

    Attributes:
        cycles: of its run.
        busy: core cycles with an instruction, by section.
        mac_beats: cycles of the MAC arrays of all cores, by section.
        opcodes: core cycles, and those of them without a beat, by opcode.
    """

    cycles: int
    busy: Counter[str]
    mac_beats: Counter[str]
    opcodes: Counter[tuple[str, str]]


class TokenCounter:
    """Counts tokens of one shelf of programs; what it counted once it keeps.

    Args:
        shelf: of programs.
    """

    def __init__(self, shelf: ProgramShelf) -> None:
        self.shelf, self.config = shelf, shelf.memory_map.config
        self._counts: dict[tuple[object, ...], TokenCount] = {}
        self._cycles: dict[tuple[int, ...], int] = {}

    def count(self, token: Token, computes: BoolArray, mode: Mode) -> TokenCount:
        """A token whose slots compute or not, [layers, B]."""
        key = *self.shelf.describe(token), mode, computes.tobytes()
        if key not in self._counts:
            program = self.shelf.get(token, mode)
            self._counts[key] = self._count(self.predict(program, computes.tolist(), mode))
        return self._counts[key]

    def predict(
        self, program: Sequence[Instruction], computes: Sequence[Sequence[bool]], mode: Mode
    ) -> Prediction:
        """The formula, with the cycles of equal instructions computed once."""
        recursion = ResettingRecursion if mode.resets else cycle_recursion.Recursion
        with (
            mock.patch.object(cycle_recursion, "count_cycles", self._count_cycles),
            mock.patch.object(cycle_model, "Recursion", recursion),
        ):
            return predict_sets(self.config, program, computes, LATENCY_CYCLES)

    def _count_cycles(
        self, config: AcceleratorConfig, one: Instruction, read_latency: int, write_latency: int
    ) -> int:
        key = one.opcode, one.rows, one.columns, one.reserved
        found = self._cycles.get(key)
        if found is None:
            found = self._cycles[key] = count_cycles(config, one, read_latency, write_latency)
        return found

    def _count(self, prediction: Prediction) -> TokenCount:
        counts = TokenCount(prediction.cycles, Counter(), Counter(), Counter())
        for section, step in name_sections(prediction.steps):
            cycles = step.last_cycle - step.first_cycle + 1
            beats = count_mac_beats(self.config, step.instruction)
            counts.busy[section] += cycles
            counts.mac_beats[section] += beats
            opcode = Opcode(step.instruction.opcode).name
            counts.opcodes[opcode, "cycles"] += cycles
            counts.opcodes[opcode, "without"] += cycles - beats
        return counts


def name_sections(steps: Sequence[Step]) -> list[tuple[str, Step]]:
    """What cores executed, each with its section.

    The MLP phase is what a decision may exclude; behind that of the last layer come the heads.
    """
    is_mlp = [step.instruction.predicate != Predicate.ALWAYS for step in steps]
    last = len(is_mlp) - 1 - is_mlp[::-1].index(True)
    return [
        ("mlp" if is_mlp[index] else "attention" if index < last else "pick", step)
        for index, step in enumerate(steps)
        if step.core is not None
    ]
