"""Whole tokens on simulated hardware: results of the reference, cycles of the formula."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fastcar.cosim.backends.backend import RunResult, RunSettings
from fastcar.cosim.backends.memory_model import ChannelSettings
from fastcar.cosim.backends.native_backend import NativeBackend
from fastcar.cosim.cycles.cycle_model import Prediction, bound_cycles, predict_sets
from fastcar.cosim.program.whole.token_step import TokenStep
from fastcar.cosim.program.whole.whole_compiler import WholeCompiler
from fastcar.reference.scheduler import Dispatch
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.rtl.instruction import Opcode, Predicate, encode
from fastcar.strategies import make_run
from tests.cosim.whole_runs import (
    HEADS,
    Decoding,
    Machine,
    check_store,
    decode_by_reference,
    digest_attention,
    fold,
    make_heads_config,
)
from tests.reference.integer.whole.runs import make_gate, quantize_whole_run

LEVELS = {"tas": 0.0, "input": 4.0}
STALLS = ChannelSettings(latency_cycles=3, stall_probability=0.2, seed=5)


class HardwareMachine(Machine):
    """Programs of whole tokens on simulated hardware, with their results and predictions."""

    def __init__(
        self,
        decoding: Decoding,
        dispatch: Dispatch = Dispatch.DYNAMIC,
        num_cores: int = 2,
        *,
        flows: bool = False,
        settings: RunSettings | None = None,
    ) -> None:
        super().__init__(decoding, dispatch, num_cores)
        self.compiler = WholeCompiler(self.map, decoding.model, decoding.sparse, flows=flows)
        self.backend = NativeBackend(self.map.config)
        self.settings = RunSettings() if settings is None else settings
        self.results: list[RunResult] = []
        self.predictions: list[Prediction] = []

    def run(self, step: TokenStep) -> None:
        """Compile a token, run it, and predict its cycles."""
        program = self.compiler.compile(step)
        self.programs.append(program)
        words = [encode(one) for one in program]
        result = self.backend.run(words, self.image.memory, self.settings, None)
        assert result.error is None
        num_slots = len(step.slots)
        decisions = [record.computes for record in result.decisions]
        sets = [
            decisions[first : first + num_slots] for first in range(0, len(decisions), num_slots)
        ]
        latency = self.settings.channels.latency_cycles
        self.predictions.append(predict_sets(self.map.config, program, sets, latency))
        self.results.append(result)


def check_picked(machine: HardwareMachine, token_index: int) -> None:
    """Tokens of the run that ran last, and the digests of their logits."""
    decoding, lanes = machine.decoding, machine.decoding.decoder.num_lanes
    last = {record.slot: record for record in machine.results[-1].retires}
    slots = range(decoding.run.rows)
    assert [last[slot].token for slot in slots] == decoding.picked[token_index].tolist()
    codes = decoding.noise[0].shape[1]
    for slot in slots:
        padded = decoding.logits[token_index][slot, :codes].astype("<i2")
        padded.resize(-(-codes // lanes) * lanes)
        assert last[slot].digest == fold([*padded.reshape(-1, lanes)])


def check_token(machine: HardwareMachine, token_index: int) -> None:
    """Decisions, scores, digests of attention and MLP phase of every layer and slot."""
    result, rows = machine.results[-1], machine.decoding.run.rows
    records: dict[int, list[int]] = {slot: [] for slot in range(rows)}
    for record in result.retires:
        records[record.slot].append(record.digest)
    decisions = iter(result.decisions)
    positions = machine.decoding.run.prompt_mask.sum(axis=1) + token_index
    for layer, (request, expected) in enumerate(machine.decoding.layers[token_index]):
        for slot in range(rows):
            decision = next(decisions)
            assert decision.slot == slot
            assert decision.computes != expected.replayed[slot]
            if request.is_decided[slot]:
                assert decision.score == expected.scores[slot]
            attention, mlp = records[slot][2 * layer : 2 * layer + 2]
            place = layer, slot, int(positions[slot]), request.residual[slot]
            assert attention == digest_attention(machine.decoding, *place)
            assert mlp == expected.digests[slot]


def check_cycles(machine: HardwareMachine) -> None:
    """Cycles, records and counters of every run are those of the formula."""
    for result, prediction in zip(machine.results, machine.predictions, strict=True):
        assert prediction.cycles == result.counters.cycles
        assert prediction.counters == result.counters
        assert list(prediction.decision_cycles) == [one.cycle for one in result.decisions]
        found = [(one.slot, one.core, one.start_cycle, one.end_cycle) for one in result.retires]
        assert found == [
            (one.slot, one.core, one.start_cycle, one.end_cycle) for one in prediction.retirements
        ]


def decode(machine: HardwareMachine) -> None:
    """Everything but cycles, token by token."""
    machine.feed_prompt()
    check_picked(machine, 0)
    for token_index in range(machine.decoding.run.steps):
        machine.feed_token(token_index)
        check_token(machine, token_index)
        check_picked(machine, token_index + 1)
    check_store(machine)


def make_decoding(kind: str, gate: str, sparse: SparseAttention | None) -> Decoding:
    """Rows with prompts of different lengths; some of their decisions replay."""
    padding = (0, 2, 1, 0, 1)
    config = make_heads_config(kind)
    run = make_run(5, config, frames=3, padding=padding, tokens_per_frame=4, rows=5)
    decoding = decode_by_reference(
        run, quantize_whole_run(run), make_gate(gate, LEVELS[gate]), sparse
    )
    assert 0 < decoding.replayed[decoding.eligible].mean() < 1
    return decoding


SLOW_KINDS = [
    pytest.param(kind, marks=() if kind == "grouped-query" else pytest.mark.slow) for kind in HEADS
]


@pytest.mark.parametrize(
    "flows",
    [pytest.param(False, marks=pytest.mark.slow, id="barrier"), pytest.param(True, id="flow")],
)
@pytest.mark.parametrize("kind", SLOW_KINDS)
def test_decode_is_that_of_the_reference_in_the_cycles_of_the_formula(
    kind: str, flows: bool
) -> None:
    machine = HardwareMachine(make_decoding(kind, "tas", None), flows=flows)
    decode(machine)
    check_cycles(machine)


@pytest.mark.slow
@pytest.mark.parametrize("dispatch", Dispatch)
@pytest.mark.parametrize("gate", LEVELS)
def test_window_and_sinks_with_both_sources_and_mappings(gate: str, dispatch: Dispatch) -> None:
    sparse = SparseAttention(4, 6 if gate == "input" else 1)
    decoding = make_decoding("grouped-query", gate, sparse)
    machine = HardwareMachine(decoding, dispatch, num_cores=3, flows=gate == "tas")
    decode(machine)
    check_cycles(machine)
    assert len(machine.select(Opcode.SCORES)) > len(machine.select(Opcode.GEMV)) // 8


@pytest.mark.slow
@pytest.mark.parametrize("flows", [False, True], ids=["barrier", "flow"])
def test_stalls_change_cycles_and_nothing_else(flows: bool) -> None:
    decoding = make_decoding("multi-head", "tas", SparseAttention(4, 1))
    machine = HardwareMachine(decoding, flows=flows, settings=RunSettings(channels=STALLS))
    decode(machine)
    for result, prediction in zip(machine.results, machine.predictions, strict=True):
        fewest, most = bound_cycles(prediction, result.counters)
        assert fewest < result.counters.cycles <= most


@pytest.mark.slow
def test_flow_is_faster_than_the_barrier() -> None:
    decoding = make_decoding("multi-head", "tas", None)
    cycles = []
    for flows in (False, True):
        machine = HardwareMachine(decoding, flows=flows)
        machine.feed_prompt()
        machine.feed_token(0)
        cycles.append(machine.results[-1].counters.cycles)
    assert cycles[1] < cycles[0]


@pytest.mark.slow
def test_one_core_and_a_short_queue() -> None:
    decoding = make_decoding("grouped-query", "tas", None)
    machine = HardwareMachine(decoding, num_cores=1, flows=True)
    config = replace(machine.map.config, queue_depth=2)
    machine.map = replace(machine.map, mlp=replace(machine.map.mlp, config=config))
    machine.backend = NativeBackend(config)
    decode(machine)
    check_cycles(machine)


@pytest.mark.slow
def test_layers_flow_only_behind_their_decisions() -> None:
    """A BEGIN that flows, right behind what decides, waits until the last decision is committed."""
    decoding = make_decoding("multi-head", "tas", None)
    machine = HardwareMachine(decoding, flows=True)
    machine.feed_prompt()
    for token_index in range(decoding.run.tokens_per_frame + 1):
        machine.feed_token(token_index)
    assert all(request.is_decided.all() for request, _ in decoding.layers[token_index])
    assert [one.flows for one in machine.select(Opcode.BEGIN)[-2:]] == [False, True]
    program = [one for one in machine.programs[-1] if one.predicate == Predicate.ALWAYS]
    result = machine.backend.run(
        [encode(one) for one in program], machine.image.memory, RunSettings(), None
    )
    assert result.error is None
    assert len(result.decisions) == 2 * decoding.run.rows
    decisions = [record.computes for record in result.decisions]
    rows = decoding.run.rows
    sets = [decisions[:rows], decisions[rows:]]
    assert predict_sets(machine.map.config, program, sets, 1).cycles == result.counters.cycles
