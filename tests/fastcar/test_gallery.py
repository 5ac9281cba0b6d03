"""What pictures say of the run that they show."""

from __future__ import annotations

from typing import Any

import pytest

from fastcar.gallery import describe_decision


def describe(ratio: float | None = 0.301, **gate: Any) -> str:
    """The line of a run with this gate."""
    given = {"name": "tas", "method": "fixed", "thresholds": [], "target_ratio": None, **gate}
    return describe_decision({"gate": given, "replay": {"ratio": ratio}})


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        ({"thresholds": [0.5] * 4}, "gate tas, threshold 0.5; "),
        ({"thresholds": [0.1, None, "inf"]}, "gate tas, thresholds 0.1, none, inf; "),
        ({"thresholds": [1, 2, 3, 4, 5, 6]}, "gate tas, thresholds 1, 2, 3, .., 6; "),
        ({"method": "certified", "thresholds": [8.0]}, "gate tas, guaranteed error 8; "),
        ({"method": "adaptive"}, "gate tas, adaptive; "),
        ({"name": "random", "method": "ratio"}, "gate random, ratio; "),
    ],
)
def test_gate_and_thresholds_are_named(gate: dict[str, Any], words: str) -> None:
    assert describe(**gate) == f"{words}30.1 % of all MLPs replayed"


def test_the_ratio_is_named_with_what_was_aimed_at() -> None:
    line = describe(method="calibrated", thresholds=[2.0], target_ratio=0.3)
    assert line == "gate tas, threshold 2; 30.1 % of all MLPs replayed (30.0 % aimed at)"
    assert describe(ratio=None).endswith("; - of all MLPs replayed")
