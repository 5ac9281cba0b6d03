"""Tables of docs/performance.md about the shipped model."""

from __future__ import annotations

from typing import Any

from tools.bench.shipped.plan import CLOCKS, EARLIER, EXACT, OWN, PEER
from tools.markdown import fill_paragraphs, format_rows, format_table

Results = dict[str, Any]

NOT_MEASURED = "Not measured yet: `python -m tools.bench --video-only`."
TITLES = {
    EARLIER: "this project's engine of that commit, float32, a compiled call per operation",
    PEER: "llama.cpp, Q8_0, cache F16; batch 1 only",
    **OWN,
}


def make_shipped_tables(shipped: Results | None) -> dict[str, str]:
    """Every block by name."""
    formats = {
        "shipped run": format_run,
        "shipped speeds": format_speeds,
        "shipped tokens": format_tokens,
        "shipped streaming": format_streaming,
        "shipped replay": format_replay,
        "shipped rows": format_row_costs,
        "shipped memory": format_memory,
    }
    return {
        name: NOT_MEASURED if shipped is None else make(shipped) for name, make in formats.items()
    }


def format_run(shipped: Results) -> str:
    """Machine and contenders, and who is absent for which reason."""
    machine = shipped["machine"]
    lines = [
        f"- {machine['processor']}, {machine['cores']} cores, Python {machine['python']}, NumPy "
        f"{machine['numpy']}, Numba {machine['numba']}; load of the machine before the run: "
        f"{machine['load_before']:.2f}",
        f"- {shipped['frames']} frames of {shipped['tokens_per_frame']} tokens behind prompts of "
        f"{shipped['prompt_tokens']}, one thread",
    ]
    for name, title in TITLES.items():
        reason = shipped["absent"].get(name)
        lines.append(f"- `{name}`: {title if reason is None else f'absent here: {reason}'}")
    return fill_paragraphs("\n".join(lines)).strip()


def format_speeds(shipped: Results) -> str:
    """Every contender against the earlier engine and llama.cpp, by both clocks."""
    header = ["batch", "contender", "rounds", "tokens per second"]
    header += [f"{other}, {clock}" for other in (EARLIER, PEER) for clock in CLOCKS]
    lines = [
        [
            str(speed["batch"]),
            speed["name"],
            str(speed["rounds"]),
            f"{speed['tokens_per_second']:,.0f}",
            *(
                f"{speed['over'][other][clock]:.2f}x" if other in speed["over"] else "-"
                for other in (EARLIER, PEER)
                for clock in CLOCKS
            ),
        ]
        for speed in shipped["speeds"]
    ]
    return format_table(header, lines)


def format_tokens(shipped: Results) -> str:
    """Whose tokens are the same."""
    columns = {
        "contender": "{name}",
        "batch": "{batch}",
        f"tokens as `{EXACT}`": "{equal_share:.2%}",
        "likelihoods equal, bit by bit": "{is_equal}",
    }
    rows = [
        {**entry, "is_equal": "yes" if entry["equal_nats"] else "no"} for entry in shipped["tokens"]
    ]
    return format_rows(columns, rows)


def format_streaming(shipped: Results) -> str:
    """Share of the streaming limit of one core, batch 1."""
    columns = {
        "contender": "{name}",
        "MB per token": "{megabytes:.2f}",
        "one core, GB/s": "{gigabytes_per_second[clock]:.1f}",
        **{f"of the limit, {clock}": f"{{share[{clock}]:.0%}}" for clock in CLOCKS},
    }
    rows = [{**entry, "megabytes": entry["bytes"] / 1e6} for entry in shipped["streaming"]]
    return format_rows(columns, rows)


def format_replay(shipped: Results) -> str:
    """Speed-ups of the gates against Amdahl's law."""
    columns = {
        "gate": "{gate}",
        "batch": "{batch}",
        "replayed": "{replay_ratio:.1%}",
        "MLP share": "{mlp_share:.1%}",
        **{f"speed-up, {clock}": f"{{speed_up[{clock}]:.3f}}x" for clock in CLOCKS},
        "Amdahl": "{amdahl:.3f}x",
        **{f"reached, {clock}": f"{{reached[{clock}]:.1%}}" for clock in CLOCKS},
        "bound by cost of rows": "{bound}",
    }
    rows = [
        {**entry, "bound": "-" if entry["row_bound"] is None else f"{entry['row_bound']:.3f}x"}
        for entry in shipped["replay"]
    ]
    return format_rows(columns, rows)


def format_row_costs(shipped: Results) -> str:
    """Microseconds of one layer's MLP by computing rows."""
    tables = [
        format_table(
            ["rows that compute", *costs],
            [[f"us, batch {batch}", *(f"{1e3 * cost:.2f}" for cost in costs.values())]],
        )
        for batch, costs in shipped["row_milliseconds"].items()
    ]
    return "\n\n".join(tables) or "Not measured in this run."


def format_memory(shipped: Results) -> str:
    """Peak of whole processes."""
    peaks = shipped["peaks"]
    columns = {
        "contender": "{name}",
        "batch": "{batch}",
        "peak MB": "{peak:.0f}",
        "more than behind its first frame, MB": "{added:.0f}",
    }
    rows = [
        {
            "name": name,
            "batch": peaks["batch"],
            "peak": said["bytes"] / 1e6,
            "added": (said["bytes"] - said["warm_bytes"]) / 1e6,
        }
        for name, said in peaks["processes"].items()
    ]
    return format_rows(columns, rows)
