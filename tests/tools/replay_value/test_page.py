"""The page is what its numbers say, and other numbers are noticed."""

import json
from copy import deepcopy
from pathlib import Path

from tools.page import find_faults
from tools.paths import DOCS
from tools.replay_value.page import PAGE, make_claims

REPORT = json.loads((DOCS / "replay_value.json").read_text(encoding="utf-8"))


def test_the_page_is_what_the_numbers_say(tmp_path: Path) -> None:
    assert PAGE.refresh(REPORT, tmp_path) == []
    shown = (DOCS / PAGE.name).read_text(encoding="utf-8")
    assert (tmp_path / PAGE.name).read_text(encoding="utf-8") == shown


def test_a_score_that_were_good_would_be_noticed() -> None:
    other = deepcopy(REPORT)
    for row in other["sets"]["real"]["rows"]["tas"]:
        row["nats"] = other["sets"]["real"]["dense"]["nats"]
    faults = find_faults((DOCS / PAGE.name).read_text(encoding="utf-8"), make_claims(other))
    assert any("no longer true: On camera video half" in fault for fault in faults)
    assert any("no longer true: Under the score" in fault for fault in faults)


def test_a_choice_that_were_worse_would_be_noticed() -> None:
    other = deepcopy(REPORT)
    entry = other["sets"]["digits"]["budgets"][0]
    entry["search"]["candidates"][entry["compared"][2]]["nats_above_dense"] = 9.0
    faults = find_faults((DOCS / PAGE.name).read_text(encoding="utf-8"), make_claims(other))
    assert any("no longer true: On the calibration clips" in fault for fault in faults)


def test_thresholds_that_missed_their_ratio_would_be_noticed() -> None:
    other = deepcopy(REPORT)
    other["sets"]["real"]["rows"]["input-adaptive"][0]["clip_ratios"][0] = 0.5
    faults = find_faults((DOCS / PAGE.name).read_text(encoding="utf-8"), make_claims(other))
    assert any("no longer true: Adaptive thresholds" in fault for fault in faults)
