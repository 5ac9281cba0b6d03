"""The page: runs, panels, style, scripts and data in one text that loads nothing (D-67)."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

from fastcar.html_report.chart import Panel
from fastcar.html_report.elements import make_paragraphs
from fastcar.html_report.fills import make_pattern_definitions
from fastcar.html_report.panels.answers import make_answers_panel
from fastcar.html_report.panels.bounds import make_bounds_panel
from fastcar.html_report.panels.configuration import make_configuration_panel
from fastcar.html_report.panels.cycles import make_cycles_panel
from fastcar.html_report.panels.frames import make_frames_panel
from fastcar.html_report.panels.heat_maps import make_heat_maps_panel
from fastcar.html_report.panels.ratio_quality import make_gates_panel, make_runs_panel
from fastcar.html_report.panels.sweep import make_sweep_panel
from fastcar.html_report.panels.timeline import make_timeline_panel
from fastcar.html_report.panels.videos import list_videos, make_videos_panel
from fastcar.html_report.runs.analyze_run import AnalyzeRun
from fastcar.html_report.runs.cosim_run import CosimRun
from fastcar.html_report.runs.generate_run import GenerateRun
from fastcar.html_report.runs.sweep_run import SweepRun
from fastcar.html_report.sources import Run
from fastcar.html_report.summary import make_summary

SCRIPTS = ("charts.js", "player.js", "maps.js", "timeline.js", "start.js")
"""Ours, in the order in which they run."""


def make_page(runs: Sequence[Run]) -> str:
    """The whole file but for the line that says whose it is.

    Args:
        runs: in the order of the page.
    """
    sections, panels = [], []
    generated = [run for run in runs if isinstance(run, GenerateRun)]
    if len(generated) > 1:
        together = make_runs_panel(generated, "all")
        panels.append(together)
        sections.append(_make_section("all-runs", "All runs together", "", [together]))
    for index, run in enumerate(runs):
        key = f"r{index}"
        found = list(list_panels(run, key))
        panels += found
        sections.append(_make_section(key, run.origin.label, make_summary(run), found))
    titles = [("all-runs", "All runs together")] if len(generated) > 1 else []
    titles += [(f"r{index}", run.origin.label) for index, run in enumerate(runs)]
    return _fill_template(titles, "".join(sections), panels)


def list_panels(run: Run, key: str) -> Iterator[Panel]:
    """What is shown of a run, in order."""
    if isinstance(run, GenerateRun):
        videos = list_videos(run)
        yield make_videos_panel(run, videos, f"{key}-videos")
        yield make_heat_maps_panel(run, f"{key}-maps", f"{key}-videos", bool(videos))
        yield make_frames_panel(run, f"{key}-frames")
    elif isinstance(run, CosimRun):
        if run.timeline is not None:
            yield make_timeline_panel(run, run.timeline, f"{key}-timeline")
        yield make_cycles_panel(run, f"{key}-cycles")
    elif isinstance(run, AnalyzeRun):
        if run.gates:
            yield make_gates_panel(run, f"{key}-gates")
        yield make_answers_panel(run, f"{key}-answers")
    elif isinstance(run, SweepRun):
        yield make_sweep_panel(run, f"{key}-sweep")
    else:
        yield make_bounds_panel(run, f"{key}-bounds")
    yield make_configuration_panel(run.origin, f"{key}-configuration")


def _make_section(key: str, title: str, summary: str, panels: Sequence[Panel]) -> str:
    inner = "".join(panel.html for panel in panels)
    return f'<section class="run" id="{key}"><h2>{escape(title)}</h2>{summary}{inner}</section>'


def _fill_template(titles: Sequence[tuple[str, str]], body: str, panels: Sequence[Panel]) -> str:
    content: dict[str, Any] = {}
    for panel in panels:
        content |= panel.content
    charts = {chart.key: chart.to_spec() for panel in panels for chart in panel.charts}
    links = "".join(f'<li><a href="#{key}">{escape(title)}</a></li>' for key, title in titles)
    scripts = (get_library(), get_scripts())
    words = "Everything is in this file; it loads nothing from anywhere."
    return (
        '<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{make_policy(scripts)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><title>FastCar report</title>'
        f'<link rel="icon" href="data:,"><style>{read_asset("page.css")}</style></head><body>'
        '<a class="skip" href="#main">to the runs</a>'
        f"{make_pattern_definitions()}<header><h1>FastCar report</h1>{make_paragraphs([words])}"
        f'<nav aria-label="runs"><ul>{links}</ul></nav></header><main id="main">{body}</main>'
        "<noscript><p>Videos and charts need JavaScript; the tables do not.</p></noscript>"
        f"{_make_data('report-content', content)}{_make_data('report-charts', charts)}"
        f"{''.join(f'<script>{script}</script>' for script in scripts)}</body></html>\n"
    )


def make_policy(scripts: Sequence[str]) -> str:
    """Nothing is loaded, and no script runs but these, known by their digests.

    >>> make_policy(["1"]).startswith("default-src 'none'; script-src 'sha256-")
    True
    """
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()) for script in scripts)
    allowed = " ".join(f"'sha256-{digest.decode()}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _make_data(key: str, value: Any) -> str:
    """JSON that no text within can end: `<` is written by its number."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" id="{key}">{text}</script>'


@cache
def get_library() -> str:
    """Vega, Vega-Lite and Vega-Embed, as vl-convert carries them."""
    from vl_convert import javascript_bundle

    return _make_safe(javascript_bundle("window.vegaEmbed = vegaEmbed;"))


@cache
def get_scripts() -> str:
    """Ours, as one."""
    inner = "\n".join(read_asset(name) for name in SCRIPTS)
    return _make_safe(f'(() => {{\n"use strict";\n{inner}}})();\n')


def read_asset(name: str) -> str:
    """A file beside this module."""
    return (files("fastcar.html_report") / "assets" / name).read_text(encoding="utf-8")


def _make_safe(script: str) -> str:
    """A script that no text within can end; line ends as a browser reads them, for the digest."""
    text = script.replace("\r\n", "\n").replace("\r", "\n")
    return text.replace("</script", "<\\/script").replace("<!--", "<\\!--")
