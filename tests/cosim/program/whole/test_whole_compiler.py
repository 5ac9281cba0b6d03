"""Interpreted programs of whole tokens give what the integer reference gives, number by number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.cosim.program.memory_map import SlotPart
from fastcar.cosim.program.whole.token_step import SlotStep, TokenStep, make_prompt_step
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates.planned import RandomGate
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.scheduler import Dispatch
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.rtl.instruction import Buffer, Opcode, get_buffer_words
from fastcar.strategies import make_run
from tests.cosim.whole_runs import (
    HEADS,
    Machine,
    check_machine,
    decode_by_reference,
    make_heads_config,
)
from tests.examples import examples
from tests.reference.integer.whole.runs import make_gate, quantize_whole_run

SPARSES = {
    "full": None,
    "window": SparseAttention(4, 0),
    "block of sink and window": SparseAttention(4, 1),
    "sinks of two blocks": SparseAttention(4, 6),
}
LEVELS = {"tas": 0.0, "input": 4.0}
RUN = make_run(5, make_heads_config("grouped-query"), frames=2, rows=2)
MODEL = quantize_whole_run(RUN)


def run_machine(kind: str, name: str, sparse: SparseAttention | None) -> Machine:
    """A decode in which some decisions replay and some do not, checked."""
    run = make_run(5, make_heads_config(kind), frames=4, padding=(0, 2, 1), tokens_per_frame=4)
    gate = make_gate(name, LEVELS[name])
    decoding = decode_by_reference(run, quantize_whole_run(run), gate, sparse)
    replayed = decoding.replayed[decoding.eligible]
    assert 0 < replayed.sum() < replayed.size
    machine = Machine(decoding)
    check_machine(machine)
    return machine


@pytest.mark.parametrize("kind", HEADS)
def test_dense_decode_is_that_of_the_reference(kind: str) -> None:
    run = make_run(3, make_heads_config(kind), frames=2, padding=(1, 0, 2))
    decoding = decode_by_reference(run, quantize_whole_run(run))
    assert len({tuple(row) for row in decoding.picked}) > 2
    check_machine(Machine(decoding))


@given(
    st.sampled_from(sorted(HEADS)),
    st.sampled_from(["dense", "tas", "input"]),
    st.one_of(st.none(), st.builds(SparseAttention, st.integers(4, 9), st.integers(0, 9))),
    st.sampled_from(Dispatch),
    st.integers(1, 3),
    st.integers(0, 2**16),
)
@examples(8)
def test_drawn_decodes_are_those_of_the_reference(
    kind: str,
    name: str,
    sparse: SparseAttention | None,
    dispatch: Dispatch,
    num_cores: int,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    rows, prompt = int(rng.integers(1, 4)), int(rng.integers(1, 5))
    run = make_run(
        seed,
        make_heads_config(kind, int(rng.integers(1, 3)), int(rng.integers(5, 40))),
        rows=rows,
        frames=3,
        tokens_per_frame=int(rng.integers(1, 5)),
        padding=tuple(rng.integers(0, prompt, rows).tolist()),
        prompt_tokens=prompt,
    )
    gate = make_gate(name, LEVELS.get(name, 0.0), run.config.num_hidden_layers)
    decoding = decode_by_reference(run, quantize_whole_run(run), gate, sparse)
    check_machine(Machine(decoding, dispatch, num_cores))


@pytest.mark.parametrize("sparse", SPARSES)
def test_tap_decides_as_the_reference(sparse: str) -> None:
    machine = run_machine("grouped-query", "tas", SPARSES[sparse])
    options = [one.options for one in machine.select(Opcode.SCORES)]
    assert any(one["is_unweighted"] for one in options) == (sparse != "full")
    assert all(one["is_tapped"] for one in options if one["decides"])
    assert {one["is_fresh"] and one["is_final"] for one in options} == (
        {0, 1} if SPARSES[sparse] else {1}
    )


@pytest.mark.parametrize("kind", ["multi-head", "multi-query"])
def test_tap_of_other_heads_decides_as_the_reference(kind: str) -> None:
    run_machine(kind, "tas", SPARSES["block of sink and window"])


@pytest.mark.parametrize("kind", HEADS)
def test_distance_decides_as_the_reference(kind: str) -> None:
    machine = run_machine(kind, "input", SPARSES["sinks of two blocks"])
    assert not any(one.options["is_tapped"] for one in machine.select(Opcode.SCORES))


@pytest.mark.parametrize("dispatch", Dispatch)
def test_slots_that_are_decided_beforehand_have_one_branch(dispatch: Dispatch) -> None:
    run = make_run(8, make_heads_config("multi-head"), frames=4)
    decoding = decode_by_reference(run, quantize_whole_run(run), RandomGate(0.5, seed=5))
    assert 0 < decoding.replayed.mean() < 1
    assert not decoding.eligible.any()
    machine = Machine(decoding, dispatch, num_cores=2)
    check_machine(machine)
    per_token = 2 * run.rows
    assert len(machine.select(Opcode.DECIDE)) == per_token * len(machine.programs)
    adds = machine.select(Opcode.ADD)
    assert len(adds) == 2 * per_token * len(machine.programs)  # attention and one branch of the MLP


def test_limit_on_chains_decides_some_slots_of_a_layer() -> None:
    run = make_run(5, make_heads_config("grouped-query"), frames=5)
    decoding = decode_by_reference(
        run,
        quantize_whole_run(run),
        make_gate("tas", -100.0),
        replay=ReplayConfig(run.tokens_per_frame, max_chain=1),
    )
    assert decoding.eligible[3:].any()
    assert not decoding.eligible[3:].all()
    check_machine(Machine(decoding, num_cores=3))


def test_tokens_that_are_given_are_fed() -> None:
    run = make_run(6, make_heads_config("grouped-query"), frames=2)
    decoding = decode_by_reference(run, quantize_whole_run(run), is_forced=True)
    machine = Machine(decoding)
    check_machine(machine)
    assert not machine.select(Opcode.EMBED)


def test_token_is_picked_in_chunks_of_what_the_buffers_hold() -> None:
    run = make_run(6, make_heads_config("grouped-query", vocab_size=53), frames=2)
    decoding = decode_by_reference(run, quantize_whole_run(run), num_codes=50)
    machine = Machine(decoding)
    check_machine(machine)
    rows = [one.rows for one in machine.select(Opcode.PICK)[:3]]
    assert rows == [5, 5, 3]
    assert rows[0] == get_buffer_words(machine.map.config, Buffer.P)


def test_heads_of_two_words_and_words_of_eight_lanes() -> None:
    config = replace(make_heads_config("grouped-query", layers=1), head_dim=16)
    run = make_run(6, config, frames=4)
    sparse = SparseAttention(9, 2)
    decoding = decode_by_reference(
        run, quantize_whole_run(run), make_gate("tas", 0.0, 1), sparse, num_lanes=8
    )
    check_machine(Machine(decoding))


def test_slot_that_is_not_fed_has_no_section() -> None:
    machine = Machine(decode_by_reference(RUN, MODEL))
    step = make_prompt_step((None, SlotStep(0, 3)), 2, picks=True)
    program = machine.compiler.compile(step)
    in_slot = [Opcode(one.opcode) for one in program if one.slot == 0]
    assert set(in_slot) == {Opcode.BEGIN, Opcode.THRESHOLD, Opcode.DECIDE, Opcode.END}
    machine.run(step)
    assert [one.slot for one in machine.interpreter.sections] == [1] * 5
    assert [layer.computes for layer in machine.interpreter.layers] == [{0: False, 1: True}] * 2
    assert not machine.image.read_keys(0, 0, 4).any()


def test_prompt_leaves_nothing_in_the_replay_cache() -> None:
    machine = Machine(decode_by_reference(RUN, MODEL))
    machine.feed_prompt()
    residuals = {machine.map.mlp.locate_activation(slot, SlotPart.RESIDUAL) for slot in range(2)}
    assert {one.address for one in machine.select(Opcode.STORE)} == residuals
    machine.feed_token(0)
    assert len({one.address for one in machine.select(Opcode.STORE)}) == 2 + 2 * 2


def test_steps_that_do_not_fit_are_refused() -> None:
    machine = Machine(decode_by_reference(RUN, MODEL))
    prompt = make_prompt_step((SlotStep(0, 3), SlotStep(0, 4)), 2, picks=False)
    for step, text in (
        (TokenStep(prompt.slots, prompt.layers[:1]), "^layers of the step = 1: must be 2$"),
        (
            make_prompt_step((SlotStep(0, 3),), 2, picks=False),
            "^slots of the step = 1: must be 2$",
        ),
        (
            make_prompt_step((SlotStep(0, 11), None), 2, picks=False),
            "^token_id = 11: must be at least 0 and below 11$",
        ),
        (
            make_prompt_step((SlotStep(12, 0), None), 2, picks=False),
            "^position = 12: must be at least 0 and below 12$",
        ),
    ):
        with pytest.raises(ArgumentError, match=text):
            machine.compiler.compile(step)
    decided = replace(prompt.layers[0], is_decided=np.array([True, True]))
    with pytest.raises(ArgumentError, match=r"^deciding slot = 1: must be one that is fed$"):
        TokenStep((SlotStep(0), None), (decided,))
    with pytest.raises(ArgumentError, match=r"^layer_index = 0: must be 1$"):
        TokenStep(prompt.slots, (prompt.layers[0], prompt.layers[0]))
    early = TokenStep(prompt.slots, (decided, prompt.layers[1]))
    with pytest.raises(ArgumentError, match=r"^position of a decision = 0: must be at least 3, "):
        machine.compiler.compile(early)
    assert decided.source is DecisionSource.SCORE
