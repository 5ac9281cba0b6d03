"""Chained replay: how stale are replayed outputs, and does a limit help at equal ratio?"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fastcar.analysis.bench import Workbench
from fastcar.analysis.figures import (
    COLOURS,
    NAMES,
    NATS_LABEL,
    label_panel,
    make_panels,
    save_figure,
    use_whole_numbers,
)
from fastcar.analysis.finding import (
    Finding,
    Json,
    Stance,
    Table,
    make_comparison_row,
    make_quality_row,
    to_difference,
    to_nats,
    to_percent,
)
from fastcar.analysis.gate_comparison import make_contenders
from fastcar.analysis.runs import Setup
from fastcar.analysis.statistics import Direction, compare, is_fair

KEY = "chains"
LIMITS = (1, 2, 4, None)
LIMITED_RATIO = 0.35
"""Reachable also where every second frame must compute."""


def measure(bench: Workbench) -> Json:
    """Quality at one ratio for each limit; staleness of TAS and input distance without one."""
    ratio = LIMITED_RATIO
    setups = [Setup("tas", max_chain=limit) for limit in LIMITS]
    # a limit leaves fewer tokens eligible than the dense run had: the loop starts further off
    calibrated = bench.calibrate(setups, (ratio,), corrections=2)
    requests = [
        bench.make_request(setup, points[ratio])
        for setup, points in zip(setups, calibrated, strict=True)
    ]
    summaries = bench.run_all(requests)
    free = summaries[-1]
    limited = []
    for limit, summary in zip(LIMITS, summaries, strict=True):
        comparison = compare(summary.quality.nats, free.quality.nats)
        limited.append(
            {
                "max_chain": limit,
                **make_quality_row(summary),
                **summarize_staleness(summary.chain_counts),
                "is_fair": is_fair(summary.ratio - free.ratio, comparison.verdict),
                "against_unlimited": make_comparison_row("limited", "unlimited", comparison),
            }
        )
    contenders = [
        contender for contender in make_contenders(bench) if contender.name in ("tas", "input")
    ]
    runs = bench.run_all([contender.request for contender in contenders])
    staleness = [
        {
            "gate": contender.name,
            "target": contender.target,
            "ratio": run.ratio,
            "chain_counts": list(run.chain_counts),
            **summarize_staleness(run.chain_counts),
        }
        for contender, run in zip(contenders, runs, strict=True)
    ]
    return {"target": ratio, "limited": limited, "staleness": staleness}


def summarize_staleness(chain_counts: tuple[int, ...]) -> Json:
    """Mean, 95th percentile and maximum age of replayed outputs, frames; 0 if none was.

    >>> summarize_staleness((3, 1))["mean_staleness"]
    1.25
    """
    ages = np.repeat(np.arange(1, len(chain_counts) + 1), chain_counts)
    if not len(ages):
        return {"mean_staleness": 0.0, "p95_staleness": 0.0, "max_staleness": 0}
    return {
        "mean_staleness": float(ages.mean()),
        "p95_staleness": float(np.percentile(ages, 95)),
        "max_staleness": int(ages.max()),
    }


def describe(result: Json) -> Finding:
    """The finding."""
    limited = result["limited"]
    compared = [row for row in limited if row["max_chain"] is not None and row["is_fair"]]
    verdicts = {row["max_chain"]: row["against_unlimited"]["verdict"] for row in compared}
    parts = []
    for verdict, phrase in (
        (Direction.LOWER.value, "improves quality"),
        (Direction.HIGHER.value, "worsens quality"),
        (Direction.UNDECIDED.value, "makes no measurable difference"),
    ):
        limits = [str(limit) for limit, found in verdicts.items() if found == verdict]
        if limits:
            parts.append(f"a limit of {' or '.join(limits)} {phrase}")
    outcome = "; ".join(parts) if parts else "no limit can be compared, the ratios differ"
    answer = f"At a target of {to_percent(result['target'], 0)} replay with TAS, {outcome}."
    rows = [
        (
            "none" if row["max_chain"] is None else str(row["max_chain"]),
            to_percent(row["ratio"]),
            to_nats(row["nats"], row["nats_error"]),
            "-" if row["max_chain"] is None else to_difference(row["against_unlimited"]),
            *_to_ages(row),
        )
        for row in limited
    ]
    ages = ("mean age", "95th percentile", "oldest [frames]")
    header = ("max chain", "measured ratio", NATS_LABEL, "against no limit", *ages)
    stale = [
        (
            f"{NAMES[row['gate']]}, {to_percent(row['target'], 0)}",
            to_percent(row["ratio"]),
            *_to_ages(row),
        )
        for row in result["staleness"]
    ]
    return Finding(
        KEY,
        "What happens under chained replay?",
        answer,
        "the cache holds what was used, so replays chain without limit; their effect was asked for "
        "and not reported.",
        Stance.NO_CLAIM,
        (Table(header, rows), Table(("gate, target", "measured ratio", *ages), stale)),
        (
            "Age: frames since the replayed output was computed. * marks more than two standard "
            "errors.",
        ),
    )


def _to_ages(row: Json) -> tuple[str, str, str]:
    return (
        f"{row['mean_staleness']:.2f}",
        f"{row['p95_staleness']:.0f}",
        str(row["max_staleness"]),
    )


def draw(result: Json, path: Path) -> None:
    """Distribution of ages at the highest target, and quality by limit."""
    figure, (left, right) = make_panels(2)
    highest = max(row["target"] for row in result["staleness"])
    for row in result["staleness"]:
        if row["target"] != highest:
            continue
        counts = np.array(row["chain_counts"], float)
        shares = 100 * counts / max(1.0, counts.sum())
        label = f"{NAMES[row['gate']]}, {to_percent(row['ratio'], 0)} replayed"
        ages = range(1, len(shares) + 1)
        left.plot(ages, shares, "-o", color=COLOURS[row["gate"]], label=label, markersize=4)
    use_whole_numbers(left)
    label_panel(left, "age of replayed outputs, no limit", "age [frames]", "replays [%]")
    left.legend(fontsize=8)
    labels = [
        "no limit" if row["max_chain"] is None else str(row["max_chain"])
        for row in result["limited"]
    ]
    right.errorbar(
        labels,
        [row["nats"] for row in result["limited"]],
        [row["nats_error"] for row in result["limited"]],
        fmt="o",
        color=COLOURS["tas"],
        capsize=3,
    )
    for place, row in enumerate(result["limited"]):
        right.annotate(
            to_percent(row["ratio"]),
            (place, row["nats"]),
            xytext=(6, 6),
            textcoords="offset points",
            fontsize=8,
        )
    right.margins(x=0.2)
    label_panel(right, "TAS, measured ratio beside each point", "max chain [frames]", NATS_LABEL)
    save_figure(figure, path)
