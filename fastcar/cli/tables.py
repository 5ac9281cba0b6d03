"""Tables of `fastcar generate`: they show a report and compute nothing but percentages."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fastcar.cli.shares import format_share
from fastcar.reference.laps import PARTS
from fastcar.report import ON_PATH_DECIBELS, Report
from fastcar.statistics import divide

LONGEST_AGE_SHOWN = 8
TRUSTED_SPREAD = 0.05
"""Spread of the run times up to which the speed-up is shown without a warning."""


def print_report(report: Report, directory: Path) -> None:
    """Print everything that report.json holds in short, to stdout."""
    console = Console(highlight=False)
    if not console.is_terminal:
        # a file has no width; 80 columns would fold the tables
        console.width = 120
    for line in _describe_run(report):
        console.print(escape(line), soft_wrap=True)
    for title, table in (
        _make_layer_table(report),
        _make_frame_table(report),
        _make_staleness_table(report),
        _make_quality_table(report),
        _make_time_table(report),
    ):
        # a title inside the table would be folded to its width
        console.print(f"\n[bold]{escape(title)}[/bold]")
        console.print(table)
    for note in _list_notes(report):
        console.print(f"[bold]note:[/bold] {escape(note)}", soft_wrap=True)
    names = [entry["gif"] for entry in report["videos"]]
    shown = names[0] if len(names) == 1 else f"{names[0]} .. {names[-1]}"
    names_of_all = f"{shown}, {report['sheet']}, {report['records']}, report.json"
    console.print(escape(f"written to {directory}: {names_of_all}"), soft_wrap=True)


def _list_notes(report: Report) -> Iterable[str]:
    if report["replay"]["note"]:
        yield report["replay"]["note"]
    spread = report["time"]["spread"]
    if spread is not None and spread > TRUSTED_SPREAD:
        yield f"runs of one kind differ by {spread:.0%}: the speed-up is uncertain by as much"


def _describe_run(report: Report) -> Iterable[str]:
    request, gate, replay = report["request"], report["gate"], report["replay"]
    videos, frames = len(report["videos"]), request["frames"]
    tokens = report["model"]["tokens_per_frame"]
    yield f"{videos} video(s) of {frames} frames x {tokens} tokens, seed {request['seed']}"
    yield f"engine {report['engine']}: {report['engine_reason']}"
    if gate["search"] is not None:
        yield from _describe_search(gate["search"])
    thresholds = ", ".join(_format_threshold(value) for value in gate["thresholds"])
    yield f"gate {gate['name']}, {gate['method']}" + (f": {thresholds}" if thresholds else "")
    if gate["target_ratio"] is not None:
        corrections = "".join(
            f", corrected {format_share(ratio)}" for ratio in gate["correction_ratios"]
        )
        open_loop = gate["open_loop_ratio"]
        found = "" if open_loop is None else f", open loop {open_loop:.1%}"
        closed_loop = format_share(gate["closed_loop_ratio"])
        yield (
            f"replay ratio: target {gate['target_ratio']:.1%}{found}{corrections}, "
            f"closed loop {closed_loop} (ceiling {format_share(replay['ceiling'])})"
        )
    else:
        ratio, ceiling = format_share(replay["ratio"]), format_share(replay["ceiling"])
        yield f"replay ratio: {ratio} (ceiling {ceiling})"
    work, correction = report["mlp_work"], report["correction"]
    if correction is not None:
        share = correction["multiplications_per_replay"] / correction["mlp_multiplications"]
        fitted = f", fitted to {correction['source']}" if correction["source"] else ""
        yield (
            f"correction of rank {correction['rank']}{fitted}: {share:.1%} of an MLP per replay, "
            f"{work['correction']:,} multiplications in all"
        )
    yield (
        f"MLP multiplications: {format_share(work['saved_share'])} saved "
        f"({work['saved']:,} of {work['dense']:,}; the gate costs {work['gate']:,})"
    )


def _describe_search(search: dict[str, Any]) -> Iterable[str]:
    candidates = search["candidates"]
    yield f"search for a budget of {search['budget']:.1%}: {len(candidates)} candidates"
    for kind, name in (("chosen", "chosen"), ("best_single", "best single gate")):
        one = candidates[search[kind]]
        rank = f", correction of rank {one['rank']}" if one["rank"] else ""
        yield (
            f"  {name}: {one['gate']}{rank}, {one['warmup_frames']} warm-up frame(s), layers "
            f"{one['layers']}: {one['nats_above_dense']:+.4f} +- {one['nats_error']:.4f} nats per "
            f"token on calibration clips at {one['mlp_share']:.1%}"
        )


def _format_threshold(value: float | str | None) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else f"{value:.4g}"


def _make_table(
    title: str, headers: Iterable[str], rows: Iterable[Iterable[str]]
) -> tuple[str, Table]:
    table = Table()
    for position, header in enumerate(headers):
        table.add_column(header, justify="right" if position else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return title, table


def _make_layer_table(report: Report) -> tuple[str, Table]:
    measures = report["measures"]
    all_layers = [measures["percentiles"], *measures["percentiles_by_layer"]]
    names = list(next((entry for entry in all_layers if entry), {}))
    ratios = [report["replay"]["ratio"], *report["replay"]["by_layer"]]
    title = "Replay by layer"
    if names:
        title += f", and percentiles of the {measures['kind']} of eligible tokens"
    rows = []
    for index, (ratio, percentiles) in enumerate(zip(ratios, all_layers, strict=True)):
        found = [_format_number(percentiles[name]) if percentiles else "-" for name in names]
        rows.append([str(index - 1) if index else "all", format_share(ratio), *found])
    return _make_table(title, ["layer", "replayed", *(f"p{name}" for name in names)], rows)


def _format_number(value: float) -> str:
    return f"{value:.3f}"


def _make_frame_table(report: Report) -> tuple[str, Table]:
    quality = report["quality"]["replay_against_dense"]
    rows = []
    for frame_index, ratio in enumerate(report["replay"]["by_frame"]):
        psnr = ssim = "same start"
        if quality and frame_index >= quality["first_frame"]:
            position = frame_index - quality["first_frame"]
            psnr = f"{quality['psnr_decibels_by_frame'][position]:.1f}"
            ssim = f"{quality['ssim_by_frame'][position]:.3f}"
        rows.append([str(frame_index), format_share(ratio), psnr, ssim])
    headers = ["frame", "replayed", "PSNR dB against dense", "SSIM"]
    return _make_table("Replay by frame", headers, rows)


def _make_staleness_table(report: Report) -> tuple[str, Table]:
    staleness = report["staleness"]
    shares = staleness["shares"]
    headers = [str(age) for age in range(min(len(shares), LONGEST_AGE_SHOWN))]
    row = [f"{share:.1%}" for share in shares[:LONGEST_AGE_SHOWN]]
    if len(shares) > LONGEST_AGE_SHOWN:
        headers.append(f"{LONGEST_AGE_SHOWN}+")
        row.append(f"{sum(shares[LONGEST_AGE_SHOWN:]):.1%}")
    title = (
        "Age of the MLP outputs used, in frames (chain length): "
        f"mean {_format_mean(staleness['mean'])}, "
        f"of replayed ones {_format_mean(staleness['mean_replayed'])}, "
        f"longest {staleness['longest']}"
    )
    return _make_table(title, ["age", *headers], [["tokens", *row]])


def _format_mean(mean: float | None, unit: str = "") -> str:
    return "-" if mean is None else f"{mean:.2f}{unit}"


def _make_quality_table(report: Report) -> tuple[str, Table]:
    rows = []
    for name, entry in report["quality"].items():
        label = name.replace("_", " ")
        rows.append([label, *_format_quality(entry)] if entry else [label, *["-"] * 4])
    headers = [
        "all frames and videos",
        "PSNR dB",
        "SSIM",
        "identical",
        f">= {ON_PATH_DECIBELS:g} dB",
    ]
    return _make_table("Quality of the generated frames", headers, rows)


def _format_quality(entry: dict[str, Any]) -> list[str]:
    return [
        f"{entry['psnr_decibels']:.2f}",
        f"{entry['ssim']:.4f}",
        f"{entry['identical_share']:.1%}",
        f"{entry['on_path_share']:.1%}",
    ]


def _make_time_table(report: Report) -> tuple[str, Table]:
    time = report["time"]
    kinds = ("dense", "replay")
    rows = []
    for part in (*PARTS, "total"):
        row = [part]
        for kind in kinds:
            seconds = time[f"{kind}_seconds"]
            total = sum(seconds.values())
            spent = total if part == "total" else seconds[part]
            row.append(f"{spent:.3f} s ({format_share(divide(spent, total), 0)})")
        rows.append(row)
    runs = len(time["dense_run_seconds"])
    title = (
        f"Decode time, fastest of {runs} run(s) each, in turn: speed-up "
        f"{_format_mean(time['speed_up'], 'x')} (Amdahl's law from the MLP share: "
        f"{_format_mean(time['amdahl_speed_up'], 'x')})"
    )
    return _make_table(title, ["part", *kinds], rows)
