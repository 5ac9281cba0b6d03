"""Fills and lines that stand together differ without their colours."""

from __future__ import annotations

import re

import pytest

from fastcar.html_report.fills import (
    COLOURS,
    PATTERNS,
    get_pattern_key,
    make_fill,
    make_line_encodings,
    make_pattern_definitions,
)
from fastcar.html_report.panels.cycles import WAYS
from fastcar.html_report.panels.decisions import DECISIONS
from fastcar.html_report.panels.frames import PARTS
from fastcar.html_report.runs.cosim_run import DECODER_PHASES, MLP_PHASES

BLANK = "not fed"
"""One token of a video, white and without lines."""


@pytest.mark.parametrize("names", [MLP_PHASES, DECODER_PHASES, PARTS, WAYS, DECISIONS])
def test_fills_of_one_chart_differ_in_their_patterns(names: tuple[str, ...]) -> None:
    patterns = [PATTERNS.get(name, "plain") for name in names if name != BLANK]
    assert len(set(patterns)) == len(patterns)


def test_every_fill_has_its_pattern_in_the_page() -> None:
    defined = re.findall(r'<pattern id="([^"]+)"', make_pattern_definitions())
    assert defined == [get_pattern_key(name) for name in COLOURS]
    scale = make_fill("phase", MLP_PHASES)["scale"]
    assert {url[5:-1] for url in scale["range"]} <= set(defined)


@pytest.mark.parametrize("count", [0, 1, 8, 11])
def test_lines_differ_in_shape_and_dashes(count: int) -> None:
    names = [f"gate {index}'s" for index in range(count)]
    encodings = make_line_encodings("gate", names)
    shapes = encodings["shape"]["scale"]["range"]
    dashes = [str(one["value"]) for one in encodings["strokeDash"]["condition"]]
    assert len(dashes) == count
    assert len(set(shapes[:8])) == len(shapes[:8])
    assert len(set(dashes[:8])) == len(dashes[:8])
