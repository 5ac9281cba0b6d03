"""Sums over the tokens of a co-simulation of the whole decoder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

from fastcar.cosim.cycles.cycle_model import bound_cycles
from fastcar.cosim.records import RetireRecord
from fastcar.cosim.whole.compare import ATTENTION, MLP, PICK
from fastcar.cosim.whole.machine import TokenRun
from fastcar.cosim.whole.prediction import TokenPrediction
from fastcar.rtl.config import AcceleratorConfig


@dataclass
class DecoderStatistics:
    """Sums over all tokens that the accelerator ran; nothing of a run is kept.

    Attributes:
        config: sizes of the accelerator.
        totals: runs, cycles, decisions, retirements, dropped, wait_decision, wait_queue; of them
            prompt_runs and prompt_cycles; computed and replayed slots of layers of generated
            tokens; fewest_cycles and most_cycles, bounds where memory stalls; dense_cycles, of the
            same tokens without replay, by the cycle model of memory without stalls.
        sections: core-cycles of `attention`, `mlp`, `pick`: from the first instruction of a
            section to its last one.
        cores: for each core cycles by section, read and written beats, and its counters.
        layers: for each layer core-cycles of attention and mlp, computed and replayed slots.
    """

    config: AcceleratorConfig
    totals: Counter[str] = field(default_factory=Counter)
    sections: Counter[str] = field(default_factory=Counter)
    cores: list[Counter[str]] = field(default_factory=list)
    layers: dict[int, Counter[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cores = [Counter() for _ in range(self.config.num_cores)]

    def add(self, run: TokenRun, prediction: TokenPrediction) -> None:
        """One more token, found equal to the reference; give it to `DecoderLockstep`."""
        self._add_totals(run, prediction)
        if run.token_index >= 0:
            self._add_decisions(run)
        for layer_index, section, record in list_sections(run):
            cycles = record.end_cycle - record.start_cycle + 1
            self.sections[section] += cycles
            self.cores[record.core][section] += cycles
            if layer_index is not None:
                self._get_layer(layer_index)[section] += cycles
        for core, counters, traffic in zip(
            self.cores, run.result.counters.cores, run.result.traffic, strict=True
        ):
            core.update(asdict(counters))
            core["read_beats"] += traffic.num_read_beats
            core["written_beats"] += traffic.num_write_beats

    def _add_totals(self, run: TokenRun, prediction: TokenPrediction) -> None:
        counters = run.result.counters
        is_prompt = run.token_index < 0
        self.totals.update(
            {
                "runs": 1,
                "cycles": counters.cycles,
                "prompt_runs": int(is_prompt),
                "prompt_cycles": counters.cycles * is_prompt,
                "decisions": len(run.result.decisions),
                "retirements": len(run.result.retires),
                "dropped": counters.dropped,
                "wait_decision": counters.wait_decision,
                "wait_queue": counters.wait_queue,
            }
        )
        fewest, most = bound_cycles(prediction.run, counters)
        self.totals.update(
            {
                "fewest_cycles": fewest,
                "most_cycles": most,
                "dense_cycles": prediction.dense_cycles,
            }
        )

    def _add_decisions(self, run: TokenRun) -> None:
        num_slots = len(run.step.slots)
        for place, record in enumerate(run.result.decisions):
            layer = self._get_layer(place // num_slots)
            kind = "computed" if record.computes else "replayed"
            layer[kind] += 1
            self.totals[kind] += 1

    def _get_layer(self, layer_index: int) -> Counter[str]:
        return self.layers.setdefault(layer_index, Counter())


def list_sections(run: TokenRun) -> Iterator[tuple[int | None, str, RetireRecord]]:
    """Layer, name and record of every section of a token."""
    for records in run.sections:
        for place, record in enumerate(records):
            if place == 2 * len(run.step.layers):
                yield None, PICK, record
            else:
                yield place // 2, MLP if place % 2 else ATTENTION, record
