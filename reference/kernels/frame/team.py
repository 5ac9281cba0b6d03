"""Threads that do one step together: each its share of every product, a barrier behind each part.

A thread that waits looks at the barrier for some microseconds, then lets others have its processor.
"""

from __future__ import annotations

from typing import Any

from numba import types

from fastcar.reference.kernels.compilation import cgutils, inlined_device, intrinsic, ir
from fastcar.reference.kernels.lanes import INT32, Builder, Value

Array = Any

ARRIVED, ROUND = 0, 8
"""Places in the barrier, a cache line apart."""
LOOKS = 2000
"""Looks at the barrier before a thread gives its processor away."""
SHARE_MULTIPLE = 16
"""Outputs of a share are multiples of it, so that no two threads write to one cache line."""


def _get_address(target: Any, builder: Builder, signature: Any, values: Any) -> Value:
    array = target.make_array(signature.args[0])(target, builder, values[0])
    return builder.gep(array.data, [values[1]])


@intrinsic
def add_atomically(context: Any, array: Any, place: Any, number: Any) -> Any:
    """Kernels call it: array[place] += number in one step; gives what was there; int64."""

    def generate(target: Any, builder: Builder, signature: Any, values: Any) -> Value:
        address = _get_address(target, builder, signature, values)
        return builder.atomic_rmw("add", address, values[2], "seq_cst")

    return types.int64(array, types.intp, types.int64), generate


@intrinsic
def load_atomically(context: Any, array: Any, place: Any) -> Any:
    """Kernels call it: array[place] as other threads have written it; int64."""

    def generate(target: Any, builder: Builder, signature: Any, values: Any) -> Value:
        address = _get_address(target, builder, signature, values)
        return builder.load_atomic(address, "seq_cst", 8)

    return types.int64(array, types.intp), generate


@intrinsic
def yield_processor(context: Any) -> Any:
    """Kernels call it: let another thread have the processor (`sched_yield` of POSIX)."""

    def generate(target: Any, builder: Builder, signature: Any, values: Any) -> Value:
        called = ir.FunctionType(INT32, [])
        function = cgutils.get_or_insert_function(builder.module, called, "sched_yield")
        builder.call(function, [])
        return target.get_dummy_value()

    return types.void(), generate


@inlined_device
def wait_for_all(barrier: Array, threads: int) -> None:
    """Return when all threads have called it as often as this one."""
    if threads == 1:
        return
    current = load_atomically(barrier, ROUND)
    if add_atomically(barrier, ARRIVED, 1) == threads - 1:
        add_atomically(barrier, ARRIVED, -threads)
        add_atomically(barrier, ROUND, 1)
        return
    looks = 0
    while load_atomically(barrier, ROUND) == current:
        looks += 1
        if looks > LOOKS:
            yield_processor()


@inlined_device
def get_share(outputs: int, index: int, threads: int) -> tuple[int, int]:
    """First and last output of a thread's share."""
    if threads == 1:
        return 0, outputs
    pieces = (outputs + SHARE_MULTIPLE - 1) // SHARE_MULTIPLE
    start = pieces * index // threads * SHARE_MULTIPLE
    stop = pieces * (index + 1) // threads * SHARE_MULTIPLE
    return min(start, outputs), min(stop, outputs)
