"""The page of `make bench`; numbers and verdicts come from the results."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.bench.growth_text import (
    format_growth,
    format_large,
    format_quantizing,
    format_start,
    format_videos,
)
from tools.bench.linear import CHOSEN
from tools.bench.plan import ENGINES, PEERS, REFERENCE_ENGINE
from tools.bench.targets import AMDAHL_SHARE, format_targets
from tools.markdown import format_table

Results = dict[str, Any]

BUSY_LOAD_PER_CORE = 0.5
"""Load from which the machine counts as busy with other work."""


def format_page(results: Results) -> str:
    """docs/performance.md."""
    return f"""# Performance

Written by `make bench`; numbers in `performance.json`. {describe_machine(results["machine"])}

Times of this machine mean nothing elsewhere; what counts are quotients of times of one run. All
contenders take turns of a few tokens, so that a slow moment of the machine meets all of them, and
every quotient is the median of quotients within one round.

![speed against the streaming limit, replay, videos, growth](performance.png)

## What was to be reached

{format_targets(results)}

## The contenders

{describe_contenders(results)}

{format_logits(results)}

## Dense decoding

Times as multiples of `{REFERENCE_ENGINE}` in the same rounds: 4.0x takes four times as long. The
last columns are the time of `{REFERENCE_ENGINE}` and its share of the streaming limit: the time
that reading its weights (and, in brackets, its keys and values too) takes at the bandwidth that all
threads together reached in the same rounds, over the time it took.

{format_dense_table(results)}

{describe_failures(results)}

## Replay against Amdahl's law

The gate takes the Temporal Attention Score as the gate `tas` does, then replays a fixed share of
the tokens of every row and layer. Amdahl's speed-up is 1 / (1 - MLP share x replayed share), the
MLP share measured in the dense turns of the same rounds. `bound by cost of rows` is the law with
the measured cost of the rows that were left over in place of their proportion.

{format_replay_table(results)}

{explain_gap(results)}

## Cost by rows

Milliseconds of one layer's MLP, weights read from memory:

{format_rows_table(results)}

## The products of the reference

One layer's MLP at width {results["products"]["config"]["hidden_size"]} for several ways to multiply
with NumPy:

{format_linear_table(results["products"]["milliseconds"])}

{explain_linear(results["products"]["milliseconds"])}

## One video of the shipped model

{format_videos(results["videos"])}

{format_start(results["start"])}

## Growth

{format_growth(results["growth"])}

## A model of the paper's size

{format_quantizing(results["quantizing"])}

{format_large(results["large"])}
"""


def describe_machine(machine: Results) -> str:
    """A sentence, and a warning if other work ran beside the benchmark."""
    text = (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gigabytes']} GB, "
        f"{machine['threads']} threads for every contender, Python {machine['python']}, NumPy "
        f"{machine['numpy']}, {machine['blas']}, Numba {machine['numba']}; load of the machine "
        f"before the run: {machine['load_before']:.2f}."
    )
    if machine["load_before"] <= BUSY_LOAD_PER_CORE * machine["cores"]:
        return text
    return f"{text} **The machine was busy: do not trust the numbers of this run.**"


def describe_contenders(results: Results) -> str:
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
    return (
        "\n".join(lines)
        + "\n\nAll hold the same random weights, decode from a filled key-value cache, are warmed "
        "up, and compute the logits of every token. `transformers` plays with whichever of its "
        "dynamic and its static cache was quicker; llama.cpp quantises its Q8_0 itself and keeps "
        "its cache in F16, as this project's int8 decoder keeps its own in bfloat16 (D-32)."
    )


def format_logits(results: Results) -> str:
    """How far the logits of the contenders are from NumPy's."""
    differences: dict[str, float] = {}
    for entry in results["geometries"]:
        for name, difference in entry["logit_differences"].items():
            differences[name] = max(differences.get(name, 0.0), difference)
    shown = ", ".join(
        f"{name} {value:.1e}" for name, value in differences.items() if name != ENGINES[0]
    )
    return f"Largest relative distance of their logits from `{ENGINES[0]}`: {shown}."


def find_cells(results: Results) -> Iterator[tuple[str, Results]]:
    """Name of the geometry and numbers, cell by cell."""
    for entry in results["geometries"]:
        for cell in entry["cells"]:
            yield entry["geometry"]["name"], cell


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


def describe_failures(results: Results) -> str:
    """Peers that did not get through a cell."""
    lines = [
        f"- {name}, batch {cell['batch']}, context {cell['context']}: {reason}"
        for name, cell in find_cells(results)
        for reason in cell["failed"].values()
    ]
    return "\n".join(["Did not play:", "", *lines]) if lines else "Every contender played."


def format_replay_table(results: Results) -> str:
    """Speed-ups of every engine against Amdahl's law."""
    header = (
        "geometry | batch | context | engine | replayed | MLP share | speed-up | Amdahl | reached |"
        " bound by cost of rows"
    )
    lines = [
        [
            name,
            str(cell["batch"]),
            str(cell["context"]),
            speed["engine"],
            f"{speed['replay_ratio']:.1%}",
            f"{speed['mlp_share']:.1%}",
            f"{speed['speed_up']:.2f}x",
            f"{speed['amdahl']:.2f}x",
            f"{speed['amdahl_share']:.0%}",
            f"{speed['row_bound']:.2f}x",
        ]
        for name, cell in find_cells(results)
        for speed in cell["replay"]
    ]
    return format_table(header.split(" | "), lines)


def explain_gap(results: Results) -> str:
    """Why a batch of several rows stays below Amdahl's law, with the numbers of one geometry."""
    entry = results["geometries"][0]
    costs = entry["row_milliseconds"][REFERENCE_ENGINE]
    rows = max(int(count) for count in costs)
    one, all_rows = costs["1"], costs[str(rows)]
    slope = (all_rows - one) / max(rows - 1, 1)
    speeds = [
        (cell["batch"], speed)
        for _, cell in find_cells(results)
        for speed in cell["replay"]
        if speed["engine"] == REFERENCE_ENGINE
    ]
    missed = [speed for _, speed in speeds if speed["amdahl_share"] < AMDAHL_SHARE]
    text = (
        "Amdahl's law takes the MLP's time to be in proportion to the rows that compute. It is "
        "not: as long as one row of the batch computes, the layer's weights are read from memory. "
        f"With `{REFERENCE_ENGINE}` at {entry['geometry']['name']} one row costs {one:.2f} ms and "
        f"{rows} rows cost {all_rows:.2f} ms, so each further row costs {slope:.2f} ms, "
        f"{slope / one:.0%} of the first.\n\n"
        f"`{REFERENCE_ENGINE}` reaches {AMDAHL_SHARE:.0%} of Amdahl's speed-up in "
        f"{len(speeds) - len(missed)} of {len(speeds)} lines"
    )
    if not missed:
        return f"{text}."
    bound_shares = [speed["speed_up"] / speed["row_bound"] for speed in missed]
    batches = sorted({batch for batch, speed in speeds if speed["amdahl_share"] < AMDAHL_SHARE})
    return (
        f"{text}; the others have batch {', '.join(map(str, batches))} and reach "
        f"{min(bound_shares):.0%} to {max(bound_shares):.0%} of the bound by cost of rows."
    )


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


def explain_linear(costs: Results) -> str:
    """What the choice in reference/linear.py costs and gains."""
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
