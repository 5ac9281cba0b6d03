"""A run of `fastcar analyze` (docs/analysis_schema.md)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fastcar.html_report.fields import Fields
from fastcar.html_report.runs.run import Origin, read_origin


@dataclass(frozen=True)
class QualityRow:
    """Teacher-forced quality of a gate at a ratio; the error is that of the mean over clips."""

    gate: str
    ratio: float
    nats: float
    nats_error: float


@dataclass(frozen=True)
class Answer:
    """A question, its answer in a sentence, and the stance towards the paper."""

    question: str
    answer: str
    stance: str


@dataclass(frozen=True)
class AnalyzeRun:
    """Answers and the curves of the gates.

    Attributes:
        origin: where it came from.
        answers: in the order of the page.
        gates: quality by gate and ratio; empty where it was not asked for.
        dense_nats: without replay; None likewise.
    """

    origin: Origin
    answers: tuple[Answer, ...]
    gates: tuple[QualityRow, ...]
    dense_nats: float | None


def is_analyze(values: dict[str, object]) -> bool:
    """Whether a report is one of `fastcar analyze`."""
    return {"findings", "answers", "settings", "model"} <= values.keys()


def read_analyze(path: Path, label: str, fields: Fields) -> AnalyzeRun:
    """Read a report.

    Raises:
        CheckpointError: a field that cannot be.
    """
    model, findings = fields.get("model"), fields.get("findings")
    rows: list[QualityRow] = []
    dense = None
    if findings.has("gate_comparison"):
        comparison = findings.get("gate_comparison")
        dense = comparison.get("dense").get_number("nats")
        rows = [
            QualityRow(
                row.get_text("gate"),
                row.get_number("ratio"),
                row.get_number("nats"),
                row.get_number("nats_error"),
            )
            for row in comparison.get_objects("rows")
        ]
    answers = tuple(
        Answer(one.get_text("question"), one.get_text("answer"), one.get_text("stance"))
        for one in fields.get_objects("answers")
    )
    settings = {**model.values, **fields.get("settings").values}
    origin = read_origin(path, label, fields, settings)
    return AnalyzeRun(origin, answers, tuple(rows), dense)
