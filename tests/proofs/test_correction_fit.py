"""Ridge regression of output on input differences."""

from __future__ import annotations

import numpy as np
import pytest

from fastcar.proofs.correction_fit import fit


def test_a_linear_map_is_found() -> None:
    rng = np.random.default_rng(0)
    matrix, gaps = rng.standard_normal((4, 4)), rng.standard_normal((200, 4))
    found = fit(gaps, gaps @ matrix.T)
    assert np.allclose(found, matrix, rtol=0, atol=0.02)


def test_rank_cuts_the_smallest_directions() -> None:
    rng = np.random.default_rng(1)
    gaps = rng.standard_normal((200, 4))
    scales = np.array([8.0, 4.0, 1.0, 0.5])
    full, cut = fit(gaps, gaps * scales), fit(gaps, gaps * scales, rank=2)
    values = np.linalg.svd(full, compute_uv=False)
    assert np.linalg.matrix_rank(cut, tol=1e-9) == 2
    assert np.linalg.norm(full - cut, 2) == pytest.approx(values[2])
    assert not fit(gaps, gaps * scales, rank=0).any()


def test_near_pairs_weigh_more() -> None:
    """Two slopes along one axis; unweighted the far pairs' would nearly win, (27 + 100) / 109."""
    near, far = np.array([[3.0]] * 50), np.array([[10.0]] * 50)
    found = fit(np.concatenate([near, far]), np.concatenate([3 * near, far]))
    assert float(found[0, 0]) == pytest.approx(2, rel=0.01)


def test_no_difference_gives_no_correction() -> None:
    assert not fit(np.zeros((5, 3)), np.zeros((5, 3))).any()
