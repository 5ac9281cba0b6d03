"""Tables and claims of docs/vila_u.md that come from measurements."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.markdown import format_table
from tools.page import Claim, Page

Json = dict[str, Any]

PART_NAMES = {
    "mlp": "MLPs",
    "attention": "attention and its projections",
    "depth": "depth transformer and draw",
    "projector": "projector",
    "other": "norms, embedding, the rest",
}
PIXEL_MEMORY_LIMIT = 1e9


def make_tables(report: Json) -> dict[str, str]:
    """Text of every block."""
    return {
        "vila-u-machine": format_machine(report),
        "vila-u-speed": format_speeds(report),
        "vila-u-parts": format_parts(report),
        "vila-u-videos": format_videos(report),
        "vila-u-pixels": format_pixels(report),
        "vila-u-depth": format_depth(report),
    }


def format_machine(report: Json) -> str:
    """Where the numbers come from."""
    machine = report["machine"]
    lines = [
        ["processor", machine["processor"]],
        ["threads", str(report["threads"])],
        ["Python, NumPy, Numba", ", ".join(machine[k] for k in ("python", "numpy", "numba"))],
        ["files", f"{report['written']['bytes'] / 1e9:.2f} GB"],
        ["loaded in", f"{report['load_seconds']:.1f} s"],
        ["tokens before", f"{report['context_tokens']}"],
        ["peak memory", f"{report['peak_bytes'] / 1e9:.2f} GB"],
        ["of it backed by no file", f"{report['private_bytes'] / 1e9:.2f} GB"],
        ["keys and values of a whole video", f"{report['cache_bytes'] / 1e9:.2f} GB"],
    ]
    return format_table(["what", "value"], lines)


def format_speeds(report: Json) -> str:
    """Seconds of a token, dense and replaying."""
    header = ["replay", "rows", "both rows", "s per token", "processor s", "MLP share"]
    header += ["speed-up", "Amdahl", "reached", "Amdahl by rows"]
    lines = [
        [
            f"{one['target_ratio']:.0%}" if one["target_ratio"] else "dense",
            f"{one['replay_ratio']:.1%}",
            f"{one['idle_steps']:.1%}",
            f"{one['seconds_per_token']:.3f}",
            f"{one['cpu_seconds_per_token']:.3f}",
            f"{one['mlp_share']:.1%}",
            f"{one['speed_up']:.2f}x",
            f"{one['amdahl_steps']:.2f}x",
            f"{one['speed_up'] / one['amdahl_steps']:.1%}",
            f"{one['amdahl_rows']:.2f}x",
        ]
        for one in report["speeds"]
    ]
    return format_table(header, lines)


def format_parts(report: Json) -> str:
    """Milliseconds of each part of a token."""
    speeds = report["speeds"]
    header = ["part, ms per token", *(f"replay {one['target_ratio']:.0%}" for one in speeds)]
    lines = [
        [words, *(f"{1e3 * one['parts'][name]:.1f}" for one in speeds)]
        for name, words in PART_NAMES.items()
    ]
    return format_table(header, lines)


def format_videos(report: Json) -> str:
    """What a whole video would take, computed."""
    lines = [
        [
            f"{one['target_ratio']:.0%}",
            f"{one['codes_seconds'] / 60:.1f}",
            f"{one['pixels_seconds'] / 60:.2f}",
            f"{(one['codes_seconds'] + one['pixels_seconds']) / 60:.1f}",
        ]
        for one in report["videos"]
    ]
    return format_table(["replay", "codes, min", "pixels, min", "together, min"], lines)


def format_pixels(report: Json) -> str:
    """A frame by the pixel decoder."""
    lines = [
        [
            f"{one['shape'][1]} x {one['shape'][2]}",
            f"{one['seconds']:.1f}",
            f"{one['weight_bytes'] / 1e6:.0f}",
            f"{one['working_bytes'] / 1e6:.0f}",
        ]
        for one in report["pixels"]
    ]
    return format_table(["picture", "s per frame", "weights, MB", "beside them, MB"], lines)


def format_depth(report: Json) -> str:
    """Work beside the body by the width of the depth transformer."""
    lines = [
        [
            f"{one['depth_width']}{', all anew' if one['is_recomputed'] else ''}",
            f"{one['depth_multiplications'] / 1e6:,.0f}",
            f"{one['projector_multiplications'] / 1e6:,.0f}",
            f"{one['against_body']:.1%}",
            f"{one['mlp_share']:.1%}",
        ]
        for one in report["depth"]
    ]
    header = ["width W", "depth transformer, M", "projector, M", "of the body", "MLP share"]
    return format_table(header, lines)


def make_claims(report: Json) -> Iterator[Claim]:
    """What the prose says."""
    working = max(one["working_bytes"] for one in report["pixels"])
    yield Claim("needs less than 1 GB beside its weights", working < PIXEL_MEMORY_LIMIT)
    line = report["published_line"]
    yield Claim(f"{line['line_dense_seconds']:.1f} s without replay")
    yield Claim(f"an MLP share of {line['line_mlp_share']:.1%}")
    yield Claim(f"work of {line['beside_body']:.1%} of the body")
    yield Claim(f"the other {line['unexplained_seconds']:.1f} s")


PAGE = Page("vila_u.md", make_tables, make_claims)
