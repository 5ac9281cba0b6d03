"""A point of scope cosim: the accelerator on real tokens, beside the integer reference."""

from __future__ import annotations

from typing import Any

from fastcar.api.cosim import cosimulate
from fastcar.cosim.whole.scope import make_cosim_request
from fastcar.reference.video.model import SHIPPED_MODEL

_FILES = ("checkpoint", "tokens", "tokens_per_frame", "level")


def evaluate(values: dict[str, Any]) -> dict[str, Any]:
    """Results of a point; hardware that differs is a result, too."""
    given = {name: value for name, value in values.items() if name not in ("checkpoint", "level")}
    report = cosimulate(
        values.get("checkpoint", SHIPPED_MODEL), scope=values.get("level", "mlp"), **given
    )
    cycles, accelerator = report["cycles"], report["accelerator"]
    return {
        "equal": report["equal"],
        "failure": report["failure"],
        "runs": report["runs"],
        "compared_records": report["records"]["compared"],
        "replay_ratio": report["replay_ratio"],
        "measured_cycles": cycles["measured"],
        "dense_cycles": cycles["dense"],
        "speed_up_against_dense": cycles["speed_up_against_dense"],
        "mac_multipliers": accelerator["num_cores"] * accelerator["num_lanes"],
    }


def check(values: dict[str, Any]) -> None:
    """Refuse values outside their limits."""
    given = {name: value for name, value in values.items() if name not in _FILES}
    make_cosim_request(values.get("level", "mlp"), **given)
