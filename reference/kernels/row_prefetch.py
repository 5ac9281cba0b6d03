"""Asking for a row of keys or values before its turn comes."""

from __future__ import annotations

from typing import Any

from numba import types

from fastcar.reference.kernels.compilation import cgutils, intrinsic
from fastcar.reference.kernels.lanes import INDEX, INT8, Builder, Value, get_size_bytes, prefetch

LINE_BYTES = 64
"""Of a cache line; where lines are longer, some are asked for twice."""


@intrinsic
def prefetch_row(context: Any, array: Any, row: Any) -> Any:
    """Kernels call it: ask for all cache lines of array[row], C-contiguous [entries, d].

    Behind the last entry this asks for nothing that is needed, but it never faults.
    """
    signature = types.void(array, types.intp)

    def generate(target: Any, builder: Builder, signature: Any, values: Any) -> Value:
        rows = target.make_array(signature.args[0])(target, builder, values[0])
        width = cgutils.unpack_tuple(builder, rows.shape)[1]
        address = builder.gep(rows.data, [builder.mul(values[1], width)])
        num_bytes = builder.mul(width, INDEX(get_size_bytes(address.type.pointee)))
        first = builder.bitcast(address, INT8.as_pointer())
        lines = cgutils.for_range_slice(builder, INDEX(0), num_bytes, INDEX(LINE_BYTES), inc=True)
        with lines as (place, _):
            prefetch(builder, builder.gep(first, [place]))
        return target.get_dummy_value()

    return signature, generate
