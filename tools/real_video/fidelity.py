"""What the codec alone loses."""

from __future__ import annotations

import numpy as np

from fastcar.reference.arrays import Float32Array
from fastcar.reference.video.codec import PatchCodec
from tools.real_video.clip_sampler import GEOMETRY


def measure_fidelity(codec: PatchCodec, clips: Float32Array) -> float:
    """PSNR of the pooled error, dB, of clips [..., 32, 32] after encoding and decoding."""
    shown = codec.decode(codec.encode(clips), GEOMETRY.patches_per_side)
    return float(-10 * np.log10(((shown - clips) ** 2).mean()))
