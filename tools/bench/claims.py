"""What the prose of docs/performance.md says about the numbers of a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.bench.linear import CHOSEN
from tools.bench.plan import ENGINES, REFERENCE_ENGINE
from tools.bench.report import make_tables
from tools.bench.run import SHIPPED
from tools.bench.shipped.plan import EARLIER, RATIOS, STEPS, TEMPERATURE
from tools.bench.targets import AMDAHL_SHARE, QUANTIZING_LIMIT, find_cells
from tools.bench.video import GROWTH_CONTEXT, GROWTH_LAYERS
from tools.page import Claim, Page

Results = dict[str, Any]

BUSY_LOAD_PER_CORE = 0.5
"""Load from which the machine counts as busy with other work."""


def make_claims(results: Results) -> Iterator[Claim]:
    """Every claim of the page, section by section."""
    machine = results["machine"]
    yield Claim(
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gigabytes']} GB, "
        f"{machine['threads']} threads for every contender, Python {machine['python']}, NumPy "
        f"{machine['numpy']}, {machine['blas']}, Numba {machine['numba']}; load of the machine "
        f"before the run: {machine['load_before']:.2f}.",
        machine["load_before"] <= BUSY_LOAD_PER_CORE * machine["cores"],
    )
    yield _claim_logits(results)
    failures = [reason for _, cell in find_cells(results) for reason in cell["failed"].values()]
    yield Claim("Every contender played.", not failures)
    yield from _claim_gap(results)
    yield Claim(f"One layer's MLP at width {results['products']['config']['hidden_size']} for")
    yield from _claim_linear(results["products"]["milliseconds"])
    yield Claim(f"{results['videos'][0]['tokens']} tokens per video")
    start = results["start"]
    yield Claim(
        f"`fastcar generate {start['options']}` draws its first token {start['seconds']:.2f} s "
        f"after its start (median; {start['first_start_seconds']:.1f} s in the first start"
    )
    yield Claim(f"a random model of {GROWTH_LAYERS} layers")
    yield Claim(f"both with {GROWTH_CONTEXT} tokens behind them")
    yield from _claim_large(results)
    yield from _claim_shipped(results.get(SHIPPED))


def _claim_logits(results: Results) -> Claim:
    differences: dict[str, float] = {}
    for entry in results["geometries"]:
        for name, difference in entry["logit_differences"].items():
            differences[name] = max(differences.get(name, 0.0), difference)
    found = [f"{name} {value:.1e}" for name, value in differences.items() if name != ENGINES[0]]
    return Claim(f"distance of their logits from `{ENGINES[0]}`: {', '.join(found)}.")


def _claim_gap(results: Results) -> Iterator[Claim]:
    """Why a batch of several rows stays below Amdahl's law, with the numbers of one geometry."""
    entry = results["geometries"][0]
    costs = entry["row_milliseconds"][REFERENCE_ENGINE]
    rows = max(int(count) for count in costs)
    one, all_rows = costs["1"], costs[str(rows)]
    slope = (all_rows - one) / max(rows - 1, 1)
    yield Claim(
        f"With `{REFERENCE_ENGINE}` at {entry['geometry']['name']} one row costs {one:.2f} ms and "
        f"{rows} rows cost {all_rows:.2f} ms, so each further row costs {slope:.2f} ms, "
        f"{slope / one:.0%} of the first.",
        slope < one,
    )
    speeds = [
        (cell["batch"], speed)
        for _, cell in find_cells(results)
        for speed in cell["replay"]
        if speed["engine"] == REFERENCE_ENGINE
    ]
    missed = [(batch, speed) for batch, speed in speeds if speed["amdahl_share"] < AMDAHL_SHARE]
    text = (
        f"`{REFERENCE_ENGINE}` reaches {AMDAHL_SHARE:.0%} of Amdahl's speed-up in "
        f"{len(speeds) - len(missed)} of {len(speeds)} lines"
    )
    if missed:
        batches = ", ".join(map(str, sorted({batch for batch, _ in missed})))
        shares = [speed["speed_up"] / speed["row_bound"] for _, speed in missed]
        text += (
            f"; the others have batch {batches} and reach {min(shares):.0%} to {max(shares):.0%} "
            "of the bound by cost of rows"
        )
    yield Claim(f"{text}.")


def _claim_linear(costs: Results) -> Iterator[Claim]:
    """What the choice in reference/linear.py costs and gains."""
    for count in ("1", "8", "16"):
        yield Claim(
            f"{costs[CHOSEN][count] / costs['x @ W.T'][count]:.2f} times the one matrix product "
            f"and {costs[CHOSEN][count] / costs['W @ x, row by row'][count]:.2f} times the "
            f"products row by row at {count} rows"
        )
    blocks = {name: cost for name, cost in costs.items() if "blocks" in name or name == CHOSEN}
    best = min(blocks, key=lambda name: sum(blocks[name].values()))
    quotient = sum(blocks[CHOSEN].values()) / sum(blocks[best].values())
    yield Claim(
        f"Summed over the rows, `{best}` was the fastest size of block in this run; "
        f"`{CHOSEN}` took {quotient:.2f} times as long."
    )


def _claim_large(results: Results) -> Iterator[Claim]:
    quantizing, large = results["quantizing"], results["large"]
    peak_bytes, shard_bytes = quantizing["peak_bytes"], quantizing["shard_bytes"]
    yield Claim(
        f"a float32 shard of {shard_bytes / 1e6:.0f} MB into int8 in {quantizing['seconds']:.1f} s "
        f"with {peak_bytes / 1e6:.0f} MB beside what the process had before: "
        f"{peak_bytes / shard_bytes:.2f} times the shard (limit: {QUANTIZING_LIMIT})"
    )
    if "skipped" not in large:
        private_bytes = large["private_bytes_after_map"]
        yield Claim(
            f"{large['geometry']} geometry, random int8 weights in sharded safetensors, "
            f"{large['file_bytes'] / 1e9:.2f} GB, batch 1: written in {large['write_seconds']:.0f} "
            f"s, mapped in {large['map_seconds']:.2f} s without a copy ({private_bytes / 1e9:.2f} "
            "GB of the process are its own then), first two tokens in "
            f"{large['first_two_tokens_seconds']:.1f} s, peak {large['peak_bytes'] / 1e9:.1f} GB"
        )


def _claim_shipped(shipped: Results | None) -> Iterator[Claim]:
    """What is said of every run; nothing of it is false before the first one."""
    steps = [one for one in shipped["tokens"] if one["name"] == STEPS] if shipped else []
    yield Claim(
        "The frame kernel gives the tokens and the likelihoods of the calls one by one, bit by bit",
        all(one["equal_share"] == 1 and one["equal_nats"] for one in steps),
    )
    ratios = [f"{ratio:.0%}" for ratio in RATIOS]
    yield Claim(f"closest to {', '.join(ratios[:-1])} and {ratios[-1]} of all tokens and layers")
    yield Claim(f"whole videos drawn with temperature {TEMPERATURE} from the prompt alone")
    yield Claim(f"`{EARLIER}` is the last engine of this project that called one kernel per")


PAGE = Page("performance.md", make_tables, make_claims)
