"""The table of docs/native_simulation.md, and what its words say about it."""

from __future__ import annotations

from collections.abc import Iterable

from tools.markdown import format_table
from tools.native_speed.measures import Json
from tools.native_speed.simulators import RUN, STEP
from tools.page import Claim, Page

HEADER = ("design", "simulator", "build, s", "cycles per s", "times Simulation")


def make_tables(report: Json) -> dict[str, str]:
    """Each design's rows, one below the other."""
    lines = [
        [
            row["design"],
            row["simulator"],
            f"{row['build_seconds']:.1f}",
            f"{row['cycles_per_second']:,.0f}",
            f"{row['times_simulation']:,.1f}",
        ]
        for row in report["rows"]
    ]
    return {"speed": format_table(HEADER, lines)}


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


PAGE = Page("native_simulation.md", make_tables, make_claims)
