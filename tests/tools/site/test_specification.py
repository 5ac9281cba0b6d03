"""docs/accelerator.md says the numbers that the code has, and another number is told."""

from __future__ import annotations

import pytest

from tools.site.specification import find_differences, read_errors, read_fields, read_specification

TEXT = read_specification()


def test_the_specification_says_what_the_code_does() -> None:
    assert find_differences(TEXT) == []
    assert len(read_fields(TEXT)) == 14
    assert len(read_errors(TEXT)) == 11


@pytest.mark.parametrize(
    ("right", "wrong", "fault"),
    [
        ("| rows | 12 |", "| rows | 13 |", "field rows 12 is not in its place"),
        ("| slot | 5 | batch slot |\n", "", "field slot 5 is not in its place"),
        ("| 10 NORM |", "| 13 NORM |", "opcode NORM 10 is not in its place"),
        ("| 22 PICK | core |", "| 22 PICK | dispatcher |", "PICK is executed by the dispatcher"),
        ("| lane | 5 | SCORES,", "| lane | 6 | SCORES,", "option lane 5 is not in its place"),
        (
            "| is_final | 1 | SCORES, CONTEXT, PICK |",
            "| is_final | 1 | SCORES, CONTEXT |",
            "option is_final is of SCORES, CONTEXT",
        ),
        ("7 memory read, 8 memory write", "7 memory write, 8 memory read", "error 7 is "),
        ("9 decided twice, ", "", "error 9 is None, must be 'decided twice'"),
        ("shift bit 1: 1 = DISTANCE", "shift bit 2: 1 = DISTANCE", "missing: shift bit 1"),
    ],
)
def test_a_planted_number_is_told(right: str, wrong: str, fault: str) -> None:
    assert TEXT.count(right) == 1
    assert any(one.startswith(fault) for one in find_differences(TEXT.replace(right, wrong)))


def test_fields_in_another_order_are_told() -> None:
    first = "| target | 3 | buffer written: 0 X, 1 N, 2 G, 3 H, 4 Y, 5 P, 6 K |\n"
    second = "| source | 3 | buffer read |\n"
    assert find_differences(TEXT.replace(first + second, second + first)) != []
