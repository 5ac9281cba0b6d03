"""Vectors, matrices and scales for attacks on the statements, drawn by Hypothesis.

Everything an attack may move is drawn element by element, so that `hypothesis.target` can climb
and a violation shrinks to a small instance.
"""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

units = st.floats(-1, 1, allow_subnormal=False, width=32)
"""Elements before scaling; 32 bits wide, so that they shrink to short numbers."""

scales = st.integers(-6, 6).map(lambda exponent: 10.0**exponent)
"""Norms from tiny to huge."""


@st.composite
def vectors(draw: st.DrawFn, size: int, scale: st.SearchStrategy[float] = scales) -> Vector:
    """[size] float64 at any scale."""
    vector: Vector = draw(arrays(np.float64, size, elements=units)) * draw(scale)
    return vector


@st.composite
def matrices(
    draw: st.DrawFn, rows: int, columns: int, scale: st.SearchStrategy[float] = scales
) -> Matrix:
    """[rows, columns]: full, of rank one (every vector stretched alike) or ill-conditioned."""
    matrix: Matrix = draw(arrays(np.float64, (rows, columns), elements=units))
    kind = draw(st.sampled_from(["full", "rank one", "ill-conditioned"]))
    if kind == "rank one":
        matrix = np.outer(matrix[:, 0], matrix[0])
    elif kind == "ill-conditioned":
        matrix = matrix * np.logspace(0, -6, columns)
    return matrix * draw(scale)


@st.composite
def neighbours(draw: st.DrawFn, vector: Vector) -> Vector:
    """A vector near the given one: equal, nearly aligned, far away, or its opposite."""
    kind = draw(st.sampled_from(["equal", "near", "far", "opposite"]))
    if kind == "equal":
        return vector.copy()
    if kind == "opposite":
        return -vector
    reach = 10.0 ** draw(st.integers(-6, -1)) if kind == "near" else 10.0 ** draw(st.integers(0, 3))
    size = float(np.abs(vector).max(initial=0.0)) or 1.0
    return vector + reach * size * draw(arrays(np.float64, vector.shape, elements=units))
