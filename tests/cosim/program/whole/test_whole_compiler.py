"""Interpreted programs of whole tokens give what the integer reference gives, number by number."""

from __future__ import annotations

import pytest

from fastcar.strategies import make_run
from tests.cosim.whole_runs import (
    HEADS,
    Machine,
    check_machine,
    decode_by_reference,
    make_heads_config,
)
from tests.reference.integer.whole.runs import quantize_whole_run


@pytest.mark.parametrize("kind", HEADS)
def test_dense_decode_is_that_of_the_reference(kind: str) -> None:
    run = make_run(3, make_heads_config(kind), frames=2, padding=(1, 0, 2))
    decoding = decode_by_reference(run, quantize_whole_run(run))
    assert len({tuple(row) for row in decoding.picked}) > 2
    check_machine(Machine(decoding))
