"""Factors of a correction: what they are checked for, their product, their file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from fastcar.reference.correction import Correction, load_correction
from fastcar.reference.engine import NumpyEngine
from fastcar.reference.errors import ArgumentError, CheckpointError
from fastcar.strategies import make_config
from tests.reference.corrections import make_correction

CONFIG = make_config(layers=2)
DOWN, UP = np.ones((2, 3, 8), np.float32), np.ones((2, 8, 3), np.float32)
HUGE = np.full((2, 8, 3), 1e300)


def spoil(array: Any, number: float) -> Any:
    """The array with one other number, at [1, 2, 0]."""
    spoiled = array.copy()
    spoiled[1, 2, 0] = number
    return spoiled


WRONG: dict[str, tuple[Any, Any, str]] = {
    "no array": ([1], UP, "correction down = 'list': must be an array of float32 or float64"),
    "integers": (
        DOWN.astype(int),
        UP,
        "correction down = 'int64': must be an array of float32 or float64",
    ),
    "a matrix": (DOWN[0], UP, "correction down shape = (3, 8): must be three sizes, each at least"),
    "no rank": (DOWN[:, :0], UP, "correction down shape = (2, 0, 8): must be three sizes, each"),
    "too high a rank": (UP, DOWN, "correction rank = 8: must be at most 3, the width"),
    "another rank": (
        DOWN,
        UP[..., :2],
        "correction up shape = (2, 8, 2): must be (2, 8, 3), as down is (2, 3, 8)",
    ),
    "two types": (DOWN, UP.astype(np.float64), "correction up dtype = 'float64': must be float32"),
    "nan": (
        spoil(DOWN, np.nan),
        UP,
        "correction down = nan: must be finite in float32, at [1, 2, 0]",
    ),
    "inf": (DOWN, spoil(UP, np.inf), "correction up = inf: must be finite in float32, at [1, 2, 0"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_factors_are_refused(case: str) -> None:
    down, up, text = WRONG[case]
    with pytest.raises(ArgumentError, match=f"^{re.escape(text)}"):
        Correction(down, up)


def test_a_model_of_other_sizes_is_refused() -> None:
    text = "correction layers, width = (2, 9): must be (2, 12), those of the model"
    down, up = np.ones((2, 3, 9)), np.ones((2, 9, 3))
    assert CONFIG.hidden_size == 12
    with pytest.raises(ArgumentError, match=f"^{re.escape(text)}$"):
        Correction(down, up).check_model(CONFIG)


def test_a_number_beyond_the_type_of_the_arithmetic_is_refused() -> None:
    correction = Correction(np.ones((2, 3, 8)), HUGE)
    text = "correction up = inf: must be finite in float32, at [0, 0, 0]"
    with pytest.raises(ArgumentError, match=f"^{re.escape(text)}$"):
        correction.convert(np.dtype(np.float32))


def test_the_product_is_that_of_both_factors() -> None:
    correction = make_correction(CONFIG, dtype=np.float64)
    change = np.random.default_rng(1).standard_normal((5, 12))
    full = correction.up[1] @ correction.down[1]
    found = correction.compute(1, change, NumpyEngine())
    assert np.allclose(found, change @ full.T, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_file_gives_the_factors_as_float32(dtype: Any, tmp_path: Path) -> None:
    correction = make_correction(CONFIG, dtype=dtype)
    correction.save(tmp_path / "file")
    found = load_correction(tmp_path / "file")
    assert found.source == "random numbers"
    for name in ("down", "up"):
        assert np.array_equal(getattr(found, name), getattr(correction, name).astype(np.float32))


WRONG_FILES: dict[str, tuple[dict[str, Any], str]] = {
    "another tensor": (
        {"down": DOWN, "up": UP, "gate": UP},
        "tensor \"gate\": found an unknown tensor: must be 'down' or 'up'",
    ),
    "a missing tensor": ({"down": DOWN}, 'tensor "up": found nothing: must be a tensor [L, D, r]'),
    "a matrix": ({"down": DOWN[0], "up": UP}, 'tensor "down": shape: found [3, 8]: must be [L, r'),
    "another rank": (
        {"down": DOWN, "up": UP[..., :2].copy()},
        "tensor \"up\": shape: found [2, 8, 2]: must be [2, 8, 3], as 'down' says",
    ),
    "too high a rank": (
        {"down": UP, "up": DOWN},
        'tensor "down": shape: found [2, 8, 3]: must be of a rank r <= D',
    ),
    "nan": (
        {"down": DOWN, "up": spoil(UP, np.nan)},
        'tensor "up": found nan at [1, 2, 0]: must be finite in float32',
    ),
    "beyond float32": (
        {"down": DOWN, "up": HUGE},
        'tensor "up": found inf at [0, 0, 0]: must be finite in float32',
    ),
    "integers": (
        {"down": DOWN.astype(np.int8), "up": UP},
        'tensor "down": dtype: found "I8": must',
    ),
}


@pytest.mark.parametrize("case", WRONG_FILES)
def test_wrong_files_are_refused_by_file_and_tensor(case: str, tmp_path: Path) -> None:
    tensors, text = WRONG_FILES[case]
    path = tmp_path / "correction.safetensors"
    path.write_bytes(safetensors.numpy.save(tensors))
    with pytest.raises(CheckpointError, match=re.escape(f"correction.safetensors: {text}")):
        load_correction(path)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "correction.safetensors"
    with pytest.raises(CheckpointError, match=re.escape(str(path))):
        load_correction(path)
    path.write_text(json.dumps({"down": []}))
    with pytest.raises(CheckpointError, match=re.escape(str(path))):
        load_correction(path)
