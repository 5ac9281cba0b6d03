"""The tables of a co-simulation's report, as text."""

from __future__ import annotations

from collections.abc import Sequence

from fastcar.cosim.report import Report

Row = Sequence[object]

WORK_LETTERS = {"decide": "d", "compute": "c", "replay": "r"}
IDLE_LETTER = "."
STALL_LABELS = {
    "read": "a core for data",
    "write": "a core for room in the memory",
    "wait_decision": "the dispatcher for a decision",
    "wait_queue": "the dispatcher for room in a queue",
}
"""What each of the report's `stalls` counts."""
STALLED_LEGEND = (
    "stalled: core-cycles that a stalling memory (--stall) adds to the phases; waits: cycles spent "
    "waiting,\nwith a memory that never stalls too; those of the cores lie within the phases"
)
TIMELINE_LETTERS = 64


def format_report(report: Report) -> str:
    """The tables of a report."""
    parts = [_format_head(report)]
    if report["runs"]:
        parts += [
            _format_cycles(report),
            _format_core_cycles(report),
            _format_cores(report),
            _format_timeline(report),
        ]
    return "\n\n".join([*parts, format_verdict(report)])


def _format_head(report: Report) -> str:
    request = report["request"]
    window = f"tokens {request['first_token']} to {request['first_token'] + request['tokens'] - 1}"
    return format_request(report, f"{window}: {report['runs']} layers run")


def format_request(report: Report, what: str) -> str:
    """The first lines of any scope: sizes, memory, and what was run."""
    request, sizes = report["request"], report["accelerator"]
    return (
        f"{request['model']} on {request['backend']}: C = {sizes['num_cores']}, "
        f"L = {sizes['num_lanes']}, B = {sizes['num_slots']}, {request['mode']}, "
        f"{request['source']}, memory latency {request['latency']}{_format_stall(request)}\n"
        f"{what}, {format_percent(report['replay_ratio'])} replayed, "
        f"{_format_seconds(report['simulation'])}"
    )


def _format_stall(request: Report) -> str:
    if not request["stall"]:
        return ""
    return f", stalls with probability {request['stall']} (seed {request['seed']})"


def _format_seconds(simulation: Report) -> str:
    speed = simulation["cycles_per_second"]
    shown = "-" if speed is None else f"{speed:,.0f}"
    return f"{simulation['seconds']:.1f} s, {shown} cycles/s"


def _format_cycles(report: Report) -> str:
    cycles, dense = report["cycles"], report["cycles"]["dense"]
    without = " without stalls" if report["request"]["stall"] else ""
    rows: list[Row] = [("cycles", "", "against dense")]
    for name in ("measured", "drs", "static", "dense"):
        label = name if name == "measured" else f"{name}, by the cycle model{without}"
        rows.append((label, f"{cycles[name]:,}", f"{dense / cycles[name]:.2f}x"))
    lines = [format_table(rows), _format_speed_up(report, without)]
    if report["request"]["stall"]:
        bounds = f"{cycles['fewest']:,} and at most {cycles['most']:,}"
        lines.append(f"bounds under stalls, by the cycle model: at least {bounds} cycles")
    return "\n".join(lines)


def _format_speed_up(report: Report, without: str) -> str:
    cycles, replayed = report["cycles"], format_percent(report["replay_ratio"])
    return (
        f"{replayed} replayed: {cycles['speed_up_against_dense']:.2f} "
        f"times as fast as dense{without}; static mapping takes "
        f"{cycles['static_against_drs']:.3f} times the cycles of DRS"
    )


def _format_core_cycles(report: Report) -> str:
    spent, mac, stalls = report["core_cycles"], report["mac"], report["stalls"]
    phases = [*WORK_LETTERS, "stalled", "idle"]
    available = sum(spent[phase] for phase in phases)
    rows: list[Row] = [("core-cycles", "", "share")]
    for phase in phases:
        rows.append((phase, f"{spent[phase]:,}", format_percent(spent[phase] / available)))
    for opcode, cycles in report["compute_cycles"].items():
        rows.append((f"compute: {opcode}", f"{cycles:,}", format_percent(cycles / available)))
    for name, cycles in stalls.items():
        rows.append((f"waits: {STALL_LABELS[name]}", f"{cycles:,}", ""))
    rows.append(("MAC busy", f"{mac['busy']:,}", format_percent(mac["utilisation"])))
    rows.append(("MAC busy of compute", "", format_percent(mac["utilisation_computing"])))
    for kind in ("computed", "replayed"):
        per_slot = spent[f"per_{kind}_slot"]
        rows.append((f"per {kind} slot", "-" if per_slot is None else f"{per_slot:,.0f}", ""))
    return f"{format_table(rows)}\n{STALLED_LEGEND}"


def _format_cores(report: Report) -> str:
    names = ("computed", "replayed", *WORK_LETTERS, "stalled", "idle", "mac_busy")
    rows: list[Row] = [("core", *names, "bytes read", "bytes written")]
    for core in report["cores"]:
        numbers = [core[name] for name in (*names, "read_bytes", "written_bytes")]
        rows.append((core["core"], *(f"{number:,}" for number in numbers)))
    moved = report["bytes"]
    rows.append(("all", *[""] * len(names), f"{moved['read']:,}", f"{moved['written']:,}"))
    return format_table(rows)


def _format_timeline(report: Report) -> str:
    """The cores over one layer under both mappings, one letter for a share of the cycles."""
    timeline = report["timeline"]
    longest = max(timeline["drs_cycles"], timeline["static_cycles"])
    computing = sum(timeline["computes"])
    letters = ", ".join(f"{letter} {phase}" for phase, letter in WORK_LETTERS.items())
    lines = [
        f"layer {timeline['layer_index']} of token {timeline['token_index']}, {computing} of "
        f"{len(timeline['computes'])} slots computing ({letters}, {IDLE_LETTER} idle)"
    ]
    for mapping in ("static", "drs"):
        lines.append(f"{mapping}: {timeline[f'{mapping}_cycles']:,} cycles")
        for core in range(report["accelerator"]["num_cores"]):
            spans = [span for span in timeline[mapping] if span["core"] == core]
            lines.append(f"  core {core:<2}  {draw_letters(spans, longest)}")
    return "\n".join(lines)


def draw_letters(spans: Sequence[Report], num_cycles: int) -> str:
    """The work of one core as letters, each of the phase in the middle of its cycles.

    >>> spans = [{"phase": "compute", "first_cycle": 0, "last_cycle": 49}]
    >>> draw_letters(spans, 100)[TIMELINE_LETTERS // 2 - 2 :][:4]
    'cc..'
    """
    letters = ""
    for place in range(TIMELINE_LETTERS):
        cycle = (2 * place + 1) * num_cycles // (2 * TIMELINE_LETTERS)
        phases = [
            span["phase"] for span in spans if span["first_cycle"] <= cycle <= span["last_cycle"]
        ]
        letters += WORK_LETTERS[phases[0]] if phases else IDLE_LETTER
    return letters


def format_verdict(report: Report) -> str:
    """The last line of any scope."""
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


def format_percent(share: float | None) -> str:
    """With one decimal; a dash for None."""
    return "-" if share is None else f"{share:.1%}"
