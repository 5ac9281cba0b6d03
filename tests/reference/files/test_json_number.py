"""Numbers and flags of a JSON object."""

from __future__ import annotations

import math

import pytest

from fastcar.reference.errors import CheckpointError
from fastcar.reference.files.json_number import MAX_SIZE, get_flag, get_number, get_size


@pytest.mark.parametrize("size", [1, MAX_SIZE])
def test_sizes_within_the_limits_are_read(size: int) -> None:
    assert get_size({"a": size}, "a", "file: ") == size
    assert get_size({}, "a", "file: ", size) == size


@pytest.mark.parametrize("value", [0, MAX_SIZE + 1, -1, True, 1.0, "1", None, [1]])
def test_other_sizes_are_refused_with_key_and_limit(value: object) -> None:
    message = r"^file: a: found .*: must be a whole number from 1 to 2147483647$"
    with pytest.raises(CheckpointError, match=message):
        get_size({"a": value}, "a", "file: ", 1)


def test_a_missing_size_is_refused() -> None:
    with pytest.raises(CheckpointError, match=r"^file: a: found nothing: must be a whole number"):
        get_size({}, "a", "file: ")


@pytest.mark.parametrize("value", [1, 1.5, 2])
def test_numbers_become_floats(value: float) -> None:
    found = get_number(value, "file: a", (1.0, 2.0))
    assert (type(found), found) == (float, value)


@pytest.mark.parametrize("value", [0.9, 2.1, True, "1", None, math.inf, 10**400])
def test_other_numbers_are_refused_with_key_and_limit(value: object) -> None:
    message = r"^file: a: found .*: must be a number from 1 to 2$"
    with pytest.raises(CheckpointError, match=message):
        get_number(value, "file: a", (1.0, 2.0))


def test_flags_are_true_or_false_and_no_numbers() -> None:
    assert get_flag(True, "file: a") is True
    with pytest.raises(CheckpointError, match=r"^file: a: found 0: must be true or false$"):
        get_flag(0, "file: a")
