"""Where weights, activations and replay caches lie in the accelerator's memory, and their bytes.

Addresses count beats of L bytes. Numbers are little endian and padded with zeros: a vector of
int16 to whole words of two beats, a matrix of int8 to whole words of rows and whole beats of
columns, row by row.

    one block per layer    gains, then for gate, up and down: row multipliers, weights
    one block per slot     x, query, aligned key of the layer that runs
    one block per layer, place of the frame and slot: replay cache, MLP output y and its input n
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.memory_model import SharedMemory
from reference.errors import ArgumentError
from reference.fixed_point import Int16Array
from reference.integer_layer import IntegerLayer
from reference.integer_units import Int8Array, UInt16Array
from rtl.config import AcceleratorConfig
from rtl.instruction import FIELD_BITS

Beats = NDArray[np.uint8]
"""[beats, L]: contents of consecutive addresses."""

MAX_BEATS = 1 << FIELD_BITS["address"]
BEATS_PER_WORD = 2


class LayerPart(Enum):
    """Constants of a layer, in the order of their addresses."""

    GAINS = "gains"
    GATE_MULTIPLIERS = "gate_multipliers"
    GATE_WEIGHTS = "gate_weights"
    UP_MULTIPLIERS = "up_multipliers"
    UP_WEIGHTS = "up_weights"
    DOWN_MULTIPLIERS = "down_multipliers"
    DOWN_WEIGHTS = "down_weights"


class SlotPart(Enum):
    """What the decoder hands over and gets back for a slot."""

    RESIDUAL = "residual"
    QUERY = "query"
    ALIGNED_KEY = "aligned_key"


class CachePart(Enum):
    """What the replay cache keeps of a layer, place and slot."""

    OUTPUT = "output"
    NORMED = "normed"


@dataclass(frozen=True)
class MemoryMap:
    """Addresses, in beats, of everything one model needs for one batch.

    Attributes:
        config: sizes of the accelerator.
        num_layers: layers of the model.
        num_slots: B, at most the accelerator's.
        tokens_per_frame: N, places of the replay cache.
    """

    config: AcceleratorConfig
    num_layers: int
    num_slots: int
    tokens_per_frame: int

    def __post_init__(self) -> None:
        if not 1 <= self.num_slots <= self.config.num_slots:
            limit = f"from 1 to the accelerator's {self.config.num_slots}"
            raise ArgumentError("num_slots", self.num_slots, limit)
        for name in ("num_layers", "tokens_per_frame"):
            if getattr(self, name) < 1:
                raise ArgumentError(name, getattr(self, name), "at least 1")
        if self.num_beats > MAX_BEATS:
            raise ArgumentError("beats of memory", self.num_beats, f"at most {MAX_BEATS}")

    @cached_property
    def layer_beats(self) -> Mapping[LayerPart, int]:
        """Size of every part of a layer's block."""
        hidden, inner = self.config.hidden_words, self.config.intermediate_words
        inner_matrix = inner * self.config.num_lanes * hidden
        hidden_matrix = hidden * self.config.num_lanes * inner
        return {
            LayerPart.GAINS: BEATS_PER_WORD * hidden,
            LayerPart.GATE_MULTIPLIERS: BEATS_PER_WORD * inner,
            LayerPart.GATE_WEIGHTS: inner_matrix,
            LayerPart.UP_MULTIPLIERS: BEATS_PER_WORD * inner,
            LayerPart.UP_WEIGHTS: inner_matrix,
            LayerPart.DOWN_MULTIPLIERS: BEATS_PER_WORD * hidden,
            LayerPart.DOWN_WEIGHTS: hidden_matrix,
        }

    @cached_property
    def slot_beats(self) -> Mapping[SlotPart, int]:
        """Size of every part of a slot's block."""
        query_beats = BEATS_PER_WORD * self.config.query_words
        return {
            SlotPart.RESIDUAL: BEATS_PER_WORD * self.config.hidden_words,
            SlotPart.QUERY: query_beats,
            SlotPart.ALIGNED_KEY: query_beats,
        }

    @cached_property
    def cache_beats(self) -> Mapping[CachePart, int]:
        """Size of every part of a cache block."""
        return dict.fromkeys(CachePart, BEATS_PER_WORD * self.config.hidden_words)

    @cached_property
    def slots_address(self) -> int:
        """First beat of the slots' blocks."""
        return self.num_layers * sum(self.layer_beats.values())

    @cached_property
    def cache_address(self) -> int:
        """First beat of the replay cache."""
        return self.slots_address + self.num_slots * sum(self.slot_beats.values())

    @cached_property
    def num_beats(self) -> int:
        """Size of the memory."""
        num_blocks = self.num_layers * self.tokens_per_frame * self.num_slots
        return self.cache_address + num_blocks * sum(self.cache_beats.values())

    def locate_constant(self, layer_index: int, part: LayerPart) -> int:
        """Address of a layer's constant."""
        _check_index("layer_index", layer_index, self.num_layers)
        return _locate(0, layer_index, part, self.layer_beats)

    def locate_activation(self, slot: int, part: SlotPart) -> int:
        """Address of a slot's activation."""
        _check_index("slot", slot, self.num_slots)
        return _locate(self.slots_address, slot, part, self.slot_beats)

    def locate_cache(self, layer_index: int, location: int, slot: int, part: CachePart) -> int:
        """Address of a part of the replay cache."""
        _check_index("layer_index", layer_index, self.num_layers)
        _check_index("location", location, self.tokens_per_frame)
        _check_index("slot", slot, self.num_slots)
        block = (layer_index * self.tokens_per_frame + location) * self.num_slots + slot
        return _locate(self.cache_address, block, part, self.cache_beats)


