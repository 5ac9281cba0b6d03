"""How much is counted of a tiny model."""

from __future__ import annotations

from tools.hardware.decoder.settings import DecoderSettings

TINY = DecoderSettings(
    frames=4,
    videos=3,
    cores=2,
    lanes=4,
    calibration_clips=2,
    ratios=(0.5,),
    window=8,
    sinks=2,
    short_window=4,
    stride=3,
    first_tokens=1,
    middle_token=6,
    lockstep_tokens=3,
)
"""4 tokens per frame; prompts of a few tokens."""
