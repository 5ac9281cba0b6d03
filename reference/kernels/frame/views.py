"""Arrays at an address: weights of any number of layers without a type for each number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numba import types

from fastcar.reference.kernels.compilation import intrinsic
from fastcar.reference.kernels.lanes import INDEX, Builder, Value

Array = Any


@intrinsic
def view_vector(context: Any, like: Any, address: Any, length: Any) -> Any:
    """Kernels call it: the numbers at an address as an array [length]; else as `view`."""
    array_type = types.Array(like.dtype, 1, "C")
    signature = array_type(like, types.intp, types.intp)

    def generate(target: Any, builder: Builder, signature: Any, values: Any) -> Value:
        return _emit_array(target, builder, array_type, values[1], values[2:])

    return signature, generate


@intrinsic
def view(context: Any, like: Any, address: Any, rows: Any, columns: Any) -> Any:
    """Kernels call it: the numbers at an address as a C-contiguous array [rows, columns].

    They are of the type of those of `like`. Nothing keeps them alive but their owner.
    """
    array_type = types.Array(like.dtype, 2, "C")
    signature = array_type(like, types.intp, types.intp, types.intp)

    def generate(target: Any, builder: Builder, signature: Any, values: Any) -> Value:
        return _emit_array(target, builder, array_type, values[1], values[2:])

    return signature, generate


def _emit_array(
    target: Any, builder: Builder, array_type: Any, address: Value, shape: Sequence[Value]
) -> Value:
    array = target.make_array(array_type)(target, builder)
    size_bytes = INDEX(target.get_abi_sizeof(target.get_data_type(array_type.dtype)))
    strides = [size_bytes]
    for length in reversed(shape[1:]):
        strides.insert(0, builder.mul(length, strides[0]))
    target.populate_array(
        array,
        data=builder.inttoptr(address, array.data.type),
        shape=tuple(shape),
        strides=tuple(strides),
        itemsize=size_bytes,
        meminfo=None,
    )
    return array._getvalue()
