"""docs/sweep_rate.md has the keys of the code, and its rates are measured on equal points."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.paths import DOCS
from tools.sweep_rate import (
    COMBINATIONS,
    PAGE_NAME,
    Rate,
    format_page,
    format_tables,
    make_spec,
    measure_interpreted,
)


def test_the_page_has_every_key_of_the_code() -> None:
    assert format_tables() in (DOCS / PAGE_NAME).read_text(encoding="utf-8")


def test_rates_are_those_of_a_minute() -> None:
    assert Rate(100, 6.0, 3.0).format(2) == ["100", "1,000", "4,000"]
    assert "1,000" in format_page(Rate(100, 6.0, 3.0), Rate(1, 1.0, 1.0))


@pytest.mark.slow
def test_interpreted_points_are_compared_with_compiled_ones(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    points = make_spec(1).points
    assert len(points) == COMBINATIONS
    assert measure_interpreted(points[:2]).points == 2
    monkeypatch.setattr("tools.sweep_rate.evaluate", lambda _: {"drs_cycles": 1.0})
    with pytest.raises(RuntimeError, match="differ"):
        measure_interpreted(points[:1])
