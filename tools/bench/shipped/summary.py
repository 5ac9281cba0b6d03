"""From the turns on the shipped model to ratios: medians of quotients within one round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.bench.shipped.plan import (
    CLOCKS,
    EARLIER,
    EXACT,
    LOOKING_GATES,
    OWN,
    PEER,
    PLANNED_GATE,
    RATIOS,
    STREAMED,
    name_read,
    name_replay,
    name_rows,
)
from tools.bench.stats import compute_amdahl, compute_row_bound

Results = dict[str, Any]
Turns = Mapping[str, Sequence[Results]]
Times = NDArray[np.float64]


def summarise(measured: Results) -> Results:
    """All numbers of a run of `tools.bench.shipped.measure`."""
    cells, model = measured["cells"], measured["cells"][0]["model"]
    return {
        **model,
        "frames": measured["frames"],
        "absent": measured["absent"],
        "tokens": [
            {"batch": cell["batch"], "name": name, **said}
            for cell in cells
            for name, said in cell["tokens"].items()
        ],
        "speeds": [
            summarise_speed(cell, name, _count_tokens(measured, cell))
            for cell in cells
            for name in (EARLIER, PEER, *OWN)
            if name in cell["engines"]
        ],
        "streaming": [
            summarise_streaming(cell, name, _count_tokens(measured, cell))
            for cell in cells
            for name in STREAMED
            if name in cell["streamed_bytes"]
        ],
        "replay": [
            summarise_gate(cell, gate, ratio, measured["cost_frames"])
            for cell in cells
            for gate in (*LOOKING_GATES, PLANNED_GATE)
            for ratio in RATIOS
            if name_replay(gate, ratio) in cell["gates"]
        ],
        "row_milliseconds": {
            str(cell["batch"]): costs
            for cell in cells
            if (costs := compute_row_costs(cell, measured["cost_frames"]))
        },
        "peaks": measured["peaks"],
    }


def _count_tokens(measured: Results, cell: Results) -> int:
    """Tokens of one video."""
    return int(measured["frames"] * cell["model"]["tokens_per_frame"])


def _get_times(turns: Sequence[Results], clock: str) -> Times:
    return np.array([turn[clock] for turn in turns])


def compute_quotients(turns: Turns, slow: str, fast: str) -> Results:
    """How many times as long as `fast` another contender takes for a token, by either clock.

    Each quotient is one of two turns of the same round; the median counts.
    """
    found = {}
    for clock in CLOCKS:
        times = [
            _get_times(turns[name], clock) / [turn["tokens"] for turn in turns[name]]
            for name in (slow, fast)
        ]
        found[clock] = float(np.median(times[0] / times[1]))
    return found


def summarise_speed(cell: Results, name: str, video_tokens: int) -> Results:
    """Speed of a contender, and by how much the slower ones are slower."""
    turns = cell["engines"]
    counted = {
        one: [{"tokens": video_tokens, **turn} for turn in played]
        for one, played in turns.items()
        if one in (EARLIER, PEER, *OWN)
    }
    per_token = np.median([turn["clock"] / turn["tokens"] for turn in counted[name]])
    return {
        "batch": cell["batch"],
        "name": name,
        "rounds": len(turns[name]),
        "tokens_per_second": float(cell["batch"] / per_token),
        "over": {
            other: compute_quotients(counted, other, name)
            for other in (EARLIER, PEER)
            if other in turns
        },
    }


def summarise_streaming(cell: Results, name: str, video_tokens: int) -> Results:
    """Time to read what a token reads, as one core does, over the time that the token takes."""
    num_bytes, turns = cell["streamed_bytes"][name], cell["engines"]
    shares, speeds = {}, {}
    for clock in CLOCKS:
        bandwidths = _get_times(turns[name_read(name)], clock)
        per_token = _get_times(turns[name], clock) / video_tokens
        shares[clock] = float(np.median(num_bytes / bandwidths / per_token))
        speeds[clock] = 1e-9 * float(np.median(bandwidths))
    return {"name": name, "bytes": num_bytes, "gigabytes_per_second": speeds, "share": shares}


def compute_row_costs(cell: Results, cost_frames: int) -> dict[str, float]:
    """Milliseconds of one layer's MLP for a token of as many rows as compute.

    In the first frame of a video all rows compute, whatever the gate says: what those cost, a
    frame's share of the turn in which all rows compute throughout, is taken off.
    """
    turns, batch = cell["gates"], cell["batch"]
    if name_rows(batch) not in turns:
        return {}
    layer_tokens = (cost_frames - 1) * cell["model"]["tokens_per_frame"] * cell["model"]["layers"]
    first = _get_times(turns[name_rows(batch)], "mlp") / cost_frames
    return {
        str(rows): 1e3
        * float(np.median(_get_times(turns[name_rows(rows)], "mlp") - first))
        / layer_tokens
        for rows in range(1, batch + 1)
        if name_rows(rows) in turns
    }


def summarise_gate(cell: Results, gate: str, ratio: float, cost_frames: int) -> Results:
    """Speed-up of a gate over the dense turn of the same round, against Amdahl's law.

    The MLP's share is that of the dense turn of the round by the clock, the ratio that of the run,
    which is the same in every round.
    """
    dense, replay = cell["gates"][EXACT], cell["gates"][name_replay(gate, ratio)]
    shares = _get_times(dense, "mlp") / _get_times(dense, "clock")
    reached, counts = replay[0]["replay_ratio"], replay[0]["row_counts"]
    laws = np.array([compute_amdahl(share, reached) for share in shares])
    speed_ups = {clock: _get_times(dense, clock) / _get_times(replay, clock) for clock in CLOCKS}
    share = float(np.median(shares))
    costs = {int(k): v for k, v in compute_row_costs(cell, cost_frames).items()}
    return {
        "batch": cell["batch"],
        "gate": gate,
        "target_ratio": ratio,
        "replay_ratio": reached,
        "mlp_share": share,
        "speed_up": {clock: float(np.median(speed_ups[clock])) for clock in CLOCKS},
        "amdahl": float(np.median(laws)),
        "reached": {clock: float(np.median(speed_ups[clock] / laws)) for clock in CLOCKS},
        "row_bound": compute_row_bound(share, counts, costs) if costs else None,
    }
