"""Which steps of a recording are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from fastcar.cosim.wave.recording import Recording, Words

DEFAULT_WINDOW = 500
"""Steps before and behind the one that is looked at."""

CHUNK_STEPS = 1 << 10
"""Taken from the ring at once."""

HANDSHAKES = (
    ("instruction_valid", "instruction_ready"),
    ("decision_valid", "decision_valid"),
    ("retire_valid", "retire_valid"),
)
CORE_HANDSHAKES = (
    ("read_request_valid", "read_request_ready"),
    ("read_response_valid", "read_response_ready"),
    ("write_valid", "write_ready"),
)


def split_steps(steps: range) -> Iterator[range]:
    """The same steps in chunks."""
    for start in range(steps.start, steps.stop, CHUNK_STEPS):
        yield range(start, min(start + CHUNK_STEPS, steps.stop))


def find_cycle(recording: Recording, cycle: int) -> int | None:
    """The step in which the accelerator counted a cycle of the run; None if it was not kept.

    The run before leaves its last cycle standing until this one begins, so the newest step counts.
    """
    place = recording.find("counter_cycles").place
    return _find_last(recording, lambda rows: rows[:, place] == np.uint64(cycle))


RECORD_CYCLES = {"decision": "decision_cycle", "retire": "retire_end_cycle"}
"""Ports with the cycle that a record names."""


def find_record(recording: Recording, kind: str, slot: int, cycle: int | None = None) -> int | None:
    """The step in which the record of a slot was shown; None if it was not kept.

    Records of retirements come behind the cycle that they name, one by one. A slot of a run of
    several layers has several records: that of the cycle is meant, else the last one.

    Args:
        recording: of the run.
        kind: "decision" or "retire".
        slot: as the record says.
        cycle: likewise; None = any.
    """
    valid, named = (recording.find(f"{kind}_{name}").place for name in ("valid", "slot"))
    timed = recording.find(RECORD_CYCLES[kind]).place

    def is_shown(rows: Words) -> NDArray[np.bool_]:
        shown: NDArray[np.bool_] = (rows[:, valid] != 0) & (rows[:, named] == np.uint64(slot))
        return shown

    if cycle is not None:
        found = _find_last(
            recording, lambda rows: is_shown(rows) & (rows[:, timed] == np.uint64(cycle))
        )
        if found is not None:
            return found
    return _find_last(recording, is_shown)


def find_last_transfer(recording: Recording) -> int | None:
    """The last step in which an instruction, a record or a beat was passed on.

    What hangs does nothing behind it, except for counting.
    """
    pairs = [*HANDSHAKES]
    cores = {one.name.partition("_")[0] for one in recording.signals if one.name.startswith("core")}
    for core in sorted(cores):
        pairs += [(f"{core}_{valid}", f"{core}_{ready}") for valid, ready in CORE_HANDSHAKES]
    places = [[recording.find(name).place for name in pair] for pair in pairs]

    def is_moving(rows: Words) -> NDArray[np.bool_]:
        moving = np.zeros(len(rows), np.bool_)
        for valid, ready in places:
            moving |= (rows[:, valid] & rows[:, ready]) != 0
        return moving

    return _find_last(recording, is_moving)


def choose_steps(recording: Recording, centre: int, window: int | None) -> range:
    """The steps around one, fewer at the ends of what was kept.

    Args:
        recording: of the run.
        centre: the step that is looked at.
        window: steps before and behind it; None = all that were kept.
    """
    kept = recording.steps
    if window is None:
        return kept
    return range(max(kept.start, centre - window), min(kept.stop, centre + window + 1))


def _find_last(recording: Recording, holds: Callable[[Words], NDArray[np.bool_]]) -> int | None:
    for steps in reversed(list(split_steps(recording.steps))):
        found = np.flatnonzero(holds(recording.take(steps)))
        if len(found):
            return steps.start + int(found[-1])
    return None
