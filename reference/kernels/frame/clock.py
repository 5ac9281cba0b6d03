"""Ticks inside of kernels, to tell the parts of a step apart."""

from __future__ import annotations

import platform
from typing import Any

from numba import types

from fastcar.reference.kernels.compilation import cgutils, intrinsic, ir
from fastcar.reference.kernels.lanes import INDEX, Builder, Value

MACHINE = platform.machine().lower()
_ARM_COUNTER = "mrs $0, cntvct_el0"


@intrinsic
def read_ticks(context: Any) -> Any:
    """Kernels call it: a counter that runs evenly, in units of its own; 0 on unknown processors."""

    def generate(target: Any, builder: Builder, signature: Any, values: Any) -> Value:
        function_type = ir.FunctionType(INDEX, [])
        if MACHINE in ("x86_64", "amd64"):
            name = "llvm.readcyclecounter"
            counter = cgutils.get_or_insert_function(builder.module, function_type, name)
            return builder.call(counter, [])
        if MACHINE in ("aarch64", "arm64"):
            return builder.asm(function_type, _ARM_COUNTER, "=r", [], side_effect=True)
        return INDEX(0)

    return types.int64(), generate
