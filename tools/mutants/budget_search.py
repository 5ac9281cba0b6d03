"""Planted bugs of the search for a budget: what counts, what it costs, how layers are spread."""

from __future__ import annotations

from tools.mutants.mutant import Mutant, name_test_file

_SEARCH = "tests/fastcar/budget_search/test_search.py"


def _bug(stem: str, name: str, old: str, new: str) -> Mutant:
    """A mutant of `fastcar/budget_search/<stem>.py`."""
    path = f"fastcar/budget_search/{stem}.py"
    return Mutant(f"budget search: {name}", path, old, new, (_SEARCH,))


def _spread(name: str, old: str, new: str) -> Mutant:
    """A mutant of `reference/allocation.py`."""
    path = "reference/allocation"
    return Mutant(f"allocation: {name}", f"{path}.py", old, new, (name_test_file(path),))


BUDGET_SEARCH_MUTANTS = (
    _bug(
        "candidates",
        "what exceeds the budget counts",
        "kept = [trial for trial in trials if trial.keeps(budget)]",
        "kept = list(trials)",
    ),
    _bug(
        "candidates",
        "the most loss wins",
        "return min(kept, key=lambda trial: trial.loss)",
        "return max(kept, key=lambda trial: trial.loss)",
    ),
    _bug(
        "search",
        "single gates are forgotten",
        "trials = list(singles)",
        "trials = singles[:0]",
    ),
    _bug(
        "clips",
        "corrections are free",
        "correction=count_correction_multiplications(candidate.rank, config),",
        "correction=0,",
    ),
    _bug(
        "clips",
        "curves are of all layers at once",
        "values: list[float | None] = [None] * dense.measures.shape[1]",
        "values: list[float | None] = [threshold] * dense.measures.shape[1]",
    ),
    _spread(
        "points above the hull stay",
        "while len(hull) > 1 and _is_above(hull[-2], hull[-1], (share, loss)):",
        "while False:",
    ),
    _spread(
        "the steepest slope first",
        "in sorted(pieces):",
        "in sorted(pieces, reverse=True):",
    ),
)
"""Every planted bug of these files."""
