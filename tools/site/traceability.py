"""Which function, unit, test and proof stand for each idea of the paper (D-71).

Every name is looked up where it is defined: functions and classes are imported, tests are found in
their files, statements and formal proofs in their registries. An empty cell needs a reason, which
the page lists as open.
"""

from __future__ import annotations

import ast
import pkgutil
from collections.abc import Sequence
from pathlib import Path

from fastcar.proofs.formal.registry import MODULES
from fastcar.proofs.registry import STEMS
from tools.page import Json, Page
from tools.paths import ROOT
from tools.site.ideas import COLUMNS, IDEAS, Idea
from tools.site.tables import write_table


def find_faults_of_ideas(ideas: Sequence[Idea], root: Path = ROOT) -> list[str]:
    """A line for every name that does not exist, and for empty cells and reasons without a pair."""
    faults: list[str] = []
    for idea in ideas:
        for tree, name in (("reference", idea.reference), ("rtl", idea.unit)):
            if name and not is_importable(f"fastcar.{tree}.{name}"):
                faults.append(f"{idea.name}: no fastcar.{tree}.{name}")
        if idea.test and not is_test(root / "tests" / "cosim", idea.test):
            faults.append(f"{idea.name}: no test tests/cosim/{idea.test}")
        for proof in _split(idea.proof):
            if proof not in STEMS and proof not in MODULES:
                faults.append(f"{idea.name}: no statement or formal proof {proof}")
        empty = {column for column in COLUMNS if not getattr(idea, column)}
        faults += [
            f"{idea.name}: {name} is empty without a reason" for name in empty - {*idea.open}
        ]
        faults += [f"{idea.name}: {name} is open and not empty" for name in {*idea.open} - empty]
    return faults


def is_importable(name: str) -> bool:
    """Whether a dotted name is something in a module."""
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


def is_test(folder: Path, name: str) -> bool:
    """Whether `file::function` is a test that pytest collects from a folder."""
    file, _, function = name.partition("::")
    if not (folder / file).is_file() or not function.startswith("test_"):
        return False
    tree = ast.parse((folder / file).read_text(encoding="utf-8"))
    return any(isinstance(node, ast.FunctionDef) and node.name == function for node in tree.body)


def _split(proof: str) -> list[str]:
    return [part.strip() for part in proof.split(",") if part.strip()]


def make_tables(_: Json) -> dict[str, str]:
    """Blocks of the page: the table, and what is open."""
    rows = [[idea.name, *(_link(idea, column) for column in COLUMNS)] for idea in IDEAS]
    open_cells = [
        f"- {idea.name}, {COLUMNS[column]}: {idea.open[column]}."
        for idea in IDEAS
        for column in COLUMNS
        if column in idea.open
    ]
    return {
        "ideas": write_table(["idea", *COLUMNS.values()], rows),
        "open cells": "\n".join(open_cells),
    }


def _link(idea: Idea, column: str) -> str:
    """A cell: names with links to their files, "open" where there is none."""
    text: str = getattr(idea, column)
    if not text:
        return "open"
    if column == "proof":
        return ", ".join(_link_proof(part) for part in _split(text))
    if column == "test":
        file, _, function = text.partition("::")
        sentence = function.removeprefix("test_").replace("_", " ")
        return f"[{sentence}](../tests/cosim/{file})"
    tree = "reference" if column == "reference" else "rtl"
    module, _, name = text.rpartition(".")
    return f"[{name}](../{tree}/{module.replace('.', '/')}.py)"


def _link_proof(proof: str) -> str:
    if proof in STEMS:
        return f"[{proof}](bounds.md#{proof.lower()})"
    return f"[formal {proof}](../proofs/formal/{proof}.py)"


PAGE = Page("traceability.md", make_tables, lambda _: ())
