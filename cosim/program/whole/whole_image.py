"""The bytes of a whole decoder in the accelerator's memory.

Source: docs/accelerator.md, section 8. Heads and pairs stand in the order of
`fastcar.cosim.program.whole.order`; what is read back is in the order of the reference again.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastcar.cosim.backends.memory_model import SharedMemory
from fastcar.cosim.program.memory_image import (
    Beats,
    MemoryImage,
    make_memory_image,
    pack_matrix,
    pack_vector,
)
from fastcar.cosim.program.whole.order import order_attention, order_pairs, order_rotary
from fastcar.cosim.program.whole.whole_map import (
    AttentionPart,
    ModelPart,
    StorePart,
    WholeMemoryMap,
)
from fastcar.reference.arrays import Int8Array, Int16Array
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.fixed_point import MAX_ACTIVATION
from fastcar.reference.integer.layer import IntegerMatrix
from fastcar.reference.integer.whole.attention import IntegerAttention
from fastcar.reference.integer.whole.head import IntegerHead
from fastcar.reference.integer.whole.model import WholeModel
from fastcar.reference.integer.whole.rotary import make_integer_rotary_table

PADDED_NOISE = -MAX_ACTIVATION
"""Of rows that the head does not have: they lose against every token, also at a tie."""

_MATRICES = (
    ("q_proj", AttentionPart.QUERY_MULTIPLIERS, AttentionPart.QUERY_WEIGHTS),
    ("k_proj", AttentionPart.KEY_MULTIPLIERS, AttentionPart.KEY_WEIGHTS),
    ("v_proj", AttentionPart.VALUE_MULTIPLIERS, AttentionPart.VALUE_WEIGHTS),
    ("o_proj", AttentionPart.OUTPUT_MULTIPLIERS, AttentionPart.OUTPUT_WEIGHTS),
)


class WholeImage:
    """The accelerator's memory with a whole model in it, an empty KV cache and replay cache.

    Args:
        memory_map: addresses.
        model: constants; of the sizes of the map.

    Attributes:
        memory_map: addresses.
        memory: what a back end runs on.
        mlp: residual streams and replay cache.

    Raises:
        ArgumentError: a model of other sizes.
    """

    def __init__(self, memory_map: WholeMemoryMap, model: WholeModel) -> None:
        memory_map.check_sizes(model.config)
        self.memory_map = memory_map
        self.memory = SharedMemory(memory_map.num_beats, memory_map.config.beat_bytes)
        self.mlp: MemoryImage = make_memory_image(memory_map.mlp, model.mlp.layers, self.memory)
        for layer_index, layer in enumerate(model.attention):
            self._write_attention(layer_index, layer)
        self._write_rows(model.embedding, memory_map.locate_embedding(0))
        rotary = make_integer_rotary_table(model.config, memory_map.num_positions)
        for position, turns in enumerate(order_rotary(rotary)):
            self._write_vector(memory_map.locate_rotary(position), turns)
        self._write_head(model.head)

    @property
    def beats(self) -> Beats:
        """[num_beats, L], the contents."""
        return self.memory.beats

    def write_noise(self, slot: int, noise: Int16Array) -> None:
        """Hand over the noise [num_codes] of the token that is picked next."""
        memory_map = self.memory_map
        if noise.shape != (memory_map.num_codes,):
            raise ArgumentError("noise shape", noise.shape, f"({memory_map.num_codes},)")
        padded = np.full(memory_map.code_words * memory_map.config.num_lanes, PADDED_NOISE)
        padded[: len(noise)] = noise
        self._write_vector(memory_map.locate_noise(slot), padded.astype(np.int16))

    def read_keys(self, layer_index: int, slot: int, num_positions: int) -> Int8Array:
        """Keys of the first positions of a slot, [H_kv, positions, d]."""
        blocks = self._read_store(layer_index, slot, StorePart.KEYS)
        attention = self.memory_map.attention
        heads = attention.num_key_value_heads
        lanes = self.memory_map.config.num_lanes
        keys = blocks.reshape(-1, heads, lanes, attention.head_dim).swapaxes(0, 1)
        in_place = np.empty_like(keys)
        in_place[..., order_pairs(attention.head_dim)] = keys
        return in_place.reshape(heads, -1, attention.head_dim)[:, :num_positions]

    def read_values(self, layer_index: int, slot: int, num_positions: int) -> Int8Array:
        """Values, likewise."""
        blocks = self._read_store(layer_index, slot, StorePart.VALUES)
        attention = self.memory_map.attention
        heads = attention.num_key_value_heads
        lanes = self.memory_map.config.num_lanes
        values = blocks.reshape(-1, heads, attention.head_dim, lanes)
        in_place = values.transpose(1, 0, 3, 2)  # [H_kv, blocks, L, d]
        return in_place.reshape(heads, -1, attention.head_dim)[:, :num_positions]

    def _read_store(self, layer_index: int, slot: int, part: StorePart) -> NDArray[np.int8]:
        first = self.memory_map.locate_block(layer_index, slot, part, 0)
        beats = self.beats[first : first + self.memory_map.store_beats[part]]
        return beats.view(np.int8)

    def _write_attention(self, layer_index: int, layer: IntegerAttention) -> None:
        memory_map = self.memory_map
        gains = memory_map.locate_attention(layer_index, AttentionPart.GAINS)
        self._write_vector(gains, layer.gains)
        matrices = order_attention(layer, memory_map.attention)
        for name, multipliers, weights in _MATRICES:
            self._write_matrix(
                matrices[name],
                memory_map.locate_attention(layer_index, multipliers),
                memory_map.locate_attention(layer_index, weights),
            )

    def _write_head(self, head: IntegerHead) -> None:
        memory_map, codes = self.memory_map, slice(self.memory_map.num_codes)
        self._write_vector(memory_map.locate_model(ModelPart.FINAL_GAINS), head.gains)
        matrix = head.matrix
        self._write_matrix(
            IntegerMatrix(matrix.weights[codes], matrix.multipliers[codes], matrix.shift),
            memory_map.locate_model(ModelPart.HEAD_MULTIPLIERS),
            memory_map.locate_model(ModelPart.HEAD_WEIGHTS),
        )

    def _write_rows(self, rows: Int16Array, address: int) -> None:
        pitch = 1 << self.memory_map.embedding_shift
        for index, row in enumerate(rows):
            self._write_vector(address + index * pitch, row)

    def _write_matrix(self, matrix: IntegerMatrix, multipliers: int, weights: int) -> None:
        num_lanes = self.memory_map.config.num_lanes
        self.mlp.write(multipliers, pack_vector(matrix.multipliers, num_lanes))
        self.mlp.write(weights, pack_matrix(matrix.weights, num_lanes))

    def _write_vector(self, address: int, values: Int16Array) -> None:
        self.mlp.write(address, pack_vector(values, self.memory_map.config.num_lanes))
