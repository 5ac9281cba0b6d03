"""Asking for rows ahead: it is asked, and no row faults, however far it lies behind the last."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fastcar.reference.kernels.compilation import device
from fastcar.reference.kernels.row_prefetch import prefetch_row


@device
def ask(array: Any, row: int) -> None:
    prefetch_row(array, row)


@pytest.mark.parametrize("dtype", [np.float32, np.uint16, np.int8])
def test_rows_behind_the_last_may_be_asked_for(dtype: type[Any]) -> None:
    array = np.ones((2, 72), dtype)
    for row in (0, 1, 2, 1 << 40):
        ask(array, row)
    assert (array == 1).all()
    code = ask.inspect_llvm(ask.signatures[-1])
    assert "call void @llvm.prefetch" in code
