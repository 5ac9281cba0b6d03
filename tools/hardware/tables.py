"""Tables of docs/hardware.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tools.markdown import format_rows, format_table

Json = dict[str, Any]
SOURCE_TITLES = {"tas": "SCORE", "input": "DISTANCE", "independent": "independent"}
MLP_PHASES = ("compute", "replay")


def count_worked(run: Json, phases: Sequence[str] = MLP_PHASES) -> int:
    """Core cycles spent on instructions of some phases."""
    return sum(one["cycles"] for one in run["instructions"] if one["phase"] in phases)


def get_utilisation(run: Json, phases: Sequence[str] = MLP_PHASES) -> float:
    """MAC beats per busy cycle of the MLP phase."""
    beats = sum(one["mac_beats"] for one in run["instructions"] if one["phase"] in phases)
    return float(beats / max(1, count_worked(run, phases)))


def format_runs(report: Json) -> str:
    """What was run, and how fast."""
    runs = report["runs"]
    lines = [
        ["layer steps", *(f"{run['steps']:,}" for run in runs.values())],
        ["records compared, all equal", *(f"{run['records']:,}" for run in runs.values())],
        ["replayed, of all", *(f"{run['replay_ratio']:.1%}" for run in runs.values())],
        ["replayed, of eligible", *(f"{run['eligible_ratio']:.1%}" for run in runs.values())],
        ["cycles", *(f"{run['cycles']:,}" for run in runs.values())],
        ["cycles, dense", *(f"{run['dense_cycles']:,}" for run in runs.values())],
        ["speed-up", *(f"{run['dense_cycles'] / run['cycles']:.3f}" for run in runs.values())],
        [
            "1 / (1 - replayed)",
            *(f"{1 / (1 - run['replay_ratio']):.3f}" for run in runs.values()),
        ],
        [
            "cycles per processor second",
            *(f"{run['cycles_per_second']:,.0f}" for run in runs.values()),
        ],
    ]
    return format_table(["decided by", *map(SOURCE_TITLES.__getitem__, runs)], lines)


def format_phases(report: Json) -> str:
    """Shares of cycles and of core cycles."""
    lines = []
    for key, title in (
        ("before_mlp_cycles", "cycles: before the MLP phase"),
        ("mlp_cycles", "in it"),
        ("after_mlp_cycles", "after it"),
    ):
        lines.append(
            [title, *(f"{run[key] / run['cycles']:.2%}" for run in report["runs"].values())]
        )
    for key, title in (
        ("decide", "core cycles: scores"),
        ("compute", "computing slots"),
        ("replay", "replayed slots"),
        ("before", "idle before the first"),
        ("between", "idle between two"),
        ("after", "idle after the last"),
    ):
        shares = []
        for run in report["runs"].values():
            total = run["cycles"] * len(run["cores"])
            shares.append(f"{sum(core.get(key, 0) for core in run['cores']) / total:.2%}")
        lines.append([title, *shares])
    return format_table(["share of", *map(SOURCE_TITLES.__getitem__, report["runs"])], lines)


def format_instructions(report: Json) -> str:
    """Cycles of the MLP phase per kind of instruction."""
    runs = report["runs"]
    kinds = {
        (one["phase"], one["opcode"]): None
        for run in runs.values()
        for one in run["instructions"]
        if one["phase"] in MLP_PHASES
    }
    lines = []
    for phase, opcode in kinds:
        found = [_find_kind(run, phase, opcode) for run in runs.values()]
        first = next(one for one in found if one is not None)
        cells = [f"{first['cycles'] / first['count']:,.1f}"]
        cells.append(f"{first['mac_beats'] / first['count']:,.1f}")
        for run, one in zip(runs.values(), found, strict=True):
            worked = count_worked(run)
            cells.append("-" if one is None else f"{one['cycles'] / worked:.2%}")
            lost = 0 if one is None else one["cycles"] - one["mac_beats"]
            cells.append(f"{lost / worked:.2%}")
        lines.append([f"{phase}: {opcode}", *cells])
    header = ["instruction", "cycles each", "MAC beats each"]
    for name in runs:
        header += [SOURCE_TITLES[name], "without MAC"]
    return format_table(header, lines)


def _find_kind(run: Json, phase: str, opcode: str) -> Json | None:
    for one in run["instructions"]:
        if (one["phase"], one["opcode"]) == (phase, opcode):
            found: Json = one
            return found
    return None


def format_cores(report: Json) -> str:
    """Load and traffic of every core."""
    lines = []
    for name, run in report["runs"].items():
        for index, core in enumerate(run["cores"]):
            worked = sum(core.get(phase, 0) for phase in ("decide", *MLP_PHASES))
            lines.append(
                [
                    f"{SOURCE_TITLES[name]}, core {index}",
                    f"{core.get('slots', 0):,}",
                    f"{worked / run['cycles']:.2%}",
                    f"{core['mac_busy'] / run['cycles']:.2%}",
                    f"{core['read_bytes'] / 1e6:,.1f}",
                    f"{core['written_bytes'] / 1e6:,.1f}",
                ]
            )
    header = ["core", "slots computed", "busy", "MAC busy", "MB read", "MB written"]
    return format_table(header, lines)


def format_latencies(report: Json) -> str:
    """Memories that answer later."""
    columns = {
        "latency, cycles": "{latency_cycles}",
        "cycles, relative": "{relative:.3f}",
        "stalled, of busy": "{stall_share:.2%}",
        "MAC busy, of busy": "{utilisation:.2%}",
    }
    rows = report["latencies"]
    rows = [{**row, "relative": row["cycles"] / rows[0]["cycles"]} for row in rows]
    return format_rows(columns, rows)


def format_mappings(report: Json) -> str:
    """Static mapping against DRS."""
    columns = {
        "decided by": "{title}",
        "slots": "{slots}",
        "replayed": "{ratio:.0%}",
        "cores": "{cores}",
        "DRS, cycles": "{dynamic_cycles:,.0f}",
        "static": "{static_cycles:,.0f}",
        "quotient": "{slowdown:.3f}",
        "rounds": "{round_slowdown:.3f}",
        "expected": "{expected_independent:.3f}",
        "in bursts": "{expected_bursts:.3f}",
    }
    rows = [{**row, "title": SOURCE_TITLES[row["decisions"]]} for row in report["mappings"]]
    return format_rows(columns, rows)
