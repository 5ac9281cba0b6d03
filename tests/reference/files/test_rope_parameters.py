"""Rotary base and scaling of a config, wherever they stand."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest

from fastcar.reference.errors import CheckpointError
from fastcar.reference.files.rope_parameters import read_rope
from fastcar.reference.rope_scaling import (
    DynamicScaling,
    LinearScaling,
    Llama3Scaling,
    RopeScaling,
    YarnScaling,
)

POSITIONS = 64
LINEAR: dict[str, Any] = {"rope_type": "linear", "factor": 4.0}
LLAMA3: dict[str, Any] = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
YARN: dict[str, Any] = {
    "rope_type": "yarn",
    "factor": 4.0,
    "original_max_position_embeddings": 16,
}
TYPES = "one of 'default', 'linear', 'dynamic', 'llama3', 'yarn'"


def read(document: dict[str, Any]) -> tuple[float, RopeScaling | None]:
    return read_rope(document, "config.json", POSITIONS)


def without(entries: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in entries.items() if key != name}


@pytest.mark.parametrize(
    ("entries", "scaling"),
    [
        (LINEAR, LinearScaling(4.0)),
        ({"type": "linear", "factor": 4}, LinearScaling(4.0)),
        ({**LINEAR, "type": "linear"}, LinearScaling(4.0)),
        ({**LINEAR, "low_freq_factor": None}, LinearScaling(4.0)),
        ({"rope_type": "dynamic", "factor": 2.0}, DynamicScaling(2.0)),
        (
            {"rope_type": "dynamic", "factor": 2.0, "original_max_position_embeddings": 64},
            DynamicScaling(2.0),
        ),
        (LLAMA3, Llama3Scaling(8.0, 1.0, 4.0, 16)),
        (YARN, YarnScaling(4.0, 16, 0.1 * math.log(4) + 1)),
        ({**YARN, "finetuned": True}, YarnScaling(4.0, 16, 0.1 * math.log(4) + 1)),
        ({**YARN, "attention_factor": 1, "mscale": 2.0}, YarnScaling(4.0, 16, 1.0)),
        ({**YARN, "mscale": 2.0}, YarnScaling(4.0, 16, 0.1 * math.log(4) + 1)),
        (
            {**YARN, "mscale": 2.0, "mscale_all_dim": 0.5},
            YarnScaling(4.0, 16, (0.2 * math.log(4) + 1) / (0.05 * math.log(4) + 1)),
        ),
        ({**YARN, "mscale": 2, "mscale_all_dim": 0}, YarnScaling(4.0, 16, 0.1 * math.log(4) + 1)),
        (
            {**YARN, "beta_fast": 8, "beta_slow": 2, "truncate": False, "attention_factor": 1.0},
            YarnScaling(4.0, 16, 1.0, 8.0, 2.0, False),
        ),
    ],
)
@pytest.mark.parametrize("place", ["rope_scaling", "rope_parameters"])
def test_every_kind_is_read_from_both_places(
    place: str, entries: dict[str, Any], scaling: RopeScaling
) -> None:
    assert read({place: entries}) == (10000.0, scaling)
    assert read({place: entries, "rope_theta": 5e5}) == (5e5, scaling)
    assert read({place: {**entries, "rope_theta": 5e5, "partial_rotary_factor": 1.0}})[0] == 5e5


def test_the_same_in_both_places_is_no_conflict() -> None:
    assert read({"rope_scaling": LINEAR, "rope_parameters": LINEAR})[1] == LinearScaling(4.0)
    theta = {"rope_theta": 100.0}
    assert read({"rope_scaling": LINEAR, "rope_parameters": theta}) == (100.0, LinearScaling(4.0))


def test_the_original_limit_may_stand_beside() -> None:
    inside = without(YARN, "original_max_position_embeddings")
    document = {"rope_scaling": inside, "original_max_position_embeddings": 16}
    assert read(document) == read({"rope_scaling": YARN})
    assert read({**document, "rope_scaling": None})[1] is None


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"rope_type": "longrope"}, f'.rope_type: found "longrope": must be {TYPES}'),
        ({"type": "su"}, f'.type: found "su": must be {TYPES}'),
        ({"type": ["yarn"]}, f".type: found a list of 1: must be {TYPES}"),
        (
            {**LINEAR, "type": "yarn"},
            ".type: found \"yarn\": must be 'linear', as rope_type is",
        ),
        ({"factor": 2.0}, ".factor: found 2.0: must be absent with rope_type 'default'"),
        (
            {**LINEAR, "beta_fast": 32},
            ".beta_fast: found 32: must be absent with rope_type 'linear'",
        ),
        (
            {"rope_type": "default", "\n": 2},
            ": found 2: must be absent with rope_type 'default'",
        ),
        ({"rope_type": "linear"}, ".factor: found nothing: must be a number from 1 to 1e+06"),
        ({**LINEAR, "factor": 0.5}, ".factor: found 0.5: must be a number from 1 to 1e+06"),
        ({**LINEAR, "factor": "4"}, '.factor: found "4": must be a number from 1 to 1e+06'),
        ({**LINEAR, "factor": True}, ".factor: found true: must be a number from 1 to 1e+06"),
        (
            {**LINEAR, "partial_rotary_factor": 0.5},
            ".partial_rotary_factor: found 0.5: must be 1.0 (rotary embedding on the whole head)",
        ),
        (
            {"rope_type": "dynamic", "factor": 2.0, "original_max_position_embeddings": 32},
            ".original_max_position_embeddings: found 32: must be max_position_embeddings = 64 "
            "with rope_type 'dynamic'",
        ),
        (
            without(LLAMA3, "original_max_position_embeddings"),
            ".original_max_position_embeddings: found nothing: must be a whole number from 1 to "
            "2147483647",
        ),
        (
            without(LLAMA3, "low_freq_factor"),
            ".low_freq_factor: found nothing: must be a number from 1e-06 to 1e+06",
        ),
        (
            {**LLAMA3, "high_freq_factor": 1.0},
            ".high_freq_factor: found 1.0: must be above low_freq_factor = 1",
        ),
        (
            {**LLAMA3, "high_freq_factor": None},
            ".high_freq_factor: found nothing: must be a number from 1e-06 to 1e+06",
        ),
        (
            {**YARN, "original_max_position_embeddings": 16.0},
            ".original_max_position_embeddings: found 16.0: must be a whole number from 1 to "
            "2147483647",
        ),
        (
            {**YARN, "attention_factor": 0},
            ".attention_factor: found 0: must be a number from 0.001 to 1000",
        ),
        ({**YARN, "beta_slow": 64}, ".beta_slow: found 64.0: must be at most beta_fast = 32"),
        ({**YARN, "truncate": 1}, ".truncate: found 1: must be true or false"),
        ({**YARN, "mscale": -1}, ".mscale: found -1: must be a number from 0 to 1000"),
    ],
)
def test_a_wrong_entry_is_refused_by_name_value_and_limit(
    entries: dict[str, Any], message: str
) -> None:
    with pytest.raises(CheckpointError) as caught:
        read({"rope_scaling": entries})
    assert str(caught.value) == f"config.json: rope_scaling{message}"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            {"rope_scaling": LINEAR, "rope_parameters": {"rope_type": "default"}},
            "config.json: rope_scaling: found another scaling: must be the same as rope_parameters",
        ),
        (
            {"rope_scaling": YARN, "original_max_position_embeddings": 32},
            "config.json: rope_scaling.original_max_position_embeddings: found 16: must be 32, as "
            "beside rope_scaling",
        ),
        (
            {"rope_scaling": {"rope_theta": 2.0}, "rope_parameters": {"rope_theta": 3.0}},
            "config.json: rope_theta: found rope_parameters.rope_theta = 3 and "
            "rope_scaling.rope_theta = 2: must be the same wherever it is given",
        ),
        (
            {"rope_parameters": [1]},
            "config.json: rope_parameters: found a list of 1: must be null or a JSON object",
        ),
        (
            {"partial_rotary_factor": True},
            "config.json: partial_rotary_factor: found true: must be 1.0 (rotary embedding on the "
            "whole head)",
        ),
    ],
)
def test_places_that_disagree_are_refused(document: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckpointError, match=f"^{re.escape(message)}$"):
        read(document)