def _locate(base: int, block: int, part: Any, sizes: Mapping[Any, int]) -> int:
    parts = list(sizes)
    before = sum(sizes[earlier] for earlier in parts[: parts.index(part)])
    return base + block * sum(sizes.values()) + before


def _check_index(name: str, index: int, size: int) -> None:
    if not 0 <= index < size:
        raise ArgumentError(name, index, f"at least 0 and below {size}")


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


def unpack_matrix(beats: Beats, shape: tuple[int, int]) -> Int8Array:
    """The matrix [out, in] of its beats; the inverse of `pack_matrix`."""
    num_lanes = beats.shape[1]
    columns = -(-shape[1] // num_lanes) * num_lanes
    padded = np.ascontiguousarray(beats).view(np.int8).reshape(-1, columns)
    return padded[: shape[0], : shape[1]].copy()


class MemoryImage:
    """The accelerator's memory and where everything in it lies.

    Attributes:
        memory_map: addresses.
        memory: what a back end runs on.
    """

    def __init__(self, memory_map: MemoryMap) -> None:
        self.memory_map = memory_map
        self.memory = SharedMemory(memory_map.num_beats, memory_map.config.beat_bytes)

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
            self._write(self.memory_map.locate_constant(layer_index, part), beats)

    def write_activation(self, slot: int, part: SlotPart, values: Int16Array) -> None:
        """Hand over a vector of a slot."""
        address = self.memory_map.locate_activation(slot, part)
        self._write_vector(address, self.memory_map.slot_beats[part], values)

    def read_residual(self, slot: int) -> Int16Array:
        """Residual stream of a slot, [D]."""
        address = self.memory_map.locate_activation(slot, SlotPart.RESIDUAL)
        return self._read_hidden(address)

    def write_cache(
        self, layer_index: int, location: int, slot: int, part: CachePart, values: Int16Array
    ) -> None:
        """Put a vector [D] into the replay cache: how a run begins in the middle of a video."""
        address = self.memory_map.locate_cache(layer_index, location, slot, part)
        self._write_vector(address, self.memory_map.cache_beats[part], values)

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
        self._write(address, beats)

    def _write(self, address: int, beats: Beats) -> None:
        self.beats[address : address + len(beats)] = beats


def make_memory_image(memory_map: MemoryMap, layers: Sequence[IntegerLayer]) -> MemoryImage:
    """A memory that holds the constants of all layers, zeros elsewhere."""
    if len(layers) != memory_map.num_layers:
        raise ArgumentError("layers", len(layers), f"{memory_map.num_layers}")
    image = MemoryImage(memory_map)
    for layer_index, layer in enumerate(layers):
        image.write_layer(layer_index, layer)
    return image
