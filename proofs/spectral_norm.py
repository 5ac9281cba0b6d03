"""The spectral norm |A| = max |A v| / |v|, and an upper bound of it that rounding cannot break.

Upper bound. Let V be any n x n matrix of floats, W = A V + E and delta >= |V^T V - I|. The least
singular value of V is at least sqrt(1 - delta) if delta <= 1, so |A V| >= (1 - delta) |A|, and

    |A| <= |A V| + delta |A| <= |W| + |E| + delta |A|_F        (trivial if delta > 1),
    |W|^2 = |W^T W| <= the largest sum over a row of |W^T W| (it bounds every eigenvalue).

No property of V is used, so it may come from any eigensolver; near eigenvectors of A^T A the matrix
W^T W is almost diagonal and the bound almost equal to |A|. A product of float matrices with k terms
per entry is off by at most gamma_k |X| |Y| in every entry (gamma_k = k u / (1 - k u), any order of
summation; Higham, Accuracy and Stability of Numerical Algorithms, section 3.5), which limits E by
gamma_n |A|_F |V|_F and the products V^T V and W^T W likewise. All else is a sum of nonnegative
terms, so that its rounding is one factor 1 + gamma_k, k the operations on the longest path.

Source: ours.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fastcar.proofs.arithmetic import (
    Array,
    Scalar,
    compute_norm,
    is_ball_array,
    to_balls,
    to_floats,
)
from fastcar.proofs.matrix_memory import remember
from fastcar.proofs.statement import UNIT_ROUNDOFF
from fastcar.reference.errors import ArgumentError

Matrix = NDArray[np.float64]


def compute_gamma(num_operations: int) -> float:
    """An upper bound of gamma_k = k u / (1 - k u) for k below 10^13."""
    return 1.01 * num_operations * UNIT_ROUNDOFF


SMALLEST = 2.0**-1074
"""Of float64: a product that underflows is off by at most half of it."""


def compute_root_above(sum_of_squares: Matrix, num_squares: int) -> Matrix:
    """Square root [...] of sums [...] of so many squares, not below the exact one by underflow.

    Each square may have lost SMALLEST / 2; other rounding is the caller's.
    """
    return np.asarray(np.sqrt(sum_of_squares + num_squares * SMALLEST))


def compute_spectral_norm(matrix: Array) -> Scalar:
    """Largest singular value of a matrix [m, n].

    Returns:
        Floats: that of the singular value decomposition; `compute_error` limits its error. Balls:
        |A v| / |v| at the float singular vector v, a lower limit, close but never above.

    >>> round(compute_spectral_norm(np.array([[3.0, 0.0], [0.0, -4.0]])), 12)
    4.0
    """
    if not is_ball_array(matrix):
        return _compute_singular_value(np.asarray(matrix, np.float64))
    witness = _compute_singular_vector(to_floats(matrix))
    return _compute_stretch(matrix, to_balls(witness))


def compute_upper_bound(matrix: Array) -> float:
    """A float that is certainly at least the spectral norm of the float matrix [m, n].

    The excess is about (m + n + m n) u of the norm, 1e-11 for [352, 128].

    Raises:
        ArgumentError: an element is not finite.
    """
    exact = np.asarray(matrix, np.float64)
    if exact.shape[0] < exact.shape[1]:
        exact = exact.T  # V^T V is then the smaller of two
    largest = float(np.abs(exact).max(initial=0.0))
    if not math.isfinite(largest):
        raise ArgumentError("matrix", largest, "finite")
    if largest == 0.0:
        return 0.0
    # A power of two brings the largest element to [1/2, 1): no square overflows, and all that
    # underflows together is below 2^-1000, which the spare operations of the last factor cover.
    exponent = math.frexp(largest)[1]
    scaled = np.ldexp(exact, -exponent)
    bound = compute_bound_in_basis(scaled, np.linalg.eigh(scaled.T @ scaled)[1])
    return math.nextafter(math.ldexp(bound, exponent), math.inf)


def compute_bound_in_basis(matrix: Matrix, basis: Matrix) -> float:
    """The upper bound for any basis; the nearer to right singular vectors, the smaller.

    Args:
        matrix: [m, n] float64, the largest element in [1/2, 1).
        basis: [n, n] float64, V.
    """
    rows, columns = matrix.shape
    product = matrix @ basis  # [m, n], W
    defect = _bound_gram(basis, np.eye(columns))
    frobenius = float(np.linalg.norm(matrix))
    product_error = compute_gamma(columns) * frobenius * float(np.linalg.norm(basis))
    product_norm = math.sqrt(_bound_gram(product, np.zeros((columns, columns))))
    bound = product_norm + product_error + defect * frobenius
    return bound * (1 + compute_gamma(rows * columns + 2 * rows + 2 * columns + 16))


@remember
def compute_error(matrix: Matrix) -> float:
    """Limit on the error of `compute_spectral_norm`, proven for this float matrix [m, n].

    The norm lies between |A v| / |v| and the upper bound. In floats A v is off by at most
    gamma_n |A|_F |v|, and the two norms and their quotient by gamma_k, k = m + n + 10, of the
    result.
    """
    found = compute_spectral_norm(matrix)
    stretch = _compute_stretch(matrix, _compute_singular_vector(matrix))
    slack = compute_gamma(2 * sum(matrix.shape) + 16) * (stretch + compute_norm(matrix))
    return float(max(compute_upper_bound(matrix) - found, found - stretch + slack))


def _bound_gram(matrix: Matrix, centre: Matrix) -> float:
    """Limit on |X^T X - C| by the largest row sum, the products' rounding included."""
    gram = matrix.T @ matrix
    error = compute_gamma(len(matrix)) * (np.abs(matrix).T @ np.abs(matrix))
    return float((np.abs(gram - centre) + error).sum(axis=1).max())


@remember
def _compute_singular_value(matrix: Matrix) -> float:
    """The largest one."""
    return float(np.linalg.svd(matrix, compute_uv=False).max(initial=0.0))


@remember
def _compute_singular_vector(matrix: Matrix) -> NDArray[np.float64]:
    """[n] float64, the right singular vector of the largest singular value, about of norm 1."""
    vector: NDArray[np.float64] = np.linalg.svd(matrix, full_matrices=False)[2][0]
    return vector


def _compute_stretch(matrix: Array, vector: Array) -> Scalar:
    """|A v| / |v|."""
    return compute_norm(matrix @ vector) / compute_norm(vector)
