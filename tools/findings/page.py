"""The page that sets both models side by side, and the page of each."""

from __future__ import annotations

import tempfile
from pathlib import Path

from fastcar.analysis.finding import Json, Stance, Table, to_nats, to_percent
from fastcar.analysis.gate_comparison import KEY as COMPARISON
from fastcar.analysis.report import QUESTIONS, make_anchor, write_report
from fastcar.output import write_atomically
from tools.findings.models import LOADERS

PAGE_NAME = "findings.md"
INTRODUCTION = """# Findings

The figures of the paper (arXiv:2505.14709v1) and its open questions, measured on both shipped
models by `make findings`. Every sentence with a value is chosen by code from the measurement; the
paper's claims, tables and figures are on the page of each model, to which the answers lead. What
each gate is worth, those of peers among them: [replay_value.md](replay_value.md).
"""


def get_stem(model: str) -> str:
    """Of a model's page and numbers.

    >>> get_stem("real_video")
    'findings_real_video'
    """
    return f"findings_{model}"


def write_findings(reports: dict[str, Json], directory: Path) -> list[str]:
    """Replace pages, numbers and figures of a directory; no prose is by hand."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for model, report in reports.items():
            _write_model(model, report, folder, directory)
        _replace(directory / PAGE_NAME, make_side_by_side(reports).encode())
    return []


def _write_model(model: str, report: Json, folder: Path, directory: Path) -> None:
    """Figures of a model, its numbers, then its page."""
    stem, figures = get_stem(model), f"figures/{model}"
    page, numbers, *drawn = write_report(report, folder, f"{stem}.md", figures)
    for figure in drawn:
        _replace(directory / figures / figure.name, figure.read_bytes())
    _replace(directory / f"{stem}.json", numbers.read_bytes())
    _replace(directory / page.name, page.read_bytes())


def _replace(path: Path, content: bytes) -> None:
    with write_atomically(path) as partial:
        partial.write_bytes(content)


def make_side_by_side(reports: dict[str, Json]) -> str:
    """The page of all models: how good they are, and what each says to every question."""
    return "\n".join(
        [
            INTRODUCTION,
            make_model_table(reports).to_markdown(),
            "",
            *(make_section(question.key, reports) for question in QUESTIONS),
        ]
    )


def make_model_table(reports: dict[str, Json]) -> Table:
    """How much was measured, and how good the dense models are."""
    rows = []
    for model, report in reports.items():
        dense, settings = report["findings"][COMPARISON]["dense"], report["settings"]
        stances = [answer["stance"] for answer in report["answers"]]
        rows.append(
            (
                f"[{model}]({get_stem(model)}.md)",
                f"{settings['clips']} x {settings['frames']}",
                to_nats(dense["nats"], dense["nats_error"]),
                to_percent(dense["top_1"]),
                *(str(stances.count(stance.name.lower())) for stance in Stance),
            )
        )
    header = "model", "clips x frames", "dense, nats per token", "top-1"
    return Table((*header, *(stance.value for stance in Stance)), rows)


def make_section(key: str, reports: dict[str, Json]) -> str:
    """One question, the paper's claim is on the pages; a line for each model that was asked."""
    answers = {
        model: answer
        for model, report in reports.items()
        for answer in report["answers"]
        if answer["key"] == key
    }
    question = next(iter(answers.values()))["question"]
    lines = [
        f"- [{model}]({get_stem(model)}.md#{make_anchor(question)}): {answer['answer']} "
        f"*({Stance[answer['stance'].upper()].value})*"
        for model, answer in answers.items()
    ]
    return "\n".join((f"## {question}\n", *lines, ""))


def list_outputs() -> tuple[str, ...]:
    """Files that are replaced, beside figures."""
    stems = [get_stem(model) for model in LOADERS]
    return (*(f"{stem}.json" for stem in stems), *(f"{stem}.md" for stem in stems), PAGE_NAME)
