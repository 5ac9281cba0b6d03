"""All questions in order: report, figures and one Markdown page.

`report.json` is described in docs/analysis_schema.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from fastcar.analysis import (
    adaptive,
    chains,
    decode_time,
    drift,
    free_running,
    gate_comparison,
    head_choice,
    layer_ratio,
    local_window,
    output_similarity,
    predictive_power,
    threshold_curve,
)
from fastcar.analysis.bench import Workbench
from fastcar.analysis.finding import Finding, Json, Stance, to_nats, to_percent
from fastcar.analysis.settings import AnalysisSettings
from fastcar.analysis.training import describe_untrained, measure_training, withhold_stance
from fastcar.provenance import (
    describe_provenance,
    digest_files,
    get_tokens_path,
    list_weight_files,
)
from fastcar.reference.clip_model import ClipModel
from fastcar.reference.engine_choice import NUMPY
from fastcar.reference.progress import StageProgress

SCHEMA_VERSION = 1
"""Version of report.json; changes when a field changes its meaning or disappears."""


@dataclass(frozen=True)
class Question:
    """What every question's module has.

    Attributes:
        key: name in report.json and of the figure.
        measure: to JSON values.
        describe: these to words.
        draw: these to a figure.
        needs_pixels: whether a model without pixels is not asked.
        needs_training: whether an untrained model says nothing on it.
    """

    key: str
    measure: Callable[[Workbench], Json]
    describe: Callable[[Json], Finding]
    draw: Callable[[Json, Path], None]
    needs_pixels: bool
    needs_training: bool


QUESTIONS = tuple(
    Question(
        module.KEY,
        module.measure,
        module.describe,
        module.draw,
        needs_pixels=module is free_running,
        needs_training=module is not decode_time,
    )
    for module in (
        decode_time,
        output_similarity,
        threshold_curve,
        layer_ratio,
        gate_comparison,
        predictive_power,
        head_choice,
        free_running,
        local_window,
        drift,
        chains,
        adaptive,
    )
)
"""In the order of the page."""


Keep = Callable[[str, Callable[[], Json]], Json]
"""Takes a key and what measures it; the result, which may be kept from an earlier run."""


def measure_anew(key: str, measure: Callable[[], Json]) -> Json:
    """Keeps nothing."""
    del key
    return measure()


def analyze(
    model: ClipModel,
    settings: AnalysisSettings,
    processes: int = 1,
    progress: StageProgress | None = None,
    keep: Keep = measure_anew,
) -> Json:
    """Measure every question.

    Args:
        model: with held-out and calibration rows; without pixels, what needs them is not asked.
        settings: how much.
        processes: workers that run jobs side by side.
        progress: told before and after every job.
        keep: of every question's numbers.

    Returns:
        The report, ready for JSON.
    """
    described = describe_model(model)
    findings = {}
    questions = [one for one in QUESTIONS if model.has_pixels or not one.needs_pixels]
    with Workbench(model, settings, processes, progress) as bench:
        bench.label = "training"
        training = keep("training", lambda: measure_training(bench))
        for question in questions:
            bench.label = question.key
            findings[question.key] = keep(question.key, partial(question.measure, bench))
    return {
        "schema_version": SCHEMA_VERSION,
        "provenance": describe_provenance(model.directory, get_tokens_path(model)),
        "model": described,
        "training": training,
        "settings": asdict(settings),
        "findings": findings,
        "answers": [make_answer(finding) for finding in describe_findings(training, findings)],
    }


def get_questions(findings: Json) -> list[Question]:
    """Those that were asked, in order."""
    return [question for question in QUESTIONS if question.key in findings]


def describe_findings(training: Json, findings: Json) -> list[Finding]:
    """Every finding in words; an untrained model decides none that depends on what it computes."""
    described = []
    for question in get_questions(findings):
        finding = question.describe(findings[question.key])
        if question.needs_training and not training["is_trained"]:
            finding = withhold_stance(finding)
        described.append(finding)
    return described


def make_answer(finding: Finding) -> Json:
    """The answer in words."""
    return {
        "key": finding.key,
        "question": finding.question,
        "answer": finding.answer,
        "stance": finding.stance.name.lower(),
    }


def describe_model(model: ClipModel) -> Json:
    """Which model was measured."""
    return {
        "name": model.name,
        "weights_sha256": digest_files(list_weight_files(model.directory)),
        "layers": model.config.num_hidden_layers,
        "hidden_size": model.config.hidden_size,
        "tokens_per_frame": model.tokens_per_frame,
        "trained_frames": model.num_frames,
    }


def write_report(
    report: Json, directory: Path, page: str = "findings.md", figures: str = "figures"
) -> list[Path]:
    """Write report.json, the page and the folder of figures into an existing directory.

    Returns:
        The files, the page first.
    """
    (directory / figures).mkdir(exist_ok=True, parents=True)
    paths = [directory / page, directory / "report.json"]
    paths[0].write_text(make_page(report, figures), encoding="utf-8")
    paths[1].write_text(json.dumps(report, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    for question in get_questions(report["findings"]):
        path = directory / figures / f"{question.key}.png"
        question.draw(report["findings"][question.key], path)
        paths.append(path)
    return paths


def make_page(report: Json, figures: str = "figures") -> str:
    """The Markdown page of a report; figures is their folder, from the page."""
    findings = describe_findings(report["training"], report["findings"])
    summary = "\n".join(
        f"- [{finding.question}](#{make_anchor(finding.question)}) {finding.answer} "
        f"*({finding.stance.value})*"
        for finding in findings
    )
    sections = "\n".join(finding.to_markdown(figures) for finding in findings)
    title = f"# Findings: {report['model']['name']}"
    return f"{title}\n\n{make_introduction(report)}\n\n{summary}\n\n{sections}"


def make_anchor(heading: str) -> str:
    """Anchor that Markdown viewers give to a heading.

    >>> make_anchor("Does TAS beat it, or not?")
    'does-tas-beat-it-or-not'
    """
    kept = "".join(letter for letter in heading.lower() if letter.isalnum() or letter in " -")
    return kept.replace(" ", "-")


def describe_engine(settings: Json) -> str:
    """A sentence where compiled kernels measured; NumPy, the specification, needs none."""
    if settings.get("engine", NUMPY) == NUMPY:
        return ""
    return (
        " Compiled kernels ran all but the runs whose time is taken, which are NumPy's; both "
        "agree but for rounding (D-27)."
    )


def make_introduction(report: Json) -> str:
    """What was measured, on what, and how well the dense model does."""
    model, settings = report["model"], report["settings"]
    warning = ""
    if not report["training"]["is_trained"]:
        warning = f"**Warning: {describe_untrained(report['training'])}.**\n\n"
    comparison = report["findings"][gate_comparison.KEY]
    dense = comparison["dense"]
    stances = [answer["stance"] for answer in report["answers"]]
    counts = "; ".join(f"{stance.value}: {stances.count(stance.name.lower())}" for stance in Stance)
    return (
        f"{warning}The figures of the paper (arXiv:2505.14709v1) and its open questions, measured "
        f"on the model `{model['name']}` (weights {model['weights_sha256'][:12]}, "
        f"{model['layers']} layers, width {model['hidden_size']}, "
        f"{model['tokens_per_frame']} tokens per frame). "
        "`make findings` writes this page; every sentence with a value is chosen by code from the "
        "measurement.\n\n"
        f"Measured on {settings['clips']} held-out clips of {settings['frames']} frames "
        f"({settings['clips'] * comparison['num_tokens_per_clip']:,} scored tokens), thresholds "
        f"from {settings['calibration_clips']} calibration clips, the best of "
        f"{settings['corrective_runs']} closed-loop runs. Quality is teacher-forced, from the "
        "third frame on; ± is the standard error across clips, and a difference is claimed only "
        "where it exceeds twice its paired standard error. Ratios count all fed tokens and layers "
        f"(D-06).{describe_engine(settings)}\n\n"
        f"The dense model reaches {to_nats(dense['nats'], dense['nats_error'])} nats per token and "
        f"{to_percent(dense['top_1'], 2)} top-1. Outcome of the "
        f"{len(stances)} questions, set against the paper: {counts}."
    )
