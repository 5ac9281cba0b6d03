"""Docstrings as Markdown: they are written so, but for the sections of Google's style (D-70)."""

from __future__ import annotations

import inspect
import re
import textwrap

SECTIONS = {
    "Args": "Parameters",
    "Attributes": "Attributes",
    "Returns": "Returns",
    "Yields": "Yields",
    "Raises": "Raises",
}
"""Heading of a section by the word that begins it."""

_HEAD = re.compile(rf"^({'|'.join(SECTIONS)}):$")
_ENTRY = re.compile(r"^(?P<name>[*\w.]+(?:, [*\w.]+)*): (?P<meaning>.*)$", re.DOTALL)


def format_docstring(docstring: str) -> str:
    r"""Markdown of a docstring.

    >>> print(format_docstring("What it does.\n\nArgs:\n    rows: [B],\n        each."))
    What it does.
    <BLANKLINE>
    **Parameters**
    <BLANKLINE>
    - `rows`: [B],
      each.
    """
    blocks = _split_sections(inspect.cleandoc(docstring))
    parts = [
        _mark_examples(text) if not head else f"**{SECTIONS[head]}**\n\n{_format_entries(text)}"
        for head, text in blocks
        if text.strip()
    ]
    return "\n\n".join(parts)


def _split_sections(text: str) -> list[tuple[str, str]]:
    """Parts of a docstring, each with the word that begins its section; "" for prose."""
    blocks: list[tuple[str, list[str]]] = [("", [])]
    for line in text.splitlines():
        match = _HEAD.match(line)
        if match:
            blocks.append((match[1], []))
        elif blocks[-1][0] and line and not line.startswith(" "):
            blocks.append(("", [line]))
        else:
            blocks[-1][1].append(line)
    return [(head, "\n".join(lines).strip("\n")) for head, lines in blocks]


def _format_entries(text: str) -> str:
    """A section: entries as a list, or prose."""
    body = textwrap.dedent(text)
    entries = re.split(r"\n(?=\S)", body)
    if not all(_ENTRY.match(entry) for entry in entries):
        return body
    lines = []
    for entry in entries:
        match = _ENTRY.match(entry)
        assert match is not None
        meaning = re.sub(r"\n\s*", "\n  ", match["meaning"].strip())
        lines.append(f"- `{match['name']}`: {meaning}")
    return "\n".join(lines)


def _mark_examples(text: str) -> str:
    """Prose whose examples are blocks of code."""
    blocks = re.split(r"\n\s*\n", text.strip("\n"))
    shown: list[str] = []
    is_example = False
    for block in blocks:
        if block.lstrip().startswith(">>>"):
            if is_example:
                shown[-1] += "\n\n" + block
            else:
                shown.append(block)
            is_example = True
        else:
            shown.append(block)
            is_example = False
    return "\n\n".join(
        f"```pycon\n{textwrap.dedent(block)}\n```" if block.lstrip().startswith(">>>") else block
        for block in shown
    )
