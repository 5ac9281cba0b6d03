"""What a gate of the frame kernel looks at, beside whole runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fastcar.reference.distances import LANES, compute_distance
from fastcar.reference.kernels.compilation import kernel
from fastcar.reference.kernels.frame.gate import measure_distance
from fastcar.reference.kernels.frame.run import PACKAGE
from tests.reference.test_distances import LENGTHS, draw_vectors

pytestmark = pytest.mark.slow
"""Compiling the kernel takes some seconds."""


@kernel(package=PACKAGE)
def measure(x: Any, other: Any, lanes: Any, out: Any) -> None:
    for row in range(len(x)):
        out[row] = measure_distance(x[row], other[row], lanes)


def test_distances_have_the_bits_of_the_specification() -> None:
    for length in LENGTHS:
        x, other = draw_vectors(length)
        found = np.empty(len(x))
        measure(x, other, np.full(LANES, np.nan), found)
        assert np.array_equal(found, compute_distance(x, other)), length
