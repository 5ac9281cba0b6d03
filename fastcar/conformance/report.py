"""Results for people, for machines, and as a badge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

from fastcar.conformance.case import KIT_VERSION
from fastcar.conformance.comparison import Outcome, Verdict
from fastcar.conformance.kit import CASES

_COLOURS = {True: "#2e7d32", False: "#b71c1c"}
_LETTER_PIXELS = 7


def has_passed(outcomes: Sequence[Outcome]) -> bool:
    """Whether everything that was asked for was answered and passed."""
    return all(outcome.verdict is Verdict.PASSED for outcome in outcomes)


def count_passed(outcomes: Sequence[Outcome]) -> str:
    """`27 of 30 passed`, and what was not answered."""
    passed = sum(outcome.verdict is Verdict.PASSED for outcome in outcomes)
    silent = sum(outcome.verdict is Verdict.NOT_ANSWERED for outcome in outcomes)
    text = f"{passed} of {len(outcomes)} passed"
    return f"{text}, {silent} not answered" if silent else text


def format_table(outcomes: Sequence[Outcome]) -> str:
    """A line per instance: verdict, largest error against its tolerance, first difference."""
    width = max(len(outcome.label) for outcome in outcomes)
    lines = []
    for outcome in outcomes:
        error = "exact"
        if outcome.error is not None and outcome.tolerance is not None:
            error = f"{outcome.error:.1e} of {outcome.tolerance:.1e}"
        if outcome.verdict is Verdict.NOT_ANSWERED:
            error = ""
        line = f"{outcome.label:{width}}  {outcome.verdict.value:12}  {error:18}  {outcome.reason}"
        lines.append(line.rstrip())
    return "\n".join([*lines, f"kit {KIT_VERSION}: {count_passed(outcomes)}"])


def make_report(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """JSON values; an error that is not finite is null."""
    return {
        "kit_version": KIT_VERSION,
        "passed": has_passed(outcomes),
        "instances": [
            {
                "name": outcome.label,
                "verdict": outcome.verdict.value,
                "largest_error": None if outcome.error == float("inf") else outcome.error,
                "tolerance": outcome.tolerance,
                "reason": outcome.reason,
            }
            for outcome in outcomes
        ],
    }


def _list_names(outcomes: Sequence[Outcome]) -> list[str]:
    """A case where all its instances were asked for, else their labels: no badge claims more."""
    labels = {outcome.label for outcome in outcomes}
    names = []
    for case in CASES:
        asked = [one.label for one in case.make_instances() if one.label in labels]
        names += [case.name] if len(asked) == len(case.make_instances()) else asked
    return names


def draw_badge(outcomes: Sequence[Outcome]) -> str:
    """An SVG of one line: name and version of the kit, the cases, how many passed."""
    left = f"cache attentive replay, kit {KIT_VERSION}"
    right = f"{', '.join(_list_names(outcomes))}: {count_passed(outcomes)}"
    start = len(left) * _LETTER_PIXELS + 16
    width = start + len(right) * _LETTER_PIXELS + 16
    colour = _COLOURS[has_passed(outcomes)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img">\n'
        f"<title>{escape(left)}: {escape(right)}</title>\n"
        f'<rect width="{start}" height="20" fill="#444"/>\n'
        f'<rect x="{start}" width="{width - start}" height="20" fill="{colour}"/>\n'
        '<g fill="#fff" font-family="monospace" font-size="11">\n'
        f'<text x="8" y="14">{escape(left)}</text>\n'
        f'<text x="{start + 8}" y="14">{escape(right)}</text>\n'
        "</g>\n</svg>\n"
    )
