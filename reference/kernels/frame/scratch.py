"""Memory that the frame kernel computes in."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.kernels.attention import BLOCK_KEYS
from fastcar.reference.kernels.frame.attention import LEAD
from fastcar.reference.kernels.frame.plan import Own, Plan, Shared, Sizes
from fastcar.reference.kernels.lanes import LANES

Array = NDArray[Any]


def make_shared(sizes: Sizes) -> Shared:
    """What all threads see."""

    def make(columns: int) -> Array:
        return np.zeros((sizes.rows, columns), np.float32)

    query, key = sizes.heads * sizes.head_dim, sizes.key_heads * sizes.head_dim
    return Shared(
        ids=np.zeros(sizes.rows, np.int64),
        x=make(sizes.width),
        attended=make(sizes.width),
        query=make(query),
        key=make(key),
        value=make(key),
        plain_query=make(query),
        context=make(query),
        added=make(sizes.width),
        gate=make(sizes.hidden),
        up=make(sizes.hidden),
        tapped=make(sizes.heads),
        score=np.zeros(sizes.rows, np.float32),
        computing=np.zeros(sizes.rows, np.int64),
        replaying=np.zeros(sizes.rows, np.int64),
        narrow=make(sizes.rank),
        corrected=make(sizes.width),
        logits=make(sizes.vocab),
        lanes=np.zeros(LANES),
        status=np.zeros(4, np.int64),
        barrier=np.zeros(16, np.int64),
    )


def make_own(plan: Plan, thread: int, threads: int) -> Own:
    """What one thread has for itself."""
    sizes, codes = plan.sizes, plan.draws.codes

    def make_narrow(columns: int) -> tuple[Array, ...]:
        rows = sizes.rows
        return (
            np.zeros((rows, columns), np.int8),
            np.zeros(rows, np.int32),
            np.zeros(rows, np.float32),
        )

    return Own(
        thread=thread,
        threads=threads,
        normed=np.zeros((sizes.rows, sizes.width), np.float32),
        gathered=np.zeros((sizes.rows, sizes.width), np.float32),
        squares=np.zeros((sizes.rows, 1), np.float32),
        narrow=make_narrow(sizes.width),
        narrow_context=make_narrow(sizes.heads * sizes.head_dim),
        narrow_hidden=make_narrow(sizes.hidden),
        logits=np.zeros((sizes.heads, LEAD + BLOCK_KEYS), np.float32),
        running=np.zeros((2, sizes.heads), np.float32),
        ranked=np.zeros((1, codes), np.float32),
        order=np.zeros(codes, np.int64),
        masses=np.zeros(codes),
    )
