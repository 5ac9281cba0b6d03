"""The state of the reference in the accelerator's memory: a decode that begins in mid-video.

The token that PICK would have left is no part of it: the first token is given.
"""

from __future__ import annotations

import numpy as np

from fastcar.cosim.program.whole.order import order_pairs
from fastcar.cosim.program.whole.whole_image import WholeImage
from fastcar.cosim.program.whole.whole_map import StorePart
from fastcar.cosim.whole.reference import TracedDecoder
from fastcar.reference.arrays import Int8Array


def write_state(image: WholeImage, decoder: TracedDecoder) -> None:
    """Keys and values of every fed token, and the replay cache."""
    image.mlp.write_caches(decoder.mlp_engine)
    pairs = order_pairs(decoder.config.head_dim)
    num_fed = decoder.kv_cache.num_entries - decoder.kv_cache.padding_tokens
    cache = decoder.integer_cache
    for layer_index, slot in np.ndindex(cache.keys.shape[:2]):
        count = int(num_fed[slot])
        keys = _fill_blocks(image, cache.keys[layer_index, slot, :, :count, pairs])
        _write_store(image, layer_index, slot, StorePart.KEYS, keys)  # [blocks, H_kv, L, d]
        values = _fill_blocks(image, cache.values[layer_index, slot, :, :count].transpose(2, 0, 1))
        in_place = values.swapaxes(2, 3)  # [blocks, H_kv, d, L]
        _write_store(image, layer_index, slot, StorePart.VALUES, in_place)


def _fill_blocks(image: WholeImage, stored: Int8Array) -> Int8Array:
    """[d, H_kv, positions] as [blocks, H_kv, L, d], zeros behind the last position."""
    memory_map = image.memory_map
    size, heads, count = stored.shape
    padded = np.zeros((memory_map.num_positions, heads, size), np.int8)
    padded[:count] = stored.transpose(2, 1, 0)
    blocks = padded.reshape(memory_map.num_blocks, -1, heads, size)
    return blocks.swapaxes(1, 2)


def _write_store(
    image: WholeImage, layer_index: int, slot: int, part: StorePart, blocks: Int8Array
) -> None:
    first = image.memory_map.locate_block(layer_index, slot, part, 0)
    beats = np.ascontiguousarray(blocks).view(np.uint8).reshape(-1, image.beats.shape[1])
    image.mlp.write(first, beats)
