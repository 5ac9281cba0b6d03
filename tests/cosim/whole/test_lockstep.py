"""The whole decoder in lock-step: equal runs pass, tokens are those of the reference alone."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

import fastcar.cosim.whole.handover
import fastcar.cosim.whole.lockstep
from fastcar.cosim.backends.backend import RunSettings
from fastcar.cosim.backends.memory_model import ChannelSettings
from fastcar.cosim.lockstep import LockstepError
from fastcar.cosim.program.memory_image import MemoryImage
from fastcar.cosim.program.whole.token_step import TokenStep
from fastcar.cosim.whole.reference import TokenTrace
from fastcar.cosim.whole.wanted import make_token_step
from fastcar.reference.arrays import TokenIds
from fastcar.reference.generate import DecodeOptions, Prompts, generate
from fastcar.reference.integer.whole.decoder import WholeDecoder
from fastcar.reference.integer.whole.pick_engine import PickEngine
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.sampling import Sampling
from fastcar.reference.scheduler import Dispatch
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.rtl.instruction import Opcode
from tests.cosim.whole.decodes import LEVELS, Decode, make_decode, make_tiny_run
from tests.fastcar.conftest import build_once
from tests.reference.integer.whole.runs import make_gate


def count_opcodes(decode: Decode, opcode: Opcode) -> int:
    return sum(one.opcode == opcode for run in decode.runs for one in run.program)


@pytest.mark.parametrize(
    ("kind", "gate", "sparse"),
    [
        ("multi-head", "tas", None),
        ("grouped-query", "input", SparseAttention(4, 2)),
        ("multi-query", "tas", SparseAttention(5, 0)),
    ],
)
def test_a_decode_is_equal_from_its_prompt_on(
    kind: str, gate: str, sparse: SparseAttention | None
) -> None:
    run = make_tiny_run(kind)
    decode = make_decode(run=run, gate=gate, sparse=sparse)
    decode.feed(run.steps)
    assert [one.token_index for one in decode.runs] == list(range(-4, run.steps))
    replayed = [not one.computes for done in decode.runs[8:] for one in done.result.decisions]
    assert 0.05 < np.mean(replayed) < 0.95
    assert count_opcodes(decode, Opcode.EMBED) == run.rows * run.steps
    num_decisions = run.rows * 2 * (4 + run.steps)
    num_fed = int(run.prompt_mask.sum()) + run.rows * run.steps
    num_picks = run.rows * (1 + run.steps)
    assert decode.lockstep.num_records == num_decisions + 2 * 2 * num_fed + num_picks


@pytest.mark.parametrize(("gate", "temperature"), [("tas", 0.7), ("input", 0.0)])
def test_tokens_are_those_of_the_reference_with_the_same_streams(
    gate: str, temperature: float
) -> None:
    """The first frame is given, the others are drawn."""
    run = replace(make_tiny_run(), prompt_mask=np.ones((3, 4), bool))
    decode = make_decode(run=run, gate=gate, temperature=temperature)
    decode.feed(run.steps, num_given=4)
    lockstep = decode.lockstep
    model = lockstep.decoder.whole
    wanted = generate(
        run.config,
        run.weights,
        Prompts(run.prompt_ids, run.prompt_ids),
        DecodeOptions(
            ReplayConfig(4), make_gate(gate, LEVELS[gate]), engine=PickEngine(model.head.scale)
        ),
        num_frames=3,
        num_codes=lockstep.draws.num_codes,
        sampling=Sampling(temperature),
        seed=3,
        given_ids=run.forced_ids[:, :4],
        make_decoder=partial(WholeDecoder, model=model, num_lanes=4),
    )
    assert np.array_equal(decode.token_ids, wanted.token_ids[:, :-1])
    assert len(np.unique(decode.token_ids[:, 4:])) > 2
    assert count_opcodes(decode, Opcode.EMBED) == run.rows * (run.steps - 4)


def test_a_decode_from_any_token_on_takes_over_the_state() -> None:
    run = make_tiny_run()
    whole, late = (
        make_decode(run=run, gate="input"),
        make_decode(run=run, gate="input", first_token=6),
    )
    for decode in (whole, late):
        decode.feed(run.steps)
    assert np.array_equal(whole.token_ids, late.token_ids)
    assert [one.token_index for one in late.runs] == list(range(6, run.steps))
    for early, later in zip(whole.runs[-len(late.runs) :], late.runs, strict=True):
        assert [(one.slot, one.score) for one in early.result.decisions] == [
            (one.slot, one.score) for one in later.result.decisions
        ]
        for ours, theirs in zip(early.sections, later.sections, strict=True):
            assert [one.digest for one in ours] == [one.digest for one in theirs]
    assert count_opcodes(late, Opcode.EMBED) == run.rows * (run.steps - 7)


@pytest.mark.parametrize("missing", ["write_caches", "_write_store"])
def test_a_state_that_is_not_whole_differs(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = MemoryImage if missing == "write_caches" else fastcar.cosim.whole.handover
    monkeypatch.setattr(owner, missing, lambda *arguments: None)
    decode = make_decode(first_token=6)
    with pytest.raises(LockstepError, match=r"^token [67], layer \d, section"):
        decode.feed(8)


def test_static_mapping_is_compared_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wanted core is that of the mapping; the interpreter maps as BEGIN says."""
    decode = make_decode(dispatch=Dispatch.STATIC)
    decode.feed(6)
    decode.runs.clear()
    monkeypatch.setattr(fastcar.cosim.whole.lockstep, "make_token_step", make_dynamic_step)
    with pytest.raises(LockstepError, match=r"decision core is \d in hardware"):
        decode.feed(6)


