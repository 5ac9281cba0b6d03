from __future__ import annotations

import numpy as np
import pytest

from tools.bench.same_model import check_same_model
from tools.bench.worker import WorkerError

WANTED = np.array([3.0, 4.0])


def test_the_distance_is_relative_to_the_reference() -> None:
    found = check_same_model({"numpy": 100 * WANTED, "peer": np.array([300.0, 425.0])}, "numpy")
    assert found == {"numpy": 0.0, "peer": pytest.approx(0.05)}


@pytest.mark.parametrize("logits", [[4.0, 3.0], [3.0, 4.6], [float("nan"), 4.0]])
def test_another_model_is_refused(logits: list[float]) -> None:
    with pytest.raises(WorkerError, match=r"^peer: logits differ by .* at most 0\.1$"):
        check_same_model({"numpy": WANTED, "peer": np.array(logits)}, "numpy")
