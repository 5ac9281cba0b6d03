"""Shares of the threads."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.kernels.frame.team import SHARE_MULTIPLE, get_share


@given(st.integers(0, 3000), st.integers(1, 40))
def test_shares_are_all_outputs_in_turn(outputs: int, threads: int) -> None:
    shares = [get_share.py_func(outputs, index, threads) for index in range(threads)]
    assert shares[0][0] == 0
    assert shares[-1][1] == outputs
    assert [stop for _, stop in shares[:-1]] == [start for start, _ in shares[1:]]
    assert all(start % SHARE_MULTIPLE == 0 or start == outputs for start, _ in shares)
    sizes = [stop - start for start, stop in shares]
    assert min(sizes) >= 0
    assert max(sizes) - min(sizes) < 2 * SHARE_MULTIPLE
