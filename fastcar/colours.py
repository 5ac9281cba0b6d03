"""Grey pixels as colours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def colour_frames(frames: NDArray[np.floating]) -> NDArray[np.uint8]:
    """[..., H, W] in [0, 1] to grey [..., H, W, 3].

    >>> colour_frames(np.array([[0.0, 1.5]])).tolist()
    [[[0, 0, 0], [255, 255, 255]]]
    """
    grey = (np.clip(frames, 0, 1) * 255).round().astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)
