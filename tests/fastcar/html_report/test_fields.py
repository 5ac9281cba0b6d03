"""What is no field of the right kind is refused by file, path and limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fastcar.html_report.fields import Fields
from fastcar.reference.errors import CheckpointError

Take = Callable[[Fields], Any]


def test_fields_of_the_right_kind_are_taken() -> None:
    fields = Fields(
        {
            "text": "a",
            "flag": False,
            "count": 3,
            "number": 2,
            "numbers": [1, 0.5],
            "holes": [None, 2],
            "limits": ["inf", "-inf", None, 0.5],
            "counts": {"a": 1},
            "objects": [{"count": 0}],
            "null": None,
        },
        "a.json",
    )
    assert fields.get_text("text") == "a"
    assert fields.get_flag("flag") is False
    assert fields.get_count("count") == 3
    assert fields.get_number("number") == 2.0
    assert fields.find_number("null") is fields.find_number("absent") is None
    assert fields.get_numbers("numbers") == [1.0, 0.5]
    assert fields.find_numbers("holes") == [None, 2.0]
    assert fields.get_thresholds("limits") == [float("inf"), float("-inf"), None, 0.5]
    assert fields.get_counts("counts") == {"a": 1}
    assert [one.get_count("count") for one in fields.get_objects("objects")] == [0]
    assert not fields.has("null")


@pytest.mark.parametrize(
    ("value", "take", "words"),
    [
        (None, lambda fields: fields.get("x"), ("x", "null", "an object")),
        ([1], lambda fields: fields.get("x"), ("x", "a list of 1", "an object")),
        (1, lambda fields: fields.get_text("x"), ("x", "1", "a text")),
        (1, lambda fields: fields.get_flag("x"), ("x", "1", "true or false")),
        (True, lambda fields: fields.get_count("x"), ("x", "true", "an integer")),
        (-1, lambda fields: fields.get_count("x"), ("x", "-1", "from 0 to")),
        (2**60, lambda fields: fields.get_count("x"), ("x", "from 0 to 9007199254740992")),
        (1.5, lambda fields: fields.get_count("x"), ("x", "1.5")),
        ("1", lambda fields: fields.get_number("x"), ("x", '"1"', "a finite number")),
        (True, lambda fields: fields.get_number("x"), ("x", "true", "a finite number")),
        (float("inf"), lambda fields: fields.get_number("x"), ("x", "a finite number")),
        (1e305, lambda fields: fields.get_number("x"), ("x", "a finite number")),
        (10**400, lambda fields: fields.get_number("x"), ("x", "a finite number")),
        ([1, None], lambda fields: fields.get_numbers("x"), ("x[1]", "null", "a finite number")),
        (["no"], lambda fields: fields.find_numbers("x"), ("x[0]", '"no"')),
        (["nan"], lambda fields: fields.get_thresholds("x"), ("x[0]", '"nan"')),
        ([{}, 3], lambda fields: fields.get_objects("x"), ("x[1]", "3", "an object")),
        ({"a": -1}, lambda fields: fields.get_counts("x"), ("x.a", "-1")),
        ({"a": []}, lambda fields: fields.get_amounts("x"), ("x.a", "a list of 0")),
    ],
)
def test_another_kind_is_refused(value: Any, take: Take, words: tuple[str, ...]) -> None:
    with pytest.raises(CheckpointError) as refused:
        take(Fields({"x": value}, "a.json", "top"))
    text = str(refused.value)
    assert text.startswith("a.json: top.x")
    assert "\n" not in text
    for word in words:
        assert word in text


def test_what_is_missing_is_nothing() -> None:
    with pytest.raises(CheckpointError, match=r"^a.json: x: found nothing: must be a text$"):
        Fields({}, "a.json").get_text("x")
