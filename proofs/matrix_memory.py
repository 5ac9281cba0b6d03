"""Results for the last matrices: a model's weights come again with every token."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from hashlib import blake2b
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Result = TypeVar("Result")

MAX_RESULTS = 512
"""Results that each function keeps; the oldest goes first. The matrices themselves are not kept."""


def remember(function: Callable[[Matrix], Result]) -> Callable[[Matrix], Result]:
    """Keep the results of a function of one float matrix, by its shape and elements.

    The result must not be changed by who gets it.

    >>> @remember
    ... def compute_trace(matrix):
    ...     print("computing")
    ...     return float(np.trace(matrix))
    >>> compute_trace(np.eye(2)), compute_trace(np.eye(2))
    computing
    (2.0, 2.0)
    """
    found: OrderedDict[Any, Result] = OrderedDict()

    @wraps(function)
    def remembered(matrix: Matrix) -> Result:
        exact = np.ascontiguousarray(matrix, np.float64)
        key = exact.shape, blake2b(exact.tobytes(), digest_size=16).digest()
        if key not in found:
            found[key] = function(matrix)
            if len(found) > MAX_RESULTS:
                found.popitem(last=False)
        return found[key]

    return remembered
