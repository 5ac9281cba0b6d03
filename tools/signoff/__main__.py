"""Refresh docs/signoff.md from what formal proofs, simulators and synthesis have measured.

python -m tools.signoff

Exit code 1 if a sentence of the page is no longer true, 2 if numbers are missing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from fastcar.reference.errors import ArgumentError, FastCarError
from tools.page import Claim, Page, tell_faults
from tools.paths import DOCS
from tools.signoff import formal, simulators, synthesis

Json = dict[str, Any]

SECTIONS: dict[str, tuple[ModuleType, str]] = {
    "signoff_formal.json": (formal, "make formal"),
    "signoff_simulators.json": (simulators, "make simulators"),
    "signoff_synthesis.json": (synthesis, "make synth"),
}
"""By file of numbers: tables and claims, and what writes the file."""


def read_numbers(directory: Path) -> Json:
    """Content of every file of numbers, by name.

    Raises:
        ArgumentError: one is missing.
    """
    for name, (_, command) in SECTIONS.items():
        if not (directory / name).is_file():
            raise ArgumentError("out", str(directory), f"with {name}, which `{command}` writes")
    return {name: json.loads((directory / name).read_text(encoding="utf-8")) for name in SECTIONS}


def make_tables(report: Json) -> dict[str, str]:
    """Every block of the page by name."""
    tables: dict[str, str] = {}
    for name, (section, _) in SECTIONS.items():
        tables |= section.make_tables(report[name])
    return tables


def make_claims(report: Json) -> Iterator[Claim]:
    """Every claim of the page, section by section."""
    for name, (section, _) in SECTIONS.items():
        yield from section.make_claims(report[name])


PAGE = Page("signoff.md", make_tables, make_claims)


def main(arguments: list[str] | None = None) -> int:
    """Command line; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=DOCS, help="directory of numbers and page")
    directory = parser.parse_args(arguments).out
    try:
        return tell_faults(PAGE.refresh(read_numbers(directory), directory))
    except FastCarError as error:
        print(f"signoff: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
