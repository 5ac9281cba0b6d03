"""Tables of generated pages."""

from __future__ import annotations

from collections.abc import Sequence


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
