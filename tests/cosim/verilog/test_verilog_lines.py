"""Lines are broken between words alone, and found again."""

from __future__ import annotations

import pytest

from fastcar.cosim.verilog.verilog import export_verilog
from fastcar.cosim.verilog.verilog_lines import MAX_LINE_CHARACTERS, break_lines, join_lines
from fastcar.rtl.config import TINY, TINY_DECODER, AcceleratorConfig


@pytest.mark.parametrize("config", [TINY, TINY_DECODER], ids=["tiny", "tiny-decoder"])
def test_statements_of_the_export_are_found_again(config: AcceleratorConfig) -> None:
    text = export_verilog(config).text
    joined = join_lines(text)
    assert max(len(line) for line in joined.splitlines()) > 2_000
    assert break_lines(joined) == text
    assert "".join(joined.split()) == "".join(text.split())
    assert max(map(len, text.splitlines())) <= MAX_LINE_CHARACTERS


def test_an_index_with_a_name_has_a_place_to_break() -> None:
    """And bits that are selected have not; the name of a memory alone may be too long."""
    memory, address = "memory" * 12, "address" * 9
    line = f"    assign word = {memory}[({address}_q[7:0])];"
    broken = break_lines(line)
    assert broken.split("\n")[-1] == f"      ({address}_q[7:0])];"
    assert join_lines(broken) == line


def test_a_run_of_parentheses_has_no_word_to_end_at() -> None:
    line = f"    assign sum = {'(' * 999}a{' ^ b)' * 999};"
    broken = break_lines(line)
    assert max(map(len, broken.split("\n"))) <= MAX_LINE_CHARACTERS
    assert "".join(broken.split()) == "".join(line.split())


@pytest.mark.parametrize(
    "line",
    [
        f'        $fatal(1, "{"a long claim, " * 20}");',
        f"    // {'a long comment ' * 20}",
        f"    reg {'a' * 200};",
        f"    assign short = {'a' * (MAX_LINE_CHARACTERS - 20)};",
    ],
)
def test_strings_comments_and_names_are_not_broken(line: str) -> None:
    words = [part for part in break_lines(line).split("\n") if part.strip()]
    assert join_lines("\n".join(words)) == line
    assert len(words) <= 2


def test_deeper_lines_are_not_taken_for_continuations() -> None:
    text = "    if (a) begin\n        b <= c;\n    end\n"
    assert join_lines(text) == text
