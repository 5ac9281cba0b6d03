"""Questions of an analysis with their answers and stances."""

from __future__ import annotations

from fastcar.html_report.chart import Panel, make_panel
from fastcar.html_report.elements import Table
from fastcar.html_report.runs.analyze_run import AnalyzeRun

STANCES = {
    "agrees": "agrees",
    "partly": "agrees in part",
    "contradicts": "does not agree",
    "undecided": "cannot decide it",
    "no_claim": "has no claim to compare with",
}
"""Of a measurement towards the paper, by their names in reports."""


def make_answers_panel(run: AnalyzeRun, key: str) -> Panel:
    """One row a question."""
    rows = [(one.question, one.answer, STANCES.get(one.stance, one.stance)) for one in run.answers]
    table = Table(("question", "answer", "this measurement and the paper"), rows)
    return make_panel(key, "Answers", table.to_html())
