"""The page and the figure of `make bench`; numbers and verdicts come from the results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tools.bench_linear import CHOSEN
from tools.markdown import format_table

Results = dict[str, Any]

BUSY_LOAD_PER_CORE = 0.5
"""Load from which the machine counts as busy with other work."""


def format_replay_table(results: Results) -> str:
    """Speed-ups against Amdahl's law, one line per batch and ratio."""
    lines = [
        [
            str(speed["rows"]),
            f"{speed['replay_ratio']:.1%}",
            f"{speed['dense_milliseconds']:.1f}",
            f"{speed['replay_milliseconds']:.1f}",
            f"{speed['mlp_share']:.1%}",
            f"{speed['speed_up']:.2f}x",
            f"{speed['amdahl']:.2f}x",
            f"{speed['amdahl_share']:.0%}",
            "yes" if is_met(speed, results) else "no",
            f"{speed['row_bound']:.2f}x",
        ]
        for speed in results["replay"]
    ]
    header = (
        "batch | replayed | dense, ms per token | replay, ms per token | MLP share of dense time |"
        " speed-up | Amdahl | reached | target met | bound by cost of rows"
    )
    return format_table(header.split(" | "), lines)


def is_met(speed: dict[str, float], results: Results) -> bool:
    """Whether the share of Amdahl's speed-up that is asked for was reached."""
    return bool(speed["amdahl_share"] >= results["target_share"])


def format_linear_table(results: Results) -> str:
    """Milliseconds of one layer's MLP by rows."""
    costs = results["linear_milliseconds"]
    rows = list(costs[CHOSEN])
    lines = [[name, *(f"{cost[count]:.2f}" for count in rows)] for name, cost in costs.items()]
    return format_table(["ms for this many rows", *rows], lines)


def explain_gap(results: Results) -> str:
    """Why a batch of several rows stays below Amdahl's law, or that it does not."""
    costs = results["linear_milliseconds"][CHOSEN]
    missed = [speed for speed in results["replay"] if not is_met(speed, results)]
    rows = max(int(count) for count in costs if int(count) <= 8)
    one, all_rows = costs["1"], costs[str(rows)]
    slope = (all_rows - one) / (rows - 1)
    text = (
        "Amdahl's law takes the MLP's time to be in proportion to the rows that compute. It is "
        "not: as long as one row of the batch computes, the layer's weights are read from memory. "
        f"Here one row costs {one:.2f} ms and {rows} rows cost {all_rows:.2f} ms, so each further "
        f"row costs {slope:.2f} ms, {slope / one:.0%} of the first. `bound by cost of rows` is the "
        "law with these measured costs in place of the proportion, for the rows that the gate left "
        "over in this run: what is possible with these products on this machine.\n\n"
    )
    if not missed:
        return text + f"Every line reaches {results['target_share']:.0%} of Amdahl's speed-up."
    places = ", ".join(
        f"batch {speed['rows']} at {speed['target_ratio']:.0%} "
        f"({speed['amdahl_share']:.0%} of Amdahl, {speed['speed_up'] / speed['row_bound']:.0%} of "
        "the bound)"
        for speed in missed
    )
    return text + f"Below {results['target_share']:.0%} of Amdahl's speed-up: {places}."


def explain_linear(results: Results) -> str:
    """What the choice in reference/linear.py costs and gains."""
    costs = results["linear_milliseconds"]
    blocks = {name: cost for name, cost in costs.items() if "blocks" in name or name == CHOSEN}
    best = min(blocks, key=lambda name: sum(blocks[name].values()))
    relation = [
        f"{costs[CHOSEN][count] / costs['x @ W.T'][count]:.2f} times the one matrix product and "
        f"{costs[CHOSEN][count] / costs['W @ x, row by row'][count]:.2f} times the products row by "
        f"row at {count} rows"
        for count in ("1", "8", "16")
    ]
    quotient = sum(blocks[CHOSEN].values()) / sum(blocks[best].values())
    return (
        f"`compute_linear` takes {'; '.join(relation)}. Only products row by row keep the bits of "
        "a row independent of its batch (D-05); walking blocks that stay in the cache reads the "
        f"weights once instead of once per row. Summed over the rows, `{best}` was the fastest "
        f"size of block in this run; `compute_linear` took {quotient:.2f} times as long."
    )


def warn_if_busy(machine: dict[str, Any]) -> str:
    """A sentence if other work ran beside the benchmark; else nothing."""
    if machine["load_before"] <= BUSY_LOAD_PER_CORE * machine["cores"]:
        return ""
    return "**The machine was busy: do not trust the numbers of this run.**"


def format_page(results: Results) -> str:
    """docs/performance.md."""
    machine, config, video = results["machine"], results["config"], results["video"]
    verdict = "within" if video["seconds"] < video["target_seconds"] else "beyond"
    return f"""# Performance

Written by `make bench`; numbers in `performance.json`. {machine["processor"]}, {machine["cores"]}
cores, Python {machine["python"]}, NumPy {machine["numpy"]}, {machine["blas"]} with
{machine["blas_threads"]} threads; load of the machine before the run: {machine["load_before"]:.2f}.
{warn_if_busy(machine)}

## Replay against Amdahl's law

Random weights, width {config["hidden_size"]}, MLP {config["intermediate_size"]},
{config["num_hidden_layers"]} layers, {config["num_attention_heads"]} heads of
{config["head_dim"]}, float32. The dense run and the replays take turns of a few tokens; the random
gate decides for each row, layer and token, and every timed token may replay. Amdahl's speed-up is
1 / (1 - MLP share x replayed share), the MLP share measured in the dense run of the same rounds.
Medians over {results["rounds"]} rounds. Target: {results["target_share"]:.0%} of Amdahl's speed-up.

{format_replay_table(results)}

{explain_gap(results)}

![speed-ups and cost by rows](performance.png)

## The products

Time of one layer's MLP, weights read from memory:

{format_linear_table(results)}

{explain_linear(results)}

## One video

{video["frames"]} frames, {video["tokens"]} tokens, with guidance (two rows), dense, in NumPy:
{video["seconds"]:.1f} s, {verdict} the target of {video["target_seconds"]:.0f} s.
"""


def save_figure(results: Results, path: Path) -> None:
    """Speed-ups beside their bounds, and the cost of the MLP by rows."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasAgg(figure)
    bars, curves = figure.subplots(1, 2)
    speeds = results["replay"]
    kinds = {"speed_up": "measured", "row_bound": "bound by cost of rows", "amdahl": "Amdahl"}
    for shift, (key, label) in zip((-0.27, 0, 0.27), kinds.items(), strict=True):
        places = [index + shift for index in range(len(speeds))]
        bars.bar(places, [speed[key] for speed in speeds], width=0.25, label=label)
    names = [f"batch {speed['rows']}\n{speed['target_ratio']:.0%} replayed" for speed in speeds]
    bars.set_xticks(range(len(speeds)), names)
    bars.set_ylabel("speed-up over the dense run")
    bars.legend()
    for name, costs in results["linear_milliseconds"].items():
        is_chosen = name == CHOSEN
        rows = [int(count) for count in costs]
        curves.plot(
            rows, list(costs.values()), label=name, linewidth=2.5 if is_chosen else 1, marker="."
        )
    curves.set_xlabel("computing rows")
    curves.set_ylabel("one layer's MLP, ms")
    curves.legend()
    figure.savefig(path, dpi=110)
