"""The memory of a whole decoder in the middle of a video: what the integer reference has so far."""

from __future__ import annotations

import numpy as np

from fastcar.cosim.program.whole.order import order_pairs
from fastcar.cosim.program.whole.whole_image import WholeImage
from fastcar.cosim.program.whole.whole_map import StorePart
from fastcar.reference.arrays import Int8Array
from fastcar.reference.integer.engine import IntegerMlpEngine
from fastcar.reference.integer.whole.decoder import WholeDecoder


def write_state(image: WholeImage, decoder: WholeDecoder, engine: IntegerMlpEngine) -> None:
    """Take over replay caches, keys and values of rows without padding.

    Args:
        image: changed in place.
        decoder: reference, with the keys and values of the tokens that it was fed.
        engine: its engine, with the replay caches.
    """
    image.mlp.write_caches(engine)
    cache, count = decoder.integer_cache, decoder.kv_cache.num_entries
    for layer, slot in np.ndindex(cache.keys.shape[:2]):
        for part, numbers in ((StorePart.KEYS, cache.keys), (StorePart.VALUES, cache.values)):
            place = image.memory_map.locate_block(layer, slot, part, 0)
            beats = pack_store(numbers[layer, slot, :, :count], part, decoder.num_lanes)
            image.mlp.write(place, beats.view(np.uint8))


def pack_store(numbers: Int8Array, part: StorePart, num_lanes: int) -> Int8Array:
    """Keys or values [H_kv, positions, d] as beats, [blocks K, L] int8; zeros behind the last."""
    heads, count, size = numbers.shape
    blocks = -(-count // num_lanes)
    padded = np.zeros((heads, blocks * num_lanes, size), np.int8)
    padded[:, :count] = numbers[..., order_pairs(size)] if part is StorePart.KEYS else numbers
    by_block = padded.reshape(heads, blocks, num_lanes, size).swapaxes(0, 1)
    if part is StorePart.VALUES:
        by_block = by_block.swapaxes(2, 3)
    return np.ascontiguousarray(by_block).reshape(-1, num_lanes)
