"""Are contenders the same model: relative distance of their logits."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tools.bench.worker import WorkerError

CHECK_IDS = (1, 7, 30, 2, 19, 11)
"""Tokens that are fed before the logits are read."""
MAX_LOGIT_DIFFERENCE = 0.1
"""Relative; a contender beyond that computes another model."""


def check_same_model(
    logits: Mapping[str, NDArray[np.floating]], reference: str
) -> dict[str, float]:
    """Distance of everybody's logits [V] from those of one contender, over their length.

    Raises:
        WorkerError: one is too far off to be the same model.
    """
    wanted = logits[reference]
    differences = {
        name: float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))
        for name, found in logits.items()
    }
    for name, difference in differences.items():
        if not difference <= MAX_LOGIT_DIFFERENCE:
            limit = f"must be at most {MAX_LOGIT_DIFFERENCE}"
            raise WorkerError(f"{name}: logits differ by {difference:.3g} from NumPy's: {limit}")
    return differences
