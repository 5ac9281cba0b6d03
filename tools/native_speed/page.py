"""The table of docs/native_simulation.md, and what its words say about it."""

from __future__ import annotations

from collections.abc import Iterable

from fastcar.rtl.config import DEMO
from tools.markdown import format_table
from tools.native_speed.accelerator import NATIVE
from tools.native_speed.measures import Json
from tools.native_speed.simulators import RUN, STEP
from tools.page import Claim, Page

HEADER = ("design", "simulator", "build, s", "cycles per s", "times Simulation")
LOOP_HEADER = ("simulator", "cycles per s", "times FastSimulation", "times Verilator")
BUILD_HEADER = ("cores", "lanes", "native, s", "Verilator, s", "quotient", "native again, s")
RESTING_HEADER = ("accelerator", "nets", "all nets, µs a cycle", "without what rests", "times")
VIDEO_HEADER = ("tokens", "cycles", "native, s", "Verilator, s", "quotient")
LEAST_FAST, LEAST_VERILATOR = 150, 1.0
MOST_BUILD, MOST_AGAIN_SECONDS, MOST_VIDEO = 1 / 3, 1.0, 2.0
"""What was aimed at; quotients are native by Verilator."""


def make_tables(report: Json) -> dict[str, str]:
    """Each design's rows, one below the other; the accelerator, its builds and a video."""
    rows = [
        [
            row["design"],
            row["simulator"],
            f"{row['build_seconds']:.1f}",
            f"{row['cycles_per_second']:,.0f}",
            f"{row['times_simulation']:,.1f}",
        ]
        for row in report["rows"]
    ]
    return {
        "speed": format_table(HEADER, rows),
        "loops": format_table(LOOP_HEADER, [_list_loop(row) for row in report["loops"]]),
        "builds": format_table(BUILD_HEADER, [_list_build(row) for row in report["builds"]]),
        "resting": format_table(RESTING_HEADER, [_list_resting(row) for row in report["resting"]]),
        "video": format_table(VIDEO_HEADER, [_list_video(report["video"])]),
    }


def _list_loop(row: Json) -> list[str]:
    return [
        row["simulator"],
        f"{row['cycles_per_second']:,.0f}",
        f"{row['times_fast']:,.1f}",
        f"{row['times_verilator']:,.3f}",
    ]


def _list_build(row: Json) -> list[str]:
    native, verilator = row["native_seconds"], row["verilator_seconds"]
    return [
        str(row["cores"]),
        str(row["lanes"]),
        f"{native:.1f}",
        f"{verilator:.1f}",
        f"{_divide(row):.2f}",
        f"{row['native_cached_seconds']:.2f}",
    ]


def _list_resting(row: Json) -> list[str]:
    return [
        row["accelerator"],
        f"{row['nets']:,}",
        f"{row['all_microseconds']:.1f}",
        f"{row['skipping_microseconds']:.1f}",
        f"{row['times']:.2f}",
    ]


def _list_video(row: Json) -> list[str]:
    native, verilator = row["native_seconds"], row["verilator_seconds"]
    return [
        f"{row['tokens']:,}",
        f"{row['cycles']:,}",
        f"{native:.0f}",
        f"{verilator:.0f}",
        f"{_divide(row):.2f}",
    ]


def make_claims(report: Json) -> Iterable[Claim]:
    """Orders of the rows, so that the words outlive a new measurement."""
    speed = {(row["design"], row["simulator"]): row["cycles_per_second"] for row in report["rows"]}
    designs = list(dict.fromkeys(row["design"] for row in report["rows"]))
    others = ("Simulation", "FastSimulation")
    yield Claim(
        "A native `step` is faster than one of `Simulation` and of `FastSimulation` on every "
        "design",
        all(speed[name, STEP] > speed[name, other] for name in designs for other in others),
    )
    yield Claim(
        "`run` is faster than a `step` on every design, by a factor that is large for small ones",
        all(speed[name, RUN] > speed[name, STEP] for name in designs)
        and speed[designs[0], RUN] > 10 * speed[designs[0], STEP],
    )
    yield from _claim_loops(report)
    small, large = (row["times"] for row in report["resting"])
    yield Claim(
        "worth about a sixth with attention, and nothing without",
        1.1 < large < 1.25 and small < 1.05,
    )


def _claim_loops(report: Json) -> Iterable[Claim]:
    loops = {row["simulator"]: row for row in report["loops"]}
    builds = {(row["cores"], row["lanes"]): row for row in report["builds"]}
    demo = builds[DEMO.num_cores, DEMO.num_lanes]
    again = demo["native_cached_seconds"]
    one, eight = (builds[cores, DEMO.num_lanes]["native_seconds"] for cores in (1, 8))
    yield Claim("150 times as fast as FastSimulation", loops[NATIVE]["times_fast"] >= LEAST_FAST)
    yield Claim(
        "at least as fast as Verilator", loops[NATIVE]["times_verilator"] >= LEAST_VERILATOR
    )
    yield Claim("a third of Verilator's time to build the demo design", _divide(demo) <= MOST_BUILD)
    yield Claim(f"was to be ready in a second and takes {again:.1f} s", again >= MOST_AGAIN_SECONDS)
    yield Claim(
        f"at most 8 times the time of one to build, and take {eight / one:.1f} times",
        eight > 8 * one,
    )
    yield Claim(
        "at most twice Verilator's time for a video", _divide(report["video"]) <= MOST_VIDEO
    )


def _divide(row: Json) -> float:
    return float(row["native_seconds"] / row["verilator_seconds"])


PAGE = Page("native_simulation.md", make_tables, make_claims)
