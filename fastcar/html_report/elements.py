"""Pieces of HTML; every text from outside is escaped where it becomes one."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

MAX_ROWS = 400
"""Rows of a table; what is beyond them is counted, not shown."""


@dataclass(frozen=True)
class Table:
    """Numbers behind a chart, or a table of its own; all cells are text.

    Attributes:
        header: of the columns; the first one names the rows.
        rows: as wide as the header.
    """

    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    def to_html(self) -> str:
        """The table, its first column as headers of its rows.

        >>> Table(("gate", "ratio"), [("<tas>", "0.5")]).to_html().count("&lt;tas&gt;")
        1
        """
        head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in self.header)
        body = "".join(map(_make_row, self.rows[:MAX_ROWS]))
        left = len(self.rows) - MAX_ROWS
        more = f"<p>{left:,} more rows are left out.</p>" if left > 0 else ""
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"
        return f'<div class="scrolled" tabindex="0" role="group" aria-label="table">{table}</div>'


def _make_row(row: Sequence[str]) -> str:
    first, *cells = (escape(cell) for cell in row)
    return f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


def make_pairs(pairs: Mapping[str, str]) -> str:
    """Names and what belongs to them."""
    rows = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in pairs.items()
    )
    return f"<dl>{rows}</dl>"


def make_details(summary: str, content: str, is_open: bool = False) -> str:
    """What opens on a click or a key."""
    state = " open" if is_open else ""
    return f"<details{state}><summary>{escape(summary)}</summary>{content}</details>"


def make_paragraphs(lines: Iterable[str], kind: str = "") -> str:
    """One paragraph a line."""
    name = f' class="{kind}"' if kind else ""
    return "".join(f"<p{name}>{escape(line)}</p>" for line in lines)


def make_button(key: str, text: str, action: str) -> str:
    """A button that the script knows by its action."""
    return f'<button type="button" id="{key}" data-action="{action}">{escape(text)}</button>'


def format_command(words: Sequence[str]) -> str:
    """A command line that a shell takes.

    >>> format_command(["generate", "--prompt", "3 up"])
    "fastcar generate --prompt '3 up'"
    """
    return shlex.join(["fastcar", *words])


def format_number(value: float | None, digits: int = 4) -> str:
    """A number in a cell; a dash for none.

    >>> format_number(0.123456), format_number(None), format_number(1234567)
    ('0.1235', '-', '1,234,567')
    """
    if value is None:
        return "-"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:.{digits}g}"


def format_share(share: float | None) -> str:
    """A share as a percentage."""
    return "-" if share is None else f"{100 * share:.1f} %"
