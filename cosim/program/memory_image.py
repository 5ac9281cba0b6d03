"""The bytes of weights, activations and replay caches in the accelerator's memory.

Numbers are little endian and padded with zeros: a vector of int16 to whole words of two beats, a
matrix of int8 to whole words of rows and whole beats of columns, row by row.
`fastcar.cosim.program.memory_map` says where they lie.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fastcar.cosim.backends.memory_model import SharedMemory
from fastcar.cosim.program.memory_map import (
    BEATS_PER_WORD,
    CachePart,
    LayerPart,
    MemoryMap,
    SlotPart,
)
from fastcar.reference.arrays import Int8Array, Int16Array, UInt16Array
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.engine import IntegerMlpEngine
from fastcar.reference.integer.layer import IntegerLayer
from fastcar.reference.integer.mlp_engine import MlpRequest

Beats = NDArray[np.uint8]
"""[beats, L]: contents of consecutive addresses."""


def pack_vector(values: Int16Array | UInt16Array, num_lanes: int) -> Beats:
    """Beats of a vector of 16-bit numbers, padded to whole words.

    >>> pack_vector(np.array([1, -2, 3, 4, 5], np.int16), num_lanes=4).tolist()
    [[1, 0, 254, 255], [3, 0, 4, 0], [5, 0, 0, 0], [0, 0, 0, 0]]
    """
    num_words = -(-len(values) // num_lanes)
    padded = np.zeros(num_words * num_lanes, values.dtype.newbyteorder("<"))
    padded[: len(values)] = values
    return padded.view(np.uint8).reshape(-1, num_lanes)


def unpack_vector(beats: Beats, num_values: int) -> Int16Array:
    """The first numbers of a vector; the inverse of `pack_vector` for int16."""
    return np.ascontiguousarray(beats).view("<i2").reshape(-1)[:num_values].astype(np.int16)


def pack_matrix(weights: Int8Array, num_lanes: int) -> Beats:
    """Beats of a matrix [out, in], row by row, padded to whole words of rows and columns.

    >>> pack_matrix(np.array([[1, 2, 3, 4, -5]], np.int8), num_lanes=4)[:2].tolist()
    [[1, 2, 3, 4], [251, 0, 0, 0]]
    """
    rows, columns = (-(-size // num_lanes) * num_lanes for size in weights.shape)
    padded = np.zeros((rows, columns), np.int8)
    padded[: weights.shape[0], : weights.shape[1]] = weights
    return padded.view(np.uint8).reshape(-1, num_lanes)


class MemoryImage:
    """The accelerator's memory and where everything in it lies.

    Attributes:
        memory_map: addresses.
        memory: what a back end runs on.

    Args:
        memory_map: addresses.
        memory: at least as large as the map says; None = a new one of that size.
    """

    def __init__(self, memory_map: MemoryMap, memory: SharedMemory | None = None) -> None:
        self.memory_map = memory_map
        if memory is None:
            memory = SharedMemory(memory_map.num_beats, memory_map.config.beat_bytes)
        self.memory = memory

    @property
    def beats(self) -> Beats:
        """[num_beats, L], the contents."""
        return self.memory.beats

    def write_layer(self, layer_index: int, layer: IntegerLayer) -> None:
        """Put the constants of a layer in their places."""
        config, num_lanes = self.memory_map.config, self.memory_map.config.num_lanes
        for name in ("hidden_size", "intermediate_size"):
            if getattr(layer, name) != getattr(config, name):
                limit = f"{getattr(config, name)}, the accelerator's"
                raise ArgumentError(name, getattr(layer, name), limit)
        contents = {LayerPart.GAINS: pack_vector(layer.gains, num_lanes)}
        for multipliers, weights, matrix in (
            (LayerPart.GATE_MULTIPLIERS, LayerPart.GATE_WEIGHTS, layer.gate_proj),
            (LayerPart.UP_MULTIPLIERS, LayerPart.UP_WEIGHTS, layer.up_proj),
            (LayerPart.DOWN_MULTIPLIERS, LayerPart.DOWN_WEIGHTS, layer.down_proj),
        ):
            contents[multipliers] = pack_vector(matrix.multipliers, num_lanes)
            contents[weights] = pack_matrix(matrix.weights, num_lanes)
        for part, beats in contents.items():
            self.write(self.memory_map.locate_constant(layer_index, part), beats)

    def write_activation(self, slot: int, part: SlotPart, values: Int16Array) -> None:
        """Hand over a vector of a slot."""
        address = self.memory_map.locate_activation(slot, part)
        self._write_vector(address, self.memory_map.slot_beats[part], values)

    def write_request(self, request: MlpRequest) -> None:
        """Hand over everything that the decoder gives for one layer."""
        for part, rows in (
            (SlotPart.RESIDUAL, request.residual),
            (SlotPart.QUERY, request.query),
            (SlotPart.ALIGNED_KEY, request.aligned_key),
        ):
            for slot, values in enumerate(() if rows is None else rows):
                self.write_activation(slot, part, values)

    def read_residual(self, slot: int) -> Int16Array:
        """Residual stream of a slot, [D]."""
        address = self.memory_map.locate_activation(slot, SlotPart.RESIDUAL)
        return self._read_hidden(address)

    def write_cache(
        self, layer_index: int, location: int, slot: int, part: CachePart, values: Int16Array
    ) -> None:
        """Put a vector [D] into the replay cache."""
        address = self.memory_map.locate_cache(layer_index, location, slot, part)
        self._write_vector(address, self.memory_map.cache_beats[part], values)

    def write_caches(self, reference: IntegerMlpEngine) -> None:
        """The whole replay cache of the integer reference: a run begins in mid-video."""
        for part, cached in (
            (CachePart.OUTPUT, reference.cached_outputs),
            (CachePart.NORMED, reference.cached_inputs),
        ):
            for layer, slot, place in np.ndindex(*cached.shape[:3]):
                self.write_cache(layer, place, slot, part, cached[layer, slot, place])

    def read_cache(self, layer_index: int, location: int, slot: int, part: CachePart) -> Int16Array:
        """A vector [D] of the replay cache."""
        return self._read_hidden(self.memory_map.locate_cache(layer_index, location, slot, part))

    def _read_hidden(self, address: int) -> Int16Array:
        config = self.memory_map.config
        num_beats = BEATS_PER_WORD * config.hidden_words
        return unpack_vector(self.beats[address : address + num_beats], config.hidden_size)

    def _write_vector(self, address: int, num_beats: int, values: Int16Array) -> None:
        beats = pack_vector(values, self.memory_map.config.num_lanes)
        if len(beats) != num_beats:
            limit = f"{num_beats}, the beats of its place"
            raise ArgumentError("beats of the vector", len(beats), limit)
        self.write(address, beats)

    def write(self, address: int, beats: Beats) -> None:
        """Put beats where they belong."""
        self.beats[address : address + len(beats)] = beats


def make_memory_image(
    memory_map: MemoryMap, layers: Sequence[IntegerLayer], memory: SharedMemory | None = None
) -> MemoryImage:
    """A memory that holds the constants of all layers, zeros elsewhere."""
    if len(layers) != memory_map.num_layers:
        raise ArgumentError("layers", len(layers), f"{memory_map.num_layers}")
    image = MemoryImage(memory_map, memory)
    for layer_index, layer in enumerate(layers):
        image.write_layer(layer_index, layer)
    return image
