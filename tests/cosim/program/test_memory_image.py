"""Memory: everything has a place of its own, and every number comes back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastcar.cosim.program.memory_image import (
    Beats,
    MemoryImage,
    make_memory_image,
    pack_matrix,
    pack_vector,
    unpack_vector,
)
from fastcar.cosim.program.memory_map import CachePart, LayerPart, MemoryMap, SlotPart
from fastcar.reference.arrays import Int8Array
from fastcar.reference.errors import ArgumentError
from fastcar.rtl.config import DEMO, TINY, AcceleratorConfig
from tests.cosim.tiny_model import make_model

lanes = st.sampled_from([4, 8, 16, 32])
UNEVEN = AcceleratorConfig(
    num_cores=1, num_lanes=4, num_slots=3, hidden_size=5, intermediate_size=9, query_size=6
)


def unpack_matrix(beats: Beats, shape: tuple[int, int]) -> Int8Array:
    """The matrix [out, in] of its beats; the inverse of `pack_matrix`."""
    num_lanes = beats.shape[1]
    columns = -(-shape[1] // num_lanes) * num_lanes
    padded = np.ascontiguousarray(beats).view(np.int8).reshape(-1, columns)
    return padded[: shape[0], : shape[1]].copy()


@given(hnp.arrays(np.int16, st.integers(1, 70)), lanes)
def test_vectors_come_back(values: np.ndarray, num_lanes: int) -> None:
    beats = pack_vector(values, num_lanes)
    assert len(beats) == 2 * -(-len(values) // num_lanes)
    np.testing.assert_array_equal(unpack_vector(beats, len(values)), values)
    padded = unpack_vector(beats, len(beats) * num_lanes // 2)
    assert not padded[len(values) :].any()


@given(hnp.arrays(np.int8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=20)), lanes)
def test_matrices_come_back(weights: np.ndarray, num_lanes: int) -> None:
    beats = pack_matrix(weights, num_lanes)
    words = [-(-size // num_lanes) for size in weights.shape]
    assert len(beats) == words[0] * num_lanes * words[1]
    np.testing.assert_array_equal(unpack_matrix(beats, weights.shape), weights)
    assert np.abs(beats.view(np.int8).astype(int)).sum() == np.abs(weights.astype(int)).sum()


def list_places(memory_map: MemoryMap) -> list[tuple[int, int]]:
    """Address and size of everything."""
    layers, slots = range(memory_map.num_layers), range(memory_map.num_slots)
    return [
        *(
            (memory_map.locate_constant(layer, part), beats)
            for layer in layers
            for part, beats in memory_map.layer_beats.items()
        ),
        *(
            (memory_map.locate_activation(slot, part), beats)
            for slot in slots
            for part, beats in memory_map.slot_beats.items()
        ),
        *(
            (memory_map.locate_cache(layer, place, slot, part), beats)
            for layer in layers
            for place in range(memory_map.tokens_per_frame)
            for slot in slots
            for part, beats in memory_map.cache_beats.items()
        ),
    ]


@pytest.mark.parametrize("config", [TINY, DEMO, UNEVEN])
def test_places_fill_the_memory_without_overlap(config: AcceleratorConfig) -> None:
    memory_map = MemoryMap(config, num_layers=3, num_slots=3, tokens_per_frame=4)
    end = 0
    for address, num_beats in sorted(list_places(memory_map)):
        assert address == end
        end += num_beats
    assert end == memory_map.num_beats


def test_the_image_holds_the_constants_of_every_layer() -> None:
    model = make_model(UNEVEN, num_layers=2)
    image = make_memory_image(MemoryMap(UNEVEN, 2, 3, 4), model.layers)
    for index, layer in enumerate(model.layers):

        def take(part: LayerPart, index: int = index) -> np.ndarray:
            address = image.memory_map.locate_constant(index, part)
            return image.beats[address : address + image.memory_map.layer_beats[part]]

        np.testing.assert_array_equal(unpack_vector(take(LayerPart.GAINS), 5), layer.gains)
        for weights, multipliers, matrix in (
            (LayerPart.GATE_WEIGHTS, LayerPart.GATE_MULTIPLIERS, layer.gate_proj),
            (LayerPart.UP_WEIGHTS, LayerPart.UP_MULTIPLIERS, layer.up_proj),
            (LayerPart.DOWN_WEIGHTS, LayerPart.DOWN_MULTIPLIERS, layer.down_proj),
        ):
            shape = matrix.weights.shape
            np.testing.assert_array_equal(unpack_matrix(take(weights), shape), matrix.weights)
            found = unpack_vector(take(multipliers), shape[0]).view(np.uint16)
            np.testing.assert_array_equal(found, matrix.multipliers)


@given(st.data())
def test_activations_and_caches_come_back(data: st.DataObject) -> None:
    image = MemoryImage(MemoryMap(UNEVEN, num_layers=2, num_slots=3, tokens_per_frame=2))
    place = st.tuples(
        st.integers(0, 1), st.integers(0, 1), st.integers(0, 2), st.sampled_from(CachePart)
    )
    vectors = hnp.arrays(np.int16, 5)
    caches = data.draw(st.dictionaries(place, vectors, max_size=6))
    residuals = data.draw(st.dictionaries(st.integers(0, 2), vectors))
    for (layer, location, slot, part), values in caches.items():
        image.write_cache(layer, location, slot, part, values)
    for slot, values in residuals.items():
        image.write_activation(slot, SlotPart.RESIDUAL, values)
        image.write_activation(slot, SlotPart.QUERY, np.full(6, 7, np.int16))
    for (layer, location, slot, part), values in caches.items():
        np.testing.assert_array_equal(image.read_cache(layer, location, slot, part), values)
    for slot, values in residuals.items():
        np.testing.assert_array_equal(image.read_residual(slot), values)


def test_refusals() -> None:
    memory_map = MemoryMap(TINY, num_layers=1, num_slots=4, tokens_per_frame=2)
    with pytest.raises(ArgumentError, match=r"^num_slots = 5: must be from 1 to .* 4$"):
        MemoryMap(TINY, 1, 5, 2)
    with pytest.raises(ArgumentError, match=r"^tokens_per_frame = 0: must be at least 1$"):
        MemoryMap(TINY, 1, 1, 0)
    with pytest.raises(ArgumentError, match=r"^beats of memory = \d+: must be at most 4294967296$"):
        MemoryMap(TINY, 1, 4, 1 << 28)
    with pytest.raises(ArgumentError, match=r"^slot = 4: must be at least 0 and below 4$"):
        memory_map.locate_activation(4, SlotPart.QUERY)
    with pytest.raises(ArgumentError, match=r"^location = 2: "):
        memory_map.locate_cache(0, 2, 0, CachePart.OUTPUT)
    with pytest.raises(ArgumentError, match=r"^layer_index = -1: "):
        memory_map.locate_constant(-1, LayerPart.GAINS)
    image = MemoryImage(memory_map)
    with pytest.raises(ArgumentError, match=r"^beats of the vector = 6: must be 4, "):
        image.write_activation(0, SlotPart.RESIDUAL, np.zeros(9, np.int16))
    with pytest.raises(ArgumentError, match=r"^layers = 2: must be 1$"):
        make_memory_image(memory_map, make_model(TINY, num_layers=2).layers)
    with pytest.raises(ArgumentError, match=r"^hidden_size = 5: must be 8, the accelerator's$"):
        make_memory_image(memory_map, make_model(UNEVEN).layers)
