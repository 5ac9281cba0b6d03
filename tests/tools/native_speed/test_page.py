"""docs/native_simulation.md says what docs/native_simulation.json holds."""

from __future__ import annotations

import json

from tools.native_speed.page import PAGE
from tools.page import fill, find_faults
from tools.paths import DOCS


def test_the_page_has_the_table_of_its_numbers_and_true_words() -> None:
    page = (DOCS / PAGE.name).read_text(encoding="utf-8")
    report = json.loads((DOCS / "native_simulation.json").read_text(encoding="utf-8"))
    assert fill(page, PAGE.make_tables(report)) == page
    assert find_faults(page, PAGE.make_claims(report)) == []
    assert len({row["design"] for row in report["rows"]}) == 3
