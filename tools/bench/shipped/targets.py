"""What decoding of the shipped model was to reach, by processor time unless said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.bench.shipped.plan import (
    BFLOAT16,
    EARLIER,
    EXACT,
    INT8,
    INT8_CACHE,
    LOOKING_GATES,
    PEER,
    PLANNED_GATE,
    RATIOS,
    STEPS,
)
from tools.bench.target import Target

Results = dict[str, Any]

SPEED_UPS = {
    1: {EXACT: 4.0, BFLOAT16: 6.0, INT8: 7.5, INT8_CACHE: 7.5},
    16: {EXACT: 1.9, INT8: 2.5, INT8_CACHE: 2.5},
}
"""Batch -> contender -> times as fast as the engine of `EARLIER`."""
PEER_SPEED_UPS = {INT8: 8.0, INT8_CACHE: 8.0}
STREAMING_SHARE = 0.6
AMDAHL_SHARES = {1: (LOOKING_GATES, 0.97), 16: ((PLANNED_GATE,), 0.92)}
"""Batch -> gates and the share of Amdahl's speed-up that each is to reach."""
TOKENS_PER_SECOND = 10_000.0
"""By the clock, where one core reads `ASKED_BANDWIDTH` GB/s."""
ASKED_BANDWIDTH = 100
PEAK_LIMIT = 1.0
"""Peak memory over that of the engine of `EARLIER`."""


def find_shipped(shipped: Results | None) -> Iterator[Target]:
    """Every target of the shipped model; what was not measured is said to be so."""
    found = shipped or {"speeds": [], "tokens": [], "streaming": [], "replay": [], "peaks": {}}
    yield from _find_speeds(found)
    yield from _find_equal(found)
    yield from _find_limits(found)
    yield from _find_replay(found)
    peaks = found["peaks"]["processes"] if found["peaks"].get("batch") == 16 else {}
    quotient = peaks[EXACT]["bytes"] / peaks[EARLIER]["bytes"] if EARLIER in peaks else None
    claim = f"shipped model, batch 16, {EXACT}, peak memory over the engine of {EARLIER}"
    yield Target(claim, quotient, PEAK_LIMIT, is_upper=True)


def _get_entry(entries: list[Results], **wanted: Any) -> Results | None:
    for entry in entries:
        if all(entry.get(key) == value for key, value in wanted.items()):
            return entry
    return None


def _find_speeds(found: Results) -> Iterator[Target]:
    limits = [
        (batch, name, EARLIER, asked)
        for batch in SPEED_UPS
        for name, asked in SPEED_UPS[batch].items()
    ]
    limits += [(1, name, PEER, asked) for name, asked in PEER_SPEED_UPS.items()]
    for batch, name, other, asked in limits:
        entry = _get_entry(found["speeds"], batch=batch, name=name)
        quotients = entry["over"].get(other) if entry else None
        who = f"the engine of {other}" if other == EARLIER else other
        claim = f"shipped model, batch {batch}, {name}, over {who}"
        yield Target(claim, quotients["cpu"] if quotients else None, asked)


def _find_equal(found: Results) -> Iterator[Target]:
    for batch in SPEED_UPS:
        entry = _get_entry(found["tokens"], batch=batch, name=STEPS)
        share = None
        if entry is not None:
            share = 100 * entry["equal_share"] if entry["equal_nats"] else 0.0
        claim = f"shipped model, batch {batch}, tokens and likelihoods as `{STEPS}` has them"
        yield Target(claim, share, 100.0, unit="%")


def _find_limits(found: Results) -> Iterator[Target]:
    streaming = _get_entry(found["streaming"], name=EXACT)
    share = 100 * streaming["share"]["cpu"] if streaming else None
    claim = f"shipped model, batch 1, {EXACT}, share of the streaming limit of one core"
    yield Target(claim, share, 100 * STREAMING_SHARE, unit="%")
    entry = _get_entry(found["speeds"], batch=1, name=EXACT)
    here = f", here {streaming['gigabytes_per_second']['clock']:.0f} GB/s" if streaming else ""
    claim = (
        f"shipped model, batch 1, {EXACT}, tokens per second by the clock; asked where one core "
        f"reads {ASKED_BANDWIDTH} GB/s{here}"
    )
    yield Target(claim, entry["tokens_per_second"] if entry else None, TOKENS_PER_SECOND, unit="")


def _find_replay(found: Results) -> Iterator[Target]:
    for batch, (gates, asked) in AMDAHL_SHARES.items():
        for gate in gates:
            for ratio in RATIOS:
                entry = _get_entry(found["replay"], batch=batch, gate=gate, target_ratio=ratio)
                share = 100 * entry["reached"]["cpu"] if entry else None
                where = f"shipped model, batch {batch}, {gate} at {ratio:.0%}"
                claim = f"{where}, share of Amdahl's speed-up"
                yield Target(claim, share, 100 * asked, unit="%")
