"""Named tuples in memory, of which kernels load what they use.

A tuple of a hundred arrays as an argument is a thousand numbers that a compiler moves through every
function: minutes for what takes seconds. A `Handle` writes the tuple down once; a kernel that is
given one sees the same fields. They do not change while a kernel runs, and LLVM is told so.
"""

from __future__ import annotations

import hashlib
from typing import Any, Generic, TypeVar

import numba
import numpy as np
from numba import types
from numba.core import datamodel, imputils, pythonapi
from numba.core.typing import templates

from fastcar.reference.kernels.compilation import intrinsic, kernel
from fastcar.reference.kernels.lanes import INT32, Builder, Value

Fields = TypeVar("Fields")
"""A named tuple of arrays, numbers, tuples of arrays, and such tuples."""

_numba: Any = numba
_datamodel: Any = datamodel
_imputils: Any = imputils
_pythonapi: Any = pythonapi
_templates: Any = templates
_extending: Any = numba.extending


class HandleType(types.Type):
    """Of a named tuple that lies in memory.

    Attributes:
        fields: type of the tuple.
    """

    def __init__(self, fields: Any) -> None:
        self.fields = fields
        digest = hashlib.sha256(fields.name.encode()).hexdigest()[:16]
        super().__init__(name=f"Handle({fields.instance_class.__name__}-{digest})")


class Handle(Generic[Fields]):
    """A named tuple for kernels; keeps it alive.

    Attributes:
        value: the tuple.
        address: where it lies.
        numba_type: of this handle.
    """

    def __init__(self, value: Fields) -> None:
        fields = _numba.typeof(value)
        self.value = value
        self.numba_type = HandleType(fields)
        self._memory = np.zeros(_count_words(fields), np.int64)
        self.address = int(self._memory.ctypes.data)
        _write(value, self._memory)


def _count_words(fields: Any) -> int:
    """Words of 8 bytes that hold a tuple, with room to spare for how its numbers are aligned."""
    if isinstance(fields, types.BaseTuple):
        members: Any = fields
        return sum(_count_words(member) for member in members.types)
    return 5 + 2 * fields.ndim if isinstance(fields, types.Array) else 1


@intrinsic
def _store(context: Any, value: Any, memory: Any) -> Any:
    def generate(target: Any, builder: Builder, signature: Any, values: Any) -> Value:
        array = target.make_array(signature.args[1])(target, builder, values[1])
        builder.store(values[0], builder.bitcast(array.data, values[0].type.as_pointer()))
        return target.get_dummy_value()

    return types.void(value, memory), generate


@kernel(is_bare=True)
def _write(value: Any, memory: Any) -> None:
    _store(value, memory)


@_extending.typeof_impl.register(Handle)  # type: ignore[untyped-decorator]
def _get_type(handle: Handle[Any], context: Any) -> HandleType:
    return handle.numba_type


@_datamodel.register_default(HandleType)
class _HandleModel(_datamodel.models.PrimitiveModel):  # type: ignore[misc]
    """A pointer to the tuple."""

    def __init__(self, manager: Any, handle_type: HandleType) -> None:
        fields = manager.lookup(handle_type.fields).get_value_type()
        super().__init__(manager, handle_type, fields.as_pointer())


@_pythonapi.unbox(HandleType)  # type: ignore[untyped-decorator]
def _unbox(handle_type: HandleType, handle: Value, unboxing: Any) -> Any:
    number = unboxing.pyapi.object_getattr_string(handle, "address")
    address = unboxing.pyapi.long_as_longlong(number)
    unboxing.pyapi.decref(number)
    pointer = unboxing.context.get_value_type(handle_type)
    return _extending.NativeValue(unboxing.builder.inttoptr(address, pointer))


@_templates.infer_getattr
class _HandleAttribute(_templates.AttributeTemplate):  # type: ignore[misc]
    """Fields by name; of a tuple with names, a handle of its own."""

    key = HandleType

    def generic_resolve(self, handle_type: HandleType, name: str) -> Any:
        """Type of a field."""
        fields = handle_type.fields
        if name not in fields.fields:
            return None
        field = fields[fields.fields.index(name)]
        return HandleType(field) if isinstance(field, types.BaseNamedTuple) else field


@_imputils.lower_getattr_generic(HandleType)  # type: ignore[untyped-decorator]
def _load_field(
    context: Any, builder: Builder, handle_type: HandleType, handle: Value, name: str
) -> Value:
    index = handle_type.fields.fields.index(name)
    address = builder.gep(handle, [INT32(0), INT32(index)], inbounds=True)
    if isinstance(handle_type.fields[index], types.BaseNamedTuple):
        return address
    loaded = builder.load(address)
    loaded.set_metadata("invariant.load", builder.module.add_metadata([]))
    return loaded
