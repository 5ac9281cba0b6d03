"""The report of a sweep as text."""

from __future__ import annotations

from typing import Any

from fastcar.sweeps.pareto import SHOWN

SHOWN_POINTS = 12

Report = dict[str, Any]


def format_report(report: Report) -> str:
    """A few lines: what stands where, and what is worth a look."""
    lines = [
        f"{report['points']} points of scope {report['scope']} in {report['rows']}, "
        f"{report['resumed']} of them from before, {report['refused']} refused"
    ]
    if front := report.get("front"):
        lines += ["", f"not beaten in time, DSP blocks and quality: {len(front)} points"]
        lines += [_format_point(one) for one in front[:SHOWN_POINTS]]
        if len(front) > SHOWN_POINTS:
            lines.append(f"  and {len(front) - SHOWN_POINTS} more")
    if paper := report.get("paper"):
        from fastcar.sweeps.paper import format_paper

        lines += ["", *format_paper(paper)]
    return "\n".join(lines)


def _format_point(point: Report) -> str:
    said = ", ".join(f"{name} {point[name]}" for name in SHOWN if name in point)
    return (
        f"  {said}: {point['cycles_per_slot']:.0f} cycles for a slot, "
        f"{point['mac_multipliers']} DSP blocks"
    )
