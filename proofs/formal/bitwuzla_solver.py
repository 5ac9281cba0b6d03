"""Bitwuzla as a program that yosys-smtbmc starts: pip brings its Python module only.

Bitwuzla decides equalities between multiplications that z3 does not. yosys-smtbmc finds a solver by
its name on PATH; `make_solver` writes a program of that name which runs `main` here: SMT-LIB
commands from standard input, answers to standard output. The module's own parser loses its count of
scopes between two texts, so push and pop go to the solver directly; the declarations in between
stay, and yosys-smtbmc gives every one of them a new name. Values are asked for directly as well,
because the parser prints them to a buffer that nothing empties.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastcar.reference.errors import ArgumentError

_QUOTED = re.compile(r'\|[^|]*\||"[^"]*"')
_TOKEN = re.compile(r"\|[^|]*\||[()]|[^\s()|]+")
_VALUES = re.compile(r"\(get-value \((.*)\)\)", re.DOTALL)
_SCOPE = re.compile(r"\((push|pop)\s+(\d+)\)")


def make_solver(folder: Path, limit_seconds: float, extra: str) -> None:
    """Write the program `bitwuzla` into a folder; it ends by itself after a while.

    Raises:
        ArgumentError: the Python module is not installed.
    """
    get_version(extra)
    package = find_spec("fastcar")
    assert package is not None
    assert package.origin is not None
    root = Path(package.origin).parents[1]
    program = folder / "bitwuzla"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(root)!r})\n"
        f"from fastcar.proofs.formal.bitwuzla_solver import main\nmain({limit_seconds!r})\n",
        encoding="utf-8",
    )
    program.chmod(0o755)


def get_version(extra: str) -> str:
    """Version of the Python module.

    Raises:
        ArgumentError: it is not installed.
    """
    if find_spec("bitwuzla") is None:
        raise ArgumentError("bitwuzla", "not found", f"installed: pip install 'fastcar[{extra}]'")
    return version("bitwuzla")


def split_commands(lines: Iterable[str]) -> Iterator[str]:
    r"""Complete commands; one may run over several lines.

    >>> list(split_commands(["(set-logic QF_BV)", "(assert", "  true)"]))
    ['(set-logic QF_BV)', '(assert\n  true)']
    """
    pending: list[str] = []
    depth = 0
    for line in lines:
        pending.append(line.rstrip("\n"))
        code = _QUOTED.sub("", line).partition(";")[0]
        depth += code.count("(") - code.count(")")
        if depth <= 0:
            command = "\n".join(pending).strip()
            pending, depth = [], 0
            if command and not command.startswith(";"):
                yield command


def main(limit_seconds: float) -> None:
    """Answer commands until `(exit)` or the end of the input; each check has a limit."""
    bitwuzla: Any = import_module("bitwuzla")
    options = bitwuzla.Options()
    options.set(bitwuzla.Option.PRODUCE_MODELS, True)
    options.set(bitwuzla.Option.TIME_LIMIT_PER, int(1000 * limit_seconds))
    parser: Any = bitwuzla.Parser(bitwuzla.TermManager(), options, "smt2")
    parser.parse("(set-logic QF_AUFBV)", False, False)
    for command in split_commands(sys.stdin):
        if command.startswith("(exit"):
            return
        _execute(parser, command)
        sys.stdout.flush()


def _execute(parser: Any, command: str) -> None:
    """One command; what goes wrong is said the SMT-LIB way, and yosys-smtbmc gives up."""
    try:
        if scope := _SCOPE.fullmatch(command):
            getattr(parser.bitwuzla(), scope[1])(int(scope[2]))
        elif command == "(check-sat)":
            print(parser.bitwuzla().check_sat().name.lower())
        elif values := _VALUES.fullmatch(command):
            print(_get_values(parser, values[1]))
        elif not command.startswith("(set-logic"):
            parser.parse(command, False, False)
    except Exception as error:  # The module has no class of its own.
        text = str(error).replace('"', "'")
        print(f'(error "{text}")')


def _get_values(parser: Any, texts: str) -> str:
    """Terms and their values in the solver's model."""
    values = []
    for text in _split_terms(texts):
        value = parser.bitwuzla().get_value(parser.parse_term(text))
        values.append(f"({text} {value})")
    return f"({' '.join(values)})"


def _split_terms(texts: str) -> Iterator[str]:
    """Terms that stand one after the other.

    >>> list(_split_terms("|a b| (f (g x)) y"))
    ['|a b|', '(f (g x))', 'y']
    """
    depth, pending = 0, ""
    for token in _TOKEN.findall(texts):
        if depth and token != ")" and not pending.endswith("("):
            pending += " "
        pending += token
        depth += (token == "(") - (token == ")")
        if not depth:
            yield pending
            pending = ""
