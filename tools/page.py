"""Pages of docs/: tables come from the numbers, prose is written by hand, its claims are checked.

A page has blocks that a command fills, and words around them that it leaves alone:

    <!-- table: growth -->
    ...
    <!-- end -->

A `Claim` is what the words say about the numbers: a text, with its numbers formatted from the
report, that must stand in the prose, and whether the report bears it out. So a new measurement
brings new tables by itself, and a list of the sentences that somebody has to write anew.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastcar.output import write_atomically
from fastcar.reference.errors import FastCarError
from tools.paths import DOCS

Json = dict[str, Any]

BLOCK = re.compile(r"<!-- table: (?P<name>[^>]+) -->\n(?P<text>.*?)<!-- end -->", re.DOTALL)


class PageError(FastCarError):
    """A page has other blocks than its command fills."""


@dataclass(frozen=True)
class Claim:
    """What the prose of a page says about its numbers.

    Attributes:
        text: words that must stand in the prose, however the lines break; numbers in them are
            formatted from the report.
        holds: whether the report bears out what the words say beyond their numbers.
    """

    text: str
    holds: bool = True


@dataclass(frozen=True)
class Page:
    """A page of docs/.

    Attributes:
        name: of its file.
        make_tables: text of every block by name, from the report.
        make_claims: what the prose says, from the report.
    """

    name: str
    make_tables: Callable[[Json], Mapping[str, str]]
    make_claims: Callable[[Json], Iterable[Claim]]

    def refresh(self, report: Json, directory: Path = DOCS) -> list[str]:
        """Fill the tables of the page of a directory and judge its prose.

        Args:
            report: the numbers.
            directory: of the page; where it has none, the prose is that of docs/.

        Returns:
            A line for each claim that is false or does not stand in the page.

        Raises:
            PageError: the page has other blocks than the report fills.
        """
        path = directory / self.name
        source = path if path.is_file() else DOCS / self.name
        page = fill(source.read_text(encoding="utf-8"), self.make_tables(report))
        with write_atomically(path) as partial:
            partial.write_text(page, encoding="utf-8")
        return [f"{path}: {fault}" for fault in find_faults(page, self.make_claims(report))]


def tell_faults(faults: Iterable[str]) -> int:
    """A line on stderr for each; the exit code of a command that found them."""
    found = list(faults)
    for fault in found:
        print(fault, file=sys.stderr)
    return 1 if found else 0


def fill(page: str, tables: Mapping[str, str]) -> str:
    r"""The page with every block replaced.

    Raises:
        PageError: a block without a text, or a text without its block.

    >>> fill("<!-- table: a -->\nold\n<!-- end -->\n", {"a": "new"})
    '<!-- table: a -->\n\nnew\n\n<!-- end -->\n'
    """
    blocks = [block["name"] for block in BLOCK.finditer(page)]
    if sorted(blocks) != sorted(tables):
        raise PageError(f"blocks of the page: {sorted(blocks)}, must be {sorted(tables)}")
    return BLOCK.sub(
        lambda block: f"<!-- table: {block['name']} -->\n\n{tables[block['name']]}\n\n<!-- end -->",
        page,
    )


def find_faults(page: str, claims: Iterable[Claim]) -> list[str]:
    r"""A line for each claim that is false or that the prose, its tables aside, does not hold.

    >>> find_faults("Two are\nmet.", [Claim("Two are met."), Claim("met", False), Claim("3")])
    ['no longer true: met', 'does not stand in the page: 3']
    """
    prose = join_lines(BLOCK.sub(" | ", page))
    faults = []
    for claim in claims:
        text = join_lines(claim.text)
        if not claim.holds:
            faults.append(f"no longer true: {text}")
        elif text not in prose:
            faults.append(f"does not stand in the page: {text}")
    return faults


def join_lines(text: str) -> str:
    """The words of a text with one space between them."""
    return " ".join(text.split())
