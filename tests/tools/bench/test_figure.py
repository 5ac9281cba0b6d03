"""The figure of the bench can be read, without colour too, and is drawn from numbers alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from tests.tools.bench.results import make_results
from tools.bench import figure

MAX_LINES = 6
"""With data, in one panel; more could not be told apart."""


def list_styles(panel: Axes) -> list[tuple[object, ...]]:
    """How the lines of a panel look, but for their colour."""
    lines = [line for line in panel.get_lines() if len(np.asarray(line.get_xdata())) > 2]
    return [
        (line.get_marker(), line.get_linestyle(), line.get_markerfacecolor() == "white")
        for line in lines
    ]


def test_no_panel_has_more_lines_than_can_be_told_apart_without_colour() -> None:
    panels = figure.make_figure(make_results()).axes
    assert len(panels) == 2 + 2 + 3  # the planted results have two batches
    for panel in panels:
        styles = list_styles(panel)
        assert len(styles) <= MAX_LINES, panel.get_title()
        assert len(set(styles)) == len(styles), panel.get_title()


def test_parts_of_bars_differ_in_their_hatches() -> None:
    parts = figure.make_figure(make_results()).axes[1]
    hatches = {patch.get_hatch() for patch in parts.patches}
    assert len(hatches) == len(figure.PART_HATCHES)


def test_every_panel_is_titled_and_labelled() -> None:
    for panel in figure.make_figure(make_results()).axes:
        assert panel.get_title()
        assert panel.get_xlabel()
        assert panel.get_legend() is not None


def test_the_figure_is_drawn_anew_from_its_numbers(tmp_path: Path) -> None:
    (tmp_path / "performance.json").write_text(json.dumps(make_results()))
    assert figure.main(["--folder", str(tmp_path)]) == 0
    first = (tmp_path / "performance.png").read_bytes()
    assert first.startswith(b"\x89PNG")
    assert figure.main(["--folder", str(tmp_path)]) == 0
    assert (tmp_path / "performance.png").read_bytes() == first
