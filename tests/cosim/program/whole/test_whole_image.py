"""Bytes of tables and blocks, and models of other sizes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fastcar.cosim.program.memory_image import unpack_vector
from fastcar.cosim.program.memory_map import MemoryMap
from fastcar.cosim.program.whole.whole_image import WholeImage
from fastcar.cosim.program.whole.whole_map import ModelPart, StorePart, WholeMemoryMap
from fastcar.reference.errors import ArgumentError
from fastcar.strategies import make_run
from tests.cosim.whole_runs import make_accelerator, make_heads_config
from tests.reference.integer.whole.runs import quantize_whole_run

RUN = make_run(2, make_heads_config("grouped-query"))
MODEL = quantize_whole_run(RUN)
CONFIG = make_accelerator(RUN.config, 3)


def make_image(**changes: Any) -> WholeImage:
    """Three slots, all tokens but one are codes."""
    sizes = {"vocab_size": 11, "num_codes": 10, "num_blocks": 3} | changes
    return WholeImage(WholeMemoryMap(MemoryMap(CONFIG, 2, 3, 3), **sizes), MODEL)


def test_rows_of_the_embedding_and_padded_head() -> None:
    image = make_image()
    for token in range(11):
        first = image.memory_map.locate_embedding(token)
        row = unpack_vector(image.beats[first : first + 6], 12)
        assert np.array_equal(row, MODEL.embedding[token])
    image.write_noise(1, np.arange(10, dtype=np.int16))
    first = image.memory_map.locate_noise(1)
    noise = unpack_vector(image.beats[first : first + 6], 12)
    assert noise.tolist() == [*range(10), -32767, -32767]
    first = image.memory_map.locate_model(ModelPart.HEAD_MULTIPLIERS)
    multipliers = unpack_vector(image.beats[first : first + 6], 12).view(np.uint16)
    assert multipliers.tolist() == [*MODEL.head.matrix.multipliers[:10], 0, 0]


def test_blocks_are_read_as_section_8_says() -> None:
    image = make_image()
    head, token, size = 1, 6, 4
    first = image.memory_map.locate_block(1, 2, StorePart.KEYS, 1)
    # Token 6 is the third of block 1; a key of a head is one beat, its pairs side by side.
    image.beats[first + head * size + 2] = [1, 2, 3, 4]
    keys = image.read_keys(1, 2, 8)
    assert keys.shape == (2, 8, 4)
    assert keys[head, token].tolist() == [1, 3, 2, 4]
    assert np.count_nonzero(keys) == 4
    first = image.memory_map.locate_block(1, 2, StorePart.VALUES, 1)
    image.beats[first + head * size : first + head * size + 4, 2] = [5, 6, 7, 8]
    values = image.read_values(1, 2, 8)
    assert values[head, token].tolist() == [5, 6, 7, 8]
    assert np.count_nonzero(values) == 4


def test_sizes_of_another_model_are_refused() -> None:
    with pytest.raises(
        ArgumentError, match=r"^vocab_size = 11: must be 12, that of the memory map"
    ):
        make_image(vocab_size=12)
    with pytest.raises(ArgumentError, match=r"^noise shape = \(11,\): must be \(10,\)$"):
        make_image().write_noise(0, np.zeros(11, np.int16))
    wide = replace(CONFIG, intermediate_size=21)
    memory_map = WholeMemoryMap(MemoryMap(wide, 2, 3, 3), 11, 10, 3)
    with pytest.raises(ArgumentError, match=r"^intermediate_size = 20: must be 21, that of "):
        WholeImage(memory_map, MODEL)
