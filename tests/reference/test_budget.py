"""A budget becomes the ratio at which the multiplications add up to it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.budget import compute_budget_ratio, count_gate_multiplications
from fastcar.reference.errors import ArgumentError
from tests.fastcar.tiny_video_model import TINY_CONFIG


@given(st.floats(0, 1), st.floats(0, 0.2), st.floats(0.3, 1))
def test_what_is_computed_and_the_gate_are_the_budget(
    share: float, gate_share: float, ceiling: float
) -> None:
    least = 1 - ceiling + gate_share
    budget = least + share * (1 - least) if least < 1 else 1.0
    ratio = compute_budget_ratio(budget, gate_share, ceiling)
    assert 1 - ratio + gate_share == pytest.approx(budget)
    assert ratio <= ceiling + 1e-12


@pytest.mark.parametrize(
    ("budget", "limit"),
    [
        (0.2, "from 0.3000 to 1"),
        (1.1, "from 0.3000 to 1$"),
        (60.0, "as 0.6 for 60 %"),
    ],
)
def test_what_cannot_be_kept_is_refused(budget: float, limit: str) -> None:
    with pytest.raises(ArgumentError, match=limit):
        compute_budget_ratio(budget, gate_share=0.1, ceiling=0.8)


def test_the_limit_that_is_named_can_be_kept() -> None:
    for gate_share in (0.020833, 1e-6):
        with pytest.raises(ArgumentError) as caught:
            compute_budget_ratio(0.0, gate_share)
        named = float(caught.value.limit.split()[1])
        assert compute_budget_ratio(named, gate_share) <= 1


def test_what_a_gate_costs() -> None:
    assert count_gate_multiplications("tas", TINY_CONFIG) == 0
    assert count_gate_multiplications("tas", TINY_CONFIG, has_score=False) == 16
    assert count_gate_multiplications("input", TINY_CONFIG) == TINY_CONFIG.hidden_size
    assert count_gate_multiplications("random", TINY_CONFIG) == 0
    with pytest.raises(ArgumentError, match=r"^gate = 'oracle': "):
        count_gate_multiplications("oracle", TINY_CONFIG)
