"""A recording of whole tokens says what the hardware does, without asking it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.cosim.backends.backend import Backend, RunResult, RunSettings
from fastcar.cosim.backends.memory_model import ChannelSettings, SharedMemory
from fastcar.cosim.backends.native_backend import NativeBackend
from fastcar.cosim.export.recording import Recording
from fastcar.cosim.export.scene import Scene, make_random_decoder_scene
from fastcar.cosim.export.share import Share
from fastcar.cosim.export.sizes import NUM_TOKENS
from fastcar.cosim.export.token_recording import record_tokens
from fastcar.cosim.program.whole.planning import plan_memory
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.rtl.attention.config import AttentionConfig
from fastcar.rtl.config import TINY_DECODER, AcceleratorConfig
from fastcar.rtl.instruction import FLOW_BIT, Instruction, Opcode, decode, encode, list_opcodes
from tests.cosim.interpreted_decoder import InterpretedDecoder
from tests.examples import examples

LAYERS = 2


@cache
def get_backend() -> NativeBackend:
    return NativeBackend(TINY_DECODER)


def make_scene(num_slots: int = 4, seed: int = 0) -> Scene:
    return make_random_decoder_scene(TINY_DECODER, num_slots, seed)


@cache
def record(share: Share, source: DecisionSource = DecisionSource.SCORE) -> Recording:
    [recording] = record_tokens(TINY_DECODER, make_scene(), source, shares=[share])
    return recording


def play(
    backend: Backend, recording: Recording, program: tuple[int, ...] | None = None
) -> tuple[RunResult, SharedMemory]:
    """Run a recording, or another program on its memory."""
    memory = SharedMemory(*recording.memory.shape)
    memory.beats[:] = recording.memory
    channels = ChannelSettings(recording.latency_cycles)
    words = recording.program if program is None else program
    return backend.run(words, memory, RunSettings(channels=channels)), memory


def check(backend: Backend, recording: Recording) -> None:
    result, memory = play(backend, recording)
    assert result.error is None
    assert result.decisions == recording.decisions
    assert result.retires == recording.retires
    assert result.counters == recording.counters
    assert np.array_equal(memory.beats, recording.memory_after)


def list_instructions(recording: Recording) -> list[Instruction]:
    return [decode(word) for word in recording.program]


@examples(6)
@given(
    st.sampled_from(DecisionSource),
    st.sampled_from(Share),
    st.integers(1, TINY_DECODER.num_slots),
    st.integers(0, 1000),
    st.integers(1, 9),
)
def test_the_hardware_does_what_was_recorded(
    source: DecisionSource, share: Share, num_slots: int, seed: int, latency: int
) -> None:
    scene = make_scene(num_slots, seed)
    [recording] = record_tokens(TINY_DECODER, scene, source, latency, [share])
    check(get_backend(), recording)


@pytest.mark.parametrize("tokens_per_frame", [1, 2, 3])
def test_frames_of_any_length_are_recorded(tokens_per_frame: int) -> None:
    scene, num_given = make_scene(), tokens_per_frame * 3 // 2 + 1
    scene = replace(
        scene,
        tokens_per_frame=tokens_per_frame,
        token_ids=scene.token_ids[:, :num_given],
    )
    [recording] = record_tokens(TINY_DECODER, scene)
    check(get_backend(), recording)
    first = max(tokens_per_frame, num_given - NUM_TOKENS)
    assert f", tokens {first} to {first + 1}, " in recording.description


@pytest.mark.parametrize("heads", [(4, 2, 4), (3, 1, 8)])
def test_key_heads_are_shared_and_cores_are_many(heads: tuple[int, int, int]) -> None:
    """Interpreted: another accelerator would have to be built."""
    attention = AttentionConfig(*heads, max_blocks=8)
    config = AcceleratorConfig(3, 4, 5, 12, 20, attention.query_size, attention=attention)
    scene = make_random_decoder_scene(config, 5, seed=2)
    for source in DecisionSource:
        for recording in record_tokens(config, scene, source, shares=list(Share)):
            check(InterpretedDecoder(config), recording)


@pytest.mark.parametrize("source", DecisionSource)
def test_everything_that_a_token_asks_for_is_recorded(source: DecisionSource) -> None:
    instructions = list_instructions(record(Share.HALF, source))
    opcodes = [one.opcode for one in instructions]
    other = Opcode.SCORE if source is DecisionSource.DISTANCE else Opcode.DISTANCE
    assert {*opcodes} == {*list_opcodes(TINY_DECODER)} - {other, Opcode.SCORE}
    begins = [one for one in instructions if one.opcode == Opcode.BEGIN]
    assert [one.shift >> FLOW_BIT & 1 for one in begins] == [0, 1] * NUM_TOKENS
    assert opcodes.count(Opcode.END) == 1
    assert opcodes[-1] == Opcode.END
    embedded = [one.slot for one in instructions if one.opcode == Opcode.EMBED]
    assert embedded == list(range(TINY_DECODER.num_slots))


@pytest.mark.parametrize(
    ("share", "computing"), [(Share.HALF, {2, 3}), (Share.NONE, {4}), (Share.ALL, {1})]
)
def test_a_share_of_every_layer_replays(share: Share, computing: set[int]) -> None:
    for source in DecisionSource:
        decisions = np.array([one.computes for one in record(share, source).decisions])
        layers = decisions.reshape(NUM_TOKENS * LAYERS, -1)
        assert layers[:, 0].all()
        assert {*layers.sum(axis=1).tolist()} <= computing


def test_every_share_begins_with_the_same_memory() -> None:
    """They share its file."""
    memories = [record(share).memory for share in Share]
    assert all(np.array_equal(memories[0], one) for one in memories[1:])
    assert len({record(share).program for share in Share}) == len(Share)


def test_every_slot_has_its_sections_in_order() -> None:
    recording = record(Share.HALF)
    sections: list[list[str]] = [[] for _ in range(TINY_DECODER.num_slots)]
    tokens: list[list[int]] = [[] for _ in sections]
    for one, name in zip(recording.retires, recording.sections, strict=True):
        sections[one.slot].append(name)
        if name.endswith("pick"):
            tokens[one.slot].append(one.token)
        else:
            assert one.token == 0
    of_token = "layer 0 attention", "layer 0 mlp", "layer 1 attention", "layer 1 mlp", "pick"
    assert all(
        of_slot == [f"token {token} {name}" for token in (6, 7) for name in of_token]
        for of_slot in sections
    )
    assert np.array(tokens).shape == (len(sections), NUM_TOKENS)
    assert len({*np.array(tokens).ravel().tolist()}) > 2


@pytest.mark.parametrize("opcode", [Opcode.STORE_KEY, Opcode.STORE_VALUE])
def test_the_second_token_reads_what_the_first_has_stored(opcode: Opcode) -> None:
    recording = record(Share.NONE)
    instructions = list_instructions(recording)
    second = [index for index, one in enumerate(instructions) if one.opcode == Opcode.BEGIN][LAYERS]
    cut = tuple(
        encode(one)
        for index, one in enumerate(instructions)
        if one.opcode != opcode or index > second
    )
    result, _ = play(InterpretedDecoder(TINY_DECODER), recording, cut)
    wanted = {(one.slot, one.digest) for one in recording.retires[-len(recording.retires) // 2 :]}
    found = {(one.slot, one.digest) for one in result.retires[-len(recording.retires) // 2 :]}
    assert len(wanted & found) < len(wanted) // 2


def test_a_pick_without_its_noise_would_be_seen() -> None:
    recording, scene = record(Share.HALF), make_scene()
    memory_map = plan_memory(
        TINY_DECODER,
        scene.config,
        num_slots=4,
        tokens_per_frame=scene.tokens_per_frame,
        capacity_tokens=9,
        num_codes=scene.num_codes,
    )
    silent = recording.memory.copy()
    silent[memory_map.noise_address : memory_map.store_address] = 0
    result, _ = play(InterpretedDecoder(TINY_DECODER), replace(recording, memory=silent))
    found = [one.token for one in result.retires]
    assert len(silent) == memory_map.num_beats
    assert found != [one.token for one in recording.retires]


def test_a_context_beyond_the_score_buffer_is_refused() -> None:
    scene = make_scene()
    token_ids = np.tile(scene.token_ids, 5)
    long = replace(scene, config=replace(scene.config, max_position_embeddings=64))
    record_tokens(TINY_DECODER, replace(long, token_ids=token_ids[:, :31]))
    with pytest.raises(ArgumentError, match=r"^visible blocks = 9: must be at most max_blocks = 8"):
        record_tokens(TINY_DECODER, replace(long, token_ids=token_ids[:, :32]))
