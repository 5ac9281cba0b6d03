"""Tables of words: every column begins at the left, as text does."""

from __future__ import annotations

from collections.abc import Sequence


def write_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown table, columns padded so that it reads as text too.

    >>> print(write_table(["port", "meaning"], [["`clk`", "clock"]]))
    | port  | meaning |
    | ----- | ------- |
    | `clk` | clock   |
    """
    widths = [max(3, *map(len, column)) for column in zip(header, *rows, strict=True)]

    def join(cells: Sequence[str]) -> str:
        padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
        return f"| {' | '.join(padded)} |"

    return "\n".join([join(header), join(["-" * width for width in widths]), *map(join, rows)])
