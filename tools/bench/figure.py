"""The figure of `make bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fastcar.reference.laps import PARTS
from tools.bench.plan import ENGINES, PEERS, REFERENCE_ENGINE
from tools.bench.video import REPLAYED

Results = dict[str, Any]

LEGEND_ROOM = 1.25
"""Height of the axes over that of the bars."""


def save_figure(results: Results, path: Path) -> None:
    """Dense contenders against the streaming limit, replay against Amdahl, the video, growth."""
    figure = Figure(figsize=(13, 11), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(3, 2)
    _draw_dense(axes[0, 0], results)
    _draw_replay(axes[0, 1], results)
    _draw_parts(axes[1, 0], results)
    for place, kind in (((1, 1), "frames"), ((2, 0), "width"), ((2, 1), "batch")):
        _draw_growth(axes[place], results, kind)
    figure.savefig(path, dpi=100)


def _draw_dense(axes: Axes, results: Results) -> None:
    """Share of the streaming limit, batch 1, shortest context."""
    cells = [(entry["geometry"]["name"], entry["cells"][0]) for entry in results["geometries"]]
    names = [name for name in (*ENGINES, *PEERS) if name in cells[0][1]["streaming_share"]]
    for index, name in enumerate(names):
        shares = [100 * cell["streaming_share"].get(name, 0.0) for _, cell in cells]
        places = [
            place + (index - len(names) / 2) * 0.8 / len(names) for place in range(len(cells))
        ]
        axes.bar(places, shares, width=0.8 / len(names), align="edge", label=name)
    axes.axhline(100, color="black", linewidth=0.8)
    axes.set_xticks(range(len(cells)), [name for name, _ in cells])
    axes.set_ylabel("% of its own streaming limit")
    context, batch = cells[0][1]["context"], cells[0][1]["batch"]
    axes.set_title(f"dense, batch {batch}, context {context}")
    axes.set_ylim(top=LEGEND_ROOM * axes.get_ylim()[1])
    axes.legend(fontsize=7, ncols=3, loc="upper center")


def _draw_replay(axes: Axes, results: Results) -> None:
    """Speed-up of the reference engine by replayed share, beside Amdahl's law."""
    for entry in results["geometries"]:
        for cell in entry["cells"]:
            if cell["context"] != entry["cells"][-1]["context"]:
                continue
            speeds = [speed for speed in cell["replay"] if speed["engine"] == REFERENCE_ENGINE]
            ratios = [100 * speed["replay_ratio"] for speed in speeds]
            label = f"{entry['geometry']['name']}, batch {cell['batch']}"
            (line,) = axes.plot(
                ratios, [speed["speed_up"] for speed in speeds], marker="o", label=label
            )
            laws = [speed["amdahl"] for speed in speeds]
            axes.plot(ratios, laws, color=line.get_color(), linestyle=":")
    axes.set_xlabel("% replayed (dotted: Amdahl's law)")
    axes.set_ylabel("speed-up over dense")
    axes.set_title(f"replay, {REFERENCE_ENGINE}, context {entry['cells'][-1]['context']}")
    axes.legend(fontsize=7)


def _draw_parts(axes: Axes, results: Results) -> None:
    """Where the time of a video goes, per token and video."""
    labels = []
    for place, run in enumerate(results["videos"]):
        scale = 1e3 * run["seconds"] / run["tokens"] / run["batch"]
        start = 0.0
        for index, part in enumerate(PARTS):
            length = scale * run["parts"][part]
            label = part if not place else None
            axes.barh(place, length, left=start, color=f"C{index}", label=label)
            start += length
        kind = f"{REPLAYED:.0%} replayed" if run["target_ratio"] else "dense"
        labels.append(f"{run['engine']}, batch {run['batch']}, {kind}")
    axes.set_yticks(range(len(labels)), labels, fontsize=7)
    axes.set_xlabel("ms per token and video")
    axes.set_title("one video of the shipped model")
    axes.legend(fontsize=7)


def _draw_growth(axes: Axes, results: Results, kind: str) -> None:
    """Time over size, both logarithmic."""
    for growth in results["growth"]:
        if growth["kind"] == kind:
            label = f"{growth['engine']}: exponent {growth['exponent']:.2f}"
            axes.loglog(growth["sizes"], growth["seconds"], marker="o", label=label)
            axes.set_xticks(growth["sizes"], [str(size) for size in growth["sizes"]])
    axes.minorticks_off()
    axes.set_xlabel(kind)
    axes.set_ylabel("seconds per video" if kind == "frames" else "seconds per token of all rows")
    axes.set_title(f"growth with {kind}")
    axes.legend(fontsize=7)
