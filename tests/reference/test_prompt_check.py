"""Token ids and masks from users: any integers are taken, everything else is refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fastcar.reference.errors import ArgumentError
from fastcar.reference.prompt_check import read_mask, read_token_ids


@pytest.mark.parametrize(
    "values", [[3, 1], [[3, 1]], (3, 1), np.array([3, 1], np.uint8), np.array([[3, 1]], np.uint64)]
)
def test_any_integers_become_rows_of_int64(values: Any) -> None:
    ids = read_token_ids("prompt_ids", values)
    assert ids.dtype == np.int64
    assert ids.tolist() == [[3, 1]]


@pytest.mark.parametrize(
    "values",
    [[], [[]], [[1], [2, 3]], "34", [0.5], [True], [[[1]]], 3, None, [10**30], [2**63], [None]],
)
def test_other_ids_are_refused_by_name(values: Any) -> None:
    with pytest.raises(ArgumentError, match=r"^prompt_ids = .*: must be "):
        read_token_ids("prompt_ids", values)


def test_rows_without_tokens_are_rows() -> None:
    assert read_token_ids("forced_ids", np.zeros((2, 0), np.int64)).shape == (2, 0)


@pytest.mark.parametrize("values", [[0, 1], [[False, True]], np.array([[0, 1]], np.uint8)])
def test_a_mask_is_zeros_and_ones(values: Any) -> None:
    assert read_mask(values).tolist() == [[False, True]]


@pytest.mark.parametrize("values", [[0, 2], [0.0, 1.0], [-1], "01", []])
def test_another_mask_is_refused_by_name(values: Any) -> None:
    with pytest.raises(ArgumentError, match=r"^prompt_mask = .*: must be "):
        read_mask(values)
