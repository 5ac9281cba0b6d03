"""What `fastcar quantize` wrote, read as floats by `load_checkpoint`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastcar.reference.arrays import FloatArray
from fastcar.reference.errors import CheckpointError
from fastcar.reference.files.checkpoint import load_checkpoint
from fastcar.reference.files.int8_checkpoint import load_int8_checkpoint
from fastcar.reference.int8_matrix import Int8Matrix
from fastcar.reference.weights import LayerWeights
from tests.checkpoint_files import CONFIG, make_tensors, write_checkpoint
from tests.reference.files.test_int8_checkpoint import (
    EMBEDDING,
    HEAD,
    TIED,
    UP,
    make_int8,
    quantize,
    rewrite,
)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_are_integer_times_scale_rounded_once(tmp_path: Path, dtype: type[Any]) -> None:
    directory = make_int8(tmp_path)
    config, wanted = load_int8_checkpoint(directory)
    found_config, found = load_checkpoint(directory, dtype)
    assert found_config == config
    pairs: list[tuple[FloatArray, object]] = [
        (found.embedding, wanted.embedding),
        (found.norm, wanted.norm),
        (found.head, wanted.head),
    ]
    for layer, wanted_layer in zip(found.layers, wanted.layers, strict=True):
        for field in LayerWeights.__dataclass_fields__:
            pairs.append((getattr(layer, field), getattr(wanted_layer, field)))
    for array, stored in pairs:
        assert array.dtype == dtype
        if isinstance(stored, Int8Matrix):
            # 8 and 24 bits: the product fits into the 53 of a double
            exact = stored.values.astype(float) * stored.scales.astype(float)[:, None]
            assert np.array_equal(array, exact.astype(dtype))
        else:
            assert isinstance(stored, np.ndarray)
            assert np.array_equal(array, stored)


def test_a_tied_head_is_the_embedding(tmp_path: Path) -> None:
    source = write_checkpoint(tmp_path / "float", TIED, make_tensors(TIED))
    _, weights = load_checkpoint(quantize(source, tmp_path / "int8"))
    assert weights.head is weights.embedding


@pytest.mark.parametrize(
    ("name", "content", "dtype", "message"),
    [
        (f"{UP}_scale", np.full(12, np.nan, "<f4"), "F32", r"found nan at \[0\]: must be finite"),
        (f"{UP}_scale", np.zeros(12, "<f4"), "F32", r"found 0\.0 at \[0\]: .* above 0$"),
        (f"{UP}_scale", None, None, r"found nothing: must be a tensor of shape \[12\]"),
        (UP, np.zeros((12, 8), "<f4"), "F32", "dtype: found F32: must be I8$"),
        (HEAD, np.zeros((11, 8), "<f4"), "F32", "dtype: found F32: must be I8$"),
        (EMBEDDING, np.zeros((11, 8), "i1"), "I8", "dtype: found I8: must be F32$"),
        (EMBEDDING, np.full((11, 8), np.inf, "<f4"), "F32", r"found inf at \[0, 0\]: .* finite"),
    ],
)
def test_a_damaged_tensor_is_refused_by_name(
    tmp_path: Path, name: str, content: Any, dtype: str | None, message: str
) -> None:
    directory = make_int8(tmp_path)
    rewrite(directory, name, None if content is None else content.tobytes(), dtype)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(directory)


def test_a_product_beyond_the_range_is_refused_where_it_does_not_fit(tmp_path: Path) -> None:
    """Integers go up to 127, so finite scales may stand for weights that float32 does not have."""
    directory = make_int8(tmp_path)
    rewrite(directory, f"{UP}_scale", np.full(12, 3e38, "<f4").tobytes())
    with pytest.raises(CheckpointError, match=rf'"{UP}": found -?inf at .* finite in float32$'):
        load_checkpoint(directory)
    _, weights = load_checkpoint(directory, np.float64)
    assert np.abs(weights.layers[1].up_proj).max() == 127 * float(np.float32(3e38))


@pytest.mark.parametrize(
    ("quantization", "found"),
    [
        ({"quant_method": "gptq", "bits": 4}, r"\.quant_method: found \"gptq\""),
        ({"quant_method": "int8_rows", "bits": 4}, r"\.quant_method: found \"int8_rows\""),
        ({"bits": 4}, ": found an object of 1"),
        ({}, ": found an object of 0"),
        ("int8_rows", ': found "int8_rows"'),
        (False, ": found false"),
    ],
)
def test_weights_that_another_program_quantised_are_refused_by_name(
    tmp_path: Path, quantization: object, found: str
) -> None:
    directory = make_int8(tmp_path)
    document = json.loads((directory / "config.json").read_text())
    document["quantization_config"] = quantization
    (directory / "config.json").write_text(json.dumps(document))
    limit = 'must be absent .*, or "int8_rows" alone, which fastcar quantize writes$'
    with pytest.raises(CheckpointError, match=f"quantization_config{found}: {limit}"):
        load_checkpoint(directory)


def test_floats_that_are_called_int8_are_refused(tmp_path: Path) -> None:
    config = CONFIG | {"quantization_config": {"quant_method": "int8_rows"}}
    with pytest.raises(CheckpointError, match="_scale"):
        load_checkpoint(write_checkpoint(tmp_path / "float", config))
