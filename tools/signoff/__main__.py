"""Write docs/signoff.md from what formal proofs, simulators and synthesis have measured.

python -m tools.signoff
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastcar.output import write_atomically
from tools.paths import DOCS
from tools.signoff.formal import format_section as format_formal
from tools.signoff.simulators import format_section as format_simulators
from tools.signoff.synthesis import format_section as format_synthesis

PAGE_NAME = "signoff.md"
TITLE = "# Sign-off by tools that this project did not write"
INTRODUCTION = """\
Written by `python -m tools.signoff` (`make signoff`). What a user gets, the Verilog that
`fastcar export` writes, is proven, simulated, synthesised and placed by public tools; all of them
install with `pip install 'fastcar[hdl]'`. Each section says which command made its numbers."""


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        numbers: file in docs/ that it is made from.
        command: what writes that file.
        format_section: lines of Markdown from the numbers.
    """

    numbers: str
    command: str
    format_section: Callable[[dict[str, Any]], list[str]]


SECTIONS = (
    Section("signoff_formal.json", "make formal", format_formal),
    Section("signoff_simulators.json", "make simulators", format_simulators),
    Section("signoff_synthesis.json", "make synth", format_synthesis),
)


def make_page(directory: Path) -> str:
    """The page; a part without numbers says which command makes them."""
    lines = [TITLE, "", INTRODUCTION]
    for section in SECTIONS:
        path = directory / section.numbers
        lines.append("")
        if path.is_file():
            lines += section.format_section(json.loads(path.read_text(encoding="utf-8")))
        else:
            lines.append(f"`{section.command}` has not been run.")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=DOCS, help="directory of numbers and page")
    directory = parser.parse_args().out
    with write_atomically(directory / PAGE_NAME) as partial:
        partial.write_text(make_page(directory), encoding="utf-8")


if __name__ == "__main__":
    main()
