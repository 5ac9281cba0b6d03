"""Every entry of the tables, enclosed in ball arithmetic."""

from __future__ import annotations

import pytest
from flint import arb, ctx

from fastcar.reference.tables import EXPONENTIAL_TABLE, RSQRT_TABLE, SILU_TABLE


@pytest.fixture(autouse=True)
def _precise_balls() -> None:
    ctx.prec = 200


def is_nearest_integer(entry: int, exact: arb) -> bool:
    """Whether entry is certainly the nearest integer of exact, and 1e-3 away from a tie."""
    return bool(abs(exact - entry) < arb("0.499"))


def test_rsqrt_entries_are_rounded_to_nearest() -> None:
    assert len(RSQRT_TABLE) == 385
    for index, entry in enumerate(RSQRT_TABLE, start=128):
        assert is_nearest_integer(entry, arb(2) ** 16 / (arb(index) / 128).sqrt()), index


def test_silu_entries_are_rounded_to_nearest() -> None:
    assert len(SILU_TABLE) == 513
    for index, entry in enumerate(SILU_TABLE):
        value = arb(index) / 32
        assert is_nearest_integer(entry, arb(2) ** 15 * value / (1 + (-value).exp())), index


def test_exponential_entries_are_rounded_to_nearest() -> None:
    assert len(EXPONENTIAL_TABLE) == 256
    for index, entry in enumerate(EXPONENTIAL_TABLE):
        assert is_nearest_integer(entry, arb(2) ** (15 + arb(index) / 256)), index


def test_a_wrong_entry_is_refused() -> None:
    exact = arb(2) ** 16 / (arb(129) / 128).sqrt()
    assert not is_nearest_integer(RSQRT_TABLE[1] + 1, exact)


def test_tables_end_where_the_formats_do() -> None:
    assert (RSQRT_TABLE[0], RSQRT_TABLE[-1]) == (1 << 16, 1 << 15)
    assert (SILU_TABLE[0], SILU_TABLE[-1]) == (0, 1 << 19)
    assert list(RSQRT_TABLE) == sorted(RSQRT_TABLE, reverse=True)
    assert list(SILU_TABLE) == sorted(SILU_TABLE)
    assert (EXPONENTIAL_TABLE[0], EXPONENTIAL_TABLE[-1]) == (1 << 15, 65359)
    assert list(EXPONENTIAL_TABLE) == sorted(set(EXPONENTIAL_TABLE))
