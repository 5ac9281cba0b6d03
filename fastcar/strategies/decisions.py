"""Which slots of a batch compute, and how many cores share them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fastcar.reference.arrays import BoolArray
from fastcar.reference.scheduler import MAX_CORES, MAX_SLOTS


def decisions(max_slots: int = MAX_SLOTS) -> st.SearchStrategy[BoolArray]:
    """Decisions of a layer of one token, [B] bool, True = the slot computes; 1 to 32 slots.

    >>> from hypothesis import find
    >>> int(find(decisions(), lambda computes: computes.sum() == 2).sum())
    2
    """
    return st.integers(1, max_slots).flatmap(lambda slots: arrays(np.bool_, slots))


def core_counts(max_cores: int = MAX_CORES) -> st.SearchStrategy[int]:
    """Numbers of cores.

    >>> from hypothesis import find
    >>> 3 < find(core_counts(), lambda count: count > 3) <= 32
    True
    """
    return st.integers(1, max_cores)
