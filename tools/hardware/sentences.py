"""Sentences of docs/hardware.md with the verdicts on its targets."""

from __future__ import annotations

from typing import Any

from tools.hardware.mapping import INDEPENDENT
from tools.hardware.tables import SOURCE_TITLES, get_utilisation

Json = dict[str, Any]

UTILISATION_TARGET = 0.95
MAX_OVERHEAD_CYCLES = 2
MAX_PROCESSOR_SECONDS = 600
CLAIMED_SLOWDOWN = 1.7
CLAIM_TOLERANCE = 0.05
SLOT_KINDS = ("replay", "compute")


def describe_time(report: Json) -> str:
    """Speed of the simulation and its target."""
    runs = report["runs"].values()
    longest = max(runs, key=lambda run: float(run["processor_seconds"]))
    seconds, elapsed = longest["processor_seconds"], longest["elapsed_seconds"]
    frames, whole = report["settings"]["frames"], report["model"]["trained_frames"]
    videos = "whole videos" if frames == whole else f"{frames} of {whole} frames"
    return (
        f"The longer run, {videos} of every slot, took {seconds / 60:.1f} minutes of one core with "
        f"decoder, reference and cycle model (target: under {MAX_PROCESSOR_SECONDS // 60} minutes: "
        f"{_judge(seconds <= MAX_PROCESSOR_SECONDS)} in processor time); by the clock "
        f"{elapsed / 60:.1f} minutes, with {seconds / elapsed:.0%} of a core."
    )


def describe_utilisation(report: Json) -> str:
    """Utilisation of the MAC arrays in the MLP phase."""
    texts = []
    for name, run in report["runs"].items():
        shares = get_utilisation(run, ("compute",)), get_utilisation(run)
        slot, busy = (f"{share:.2%} ({_judge(share >= UTILISATION_TARGET)})" for share in shares)
        texts.append(
            f"{SOURCE_TITLES[name]}: {slot} of the cycles of computing slots, {busy} of all busy "
            "cycles with the adds of replayed slots"
        )
    return (
        "In the MLP phase the MAC arrays take a beat of all lanes in this share of the cycles in "
        f"which cores are busy (target {UTILISATION_TARGET:.0%}). {'. '.join(texts)}. Where the "
        "rest goes, per kind of instruction: its cycles, its share of all busy cycles of the MLP "
        "phase, and the part of that share in which the MAC array takes no beat."
    )


def _judge(is_reached: bool) -> str:
    return "met" if is_reached else "missed"


def describe_stalls(report: Json) -> str:
    """Stalls by cause over both runs."""
    texts = []
    for name, run in report["runs"].items():
        read, write = (
            sum(core[key] for core in run["cores"]) for key in ("read_stall", "write_stall")
        )
        seen = run["dropped"] + sum(one["count"] for one in run["instructions"])
        texts.append(
            f"{SOURCE_TITLES[name]}: {read:,} read and {write:,} write stalls of the cores; the "
            f"dispatcher waited {run['wait_decision']:,} cycles for decisions and "
            f"{run['wait_queue']:,} for a full queue "
            f"({run['wait_decision'] / run['cycles']:.2%} and "
            f"{run['wait_queue'] / run['cycles']:.2%} of the run), and dropped "
            f"{run['dropped'] / seen:.1%} of the {seen:,} instructions for cores"
        )
    return ". ".join(texts) + "."


def describe_scheduling(report: Json) -> str:
    """Latencies, overhead, replayed slots and rounds, as a list."""
    entries = [
        f"{SOURCE_TITLES[name]}: {text}"
        for name, run in report["runs"].items()
        for text in (
            describe_dispatch(run["histograms"]["commit to dispatch"]),
            describe_overhead(run["histograms"]),
            f"rounds are ceil(n / C) in {run['rounds_equal']:,} of {run['steps']:,} layer steps.",
            describe_slots(run),
        )
    ]
    return "\n".join(f"- {entry}" for entry in entries)


def describe_dispatch(histogram: list[list[int]]) -> str:
    """From the commit of a decision to the dispatch of the slot's first instruction."""
    first, count = histogram[0]
    total = sum(number for _, number in histogram)
    unit = "cycle" if first == 1 else "cycles"
    text = (
        f"of {total:,} slots whose first instruction had to wait in the dispatcher, {count:,} went "
        f"{first} {unit} after the commit of their decision"
    )
    if count == total:
        return f"{text}."
    return f"{text}, the soonest possible; the others also waited for room in a queue."


def describe_overhead(histograms: Json) -> str:
    """What a scheduler that takes no time would save, and the soonest start of a slot."""
    exposed, soonest = histograms["exposed overhead"], histograms["soonest start after commit"]
    return (
        "exposed scheduling overhead per layer step, against a scheduler that compares, commits "
        f"and shows decisions in no time: {describe_range(exposed)} (target: at most "
        f"{MAX_OVERHEAD_CYCLES}: "
        f"{_judge(exposed[-1][0] <= MAX_OVERHEAD_CYCLES)}); no slot starts earlier than "
        f"{soonest[0][0]} cycles after its commit."
    )


