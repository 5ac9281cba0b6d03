"""The tables of docs/accelerator.md, and whether they are what the code does.

The page is written by hand, because it says what the hardware is to be. Its numbers stand in the
code as well; a field, opcode, option or error that is another one there is told.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from fastcar.rtl.instruction import DISTANCE_BIT, FIELDS, FLOW_BIT, OPTIONS, STATIC_BIT, Opcode
from fastcar.rtl.instruction_check import ErrorCode
from fastcar.rtl.instruction_form import OPTIONS_OF
from tools.paths import DOCS

PAGE = DOCS / "accelerator.md"


def read_specification(path: Path = PAGE) -> str:
    """The text of the page."""
    return path.read_text(encoding="utf-8")


def read_table(text: str, columns: Sequence[str]) -> list[list[str]]:
    """Rows of all tables of a page with these headings, cells without their spaces."""
    head = "| " + " | ".join(columns) + " |"
    rows: list[list[str]] = []
    lines = iter(text.splitlines())
    for line in lines:
        if line == head:
            next(lines)
            for row in lines:
                if not row.startswith("|"):
                    break
                rows.append([cell.strip() for cell in row.strip("|").split(" | ")])
    return rows


def read_fields(text: str) -> list[list[str]]:
    """Field, bits, meaning."""
    return read_table(text, ("field", "bits", "meaning"))


def read_opcodes(text: str) -> list[list[str]]:
    """Number and name, executed by, effect; those of section 2, then those of section 8."""
    return read_table(text, ("opcode", "executed by", "effect"))


def read_options(text: str) -> list[list[str]]:
    """Option, bits, of which opcodes, meaning."""
    return read_table(text, ("option", "bits", "of", "meaning"))


def read_errors(text: str) -> dict[int, str]:
    """Words of every error code in section 5."""
    section = text.partition("\n## 5.")[2].partition("\n## 6.")[0]
    listed = " ".join(section.partition("instruction: ")[2].split()).partition(". SCORE")[0]
    found = re.findall(r"(\d+) ([a-z][^,;:(]*)", re.sub(r"\([^)]*\)", "", listed))
    return {int(number): words.strip() for number, words in found}


def find_differences(text: str) -> list[str]:
    """A line for everything that the page says otherwise than the code."""
    return [
        *_compare("field", [(row[0], row[1]) for row in read_fields(text)], FIELDS),
        *_compare(
            "opcode",
            [tuple(reversed(row[0].split(" ", 1))) for row in read_opcodes(text)],
            [(one.name, int(one)) for one in Opcode],
        ),
        *_compare_executors(text),
        *_compare("option", [(row[0], row[1]) for row in read_options(text)], OPTIONS),
        *_compare_owners(text),
        *_compare_begin(text),
        *_compare_errors(text),
    ]


def _compare(
    kind: str, found: Sequence[tuple[str, ...]], wanted: Sequence[tuple[str, int]]
) -> list[str]:
    """Names and numbers in their order."""
    numbers = [(name, str(number)) for name, number in wanted]
    if list(found) == numbers:
        return []
    wrong = [pair for pair in numbers if pair not in found] or numbers
    return [f"{kind} {' '.join(map(str, pair))} is not in its place" for pair in wrong]


def _compare_executors(text: str) -> list[str]:
    return [
        f"{name} is executed by the {where}"
        for row in read_opcodes(text)
        for name, where in [(row[0].split(" ", 1)[-1], row[1])]
        if name in Opcode.__members__ and (where == "core") != Opcode[name].is_for_core
    ]


def _compare_owners(text: str) -> list[str]:
    """Which opcodes have an option."""
    faults = []
    for name, _, owners, _ in read_options(text):
        wanted = {opcode.name for opcode, options in OPTIONS_OF.items() if name in options}
        if set(owners.split(", ")) != wanted:
            faults.append(f"option {name} is of {owners}")
    return faults


def _compare_begin(text: str) -> list[str]:
    """Bits of `shift` in BEGIN."""
    words = " ".join(text.split())
    claims = (
        (STATIC_BIT, "shift bit {}: 1 = static mapping"),
        (DISTANCE_BIT, "shift bit {}: 1 = DISTANCE decides"),
        (FLOW_BIT, "`shift` bit {} of BEGIN lets a layer *flow*"),
    )
    return [f"missing: {one}" for bit, form in claims if (one := form.format(bit)) not in words]


def _compare_errors(text: str) -> list[str]:
    found = read_errors(text)
    wanted = {int(code): code.name.lower().replace("_", " ") for code in ErrorCode if code}
    return [
        f"error {number} is {found.get(number)!r}, must be {name!r}"
        for number, name in wanted.items()
        if not found.get(number, "").startswith(name)
    ] + [f"error {number} is none of the code" for number in found.keys() - wanted.keys()]
