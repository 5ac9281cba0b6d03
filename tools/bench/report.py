"""Tables of docs/performance.md; `tools.bench.claims` checks its prose."""

from __future__ import annotations

from typing import Any

from fastcar.reference.laps import PARTS
from tools.bench.linear import CHOSEN
from tools.bench.plan import ENGINES, PEERS, REFERENCE_ENGINE
from tools.bench.shipped.report import make_shipped_tables
from tools.bench.targets import find_cells, format_targets
from tools.markdown import fill_paragraphs, format_rows, format_table

Results = dict[str, Any]


def make_tables(results: Results) -> dict[str, str]:
    """Every block of the page by name."""
    return {
        "targets": format_targets(results),
        "contenders": list_contenders(results),
        "dense": format_dense_table(results),
        "replay": format_replay_table(results),
        "rows": format_rows_table(results),
        "products": format_linear_table(results["products"]["milliseconds"]),
        "videos": format_videos(results["videos"]),
        "growth": format_growth(results["growth"]),
        "large": format_large(results["large"]),
        **make_shipped_tables(results.get("shipped")),
    }


def list_contenders(results: Results) -> str:
    """Who plays, and who is absent for which reason."""
    lines = [
        f"- `{name}`: this project{', the spec' if name == ENGINES[0] else ''}" for name in ENGINES
    ]
    for kind, title in PEERS.items():
        peer = results["peers"][kind]
        if peer["present"]:
            lines.append(f"- `{kind}`: {title}; {peer['version']}, {peer['threads']} threads")
        else:
            lines.append(f"- `{kind}`: absent here: {peer['reason'].partition(': ')[2]}")
    return fill_paragraphs("\n".join(lines)).strip()


def format_dense_table(results: Results) -> str:
    """Every contender against the reference engine."""
    others = [name for name in (*ENGINES, *PEERS) if name != REFERENCE_ENGINE]
    header = ["geometry", "batch", "context", *others, f"{REFERENCE_ENGINE}, ms", "of the limit"]
    lines = []
    for name, cell in find_cells(results):
        quotients = [cell["reference_speed_up"].get(other) for other in others]
        lines.append(
            [
                name,
                str(cell["batch"]),
                str(cell["context"]),
                *("-" if quotient is None else f"{quotient:.2f}x" for quotient in quotients),
                f"{cell['milliseconds'][REFERENCE_ENGINE]:.2f}",
                f"{cell['streaming_share'][REFERENCE_ENGINE]:.0%} "
                f"({cell['streaming_share_with_cache']:.0%})",
            ]
        )
    return format_table(header, lines)


def format_replay_table(results: Results) -> str:
    """Speed-ups of every engine against Amdahl's law."""
    rows = [
        {"name": name, **cell, **speed}
        for name, cell in find_cells(results)
        for speed in cell["replay"]
    ]
    columns = {
        "geometry": "{name}",
        "batch": "{batch}",
        "context": "{context}",
        "engine": "{engine}",
        "replayed": "{replay_ratio:.1%}",
        "MLP share": "{mlp_share:.1%}",
        "speed-up": "{speed_up:.2f}x",
        "Amdahl": "{amdahl:.2f}x",
        "reached": "{amdahl_share:.0%}",
        "bound by cost of rows": "{row_bound:.2f}x",
    }
    return format_rows(columns, rows)


def format_rows_table(results: Results) -> str:
    """Milliseconds of one layer's MLP by rows, for every geometry and engine."""
    first = results["geometries"][0]["row_milliseconds"][REFERENCE_ENGINE]
    lines = [
        [entry["geometry"]["name"], engine, *(f"{costs[rows]:.2f}" for rows in first)]
        for entry in results["geometries"]
        for engine, costs in entry["row_milliseconds"].items()
    ]
    return format_table(["geometry", "engine", *first], lines)


def format_linear_table(costs: Results) -> str:
    """Milliseconds of one layer's MLP by rows."""
    rows = list(costs[CHOSEN])
    lines = [[name, *(f"{cost[count]:.2f}" for count in rows)] for name, cost in costs.items()]
    return format_table(["ms for this many rows", *rows], lines)


def format_videos(videos: list[Results]) -> str:
    """Speed, parts of the time and memory of whole videos."""
    columns = {
        "engine": "{engine}",
        "videos": "{batch}",
        "replayed": "{target_ratio:.0%}",
        "tokens per second": "{tokens_per_second:,.0f}",
        **{part: f"{{parts[{part}]:.0%}}" for part in PARTS},
        "peak MB": "{peak_megabytes:.0f}",
    }
    rows = [{**run, "peak_megabytes": run["peak_bytes"] / 1e6} for run in videos]
    return format_rows(columns, rows)


def format_growth(growth: list[Results]) -> str:
    """Exponents of time over size."""
    columns = {
        "kind": "{kind}",
        "engine": "{engine}",
        "sizes": "{sizes[0]} to {largest}",
        "time": "{seconds[0]:.2g} s to {longest:.2g} s",
        "exponent": "{exponent:.2f}",
    }
    rows = [
        {**entry, "largest": entry["sizes"][-1], "longest": entry["seconds"][-1]}
        for entry in growth
    ]
    return format_rows(columns, rows)


def format_large(large: Results) -> str:
    """Speed of the model that is decoded from a memory map."""
    if "skipped" in large:
        return f"Not decoded in this run: {large['skipped']}."
    columns = {
        "replayed": "{replay_ratio:.1%}",
        "tokens per second": "{tokens_per_second:.2f}",
        "speed-up": "{speed_up:.2f}x",
        "Amdahl": "{amdahl:.2f}x",
    }
    return format_rows(columns, large["speeds"])