def make_dynamic_step(
    trace: TokenTrace, given_ids: TokenIds | None, dispatch: Dispatch
) -> TokenStep:
    """As a compiler that forgets the mapping."""
    del dispatch
    return make_token_step(trace, given_ids, Dispatch.DYNAMIC)


@pytest.mark.parametrize("flows", [False, True])
def test_cores_of_layers_that_flow_go_on_where_they_were(flows: bool) -> None:
    """Three slots on two cores: the second layer of a prompt begins with the other core."""
    decode = make_decode(flows=flows)
    decode.feed(1)
    decisions = decode.runs[3].result.decisions
    assert [one.core for one in decisions] == [0, 1, 0, *((1, 0, 1) if flows else (0, 1, 0))]
    with pytest.raises(LockstepError, match=r"layer 1, section attention, .*decision core is"):
        compare_as(decode, not flows)


def compare_as(decode: Decode, flows: bool) -> None:
    """The accelerator maps as its program says, the wanted cores are the other ones."""
    decode.lockstep.hardware.flows = flows
    decode.feed(1)


def test_replay_is_faster_than_the_same_tokens_without() -> None:
    decode = make_decode()
    decode.feed(8)
    for run, prediction in zip(decode.runs, decode.predictions, strict=True):
        assert prediction.run.cycles == run.result.cycles
        if all(one.computes for one in run.result.decisions):
            assert prediction.dense_cycles == pytest.approx(run.result.cycles, rel=0.01)
    spent = sum(run.result.cycles for run in decode.runs)
    assert sum(prediction.dense_cycles for prediction in decode.predictions) > spent


@pytest.mark.slow
@pytest.mark.parametrize(
    ("gate", "options"),
    [
        ("tas", {"flows": False}),
        ("tas", {"sparse": SparseAttention(5, 2)}),
        ("input", {"dispatch": Dispatch.STATIC}),
        ("input", {"settings": RunSettings(channels=ChannelSettings(3, 0.3, 7))}),
    ],
)
def test_the_hardware_equals_the_reference(gate: str, options: dict[str, Any]) -> None:
    decode = make_decode(build_once, gate=gate, **options)
    decode.feed(decode.run.steps)
    assert decode.lockstep.num_records > 200
