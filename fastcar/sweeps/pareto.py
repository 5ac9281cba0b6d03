"""Points that no other beats in time, DSP blocks and quality at once, and their picture."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastcar.output import write_atomically
from fastcar.reference.errors import CheckpointError, OutputError
from fastcar.sweeps.evaluate import Row
from fastcar.sweeps.keys import DECODER
from fastcar.sweeps.rows import make_schema, read_rows

SHOWN = ("cores", "lanes", "batch", "latency", "ratio", "source", "seed")
Quality = Callable[[float], float]
"""PSNR in decibels, replay against dense, at a replayed share."""


def load_quality(path: str | os.PathLike[str]) -> Quality:
    """Quality by ratio from rows of scope decoder: the mean of a ratio, straight lines between.

    Raises:
        CheckpointError: no such rows.
    """
    limit = "rows.parquet of a sweep of scope decoder"
    try:
        rows = read_rows(Path(path), make_schema(DECODER))
    except OutputError as error:
        raise CheckpointError(str(path), error.reason, limit) from error
    known: dict[float, list[float]] = {}
    for row in rows:
        if row["psnr_decibels"] is not None and row["replay_ratio"] is not None:
            known.setdefault(row["replay_ratio"], []).append(row["psnr_decibels"])
    if not known:
        raise CheckpointError(str(path), "no row with a quality", limit)
    ratios = sorted(known)
    decibels = [float(np.mean(known[ratio])) for ratio in ratios]
    return lambda ratio: float(np.interp(ratio, ratios, decibels))


def choose_front(rows: Sequence[Row], quality: Quality | None = None) -> list[dict[str, Any]]:
    """Points of scope cycles that no other beats, the fastest first.

    A point beats another that is no better in any of time for a video's slot (DRS cycles over
    slots), DSP blocks of the MAC arrays and quality, and worse in one. Without rows of quality a
    smaller replayed share counts as the better one.

    Args:
        rows: of a sweep.
        quality: of a replayed share.
    """
    points = [_describe(row, quality) for row in rows if row["refusal"] is None]
    if not points:
        return []
    costs = np.array(
        [(one["cycles_per_slot"], one["mac_multipliers"], -one["quality"]) for one in points]
    )
    order = np.lexsort(costs.T[::-1])
    front: list[int] = []
    for index in order.tolist():
        chosen = costs[front]
        is_beaten = (chosen <= costs[index]).all(axis=1).any() if front else False
        if not is_beaten:
            front.append(index)
    return [points[index] for index in front]


def _describe(row: Row, quality: Quality | None) -> dict[str, Any]:
    """A point of the plot; slots that the preset chooses are those of the workload."""
    ratio = row["measured_ratio"]
    return {
        "point_index": row["point_index"],
        **{name: row[name] for name in SHOWN if row[name] is not None},
        "cycles_per_slot": row["drs_cycles"] / row["slots"],
        "mac_multipliers": row["mac_multipliers"],
        "quality": -ratio if quality is None else quality(ratio),
    }


def draw_front(rows: Sequence[Row], front: Sequence[dict[str, Any]], path: Path) -> None:
    """All points grey, the front in the colour of its quality.

    Raises:
        OutputError: it cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    everything = [_describe(row, None) for row in rows if row["refusal"] is None]
    axes.scatter(*_place(everything), s=6, color="0.8", label="all points")
    shown = axes.scatter(*_place(front), s=24, c=[one["quality"] for one in front], label="front")
    is_ratio = all(one["quality"] <= 0 for one in front)
    label = "minus the replayed share" if is_ratio else "PSNR against dense, dB"
    figure.colorbar(shown, ax=axes, label=label)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="cycles of a layer step for one slot, DRS",
        ylabel="DSP blocks of the MAC arrays",
    )
    axes.legend()
    with write_atomically(path) as partial:
        figure.savefig(partial, dpi=150, metadata={"Software": None})


def _place(points: Sequence[dict[str, Any]]) -> tuple[list[float], list[float]]:
    return (
        [one["cycles_per_slot"] for one in points],
        [one["mac_multipliers"] for one in points],
    )
