"""Quality of every gate at equal measured ratio, uniform and per-layer thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fastcar.analysis.bench import Workbench
from fastcar.analysis.figures import (
    COLOURS,
    NAMES,
    NATS_LABEL,
    add_legend,
    label_panel,
    make_panels,
    save_figure,
)
from fastcar.analysis.finding import (
    Finding,
    Json,
    Table,
    capitalize,
    describe_contest,
    get_contest_stance,
    make_comparison_row,
    make_quality_row,
    to_difference,
    to_nats,
    to_percent,
)
from fastcar.analysis.runs import RunRequest, Setup
from fastcar.analysis.statistics import MATCHED_RATIO, compare, is_fair
from fastcar.metrics import Values
from fastcar.reference.files.json_file import to_json_number

KEY = "gate_comparison"
LOOKING = ("tas", "input", "oracle")
CONTROLS = ("random", "periodic")
CONTESTS = (
    ("tas", "random"),
    ("tas", "periodic"),
    ("input", "random"),
    ("input", "tas"),
    ("input", "oracle"),
    ("tas per layer", "tas"),
    ("input per layer", "input"),
)
"""Pairs that are compared clip by clip."""


@dataclass(frozen=True)
class Contender:
    """A gate at a target ratio and the run that measures it."""

    name: str
    target: float
    request: RunRequest


def make_contenders(bench: Workbench) -> list[Contender]:
    """Gates at all ratios; controls take the ratio that TAS was measured at."""
    settings = bench.settings
    uniform = [Setup(gate) for gate in LOOKING]
    layered = [Setup(gate, per_layer=True) for gate in ("tas", "input")]
    contenders = []
    for setups, ratios in ((uniform, settings.ratios), (layered, settings.few_ratios)):
        for setup, points in zip(setups, bench.calibrate(setups, ratios), strict=True):
            name = f"{setup.gate} per layer" if setup.per_layer else setup.gate
            contenders += [
                Contender(name, ratio, bench.make_request(setup, points[ratio])) for ratio in ratios
            ]
    return contenders


def make_controls(bench: Workbench, contenders: list[Contender]) -> list[Contender]:
    """Random and periodic replay at the measured ratio of TAS, so that ratios match exactly."""
    scored = [contender for contender in contenders if contender.name == "tas"]
    summaries = bench.run_all([contender.request for contender in scored])
    return [
        Contender(gate, contender.target, bench.make_control(gate, summary.ratio))
        for gate in CONTROLS
        for contender, summary in zip(scored, summaries, strict=True)
    ]


def measure(bench: Workbench) -> Json:
    """Quality of every contender, of the dense run and at the ceiling, and paired comparisons."""
    contenders = make_contenders(bench)
    # queued together, so that no worker waits for the ones that fix the controls' ratios
    bench.run_all([contender.request for contender in contenders])
    contenders += make_controls(bench, contenders)
    summaries = bench.run_all([contender.request for contender in contenders])
    dense, ceiling = bench.run_all([bench.make_request(Setup()), bench.make_control("random", 1.0)])
    rows, clip_nats, ratios = [], {}, {}
    for contender, summary in zip(contenders, summaries, strict=True):
        place = contender.name, contender.target
        rows.append(
            {
                "gate": contender.name,
                "target": contender.target,
                "thresholds": [to_json_number(tau) for tau in contender.request.thresholds],
                **make_quality_row(summary),
            }
        )
        clip_nats[place], ratios[place] = summary.quality.nats, summary.ratio
    return {
        "num_tokens_per_clip": dense.quality.num_tokens,
        "dense": make_quality_row(dense),
        "ceiling": make_quality_row(ceiling),
        "rows": rows,
        "comparisons": make_comparisons(clip_nats, ratios),
    }


def make_comparisons(
    clip_nats: dict[tuple[str, float], Values], ratios: dict[tuple[str, float], float]
) -> list[Json]:
    """Paired comparisons of `CONTESTS` at every target that both sides have."""
    comparisons = []
    for first, second in CONTESTS:
        for name, target in clip_nats:
            if name != first or (second, target) not in clip_nats:
                continue
            gap = ratios[first, target] - ratios[second, target]
            comparison = compare(clip_nats[first, target], clip_nats[second, target])
            comparisons.append(
                {
                    "target": target,
                    "ratio_gap": gap,
                    "is_fair": is_fair(gap, comparison.verdict),
                    **make_comparison_row(first, second, comparison),
                }
            )
    return comparisons


def get_outcomes(result: Json, first: str, second: str) -> dict[float, str]:
    """Verdicts of one contest by target ratio, where the measured ratios match."""
    return {
        row["target"]: row["verdict"]
        for row in result["comparisons"]
        if (row["first"], row["second"]) == (first, second) and row["is_fair"]
    }


def describe_pair(result: Json, first: str, second: str) -> str:
    """One clause on a contest."""
    outcomes = get_outcomes(result, first, second)
    if not outcomes:
        return f"{_name(first)} and {_name(second)} cannot be compared, their ratios differ"
    return describe_contest(_name(first), _name(second), outcomes)


def _name(contender: str) -> str:
    gate, _, rest = contender.partition(" ")
    return f"{NAMES[gate]} {rest}".strip()


def describe(result: Json) -> Finding:
    """The finding."""
    rows, comparisons = result["rows"], result["comparisons"]
    targets = sorted({row["target"] for row in rows})
    quality = [
        ("dense", *_to_cells([result["dense"]])),
        ("ceiling", *_to_cells([result["ceiling"]])),
    ]
    by_place = {(row["gate"], row["target"]): row for row in rows}
    for name in dict.fromkeys(row["gate"] for row in rows):
        for target in targets:
            if (name, target) in by_place:
                row = by_place[name, target]
                quality.append((f"{_name(name)}, {to_percent(target, 0)}", *_to_cells([row])))
    header = ("gate, target", "measured ratio", NATS_LABEL, "top-1")
    contest_rows = [
        (
            f"{_name(row['first'])} - {_name(row['second'])}",
            to_percent(row["target"], 0),
            f"{100 * row['ratio_gap']:+.1f}",
            to_difference(row),
        )
        for row in comparisons
    ]
    contest_header = ("difference", "target", "ratio gap [points]", "nats per token")
    random_outcomes = get_outcomes(result, "tas", "random")
    notes = [
        capitalize(describe_pair(result, first, second)) + "."
        for first, second in CONTESTS
        if (first, second) != ("tas", "random")
    ]
    return Finding(
        KEY,
        "Does TAS beat replaying without looking, and what is possible?",
        capitalize(describe_pair(result, "tas", "random")) + ".",
        "TAS tells which MLP outputs can be replayed; it uses one threshold for all layers because "
        "a threshold per layer was worse at equal ratio.",
        get_contest_stance(random_outcomes.values()),
        (Table(header, quality), Table(contest_header, contest_rows)),
        (
            " ".join(notes),
            "Differences are paired across clips; * marks more than two standard errors. Controls "
            "run at the measured ratio of TAS. Where the ratio gap exceeds "
            f"{to_percent(MATCHED_RATIO, 0)} the sentences claim only what holds although the "
            "better side replays more.",
        ),
    )


def _to_cells(rows: list[Json]) -> tuple[str, ...]:
    (row,) = rows
    return (
        to_percent(row["ratio"]),
        to_nats(row["nats"], row["nats_error"]),
        to_percent(row["top_1"]),
    )


def draw(result: Json, path: Path) -> None:
    """Nats and top-1 against the measured ratio."""
    figure, panels = make_panels(2)
    for name in dict.fromkeys(row["gate"] for row in result["rows"]):
        gate, is_layered = name.split(" ")[0], "per layer" in name
        rows = [row for row in result["rows"] if row["gate"] == name]
        ends = [] if is_layered else [result["dense"], result["ceiling"]]
        rows = sorted(rows + ends, key=lambda row: row["ratio"])
        shares = [100 * row["ratio"] for row in rows]
        style = ":s" if is_layered else "-o"
        for panel, field, scale in ((panels[0], "nats", 1), (panels[1], "top_1", 100)):
            panel.errorbar(
                shares,
                [scale * row[field] for row in rows],
                [scale * row[f"{field}_error"] for row in rows],
                fmt=style,
                color=COLOURS[gate],
                label=_name(name),
                capsize=2,
                markersize=4,
                linewidth=1.2,
            )
    label_panel(panels[0], "likelihood, teacher-forced", "replayed (measured) [%]", NATS_LABEL)
    label_panel(panels[1], "top-1, teacher-forced", "replayed (measured) [%]", "top-1 [%]")
    add_legend(figure, panels[0], columns=4)
    save_figure(figure, path)
