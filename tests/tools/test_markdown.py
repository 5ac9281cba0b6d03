from __future__ import annotations

import pytest

from tools.markdown import fill_paragraphs, format_table


def test_columns_are_padded_and_numbers_align_right() -> None:
    lines = format_table(["name", "n"], [["a", "10"], ["long name", "5"]]).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[2:] == ["| a         |  10 |", "| long name |   5 |"]


def test_a_short_line_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        format_table(["a", "b"], [["1"]])


def test_paragraphs_are_filled_and_the_rest_stays() -> None:
    code = "```console\n" + "word " * 40 + "\n```"
    page = f"# Title\n\none\ntwo {'word ' * 30}\n\n- a\n- b\n  c\n\n| x |\n| - |\n\n{code}\n"
    blocks = fill_paragraphs(page, width=40).split("\n\n")
    assert blocks[0] == "# Title"
    assert blocks[1].startswith("one two word")
    assert all(len(line) <= 40 for line in blocks[1].splitlines())
    assert blocks[2] == "- a\n- b c"
    assert blocks[3:] == ["| x |\n| - |", code + "\n"]
