"""Tables and paragraphs of generated pages."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def format_table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Markdown table, columns padded so that it reads as text too; all but the first align right.

    >>> print(format_table(["measure", "x"], [["a", "1.5"], ["b", "22.5"]]))
    | measure |    x |
    | ------- | ---: |
    | a       |  1.5 |
    | b       | 22.5 |
    """
    widths = [max(map(len, column)) for column in zip(header, *lines, strict=True)]
    widths = [max(3, width) for width in widths]

    def join(cells: Sequence[str]) -> str:
        padded = [cells[0].ljust(widths[0])]
        padded += [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
        return f"| {' | '.join(padded)} |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([join(header), join(rule), *map(join, lines)])


def format_rows(columns: Mapping[str, str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Table of records: a format string for every column, filled with the values of each row.

    >>> print(format_rows({"name": "{name}", "share": "{part:.0%}"}, [{"name": "a", "part": 0.5}]))
    | name | share |
    | ---- | ----: |
    | a    |   50% |
    """
    lines = [[cell.format_map(row) for cell in columns.values()] for row in rows]
    return format_table(list(columns), lines)


def fill_paragraphs(page: str, width: int = 100) -> str:
    r"""Wrap the lines of every paragraph and list entry anew; tables, headings and code stay.

    >>> print(fill_paragraphs("a\nb\n\n- c\n  d\n"), end="")
    a b
    <BLANKLINE>
    - c d
    """
    blocks = page.strip("\n").split("\n\n")
    return "\n\n".join(_fill_block(block.strip("\n"), width) for block in blocks) + "\n"


def _fill_block(block: str, width: int) -> str:
    if block.startswith(("|", "#", "```", "![")):
        return block
    entries: list[list[str]] = []
    for line in block.splitlines():
        if line.startswith("- ") or not entries:
            entries.append([])
        entries[-1].append(line.strip())
    return "\n".join(
        textwrap.fill(
            " ".join(entry),
            width,
            subsequent_indent="  " if entry[0].startswith("- ") else "",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for entry in entries
    )
