"""Simulated hardware beside the integer decoder: equal, and any difference stops the run."""

from __future__ import annotations

import re

import numpy as np
import pytest

from fastcar.cosim.backends.native_backend import NativeBackend
from fastcar.cosim.program.whole.whole_image import WholeImage
from fastcar.cosim.program.whole.whole_map import StorePart
from tests.tools.hardware.decoder.tiny import TINY
from tools.hardware.decoder import lockstep
from tools.hardware.decoder.lockstep import DifferenceError, Lockstep, check_equal
from tools.hardware.decoder.measure import Measured
from tools.hardware.decoder.mid_video import pack_store

THRESHOLDS = [0.0, 0.0, 0.0]


@pytest.fixture(name="backend", scope="module")
def make_backend(measured: Measured) -> NativeBackend:
    return NativeBackend(measured.memory_map.config)


@pytest.fixture(name="run")
def make_run(measured: Measured, backend: NativeBackend) -> Lockstep:
    return Lockstep(measured, THRESHOLDS, backend)


@pytest.mark.slow
def test_prompt_first_tokens_and_the_middle_of_a_video_are_equal(
    run: Lockstep, measured: Measured
) -> None:
    found = run.run()
    layers, slots = measured.memory_map.mlp.num_layers, TINY.videos
    fed = TINY.first_tokens + TINY.lockstep_tokens
    tokens = measured.num_prompt + fed
    assert found["tokens"] == tokens
    assert found["records"] == slots * (3 * layers * tokens + fed + 1)
    assert found["decided"] == slots * layers * TINY.lockstep_tokens
    assert 0 < found["replayed"] < found["decided"]
    assert found["cycles"] == pytest.approx(
        found["cycles_per_second"] * found["simulation_seconds"]
    )


@pytest.mark.slow
def test_another_embedding_in_memory_is_noticed(run: Lockstep, measured: Measured) -> None:
    first, last = (measured.memory_map.locate_embedding(token) for token in (0, 33))
    run.image.beats[first:last] ^= 1
    with pytest.raises(DifferenceError, match=r"^token (-1: tokens|0: digests of layer 0) = "):
        run.run()


@pytest.mark.slow
def test_other_cycles_are_noticed(
    run: Lockstep, measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lockstep, "LATENCY_CYCLES", 2)
    with pytest.raises(DifferenceError, match=rf"^token -{measured.num_prompt}: counters = "):
        run.run()


def test_a_difference_names_token_and_numbers() -> None:
    check_equal(3, "tokens", [1, 2], [1, 2])
    text = "token 3: tokens = [1], must be [2]"
    with pytest.raises(DifferenceError, match=f"^{re.escape(text)}$"):
        check_equal(3, "tokens", [1], [2])


@pytest.mark.parametrize("part", StorePart)
def test_what_is_written_is_read_back(part: StorePart, measured: Measured) -> None:
    image = WholeImage(measured.memory_map, measured.whole)
    numbers = np.random.default_rng(0).integers(-127, 128, (2, 7, 8)).astype(np.int8)
    place = measured.memory_map.locate_block(1, 2, part, 0)
    image.mlp.write(place, pack_store(numbers, part, TINY.lanes).view(np.uint8))
    read = image.read_keys if part is StorePart.KEYS else image.read_values
    assert np.array_equal(read(1, 2, 7), numbers)
    assert not read(1, 2, 8)[:, 7].any()
