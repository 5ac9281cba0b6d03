"""The report of a co-simulation: one JSON object, and the tables that are printed from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from cosim.lockstep import LockstepError
from cosim.run import Cosim
from reference.errors import FastCarError

Report = dict[str, Any]
Row = Sequence[object]


def build_report(cosim: Cosim, failure: FastCarError | None = None) -> Report:
    """What a co-simulation found; everything of it is JSON.

    Args:
        cosim: after `run_cosim`.
        failure: the error that ended it, if one did.
    """
    statistics, totals = cosim.statistics, cosim.statistics.totals
    num_records = totals["decisions"] + totals["retirements"]
    return {
        "equal": failure is None,
        "failure": None if failure is None else str(failure),
        "difference": asdict(failure.difference) if isinstance(failure, LockstepError) else None,
        "request": _describe_request(cosim),
        "accelerator": asdict(cosim.config),
        "runs": totals["runs"],
        "records": {
            "compared": num_records + isinstance(failure, LockstepError),
            "equal": num_records,
            "decisions": totals["decisions"],
            "retirements": totals["retirements"],
        },
        "replay_ratio": _divide(totals["replayed"], totals["decisions"]),
        "layers": [{"layer": layer, **sums} for layer, sums in sorted(statistics.layers.items())],
        "cycles": _describe_cycles(cosim),
        "core_cycles": _describe_core_cycles(cosim),
        "compute_cycles": dict(statistics.compute_cycles.most_common()),
        "mac": _describe_mac(cosim),
        "stalls": {
            "read": sum(core["read_stall"] for core in statistics.cores),
            "write": sum(core["write_stall"] for core in statistics.cores),
            "wait_decision": totals["wait_decision"],
            "wait_queue": totals["wait_queue"],
        },
        "dropped": totals["dropped"],
        "cores": [_describe_core(cosim, number) for number in range(cosim.config.num_cores)],
        "bytes": {
            way: sum(core[f"{way}_beats"] for core in statistics.cores) * cosim.config.beat_bytes
            for way in ("read", "written")
        },
        "timeline": None if statistics.timeline is None else asdict(statistics.timeline),
        "simulation": {
            "seconds": cosim.simulation_seconds,
            "cycles_per_second": _divide(totals["cycles"], cosim.simulation_seconds),
        },
    }


def _describe_request(cosim: Cosim) -> Report:
    request = cosim.request
    return {
        "model": cosim.model.directory.name,
        "backend": request.backend,
        "mode": request.mode.value,
        "source": request.source.value,
        "target_ratio": request.target_ratio,
        "latency": request.latency,
        "first_token": cosim.window.start,
        "tokens": len(cosim.window),
        "given_frames": request.given_frames,
        "calibration_clips": request.calibration_clips,
    }


def _describe_cycles(cosim: Cosim) -> Report:
    """Measured, and what the cycle model says of the other modes on the same decisions."""
    totals = cosim.statistics.totals
    dense = cosim.dense_cycles * totals["runs"]
    return {
        "measured": totals["cycles"],
        "drs": totals["drs_cycles"],
        "static": totals["static_cycles"],
        "dense": dense,
        "speed_up_against_dense": _divide(dense, totals["cycles"]),
        "static_against_drs": _divide(totals["static_cycles"], totals["drs_cycles"]),
        "rounds": totals["rounds"],
    }


def _describe_core_cycles(cosim: Cosim) -> Report:
    """Core-cycles by phase; together C times the cycles."""
    statistics = cosim.statistics
    available = statistics.totals["cycles"] * cosim.config.num_cores
    phases = {phase: statistics.phase_cycles[phase] for phase in ("decide", "compute", "replay")}
    totals = statistics.totals
    return {
        **phases,
        "idle": available - sum(phases.values()),
        "per_computed_slot": _divide(phases["compute"], totals["computed"]),
        "per_replayed_slot": _divide(phases["replay"], totals["replayed"]),
    }


def _describe_mac(cosim: Cosim) -> Report:
    statistics = cosim.statistics
    busy = sum(core["mac_busy"] for core in statistics.cores)
    available = statistics.totals["cycles"] * cosim.config.num_cores
    compute = statistics.phase_cycles["compute"]
    return {
        "busy": busy,
        "utilisation": _divide(busy, available),
        "utilisation_computing": _divide(statistics.phase_macs["compute"], compute),
    }


def _describe_core(cosim: Cosim, number: int) -> Report:
    core, num_bytes = cosim.statistics.cores[number], cosim.config.beat_bytes
    names = "computed", "replayed", "busy_cycles", "mac_busy", "read_stall", "write_stall"
    return {
        "core": number,
        **{name: core[name] for name in names},
        "dispatched": core["dispatched"],
        "read_bytes": core["read_beats"] * num_bytes,
        "written_bytes": core["written_beats"] * num_bytes,
    }


def _divide(part: float, whole: float) -> float | None:
    """None where there is nothing to divide by."""
    return part / whole if whole else None


def format_report(report: Report) -> str:
    """The tables of a report."""
    parts = [_format_head(report)]
    if report["runs"]:
        parts += [
            _format_cycles(report),
            _format_core_cycles(report),
            _format_cores(report),
        ]
    return "\n\n".join([*parts, _format_verdict(report)])


def _format_head(report: Report) -> str:
    request, sizes = report["request"], report["accelerator"]
    window = f"tokens {request['first_token']} to {request['first_token'] + request['tokens'] - 1}"
    return (
        f"{request['model']} on {request['backend']}: C = {sizes['num_cores']}, "
        f"L = {sizes['num_lanes']}, B = {sizes['num_slots']}, {request['mode']}, "
        f"{request['source']}, memory latency {request['latency']}\n"
        f"{window}: {report['runs']} layers run, {_percent(report['replay_ratio'])} replayed, "
        f"{_format_seconds(report['simulation'])}"
    )


def _format_seconds(simulation: Report) -> str:
    speed = simulation["cycles_per_second"]
    shown = "-" if speed is None else f"{speed:,.0f}"
    return f"{simulation['seconds']:.1f} s, {shown} cycles/s"


def _format_cycles(report: Report) -> str:
    cycles, dense = report["cycles"], report["cycles"]["dense"]
    rows: list[Row] = [("cycles", "", "against dense")]
    for name in ("measured", "drs", "static", "dense"):
        label = name if name == "measured" else f"{name}, by the cycle model"
        rows.append((label, f"{cycles[name]:,}", f"{dense / cycles[name]:.2f}x"))
    return format_table(rows)


def _format_core_cycles(report: Report) -> str:
    spent, mac, stalls = report["core_cycles"], report["mac"], report["stalls"]
    available = sum(spent[phase] for phase in ("decide", "compute", "replay", "idle"))
    rows: list[Row] = [("core-cycles", "", "share")]
    for phase in ("decide", "compute", "replay", "idle"):
        rows.append((phase, f"{spent[phase]:,}", _percent(spent[phase] / available)))
    for opcode, cycles in report["compute_cycles"].items():
        rows.append((f"compute: {opcode}", f"{cycles:,}", _percent(cycles / available)))
    for name, cycles in stalls.items():
        rows.append((f"stall: {name}", f"{cycles:,}", ""))
    rows.append(("MAC busy", f"{mac['busy']:,}", _percent(mac["utilisation"])))
    rows.append(("MAC busy of compute", "", _percent(mac["utilisation_computing"])))
    for kind in ("computed", "replayed"):
        per_slot = spent[f"per_{kind}_slot"]
        rows.append((f"per {kind} slot", "-" if per_slot is None else f"{per_slot:,.0f}", ""))
    return format_table(rows)


def _format_cores(report: Report) -> str:
    names = ("computed", "replayed", "busy_cycles", "mac_busy", "dispatched")
    rows: list[Row] = [("core", *names, "bytes read", "bytes written")]
    for core in report["cores"]:
        numbers = [core[name] for name in (*names, "read_bytes", "written_bytes")]
        rows.append((core["core"], *(f"{number:,}" for number in numbers)))
    moved = report["bytes"]
    rows.append(("all", *[""] * len(names), f"{moved['read']:,}", f"{moved['written']:,}"))
    return format_table(rows)


def _format_verdict(report: Report) -> str:
    records = report["records"]
    if report["equal"]:
        return f"{records['compared']:,} records compared, all equal"
    return f"{records['equal']:,} records equal, then: {report['failure']}"


def format_table(rows: Sequence[Row]) -> str:
    """Columns of equal width, numbers to the right.

    >>> print(format_table([("core", "slots"), (0, 12)]))
    core  slots
    0        12
    """
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in texts
    ]
    return "\n".join(line.rstrip() for line in lines)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
