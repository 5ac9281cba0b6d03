"""The drawings of docs/figures that explain; what they show comes from the reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from fastcar.reference.scheduler import Dispatch, compute_schedule
from tools.site.svg import Drawing

COMPUTES = (True, False, True, False, True, False, False, True)
"""The decisions that the drawing of the schedule deals."""


def draw_replay() -> str:
    """Two frames of four tokens: token j looks at its place one frame earlier."""
    drawing = Drawing(700, 250, "Token j compares its query with the key of token j - N")
    for frame, left in enumerate((30, 370)):
        drawing.put_text(left + 150, 24, "frame t - 1" if frame == 0 else "frame t")
        for place in range(4):
            kind = "replay" if (frame, place) == (1, 2) else "plain"
            drawing.put_box(left + 75 * place, 40, 66, 44, kind)
            drawing.put_text(left + 75 * place + 33, 67, f"place {place}", size=12)
    drawing.put_text(553, 104, "token j")
    drawing.put_text(213, 104, "token j - N")
    drawing.put_arrow([(553, 112), (553, 126), (213, 126), (213, 112)])
    drawing.put_text(383, 145, "score = <query of j, key of j - N> / sqrt(d), mean over the heads")
    drawing.put_box(30, 160, 300, 44, "state")
    drawing.put_text(180, 187, "cache of MLP outputs: one for each place")
    drawing.put_arrow([(330, 182), (388, 182)])
    drawing.put_box(390, 160, 160, 44, "replay")
    drawing.put_text(470, 187, "score >= tau: replay")
    drawing.put_box(570, 160, 110, 44, "compute")
    drawing.put_text(625, 187, "else: compute")
    drawing.put_arrow([(625, 204), (625, 228), (180, 228), (180, 206)])
    drawing.put_text(398, 244, "what was used is kept for token j + N", size=12)
    return drawing.write()


def draw_schedule() -> str:
    """Eight slots on two cores: dealt in turn beside slot b to core b mod C."""
    drawing = Drawing(700, 220, "The computing slots, dealt in turn and mapped statically")
    for slot, computes in enumerate(COMPUTES):
        left = 90 + 75 * slot
        drawing.put_box(left, 20, 66, 36, "compute" if computes else "replay")
        drawing.put_text(left + 33, 43, f"slot {slot}", size=12)
    flags = np.array(COMPUTES)
    for row, dispatch in enumerate(Dispatch):
        schedule = compute_schedule(flags, 2, dispatch)
        top = 84 + 70 * row
        drawing.put_text(80, top + 30, "DRS" if row == 0 else "static", "end")
        for core, queue in enumerate(schedule.queues):
            drawing.put_text(90, top + 17 + 30 * core, f"core {core}", "start", 12)
            for turn, slot in enumerate(queue):
                drawing.put_box(140 + 75 * turn, top + 30 * core, 66, 24, "compute")
                drawing.put_text(173 + 75 * turn, top + 17 + 30 * core, f"slot {slot}", size=12)
        rounds = f"{schedule.num_rounds} rounds"
        drawing.put_text(680, top + 30, rounds, "end")
    return drawing.write()


DRAWINGS: Mapping[str, Callable[[], str]] = {
    "replay.svg": draw_replay,
    "schedule.svg": draw_schedule,
}
"""Drawings by their files in docs/figures."""
