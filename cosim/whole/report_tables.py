"""The tables of the report on a whole decoder, as text."""

from __future__ import annotations

from fastcar.cosim.report import Report
from fastcar.cosim.report_tables import (
    STALL_LABELS,
    Row,
    format_percent,
    format_request,
    format_table,
    format_verdict,
)
from fastcar.cosim.whole.compare import SECTIONS

PARTS = (*SECTIONS, "idle")


def format_decoder_report(report: Report) -> str:
    """The tables of a report."""
    parts = [_format_head(report)]
    if report["runs"]:
        parts += [_format_cycles(report), _format_layers(report), _format_cores(report)]
    return "\n\n".join([*parts, format_verdict(report)])


def _format_head(report: Report) -> str:
    request = report["request"]
    tokens = f"tokens {request['first_token']} to {request['first_token'] + request['tokens'] - 1}"
    before = f"{report['prompt_runs']} of the prompt, " if report["prompt_runs"] else ""
    draws = "greedily" if not request["temperature"] else f"at T = {request['temperature']}"
    layers = "layer by layer" if request["barrier"] else "layers flow"
    return format_request(report, f"whole decoder, {layers}, {before}{tokens}, drawn {draws}")


def _format_cycles(report: Report) -> str:
    cycles, spent, mac = report["cycles"], report["core_cycles"], report["mac"]
    rows: list[Row] = [("cycles", f"{cycles['measured']:,}", "")]
    if report["prompt_runs"]:
        rows.append(("of them the prompt", f"{cycles['prompt']:,}", ""))
    if cycles["per_token"] is not None:
        rows.append(("a token of all slots", f"{cycles['per_token']:,.0f}", ""))
    without = " without stalls" if report["request"]["stall"] else ""
    speed_up = f"{cycles['speed_up_against_dense']:.2f}x"
    rows.append((f"dense, by the cycle model{without}", f"{cycles['dense']:,}", speed_up))
    if report["request"]["stall"]:
        bounds = f"{cycles['fewest']:,} to {cycles['most']:,}"
        rows.append(("bounds under stalls, by the cycle model", bounds, ""))
    for name in PARTS:
        share = format_percent(spent["shares"][name])
        rows.append((f"core-cycles: {name}", f"{spent[name]:,}", share))
    rows.append(("MAC busy", f"{mac['busy']:,}", format_percent(mac["utilisation"])))
    rows.append(("MAC busy of sections", "", format_percent(mac["utilisation_in_sections"])))
    for name, count in report["stalls"].items():
        rows.append((f"waits: {STALL_LABELS[name]}", f"{count:,}", ""))
    return format_table(rows)


def _format_layers(report: Report) -> str:
    names = "attention", "mlp", "computed", "replayed"
    rows: list[Row] = [("layer", *names)]
    for layer in report["layers"]:
        rows.append((layer["layer"], *(f"{layer[name]:,}" for name in names)))
    return format_table(rows)


def _format_cores(report: Report) -> str:
    names = (*PARTS, "mac_busy", "read_bytes", "written_bytes")
    rows: list[Row] = [("core", *(name.replace("_", " ") for name in names))]
    for core in report["cores"]:
        rows.append((core["core"], *(f"{core[name]:,}" for name in names)))
    return format_table(rows)
