"""The accelerator beside the integer reference: compiler, memory, lock-step, cycle model, Verilog.

The package can also be called: `fastcar.cosim(...)` is `fastcar.cosimulate(...)`, the function of
the command of the same name. The function stands in a layer above this package, which therefore
looks it up, when it is called, in the package `fastcar` that both belong to; nothing is imported
before. Type checkers know a package only, so typed code calls `fastcar.cosimulate`.

>>> import fastcar
>>> fastcar.cosim(cores=0)
Traceback (most recent call last):
fastcar.reference.errors.ArgumentError: cores = 0: must be from 1 to 32
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    """This package with a call."""

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(_get_function())

    def __call__(self, *arguments: Any, **options: Any) -> dict[str, Any]:
        return _get_function()(*arguments, **options)


def _get_function() -> Callable[..., dict[str, Any]]:
    function: Callable[..., dict[str, Any]] = sys.modules[__name__.partition(".")[0]].cosimulate
    return function


sys.modules[__name__].__class__ = _CallablePackage
