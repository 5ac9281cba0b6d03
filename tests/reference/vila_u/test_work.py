"""Multiplications of the depth transformer against the sizes of recorded tensors."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from fastcar.reference.files.safetensors_file import read_header
from fastcar.reference.vila_u.work import (
    DepthSizes,
    count_depth_multiplications,
    count_projector_multiplications,
)
from tests.vila_u_files import find_vision_tensors, get_folder

A1 = DepthSizes(64, 32, 48, depth=4, width=48, num_layers=2, projector_layers=2)


def count_weights(part: str) -> int:
    """Values of the matrices of A1's vision tower whose name holds a text."""
    places = find_vision_tensors("A1").items()
    return sum(math.prod(p.shape) for name, p in places if part in name and len(p.shape) == 2)


def test_every_weight_is_used_once_a_depth() -> None:
    blocks, classifier = count_weights("head_transformer"), count_weights("classifier_mlp")
    inputs = count_weights("in_mlp_2") + 3 * count_weights("in_mlp_1")
    attention = 2 * (1 + 2 + 3 + 4) * 48 * 2  # scores and contexts of 1 .. 4 places, two layers
    assert count_depth_multiplications(A1) == 4 * (blocks + classifier) + inputs + attention


def test_computed_anew_the_blocks_run_ten_times_for_four_codes() -> None:
    blocks, classifier = count_weights("head_transformer"), count_weights("classifier_mlp")
    inputs = 4 * count_weights("in_mlp_2") + (0 + 1 + 2 + 3) * count_weights("in_mlp_1")
    attention = 2 * (4 * 1 + 3 * 2 + 2 * 3 + 1 * 4) * 48 * 2
    expected = 10 * blocks + 4 * classifier + inputs + attention
    assert count_depth_multiplications(A1, is_recomputed=True) == expected


def test_one_code_is_the_same_either_way() -> None:
    one = replace(A1, depth=1)
    assert count_depth_multiplications(one) == count_depth_multiplications(one, is_recomputed=True)


@pytest.mark.parametrize(("model", "layers"), [("A1", 2), ("A2", 1)])
def test_the_projector_uses_every_weight_once(model: str, layers: int) -> None:
    places = read_header(get_folder(model, "mm_projector") / "model.safetensors").values()
    matrices = [place.shape for place in places if len(place.shape) == 2]
    hidden, width = (64, 32) if model == "A1" else (48, 24)
    sizes = replace(A1, hidden_size=hidden, code_width=width, projector_layers=layers)
    assert count_projector_multiplications(sizes) == sum(map(math.prod, matrices))


def test_no_projector_multiplies_nothing() -> None:
    assert count_projector_multiplications(replace(A1, projector_layers=0)) == 0
