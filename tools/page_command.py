"""Command lines that measure for minutes, write numbers and refresh a page of docs/.

What cannot be written is refused before anything is measured; nothing in the directory changes
before everything is.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fastcar.output import check_writable, write_atomically
from fastcar.reference.errors import ArgumentError, FastCarError
from fastcar.reference.video.model import SHIPPED_MODEL
from tools.page import Json, tell_faults
from tools.paths import DOCS


def make_parser(
    description: str | None, quick: str = "", processes: int = 0
) -> argparse.ArgumentParser:
    """Options that these commands share.

    Args:
        description: docstring of the module; its first line is shown.
        quick: what --quick measures; without it there is no such option.
        processes: default of --processes; 0 leaves it out.
    """
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=DOCS, help="directory of the page")
    parser.add_argument("--checkpoint", type=Path, default=SHIPPED_MODEL, help="video model")
    parser.add_argument("--rewrite", action="store_true", help="measure nothing anew")
    if quick:
        parser.add_argument("--quick", action="store_true", help=quick)
    if processes:
        parser.add_argument("--processes", type=int, default=processes, help="workers")
    return parser


@dataclass(frozen=True)
class PageCommand:
    """What `python -m tools.<name>` does.

    Attributes:
        name: of the tool, in front of refusals.
        outputs: files that it replaces, numbers first.
        measure: the numbers, from the command line.
        write: replaces the files of a directory; a line for each claim of the page that is false.
    """

    name: str
    outputs: tuple[str, ...]
    measure: Callable[[argparse.Namespace], Json]
    write: Callable[[Json, Path], list[str]]

    def run(self, arguments: argparse.Namespace) -> int:
        """Measure or read, then write; 1 if the prose is no longer true, 2 for a refusal, else 0.

        The prose is about a full run: a quick one does not judge it.
        """
        try:
            for name in self.outputs:
                check_writable(arguments.out / name)
            if arguments.rewrite:
                report = read_numbers(arguments.out / self.outputs[0])
            else:
                report = self.measure(arguments)
            faults = self.write(report, arguments.out)
        except FastCarError as error:
            print(f"{self.name}: {error}", file=sys.stderr)
            return 2
        return 0 if getattr(arguments, "quick", False) else tell_faults(faults)


def read_numbers(path: Path) -> Json:
    """Numbers of an earlier run.

    Raises:
        ArgumentError: there are none.
    """
    if not path.is_file():
        raise ArgumentError("out", str(path.parent), f"a directory with {path.name}")
    report: Json = json.loads(path.read_text(encoding="utf-8"))
    return report


def write_numbers(report: Json, path: Path) -> Json:
    """Replace a file of numbers; the report as it will be read."""
    text = json.dumps(report, indent=1, allow_nan=False) + "\n"
    with write_atomically(path) as partial:
        partial.write_text(text, encoding="utf-8")
    read: Json = json.loads(text)
    return read
