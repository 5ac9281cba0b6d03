"""Designs to prove things about: the exported accelerator, one unit, and either with a bug."""

from __future__ import annotations

import importlib
import inspect
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pyrtl

from fastcar.cosim.verilog.operands import print_block
from fastcar.reference.errors import ArgumentError

_UNIT_MODULE = "toplevel"
"""PyRTL's name of every module."""
_USERS = ("fastcar.rtl.", "fastcar.cosim.", "fastcar.proofs.formal.")
"""Packages whose modules use functions of `rtl`."""


def export_unit(block: pyrtl.Block, name: str) -> str:
    """Verilog of a block as a module `name`, by PyRTL; for units that are proven alone."""
    return replace_once(print_block(block, {}), f"module {_UNIT_MODULE}(", f"module {name}(")


def replace_once(text: str, old: str, new: str) -> str:
    """The text with `new` for `old`.

    Raises:
        ArgumentError: `old` does not stand there exactly once.
    """
    found = text.count(old)
    if found != 1:
        raise ArgumentError("old", f"{old!r} found {found} times", "exactly once")
    return text.replace(old, new)


def _change_source(module_name: str, old: str, new: str) -> str:
    """Text of a module with one replacement."""
    return replace_once(inspect.getsource(importlib.import_module(module_name)), old, new)


@contextmanager
def planted(module_name: str, old: str, new: str) -> Iterator[None]:
    """While open, functions of a module of `rtl` are those of its text with one replacement.

    Every module that imported them by their own names uses the changed ones; default arguments
    keep the original ones.

    Raises:
        ArgumentError: `old` does not stand in the module's text exactly once.
    """
    original = importlib.import_module(module_name)
    source = _change_source(module_name, old, new)
    changed = types.ModuleType(module_name)
    # Dataclasses look up their module by name: the original one is there.
    exec(compile(source, module_name, "exec"), changed.__dict__)
    functions = {
        name: value
        for name, value in vars(original).items()
        if inspect.isfunction(value) and value.__module__ == module_name
    }
    users = [
        (module, name)
        for key, module in list(sys.modules.items())
        if key.startswith(_USERS)
        for name, value in vars(module).items()
        if name in functions and functions[name] is value
    ]
    try:
        for module, name in users:
            setattr(module, name, vars(changed)[name])
        yield
    finally:
        for module, name in users:
            setattr(module, name, functions[name])


def make_planted(
    make_design: Callable[[], str], module_name: str, old: str, new: str
) -> Callable[[], str]:
    """`make_design` with a bug in a module of `rtl`; see `planted`.

    Raises:
        ArgumentError: `old` does not stand in the module's text exactly once; said at once, so that
            no list of tasks has a bug that cannot be planted.
    """
    _change_source(module_name, old, new)

    def make() -> str:
        with planted(module_name, old, new):
            return make_design()

    return make
