"""The paper's table from the cycle model, as docs/sweep.md shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

import fastcar
from fastcar.sweeps.paper import EQUAL, format_paper
from fastcar.sweeps.paper_rows import NUM_TOKENS, PAPER_ROWS, count_visible

PAGE = Path(__file__).parents[3] / "docs" / "sweep.md"


def test_every_token_of_a_video_sees_something() -> None:
    for row in PAPER_ROWS:
        counts = count_visible(row.window, 16)
        assert sum(counts.values()) == NUM_TOKENS
        assert max(sum(blocks) for blocks in counts) <= (128 if row.window is None else 19)


@pytest.mark.slow
def test_the_page_shows_what_the_example_says(tmp_path: Path) -> None:
    paper = fastcar.sweep(example="paper", out=tmp_path / "out", processes=1)["paper"]
    assert "\n".join(format_paper(paper)) in PAGE.read_text(encoding="utf-8")
    for name, num_rows in (("mlp_model", 4), ("whole_decoder", 8)):
        fits, table = paper[name]["fits"], paper[name]["table"]
        assert len(table) == num_rows
        residuals = [abs(row["residual"]) for row in table]
        assert max(residuals) == fits[0]["largest_residual"] <= 0.0205
        assert fits[-1]["largest_residual"] <= fits[0]["largest_residual"] + EQUAL
