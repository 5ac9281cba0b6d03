"""The decision of `auto`, and the estimate of the work it rests on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.config import ModelConfig
from fastcar.reference.engine_choice import (
    COMPILATION_SECONDS,
    NUMBA,
    NUMPY,
    SAVED_SHARE,
    Decode,
    check_asked,
    choose_engine,
    count_multiplications,
    estimate_seconds,
)
from fastcar.reference.errors import ArgumentError
from fastcar.reference.video.model import SHIPPED_MODEL, load_video_model
from fastcar.reference.weights import ModelWeights
from fastcar.strategies import make_config, models

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
SECONDS = st.floats(0, 1e9)
OBSTACLES = st.sampled_from([None, "NUMBA_DISABLE_JIT = '1'"])


@given(SECONDS, st.booleans(), OBSTACLES)
def test_what_numba_cannot_do_is_done_in_numpy(
    seconds: float, are_kept: bool, obstacle: str | None
) -> None:
    wide = choose_engine(FLOAT64, seconds, are_kept, obstacle)
    assert (wide.name, "float64" in wide.reason) == (NUMPY, True)
    if obstacle is not None:
        blocked = choose_engine(FLOAT32, seconds, are_kept, obstacle)
        assert (blocked.name, obstacle in blocked.reason) == (NUMPY, True)


@given(SECONDS)
def test_kept_machine_code_is_used_whatever_the_work(seconds: float) -> None:
    assert choose_engine(FLOAT32, seconds, True, None).name == NUMBA


BREAK_EVEN_SECONDS = COMPILATION_SECONDS / SAVED_SHARE
NEAR = st.floats(0, 4 * BREAK_EVEN_SECONDS)


@given(NEAR.filter(lambda seconds: abs(seconds - BREAK_EVEN_SECONDS) > 1e-6))
def test_work_is_compiled_for_where_that_ends_earlier(seconds: float) -> None:
    with_kernels = COMPILATION_SECONDS + seconds - SAVED_SHARE * seconds
    chosen = choose_engine(FLOAT32, seconds, False, None).name
    assert chosen == (NUMBA if with_kernels < seconds else NUMPY)


def test_the_reason_says_how_long_the_work_is() -> None:
    short, long = (choose_engine(FLOAT32, seconds, False, None) for seconds in (12.3, 456.7))
    assert short.reason == "about 12 s of work, too short to compile kernels for"
    assert long.reason == "about 457 s of work in NumPy, long enough to compile kernels for"
    assert choose_engine(FLOAT32, 0.2, False, None).reason.startswith("less than 1 s of work")


@given(models())
def test_multiplications_are_the_elements_of_the_matrices(
    model: tuple[ModelConfig, ModelWeights],
) -> None:
    config, weights = model
    matrices = [weights.head]
    for layer in weights.layers:
        matrices += [array for array in vars(layer).values() if array.ndim == 2]
    assert count_multiplications(config) == sum(matrix.size for matrix in matrices)


@given(st.integers(1, 64), st.integers(1, 64), st.integers(0, 4096), st.integers(1, 8))
def test_more_work_takes_longer(rows: int, prompt: int, steps: int, times: int) -> None:
    config = make_config()
    decode = Decode(rows, prompt, steps)
    one = estimate_seconds(config, [decode])
    assert estimate_seconds(config, [decode] * times) == pytest.approx(times * one)
    for longer in (replace(decode, rows=rows + 1), replace(decode, steps=steps + 1)):
        assert estimate_seconds(config, [longer]) > one


def test_the_estimate_is_of_the_size_of_what_was_measured() -> None:
    """docs/performance.md: 1.05 s for 1023 steps of one row, 5.75 s for 16."""
    config = load_video_model(SHIPPED_MODEL).config
    for rows, seconds in ((1, 1.05), (16, 5.75)):
        found = estimate_seconds(config, [Decode(rows, 5, 1023)])
        assert seconds / 4 < found < 2 * seconds


@pytest.mark.parametrize("asked", ["", "Auto", "torch"])
def test_an_unknown_name_is_refused(asked: str) -> None:
    with pytest.raises(ArgumentError, match=r"^engine = .*: must be one of auto, numpy, numba$"):
        check_asked(asked)
