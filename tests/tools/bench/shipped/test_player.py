from __future__ import annotations

import numpy as np
import pytest

from fastcar.reference.video.model import load_video_model
from tools.bench.own import count_weight_bytes
from tools.bench.shipped.plan import (
    EXACT,
    INT8,
    INT8_CACHE,
    STEPS,
    TEMPERATURE,
    name_read,
    name_replay,
    name_rows,
)
from tools.bench.shipped.player import ShippedPlayer

pytestmark = pytest.mark.slow
"""Kernels are compiled."""

BATCH, FRAMES, PROMPT = 2, 2, 6
LAYERS, FRAME = 4, 64
FED = FRAMES * FRAME - 1


@pytest.fixture(scope="module")
def player() -> ShippedPlayer:
    player = ShippedPlayer()
    said = player.open(BATCH, FRAMES, TEMPERATURE)
    assert np.array(said["prompt_ids"]).shape == (BATCH, PROMPT)
    assert (said["tokens_per_frame"], said["layers"]) == (FRAME, LAYERS)
    return player


def test_a_frame_per_call_gives_the_tokens_of_the_steps(player: ShippedPlayer) -> None:
    said = []
    for name in (STEPS, EXACT):
        answer = player.run(name, FRAMES)
        assert 0 < answer["mlp"] < answer["clock"]
        assert answer["row_counts"] == [0, 0, LAYERS * FED]
        said.append(player.get_tokens())
    assert said[0] == said[1]
    assert np.array(said[0]["token_ids"]).shape == (BATCH, FRAMES * FRAME)


def test_weights_and_cache_are_those_of_the_contender(player: ShippedPlayer) -> None:
    digests = set()
    for name in (EXACT, INT8_CACHE):
        player.run(name, 1)
        digests.add(player.get_tokens()["nats"])
    assert len(digests) == 2


@pytest.mark.parametrize(("gate", "off"), [("tas", 0.05), ("input", 0.05), ("even", 0.01)])
def test_a_gate_replays_the_share_it_is_set_to(
    player: ShippedPlayer, gate: str, off: float
) -> None:
    player.set_gate(gate, 0.3, 6)
    answer = player.run(name_replay(gate, 0.3), FRAMES)
    assert abs(answer["replay_ratio"] - 0.3) < off
    counted = np.dot(answer["row_counts"], range(BATCH + 1)) / (BATCH * LAYERS * FED)
    assert counted == pytest.approx(1 - answer["replay_ratio"])


def test_as_many_rows_compute_as_were_named(player: ShippedPlayer) -> None:
    # in the first frame all do
    assert player.run(name_rows(1), FRAMES)["row_counts"] == [
        0,
        LAYERS * (FED - FRAME),
        LAYERS * FRAME,
    ]


def test_a_buffer_is_as_large_as_what_a_token_reads(player: ShippedPlayer) -> None:
    sizes = player.prepare_readers([EXACT, INT8, INT8_CACHE])
    weights = load_video_model().weights
    context = PROMPT + FRAMES * FRAME / 2
    assert sizes[EXACT] == count_weight_bytes(weights, 1) + 2 * LAYERS * 128 * 4 * context
    # the cache of the one is exact; scales of four heads stand beside the bytes of the other
    assert sizes[INT8] - sizes[INT8_CACHE] == 2 * LAYERS * context * (128 * 3 - 4 * 4)
    assert player.run(name_read(EXACT), 0)["clock"] > 0


def test_the_logits_for_a_peer_are_those_of_the_model(player: ShippedPlayer) -> None:
    logits = np.array(player.read_logits([1, 7, 30])["logits"])
    assert logits.shape == (load_video_model().config.vocab_size,)
    assert not np.array_equal(logits, player.read_logits([1, 7, 31])["logits"])
