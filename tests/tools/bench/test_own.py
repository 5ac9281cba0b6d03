from __future__ import annotations

import numpy as np
import pytest

from fastcar.reference.files.checkpoint import save_checkpoint
from fastcar.reference.weights import make_random_weights
from tools.bench.own import READ_BYTES, OwnPlayer, count_weight_bytes
from tools.bench.plan import ENGINES, QUICK_PLAN, READ, REPLAY_RATIOS, get_variant

pytestmark = pytest.mark.slow

CONFIG = QUICK_PLAN.geometries[0].make_config(QUICK_PLAN.max_tokens)
WEIGHTS = make_random_weights(CONFIG, np.random.default_rng(0))
BATCH, CONTEXT = 2, 32
"""Of the player; layers 2."""


@pytest.fixture(scope="module")
def player(tmp_path_factory: pytest.TempPathFactory) -> OwnPlayer:
    folder = tmp_path_factory.mktemp("bench") / "model"
    save_checkpoint(folder, CONFIG, WEIGHTS)
    player = OwnPlayer()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tools.bench.own.READ_BYTES", 1 << 16)
        player.open(str(folder))
    player.prepare(BATCH, CONTEXT, QUICK_PLAN.get_capacity(CONTEXT))
    return player


def test_all_variants_are_offered(player: OwnPlayer) -> None:
    assert len(player.get_variants()) == 1 + len(ENGINES) * (1 + len(REPLAY_RATIOS))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_turn_is_timed_by_part(player: OwnPlayer, engine: str) -> None:
    answer = player.burst(engine, 3)
    assert 0 < answer["parts"]["mlp"] < answer["seconds"]
    assert sum(answer["parts"].values()) <= answer["seconds"]
    assert answer["row_counts"] == [0, 0, 2 * 3]


@pytest.mark.parametrize("engine", ENGINES)
def test_replay_computes_fewer_rows(player: OwnPlayer, engine: str) -> None:
    counts = player.burst(get_variant(engine, 0.8), 10)["row_counts"]
    assert sum(counts) == 2 * 10
    computed = counts[1] + 2 * counts[2]
    # each of two layers and two rows is off by less than one in ten tokens
    assert abs(computed - 0.2 * 40) < 4
    assert player.burst(engine, 2)["row_counts"] == [0, 0, 4]


def test_every_turn_starts_at_the_same_place(player: OwnPlayer) -> None:
    for tokens in (1, 5, 2):
        player.burst("numba-int8", tokens)
        cache = player._decoders["numba-int8"].kv_cache
        assert cache.num_entries == CONTEXT + 1 + tokens


def test_decoders_that_keep_keys_alike_share_a_cache(player: OwnPlayer) -> None:
    caches = {name: decoder.kv_cache for name, decoder in player._decoders.items()}
    assert caches["numpy-float32"] is caches["numba-float32"]
    assert caches["numba-int8"].keys.dtype == np.uint16
    assert caches["numba-float32"].keys.dtype == np.float32


@pytest.mark.parametrize("name", ["numba-int8", "numba-float32"])
def test_the_cache_is_full_of_numbers(player: OwnPlayer, name: str) -> None:
    cache = player._decoders[name].kv_cache
    for layer in range(len(cache.keys)):
        for read in (cache.get_keys, cache.get_values):
            filled = read(layer, 0, CONTEXT)
            assert np.isfinite(filled).all()
            assert 0.9 < filled.std() < 1.1


def test_memory_is_read(player: OwnPlayer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.bench.own.READ_SECONDS", 0.0)
    assert READ_BYTES >= 2**29
    assert player.burst(READ, 1)["bytes_per_second"] > 0


def test_engines_agree_on_the_logits(player: OwnPlayer) -> None:
    logits = {name: np.array(player.read_logits(name, [1, 2, 3])["logits"]) for name in ENGINES}
    np.testing.assert_allclose(logits["numba-float32"], logits["numpy-float32"], atol=1e-4)
    assert not np.allclose(logits["numba-int8"], logits["numpy-float32"], atol=1e-4)
    assert np.abs(logits["numba-int8"] - logits["numpy-float32"]).max() < 0.5


def test_bytes_are_those_of_the_arrays() -> None:
    layer = 2 * 64 + 4 * 64 * 64 + 3 * 64 * 96
    numbers = 3 * 64 + 2 * layer + 64 + 32 * 64
    assert count_weight_bytes(WEIGHTS, rows=3) == 4 * numbers


def test_rows_are_timed(player: OwnPlayer) -> None:
    assert player.measure_rows("numba-int8", 3)["seconds"] > 0
