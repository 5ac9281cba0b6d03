"""What a planted bug is: text that stands once in the code, and what replaces it."""

from __future__ import annotations

from dataclasses import dataclass


class MutantError(Exception):
    """The list does not fit the code, or a run says nothing about it."""


@dataclass(frozen=True)
class Mutant:
    """One bug.

    Attributes:
        name: what is wrong, in words.
        path: file, from the root of the repository.
        old: text that stands there exactly once.
        new: what replaces it.
        tests: test files, or `file::test`, that must notice, the quickest first.
    """

    name: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]


def name_test_file(path: str) -> str:
    """The test file of a module, both from the root of the repository without `.py`.

    >>> name_test_file("reference/integer/units")
    'tests/reference/integer/test_units.py'
    """
    folder, _, stem = path.rpartition("/")
    return f"tests/{folder}/test_{stem}.py"


def compute_mutated(source: str, mutant: Mutant) -> str:
    """The source with the bug; raises MutantError unless the text stands there exactly once."""
    found = source.count(mutant.old)
    if found != 1:
        raise MutantError(f"{mutant.name}: text found {found} times in {mutant.path}: must be once")
    return source.replace(mutant.old, mutant.new)
