"""Lines of Verilog that every tool and every reader takes: long statements are broken at spaces.

PyRTL writes a statement on one line, however long: Verilator stops at 40,000 tokens on a line.
Lines are indented by multiples of 4; the lines that go on with a statement by 2 more, so that
`join_lines` finds them again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_LINE_CHARACTERS = 120
"""Longer is only what has no place to break: a comment, a string, a name."""

_WORD = re.compile(r'(?:"(?:\\.|[^"\\])*"|[^ "])+')
"""What has no space outside of a string."""
_PARENTHESES = re.compile(r"\({64}(?=\()")
"""A sum of many lanes begins with as many of them."""
_INDEX = re.compile(r"\w\[(?=\(?[a-z])")
"""A word that is too long for a line breaks behind the bracket of an index that has a name."""
_CONTINUED = re.compile(r"(\[?)\n(?:    )*  (?! )")


def break_lines(text: str) -> str:
    r"""The same text, its long statements on several lines.

    >>> text = break_lines("    assign sum = " + " + ".join(["addend"] * 40) + ";\n")
    >>> len(text.splitlines()), max(len(line) for line in text.splitlines()) <= 120
    (4, True)
    >>> print(break_lines(f"    {'memory' * 12}[{'address' * 9}_q] <= word;"))  # doctest: +ELLIPSIS
        memory...memory[
          address...address_q] <= word;
    """
    return "\n".join(part for line in text.split("\n") for part in _break_line(line))


def join_lines(text: str) -> str:
    r"""Every statement on one line again: the inverse of `break_lines`.

    >>> join_lines("    assign sum =\n      (left + right);\n")
    '    assign sum = (left + right);\n'
    """
    return _CONTINUED.sub(lambda match: match[1] or " ", text)


def _break_line(line: str) -> Iterator[str]:
    """A line, or its parts; a line with a comment stays."""
    if len(line) <= MAX_LINE_CHARACTERS or "//" in line:
        yield line
        return
    indent = line[: len(line) - len(line.lstrip())]
    part = ""
    for word in _WORD.findall(_PARENTHESES.sub(r"\g<0> ", line)):
        if part and len(part) + 1 + len(word) > MAX_LINE_CHARACTERS:
            yield part
            part = f"{indent}  {word}"
        else:
            part = f"{part} {word}" if part else f"{indent}{word}"
        while len(part) > MAX_LINE_CHARACTERS and (index := _INDEX.search(part)):
            yield part[: index.end()]
            part = f"{indent}  {part[index.end() :]}"
    yield part
