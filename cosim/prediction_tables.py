"""The tables of a prediction, as text."""

from __future__ import annotations

from fastcar.cosim.prediction import Report
from fastcar.cosim.report_tables import Row, format_table


def format_report(report: Report) -> str:
    """The tables of a prediction, and what is not known."""
    parts = [_format_head(report), _format_cycles(report), _format_times(report)]
    if report["depth"]:
        parts.append(_format_depth(report))
    return "\n\n".join(parts)


def _format_head(report: Report) -> str:
    sizes, dense = report["accelerator"], report["dense"]
    return (
        f"{report['preset']} by the cycle model: C = {sizes['num_cores']}, L = "
        f"{sizes['num_lanes']}, B = {sizes['num_slots']}, {report['source']}, memory latency "
        f"{report['latency']}, one beat of {sizes['num_lanes']} bytes per core and cycle\n"
        f"dense layer step: {dense['cycles']:,} cycles, {dense['read_bytes']:,} bytes read, "
        f"{dense['written_bytes']:,} written"
    )


def _format_cycles(report: Report) -> str:
    header = "replayed", "DRS", "against dense", "static", "against dense", "static / DRS"
    rows: list[Row] = [(*header, "bytes read")]
    for row in report["rows"]:
        rows.append(
            (
                f"{row['ratio']:.1%}",
                f"{row['drs_cycles']:,.0f}",
                f"{row['drs_speed_up']:.2f}x",
                f"{row['static_cycles']:,.0f}",
                f"{row['static_speed_up']:.2f}x",
                f"{row['static_against_drs']:.3f}",
                f"{row['read_bytes']:,.0f}",
            )
        )
    steps = f"{report['draws']} draws of independent slots"
    if report["decisions"] == "measured":
        steps = f"up to {report['draws']} measured layer steps, thresholds per layer"
    return f"cycles of a layer step, means over {steps}\n{format_table(rows)}"


def _format_times(report: Report) -> str:
    rows: list[Row] = [("asked for", "DRS", "static", "published")]
    for row in report["rows"]:
        published = row["published_time"]
        shown = "-" if published is None else f"{published:.3f}"
        times = (f"{row[f'{name}_time']:.3f}" for name in ("drs", "static"))
        rows.append((f"{row['target_ratio']:.1%}", *times, shown))
    origin = "its share of the weights" if report["is_mlp_share_of_weights"] else "as given"
    lines = [
        f"time of a run against dense, if the MLP phase takes {report['mlp_share']:.1%} of a dense "
        f"run ({origin}) and nothing else changes",
        format_table(rows),
    ]
    if report["dense_mlp_seconds"] is not None:
        seconds = f"{report['dense_mlp_seconds']:,.1f} s at {report['clock_mhz']:g} MHz"
        lines.append(f"MLP phase of a dense batch of videos: {seconds}")
    if report["published_dense_seconds"] is not None:
        lines.append(
            f"published: {report['published_dense_seconds']} s for a dense run; its cores, lanes, "
            "batch, clock and memory are not known to us, so only quotients are compared"
        )
    return "\n".join(lines)


def _format_depth(report: Report) -> str:
    """The same times with the depth transformer on the host, and on the accelerator by width."""
    ratios = [f"DRS, {row['target_ratio']:.0%}" for row in report["rows"]]
    rows: list[Row] = [("depth transformer", "per token", "of the body", "MLP share", *ratios)]
    on_host = [f"{row['drs_time']:.3f}" for row in report["rows"]]
    rows.append(("on the host", "-", "-", f"{report['mlp_share']:.1%}", *on_host))
    for one in report["depth"]:
        name = f"W = {one['depth_width']}{', as published' if one['is_recomputed'] else ''}"
        work = one["depth_multiplications"] + one["projector_multiplications"]
        times = (f"{time:.3f}" for time in one["drs_times"])
        shares = f"{one['against_body']:.1%}", f"{one['mlp_share']:.1%}"
        rows.append((name, f"{work:,}", *shares, *times))
    lines = [
        "the same with the depth transformer and the projector on the accelerator, as fast per "
        "multiplication; each depth once, or all anew for every code (as published)",
        format_table(rows),
    ]
    line = report["published_line"]
    if line is not None:
        lines.append(
            f"a straight line through the published replay rows: {line['line_dense_seconds']:.1f} "
            f"s without replay, an MLP share of {line['line_mlp_share']:.1%}, as if work of "
            f"{line['beside_body']:.1%} of the body stood beside it; the other "
            f"{line['unexplained_seconds']:.1f} s of the dense run are in no row with replay, so "
            "that no work which all rows share explains them"
        )
    return "\n".join(lines)
