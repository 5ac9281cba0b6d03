"""What docs/hardware.md says: its tables, and its sentences with the verdicts on its targets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.hardware.mapping import INDEPENDENT
from tools.hardware.paper import claim_paper, format_paper
from tools.hardware.tables import (
    SOURCE_TITLES,
    format_cores,
    format_instructions,
    format_latencies,
    format_mappings,
    format_phases,
    format_runs,
    get_utilisation,
)
from tools.page import Claim, Page

Json = dict[str, Any]

UTILISATION_TARGET = 0.95
MAX_OVERHEAD_CYCLES = 2
MAX_PROCESSOR_SECONDS = 600
CLAIMED_SLOWDOWN = 1.7
CLAIM_TOLERANCE = 0.05


def make_tables(report: Json) -> dict[str, str]:
    """Every block of the page by name."""
    return {
        "runs": format_runs(report),
        "phases": format_phases(report),
        "instructions": format_instructions(report),
        "cores": format_cores(report),
        "latencies": format_latencies(report),
        "mappings": format_mappings(report),
        "paper": format_paper(report["paper"]),
    }


def make_claims(report: Json) -> Iterator[Claim]:
    """Every claim of the page, section by section."""
    config, settings = report["config"], report["settings"]
    yield Claim(f"Model {report['model']['name']}, int8 weights")
    yield Claim(
        f"C = {config['num_cores']} cores of L = {config['num_lanes']} lanes and "
        f"{config['num_slots']} batch slots"
    )
    yield Claim(f"{settings['videos']} videos of {settings['frames']} frames, one per slot")
    yield Claim(f"drawn at temperature {settings['temperature']};")
    yield Claim(f"The thresholds replay {settings['ratio']:.0%} of all decisions")
    yield from _claim_time(report)
    for name, run in report["runs"].items():
        yield from _claim_run(SOURCE_TITLES[name], run)
    yield from _claim_mappings(report)
    yield from _claim_figures(report)
    yield Claim(f"({report['paper'][0]['draws']} layer steps drawn for each")
    yield from claim_paper(report["paper"], report["paper_fits"])


def _claim_time(report: Json) -> Iterator[Claim]:
    """Speed of the simulation and its target."""
    longest = max(report["runs"].values(), key=lambda run: float(run["processor_seconds"]))
    seconds, elapsed = longest["processor_seconds"], longest["elapsed_seconds"]
    yield Claim(
        f"The longer run, whole videos of every slot, took {seconds / 60:.1f} minutes of one core",
        report["settings"]["frames"] == report["model"]["trained_frames"],
    )
    yield Claim(
        f"(target: under {MAX_PROCESSOR_SECONDS // 60} minutes: met in processor time); by the "
        f"clock {elapsed / 60:.1f} minutes, with {seconds / elapsed:.0%} of a core.",
        seconds <= MAX_PROCESSOR_SECONDS,
    )


def _claim_run(title: str, run: Json) -> Iterator[Claim]:
    """Utilisation, stalls and scheduling under one source of decisions."""
    slot, busy = get_utilisation(run, ("compute",)), get_utilisation(run)
    yield Claim(
        f"{title}: {slot:.2%} (met) of the cycles of computing slots, {busy:.2%} (met) of all busy "
        "cycles with the adds of replayed slots",
        min(slot, busy) >= UTILISATION_TARGET,
    )
    read, write = (sum(core[key] for core in run["cores"]) for key in ("read_stall", "write_stall"))
    seen = run["dropped"] + sum(one["count"] for one in run["instructions"])
    yield Claim(
        f"{title}: {read:,} read and {write:,} write stalls of the cores; the dispatcher waited "
        f"{run['wait_decision']:,} cycles for decisions and {run['wait_queue']:,} for a full queue "
        f"({run['wait_decision'] / run['cycles']:.2%} and {run['wait_queue'] / run['cycles']:.2%} "
        f"of the run), and dropped {run['dropped'] / seen:.1%} of the {seen:,} instructions"
    )
    histograms = run["histograms"]
    first, count = histograms["commit to dispatch"][0]
    total = sum(number for _, number in histograms["commit to dispatch"])
    yield Claim(
        f"{title}: of {total:,} slots whose first instruction had to wait in the dispatcher, "
        f"{count:,} went 1 cycle after the commit of their decision, the soonest possible; the "
        "others",
        first == 1 and count < total,
    )
    exposed, soonest = histograms["exposed overhead"], histograms["soonest start after commit"]
    yield Claim(
        f"{title}: exposed scheduling overhead per layer step, against a scheduler that compares, "
        f"commits and shows decisions in no time: {describe_range(exposed)} (target: at most "
        f"{MAX_OVERHEAD_CYCLES}: met); no slot starts earlier than {soonest[0][0]} cycles after",
        exposed[-1][0] <= MAX_OVERHEAD_CYCLES,
    )
    yield Claim(
        f"{title}: rounds are ceil(n / C) in {run['rounds_equal']:,} of {run['steps']:,} layer",
        run["rounds_equal"] == run["steps"],
    )
    yield _claim_slots(title, run)


def _claim_slots(title: str, run: Json) -> Claim:
    """A replayed slot against its residual add and against a computed one."""
    replayed = max(run["replayed"], 1)
    parts = {
        one["opcode"]: one["cycles"] / replayed
        for one in run["instructions"]
        if one["phase"] == "replay"
    }
    names = " + ".join(f"{parts[opcode]:.0f} {opcode}" for opcode in sorted(parts))
    replay, compute = (
        describe_range(run["histograms"][f"{kind} slot"]) for kind in ("replay", "compute")
    )
    return Claim(
        f"{title}: a replayed slot occupies its core for {replay}, its residual add alone takes "
        f"{sum(parts.values()):.0f} ({names}); a computed slot takes {compute}."
    )


def describe_range(histogram: list[list[int]]) -> str:
    """Smallest to largest cycles of a histogram."""
    first, last = histogram[0][0], histogram[-1][0]
    unit = "cycle" if last == 1 else "cycles"
    return f"{first:,} {unit}" if first == last else f"{first:,} to {last:,} {unit}"


def _claim_mappings(report: Json) -> Iterator[Claim]:
    """Whether the static mapping is as slow as a quick model said, and what bursts do."""
    settings = report["settings"]
    aims = " and ".join(f"{ratio:.0%}" for ratio in settings["table_ratios"])
    yield Claim(f"({settings['sampled_steps']} layer steps each)")
    yield Claim(f"decide tokens of {settings['videos']} held-out clips")
    yield Claim(f"Thresholds and dice aim at {aims} of the decisions")
    rows = [row for row in report["mappings"] if row["cores"] < row["slots"]]
    dice = [row for row in rows if row["decisions"] == INDEPENDENT]
    real = [row for row in rows if row["decisions"] != INDEPENDENT]
    slots = real[0]["slots"]
    as_many = [row for row in dice if row["slots"] == slots]
    gains = [sum(row["slowdown"] - 1 for row in kind) / len(kind) for kind in (real, as_many)]
    persistences = [row["persistence"] for row in real]
    near = (1 - CLAIM_TOLERANCE) * CLAIMED_SLOWDOWN
    yield Claim(f"said that the static mapping is up to {CLAIMED_SLOWDOWN}x slower.")
    yield Claim(
        f"For independent decisions this is confirmed to within {CLAIM_TOLERANCE:.0%}: "
        f"{_describe_slowest(dice)}; the largest quotient of expected rounds is "
        f"{max(row['expected_independent'] for row in dice):.2f}.",
        _get_slowest(dice)["slowdown"] >= near,
    )
    yield Claim(
        f"For decisions of real tokens it is refuted: {_describe_slowest(real)}. Single layer "
        f"steps reach {max(row['worst_slowdown'] for row in rows):.2f}x.",
        _get_slowest(real)["slowdown"] < near,
    )
    yield Claim(
        f"correlated by {min(persistences):.2f} to {max(persistences):.2f}; averaged over the rows "
        f"of {slots} slots with fewer cores, DRS saves the static mapping's surplus of "
        f"{gains[0]:.1%} with real decisions and of {gains[1]:.1%} with independent ones."
    )
    lowest = min(row["best_slowdown"] for row in rows)
    yield Claim(f"faster under the static mapping by more than {1 - lowest:.1%}:")


def _get_slowest(rows: list[Json]) -> Json:
    return max(rows, key=lambda one: float(one["slowdown"]))


def _describe_slowest(rows: list[Json]) -> str:
    row = _get_slowest(rows)
    return (
        f"the mean is at most {row['slowdown']:.2f}x ({row['slots']} slots, {row['cores']} cores, "
        f"{row['ratio']:.0%} replayed)"
    )


def _claim_figures(report: Json) -> Iterator[Claim]:
    """The step that one figure shows, and what the other shows at half."""
    timeline, rows = report["timeline"], report["ratios"]
    yield Claim(
        f"{sum(timeline['computes'])} of {len(timeline['computes'])} slots computing: the static "
        f"mapping takes {timeline['slowdown']:.2f} times the cycles"
    )
    half = min(rows, key=lambda row: abs(float(row["ratio"]) - 0.5))
    yield Claim(
        f"At {half['ratio']:.0%} it takes {half['dynamic'] / rows[-1]['dynamic']:.1%} of the "
        "cycles of a step that computes every slot, the static mapping "
        f"{half['static'] / rows[-1]['static']:.1%}; with all slots replayed "
        f"{rows[0]['dynamic'] / rows[-1]['dynamic']:.2%} are left."
    )


PAGE = Page("hardware.md", make_tables, make_claims)
