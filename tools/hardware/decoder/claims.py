"""What docs/decoder_hardware.md says: its tables, and its sentences with their verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from tools.hardware.decoder.settings import MODES, RESET, Json
from tools.hardware.decoder.tables import (
    bound_speed_ups,
    compute_gains,
    find_row,
    format_area,
    format_complete,
    format_dense,
    format_gains,
    format_lockstep,
    format_opcodes,
    format_replay,
    format_scores,
    get_best_count,
    get_speed_up,
    get_utilisation,
    list_places,
    title_attention,
)
from tools.hardware.mapping import SOURCES
from tools.hardware.tables import SOURCE_TITLES
from tools.page import Claim, Page

MAX_DENSE_CYCLES = {"full": 375_000_000, "window": 276_000_000}
MIN_UTILISATION = {"full": 0.94, "window": 0.92}
MIN_SPEED_UP = {"full": 1.20, "window": 1.30}
MAX_SCORE_CYCLES = 150
MAX_MINUTES = 30
MAX_XILINX = {"lut": 8_000, "ff": 11_000, "dsp": 28, "bram": 36}
MAX_ECP5_BLOCKS = 72
BARRIER, FLOW = "barrier dynamic", "flow dynamic"


def judge(is_met: bool) -> str:
    """The verdict on a target."""
    return "met" if is_met else "missed"


def make_tables(report: Json) -> dict[str, str]:
    """Every block of the page by name."""
    return {
        "area": format_area(report),
        "dense": format_dense(report),
        "opcodes": format_opcodes(report),
        "complete": format_complete(report),
        "replay": format_replay(report),
        "gains": format_gains(report),
        "scores": format_scores(report),
        "lockstep": format_lockstep(report),
    }


def make_claims(report: Json) -> Iterator[Claim]:
    """Every claim of the page, section by section."""
    config, settings = report["config"], report["settings"]
    yield Claim(f"Model {report['model']['name']}, int8 weights, keys and values")
    yield Claim(
        f"C = {config['num_cores']} cores of L = {config['num_lanes']} lanes and "
        f"{config['num_slots']} batch slots"
    )
    yield Claim(
        f"{settings['videos']} videos of {settings['frames']} frames: {report['prompt_tokens']} "
        f"tokens of a prompt and {report['fed_tokens']:,} of a video, all of every slot"
    )
    yield from _claim_dense(report)
    yield from _claim_sample(report)
    yield from _claim_replay(report)
    yield from _claim_gains(report)
    yield from _claim_scores(report)
    yield from _claim_lockstep(report)
    yield from _claim_area(report)


def _claim_area(report: Json) -> Iterator[Claim]:
    """Cells of one core with attention, each with its target."""
    found = report["area"]["with"]
    names = {"lut": "LUTs", "ff": "flip-flops", "dsp": "DSP blocks", "bram": "block RAMs"}
    parts = [
        f"{found['xilinx'][kind]:,} {name} (target: {MAX_XILINX[kind]:,}: "
        f"{judge(found['xilinx'][kind] <= MAX_XILINX[kind])})"
        for kind, name in names.items()
    ]
    blocks = found["ecp5"]["bram"]
    yield Claim(
        f"On UltraScale+ {', '.join(parts)}; on ECP5 {blocks} block RAMs of 18 kbit (target: "
        f"{MAX_ECP5_BLOCKS}: {judge(blocks <= MAX_ECP5_BLOCKS)}).",
        not any(one["violations"] for one in report["area"].values()),
    )


def _claim_dense(report: Json) -> Iterator[Claim]:
    """Cycles and MAC beats of dense videos."""
    for attention, modes in report["dense"].items():
        dense, title = modes[BARRIER], title_attention(report, attention)
        limit, least = MAX_DENSE_CYCLES[attention], MIN_UTILISATION[attention]
        utilisation = get_utilisation(dense)
        yield Claim(
            f"attention {title}: {dense['cycles'] / 1e6:.1f} million cycles (target: at most "
            f"{limit / 1e6:.0f} million: {judge(dense['cycles'] <= limit)}), a MAC beat in "
            f"{utilisation:.2%} of the busy core cycles (target: {least:.0%}: "
            f"{judge(utilisation >= least)})"
        )
        saved = 1 - modes[FLOW]["cycles"] / dense["cycles"]
        yield Claim(f"{title}: layers that flow save {saved:.2%} of a dense run")
        are_equal = all(
            modes[mode.name]["cycles"] == modes[f"{mode.name.split()[0]} dynamic"]["cycles"]
            for mode in MODES
        )
        yield Claim("DRS and the static mapping are the same", are_equal)


def _claim_sample(report: Json) -> Iterator[Claim]:
    """What was counted, and how far the sample is from everything."""
    settings = report["settings"]
    sampled = report["replay"][0]["sampled"]["tokens"]
    errors = [
        abs(get_speed_up(row["sampled"]) / get_speed_up(row["complete"]) - 1)
        for row in report["replay"]
        if row["complete"]
    ]
    aims = ", ".join(f"{ratio:.0%}" for ratio in settings["ratios"])
    yield Claim(f"the thresholds aim at {aims} of the decisions")
    yield Claim(f"decide tokens of {settings['videos']} held-out clips")
    yield Claim(
        f"one token in {settings['stride']}, {sampled} of "
        f"{report['prompt_tokens'] + report['fed_tokens']:,}"
    )
    yield Claim(f"differ by at most {max(errors):.2%}")


def _claim_replay(report: Json) -> Iterator[Claim]:
    """Speed-ups at the share that targets are for, and their bounds."""
    ratio = report["settings"]["main_ratio"]
    for attention, source in product(report["dense"], SOURCES):
        rows = {mode: find_row(report, attention, source, ratio, mode) for mode in (BARRIER, FLOW)}
        flow, barrier = (get_speed_up(get_best_count(rows[mode])) for mode in (FLOW, BARRIER))
        idle_free, _ = bound_speed_ups(report, rows[FLOW])
        least = MIN_SPEED_UP[attention]
        yield Claim(
            f"attention {title_attention(report, attention)}, {SOURCE_TITLES[source]}, "
            f"{rows[FLOW]['replayed']:.1%} replayed: {flow:.3f} where layers flow (target: "
            f"{least:.2f}: {judge(flow >= least)}), {barrier:.3f} with the barrier; cores that "
            f"never idle would give {idle_free:.3f}"
        )


def _claim_gains(report: Json) -> Iterator[Claim]:
    """What DRS is worth, what the barrier costs, and what the pointer must do."""
    ratio = report["settings"]["main_ratio"]
    for attention in report["dense"]:
        gains = compute_gains(report, attention, "tas", ratio)
        cycles = {
            mode: find_row(report, attention, "tas", ratio, mode)["sampled"]["cycles"]
            for mode in (BARRIER, FLOW, RESET.name)
        }
        saved = {mode: 1 - number / cycles[BARRIER] for mode, number in cycles.items()}
        yield Claim(
            f"attention {title_attention(report, attention)}: without DRS a run takes "
            f"{gains['drs_barrier'] - 1:.1%} more cycles with the barrier and "
            f"{gains['drs_flow'] - 1:.1%} more where layers flow; the barrier costs "
            f"{gains['flow_drs'] - 1:.1%} with DRS and {gains['flow_static'] - 1:.1%} without; "
            "with a pointer that starts at core 0 in every layer, layers that flow save "
            f"{saved[RESET.name]:.1%} of the barrier's cycles instead of {saved[FLOW]:.1%}"
        )
    every = [compute_gains(report, *place) for place in list_places(report)]
    better = sum(one["flow_static"] > one["drs_barrier"] for one in every)
    yield Claim(
        f"In {better} of {len(every)} rows layers that flow under the static mapping are "
        "faster than DRS with the barrier"
    )


def _claim_scores(report: Json) -> Iterator[Claim]:
    """Extra cycles of a decision."""
    settings = report["settings"]
    rows = [row for row in report["scores"] if row["source"] == "tas" and row["mode"] == BARRIER]
    for row in rows:
        most = row["core_cycles"][1]
        is_short = row["window"] == settings["short_window"]
        limit = MAX_SCORE_CYCLES if is_short else 0
        window = "full" if row["window"] is None else f"{row['window']} + {settings['sinks']}"
        yield Claim(
            f"{SOURCE_TITLES['tas']}, attention {window}: {most:,.0f} core cycles more (target: "
            f"{'at most ' if limit else ''}{limit}: {judge(most <= limit)})"
        )


def _claim_lockstep(report: Json) -> Iterator[Claim]:
    """The run for the record, and how long whole videos would take."""
    run, ratio = report["lockstep"], report["settings"]["main_ratio"]
    yield Claim(
        f"{run['cycles']:,} cycles of {run['tokens']} tokens: {run['records']:,} records", True
    )
    estimates = {
        "dense": report["dense"]["full"][FLOW]["cycles"],
        "SCORE": find_row(report, "full", "tas", ratio, FLOW)["complete"]["cycles"],
    }
    minutes = {name: one / run["cycles_per_second"] / 60 for name, one in estimates.items()}
    yield Claim(
        f"at {run['cycles_per_second'] / 1e3:.0f} thousand cycles per processor second an "
        f"estimated {minutes['dense']:.0f} minutes dense and {minutes['SCORE']:.0f} with SCORE "
        f"(target: at most {MAX_MINUTES}: {judge(max(minutes.values()) <= MAX_MINUTES)})"
    )


PAGE = Page("decoder_hardware.md", make_tables, make_claims)
"""Figures of docs/decoder_hardware.md."""
