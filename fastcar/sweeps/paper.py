"""The paper's latency table beside the cycle model: which sizes explain it, and how well.

The paper names no cores, lanes or slots. Times are shares of a dense run. In the MLP model the MLP
phase has its share of the weights, as in `fastcar predict` (`drs_time`). In the whole decoder,
projections and attention have the cycles that their instructions take (`count_attention_cycles`),
in as many rounds as a dense layer has, and the MLP phase those of its layer step; so it speaks of
rows with sparse attention, too. Sizes whose largest residual is at most `EQUAL` above that of the
nearest fit equally well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from fastcar.cosim.cycles.attention_formula import count_attention_cycles
from fastcar.cosim.cycles.workload import WORKLOADS
from fastcar.rtl.attention.config import AttentionConfig
from fastcar.rtl.config import AcceleratorConfig
from fastcar.sweeps.evaluate import Row
from fastcar.sweeps.paper_rows import NUM_TOKENS, PAPER_ROWS, PaperRow, count_visible

EQUAL = 0.005
"""Of a dense run's time: larger differences than drawing other decisions makes."""
PRESET = "vila_u_7b_u280"
NUM_HEADS, HEAD_DIM = 32, 128
DENSE = PAPER_ROWS[0]

Json = dict[str, Any]
Points = dict[float, Row]
"""Rows of the same sizes, by their replayed share."""
Model = Callable[[Points, PaperRow], float | None]


def compare_with_paper(rows: Sequence[Row]) -> Json:
    """Sizes that fit equally well, by both models, and for the first of each the whole table.

    Args:
        rows: of the example "paper".
    """
    sizes: dict[tuple[int, int], Points] = {}
    for row in rows:
        if row["refusal"] is None and row["cores"] < row["slots"]:
            sizes.setdefault((row["slots"], row["cores"]), {})[row["ratio"]] = row
    return {
        "equal": EQUAL,
        "mlp_model": _describe(sizes, compute_mlp_time),
        "whole_decoder": _describe(sizes, compute_decoder_time),
    }


def _describe(sizes: dict[tuple[int, int], Points], model: Model) -> Json:
    found = [
        (max(abs(row["residual"]) for row in make_table(points, model)), *both)
        for both, points in sizes.items()
    ]
    found.sort()
    least = found[0][0]
    return {
        "fits": [
            {"slots": slots, "cores": cores, "largest_residual": residual}
            for residual, slots, cores in found
            if residual <= least + EQUAL
        ],
        "table": make_table(sizes[found[0][1:]], model),
    }


def make_table(points: Points, model: Model) -> list[Json]:
    """Rows of the paper that a model speaks of: published, modelled, residual."""
    table = []
    for row in PAPER_ROWS:
        published, modelled = row.seconds / DENSE.seconds, model(points, row)
        if modelled is not None:
            table.append(
                {
                    "row": row.name,
                    "published_seconds": row.seconds,
                    "published_time": published,
                    "modelled_time": modelled,
                    "residual": modelled - published,
                }
            )
    return table


def compute_mlp_time(points: Points, row: PaperRow) -> float | None:
    """Share of a dense run's time; None with sparse attention."""
    if row.window is not None:
        return None
    return points[row.ratio]["drs_time"] if row.ratio else 1.0


def compute_decoder_time(points: Points, row: PaperRow) -> float | None:
    """Likewise of the whole decoder, any row."""
    return _count_decoder_cycles(points, row) / _count_decoder_cycles(points, DENSE)


def _count_decoder_cycles(points: Points, row: PaperRow) -> float:
    """Of one layer over all tokens of a video: attention in rounds, then the MLP phase."""
    one = next(iter(points.values()))
    rounds = -(-one["slots"] // one["cores"])
    attention = _sum_attention(row.window, one["lanes"], one["latency"])
    mlp = points[row.ratio]["drs_cycles"] if row.ratio else one["dense_cycles"]
    return float(rounds * attention + NUM_TOKENS * mlp)


@cache
def _sum_attention(window: int | None, lanes: int, latency: int) -> int:
    """Cycles of the attention sections of one slot and layer, all tokens of a video together."""
    workload = WORKLOADS[PRESET]
    config = AcceleratorConfig(
        1, lanes, 1, workload.hidden_size, workload.intermediate_size, workload.query_size
    )
    config = replace(config, attention=AttentionConfig(NUM_HEADS, NUM_HEADS, HEAD_DIM, 1))
    return sum(
        count * count_attention_cycles(config, blocks, latency)
        for blocks, count in count_visible(window, lanes).items()
    )


def format_paper(paper: Json) -> list[str]:
    """Lines for people."""
    lines = []
    for name in ("mlp_model", "whole_decoder"):
        fits = ", ".join(
            f"{one['slots']} on {one['cores']} ({one['largest_residual']:.3f})"
            for one in paper[name]["fits"]
        )
        lines += [
            f"{name.replace('_', ' ')}: slots on cores that fit equally well, with their largest "
            f"residual: {fits}",
            f"{'the first of them':<27}published  modelled  residual",
            *map(_format_row, paper[name]["table"]),
            "",
        ]
    return lines[:-1]


def _format_row(row: Json) -> str:
    return (
        f"{row['row']:<26}{row['published_time']:10.3f}{row['modelled_time']:10.3f}"
        f"{row['residual']:+10.3f}"
    )
