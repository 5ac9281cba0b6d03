"""Planted bugs of the documentation and of what checks it."""

from __future__ import annotations

from tools.mutants.mutant import Mutant, name_test_file


def _bug(stem: str, name: str, old: str, new: str) -> Mutant:
    """A mutant of `tools/site/<stem>.py`; the test of that file must notice."""
    path = f"tools/site/{stem}"
    return Mutant(f"site: {name}", f"{path}.py", old, new, (name_test_file(path),))


SITE_MUTANTS = (
    _bug(
        "links",
        "a place that is not on its page passes",
        "anchor not in pages[target].anchors",
        "not target",
    ),
    _bug("links", "any address outside passes", 'parts.scheme == "https" and', "True or"),
    _bug(
        "traceability",
        "a test of another name passes",
        "node.name == function for",
        "bool(node.name) for",
    ),
    _bug("traceability", "a cell may be empty without a reason", "empty - {*idea.open}", "()"),
    _bug(
        "specification",
        "any words pass for an error",
        'not found.get(number, "").startswith(name)',
        "number not in found",
    ),
    Mutant(
        "site: warnings of Sphinx are none of a fault",
        "tools/site/__main__.py",
        "warningiserror=True",
        "warningiserror=False",
        (name_test_file("tools/site/main"),),
    ),
    Mutant(
        "site: fields stand in another order than the specification says",
        "rtl/instruction.py",
        '    ("gate_shift", 2),\n    ("hidden_shift", 6),\n',
        '    ("hidden_shift", 6),\n    ("gate_shift", 2),\n',
        (name_test_file("tools/site/specification"),),
    ),
    Mutant(
        "site: the page deals from the second core on",
        "docs/algorithm.md",
        "mapping, pointer = [], 0",
        "mapping, pointer = [], 1",
        ("tests/test_algorithm_page.py",),
    ),
)
"""All planted bugs of these files."""
