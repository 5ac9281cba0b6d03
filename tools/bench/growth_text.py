"""Sections of docs/performance.md on whole videos, growth and the model of the paper's size."""

from __future__ import annotations

from typing import Any

from fastcar.reference.laps import PARTS
from tools.bench.targets import QUANTIZING_LIMIT
from tools.bench.video import GROWTH_CONTEXT, GROWTH_LAYERS
from tools.markdown import format_table

Results = dict[str, Any]


def format_videos(videos: list[Results]) -> str:
    """Speed, parts of the time and memory."""
    lines = [
        [
            run["engine"],
            str(run["batch"]),
            f"{run['target_ratio']:.0%}",
            f"{run['tokens_per_second']:,.0f}",
            *(f"{run['parts'][part]:.0%}" for part in PARTS),
            f"{run['peak_bytes'] / 1e6:.0f}",
        ]
        for run in videos
    ]
    header = ["engine", "videos", "replayed", "tokens per second", *PARTS, "peak MB"]
    return (
        f"{videos[0]['tokens']} tokens per video, drawn from the prompt alone, without guidance. "
        "Tokens of all videos together; parts are shares of the time after the prefill, `other` is "
        "embedding, head and sampling; the peak is that of the whole process, dense and replaying."
        f"\n\n{format_table(header, lines)}"
    )


def format_start(start: Results) -> str:
    """From the start of the command to its first token."""
    return (
        f"`fastcar generate {start['options']}` draws its first token {start['seconds']:.2f} s "
        f"after its start (median; {start['first_start_seconds']:.1f} s in the first start of this "
        "run)."
    )


def format_growth(growth: list[Results]) -> str:
    """Exponents of time over size."""
    lines = [
        [
            entry["kind"],
            entry["engine"],
            f"{entry['sizes'][0]} to {entry['sizes'][-1]}",
            f"{entry['seconds'][0]:.2g} s to {entry['seconds'][-1]:.2g} s",
            f"{entry['exponent']:.2f}",
        ]
        for entry in growth
    ]
    return (
        "Time grows with size to the power of the exponent, fitted to all points. Frames: a whole "
        "video of the shipped model. Width: one token of a random model of "
        f"{GROWTH_LAYERS} layers, MLP 2.75 times the width. Batch: one token of every row, "
        f"geometry of the shipped model; both with {GROWTH_CONTEXT} tokens behind them."
        f"\n\n{format_table(['kind', 'engine', 'sizes', 'time', 'exponent'], lines)}"
    )


def format_quantizing(quantizing: Results) -> str:
    """Memory of the streaming quantiser."""
    peak_bytes, shard_bytes = quantizing["peak_bytes"], quantizing["shard_bytes"]
    return (
        f"`fastcar quantize` turns a float32 shard of {shard_bytes / 1e6:.0f} MB into int8 in "
        f"{quantizing['seconds']:.1f} s with {peak_bytes / 1e6:.0f} MB beside what the process had "
        f"before: {peak_bytes / shard_bytes:.2f} times the shard (limit: {QUANTIZING_LIMIT})."
    )


def format_large(large: Results) -> str:
    """The model that is decoded from a memory map."""
    if "skipped" in large:
        return f"Not decoded in this run: {large['skipped']}."
    lines = [
        [
            f"{speed['replay_ratio']:.1%}",
            f"{speed['tokens_per_second']:.2f}",
            f"{speed['speed_up']:.2f}x",
            f"{speed['amdahl']:.2f}x",
        ]
        for speed in large["speeds"]
    ]
    table = format_table(["replayed", "tokens per second", "speed-up", "Amdahl"], lines)
    private_bytes, peak_bytes = large["private_bytes_after_map"], large["peak_bytes"]
    return (
        f"{large['geometry']} geometry, random int8 weights in sharded safetensors, "
        f"{large['file_bytes'] / 1e9:.2f} GB, batch 1: written in {large['write_seconds']:.0f} s, "
        f"mapped in {large['map_seconds']:.2f} s without a copy ({private_bytes / 1e9:.2f} GB of "
        f"the process are its own then), first two tokens in "
        f"{large['first_two_tokens_seconds']:.1f} s, peak {peak_bytes / 1e9:.1f} GB with the "
        f"mapped pages.\n\n{table}"
    )
