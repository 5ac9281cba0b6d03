"""The first lines on a run: what it was, and the numbers that one looks for first."""

from __future__ import annotations

from fastcar.html_report.elements import format_number, format_share, make_pairs, make_paragraphs
from fastcar.html_report.runs.analyze_run import AnalyzeRun
from fastcar.html_report.runs.cosim_run import CosimRun
from fastcar.html_report.runs.generate_run import GenerateRun
from fastcar.html_report.runs.prove_run import ProveRun
from fastcar.html_report.runs.sweep_run import SweepRun
from fastcar.html_report.sources import Run


def make_summary(run: Run) -> str:
    """Lines and pairs of a run."""
    if isinstance(run, GenerateRun):
        return _summarise_generate(run)
    if isinstance(run, CosimRun):
        return _summarise_cosim(run)
    if isinstance(run, AnalyzeRun):
        return make_paragraphs([f"{len(run.answers)} questions answered."])
    if isinstance(run, SweepRun):
        return make_pairs({"scope": run.scope, "points": f"{run.num_points:,}"})
    return _summarise_prove(run)


def _summarise_generate(run: GenerateRun) -> str:
    pairs = {
        "model": run.model,
        "videos": str(len(run.titles)),
        "replayed": format_share(run.ratio),
        "MLP multiplications saved": format_share(run.saved_share),
        "speed-up": format_number(run.speed_up, 3),
    }
    for name, one in run.quality.items():
        pairs[name.replace("_", " ")] = f"{one.psnr_decibels:.2f} dB, SSIM {one.ssim:.4f}"
    warnings = make_paragraphs([f"Warning: {line}" for line in run.warnings], "warning")
    return make_paragraphs([run.description]) + warnings + make_pairs(pairs)


def _summarise_cosim(run: CosimRun) -> str:
    what = "tokens" if run.is_decoder else "layers"
    equal = f"hardware and reference are equal over {run.runs:,} {what}"
    verdict = equal if run.is_equal else f"hardware and reference DIFFER: {run.failure}"
    pairs = {name: f"{count:,} cycles" for name, count in run.cycles.items()}
    return make_paragraphs([run.description, verdict]) + make_pairs(pairs)


def _summarise_prove(run: ProveRun) -> str:
    broken = [one.number for one in run.statements if not one.holds]
    verdict = "All statements hold." if run.holds else f"These do not hold: {', '.join(broken)}."
    return make_paragraphs([verdict], "" if run.holds else "warning")
