"""The page is what its numbers say, and other numbers are noticed."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path

import pytest

from tools.page import find_faults
from tools.paths import DOCS
from tools.vila_u.measure import REPORT_NAME, add_figures
from tools.vila_u.page import PAGE, make_claims
from tools.vila_u.sizes import LARGE

REPORT = json.loads((DOCS / REPORT_NAME).read_text(encoding="utf-8"))
SHOWN = (DOCS / PAGE.name).read_text(encoding="utf-8")


def test_the_page_is_what_the_numbers_say(tmp_path: Path) -> None:
    assert PAGE.refresh(REPORT, tmp_path) == []
    assert (tmp_path / PAGE.name).read_text(encoding="utf-8") == SHOWN


def test_what_follows_from_the_numbers_follows_still() -> None:
    assert json.loads(json.dumps(add_figures(REPORT))) == REPORT


def test_the_numbers_are_of_the_paper_s_size() -> None:
    assert REPORT["preset"] == "7b"
    assert REPORT["written"]["bytes"] > LARGE.num_layers * 3 * 4096 * 11008


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"peak_bytes": 11e9}, "under 10 GB"),
        ({"pixels": [{"working_bytes": 2e9}]}, "needs less than 1 GB beside its weights"),
    ],
)
def test_more_memory_than_the_page_says_would_be_noticed(
    change: dict[str, object], words: str
) -> None:
    other = deepcopy(REPORT) | change
    assert f"no longer true: {words}" in find_faults(SHOWN, make_claims(other))
