"""Planted bugs of the measurements on both models, and of how clips are drawn."""

from __future__ import annotations

from tools.mutants.mutant import Mutant, name_test_file


def _bug(path: str, name: str, old: str, new: str) -> Mutant:
    """A mutant of `tools/<path>.py`; the test of that file must notice."""
    path = f"tools/{path}"
    return Mutant(f"replay value: {name}", f"{path}.py", old, new, (name_test_file(path),))


REPLAY_VALUE_MUTANTS = (
    _bug(
        "replay_value/measure",
        "corrections see held-out clips",
        "decode(clips, clips.fitting, replay, collector",
        "decode(clips, clips.held_out, replay, collector",
    ),
    _bug(
        "replay_value/measure",
        "thresholds see held-out clips",
        "decode(clips, clips.calibration, replay, gate, engine)",
        "decode(clips, clips.held_out, replay, gate, engine)",
    ),
    _bug(
        "replay_value/budgets",
        "a budget is searched on held-out clips",
        "SearchClips(clips.model, request, clips.calibration)",
        "SearchClips(clips.model, request, clips.held_out)",
    ),
    _bug(
        "real_video/clip_sampler",
        "a clip runs over the end of its span",
        "rng.integers(start, stop - (frames - 1) * stride)",
        "rng.integers(start, stop)",
    ),
)
"""All planted bugs of these files."""