def describe_slots(run: Json) -> str:
    """A replayed slot against its residual add and against a computed one."""
    parts = [one for one in run["instructions"] if one["phase"] == "replay"]
    replayed = max(run["replayed"], 1)
    add = sum(one["cycles"] for one in parts) / replayed
    names = " + ".join(
        f"{one['cycles'] / replayed:.0f} {one['opcode']}" for one in sorted(parts, key=_get_opcode)
    )
    replay, compute = (describe_range(run["histograms"][f"{one} slot"]) for one in SLOT_KINDS)
    return (
        f"a replayed slot occupies its core for {replay}, its residual add alone takes {add:.0f} "
        f"({names}); a computed slot takes {compute}."
    )


def _get_opcode(instruction: Json) -> str:
    return str(instruction["opcode"])


def describe_mappings(report: Json) -> str:
    """Whether the static mapping is as slow as a quick model said, and what bursts do."""
    rows = [row for row in report["mappings"] if row["cores"] < row["slots"]]
    dice = [row for row in rows if row["decisions"] == INDEPENDENT]
    real = [row for row in rows if row["decisions"] != INDEPENDENT]
    as_many = [row for row in dice if row["slots"] == real[0]["slots"]]
    gains = [sum(row["slowdown"] - 1 for row in kind) / len(kind) for kind in (real, as_many)]
    persistences = [row["persistence"] for row in real]
    lowest, worst = (
        min(row["best_slowdown"] for row in rows),
        max(row["worst_slowdown"] for row in rows),
    )
    expected = max(row["expected_independent"] for row in dice)
    return (
        f"A quick model said that the static mapping is up to {CLAIMED_SLOWDOWN}x slower. For "
        f"independent decisions this is {describe_claim(dice)}; the largest quotient of expected "
        f"rounds is {expected:.2f}. For decisions of real tokens it is {describe_claim(real)}. "
        f"Single layer steps reach {worst:.2f}x. Neighbouring slots of real tokens are correlated "
        f"by {min(persistences):.2f} to {max(persistences):.2f}; averaged over the rows of "
        f"{real[0]['slots']} slots with fewer cores, DRS saves the static mapping's surplus of "
        f"{gains[0]:.1%} with real decisions and of {gains[1]:.1%} with independent ones. With as "
        f"many cores as slots no mapping can gain. No single step is faster under the static "
        f"mapping by more than {1 - lowest:.1%}: DRS never takes more rounds, but the adds of "
        f"replayed slots stay on core b mod C and may queue behind more computing slots."
    )


def describe_claim(rows: list[Json]) -> str:
    """Verdict on the slowdown that was claimed, with the largest mean."""
    row = max(rows, key=lambda one: float(one["slowdown"]))
    is_near = row["slowdown"] >= (1 - CLAIM_TOLERANCE) * CLAIMED_SLOWDOWN
    verdict = f"confirmed to within {CLAIM_TOLERANCE:.0%}" if is_near else "refuted"
    return (
        f"{verdict}: the mean is at most {row['slowdown']:.2f}x ({row['slots']} slots, "
        f"{row['cores']} cores, {row['ratio']:.0%} replayed)"
    )


def describe_timeline(report: Json) -> str:
    """The step that the figure shows."""
    timeline = report["timeline"]
    return (
        f"{sum(timeline['computes'])} of {len(timeline['computes'])} slots computing: the static "
        f"mapping takes {timeline['slowdown']:.2f} times the cycles in the MLP phase. Of the steps "
        "in which it is slower, those were taken in which about half of the slots compute, and of "
        "these the one with the median"
    )


def describe_ratios(report: Json) -> str:
    """What the second figure shows at half."""
    rows = report["ratios"]
    half = min(rows, key=lambda row: abs(float(row["ratio"]) - 0.5))
    return (
        f"The MLP phase at a given share of replayed slots: DRS follows the stairs of ceil(n / C). "
        f"At {half['ratio']:.0%} it takes {half['dynamic'] / rows[-1]['dynamic']:.1%} of the "
        f"cycles of a step that computes every slot, the static mapping "
        f"{half['static'] / rows[-1]['static']:.1%}; with all slots replayed "
        f"{rows[0]['dynamic'] / rows[-1]['dynamic']:.2%} are left."
    )


def describe_range(histogram: list[list[int]]) -> str:
    """Smallest to largest cycles of a histogram."""
    first, last = histogram[0][0], histogram[-1][0]
    unit = "cycle" if last == 1 else "cycles"
    return f"{first:,} {unit}" if first == last else f"{first:,} to {last:,} {unit}"
