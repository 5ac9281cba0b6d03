"""Table and claims of the budgets: the best single gate beside what the search chose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from fastcar.metrics import compute_standard_error
from tools.markdown import format_table
from tools.page import Claim
from tools.replay_value.statistics import compute_difference

Json = dict[str, Any]

MULTIPLE = 2.0
"""Standard errors from which on a difference is no chance."""


def format_budgets(report: Json, names: Mapping[str, str]) -> str:
    """Calibration and held-out loss of the best gates and of what was chosen, for each budget.

    Args:
        report: the numbers.
        names: of the sets, with words for the page.
    """
    lines = []
    for key, words in names.items():
        measured = report["sets"][key]
        for entry in measured["budgets"]:
            kinds = ("single", "one threshold", "chosen")
            for kind, index, row in zip(kinds, entry["compared"], entry["held_out"], strict=True):
                one = entry["search"]["candidates"][index]
                held_out = compute_difference(row, entry["dense"])
                paired = compute_difference(row, entry["held_out"][0])
                lines.append(
                    [
                        f"{words}, {entry['budget']:.0%}, {kind}",
                        describe_candidate(one),
                        f"{one['mlp_share']:.1%}: {one['nats_above_dense']:+.4f}",
                        f"{row['mlp_share']:.1%}: {held_out}",
                        "" if kind == "single" else str(paired),
                    ]
                )
    header = ["budget", "gate", "calibration clips", "held-out clips", "less the single gate"]
    return format_table(header, lines)


def describe_candidate(candidate: Json) -> str:
    """A candidate of the report, in words.

    >>> one = {"gate": "input", "rank": 8, "warmup_frames": 2, "layers": "curves"}
    >>> describe_candidate(one)
    'input, rank 8, 2 warm-up frames, layers by curves'
    >>> describe_candidate({"gate": "tas", "rank": 0, "warmup_frames": 1, "layers": "uniform"})
    'tas'
    """
    words = [candidate["gate"]]
    words += [f"rank {candidate['rank']}"] * (candidate["rank"] > 0)
    words += [f"{candidate['warmup_frames']} warm-up frames"] * (candidate["warmup_frames"] > 1)
    layers = {"uniform": "", "equal": "equal layers", "curves": "layers by curves"}
    return ", ".join(filter(None, [*words, layers[candidate["layers"]]]))


def make_budget_claims(report: Json) -> Iterator[Claim]:
    """What the prose says of budgets."""
    entries = [entry for measured in report["sets"].values() for entry in measured["budgets"]]
    is_never_worse = all(
        entry["search"]["candidates"][entry["compared"][2]]["nats_above_dense"]
        <= entry["search"]["candidates"][entry["compared"][0]]["nats_above_dense"]
        for entry in entries
    )
    gaps = [
        np.array(entry["held_out"][2]["nats"]) - np.array(entry["held_out"][0]["nats"])
        for entry in entries
    ]
    better = sum(gap.mean() < -MULTIPLE * compute_standard_error(gap) for gap in gaps)
    worse = sum(gap.mean() > MULTIPLE * compute_standard_error(gap) for gap in gaps)
    yield Claim(
        "On the calibration clips what is chosen is never worse than the best single gate, by "
        "construction. On held-out clips it is better by more than two standard errors at "
        f"{better} of {len(gaps)} budgets and worse by more than two at {worse}.",
        is_never_worse,
    )
