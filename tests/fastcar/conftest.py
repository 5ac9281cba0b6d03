"""Hardware for the tests of commands."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from fastcar.cosim.backends.native_backend import NativeBackend
    from fastcar.rtl.config import AcceleratorConfig


@cache
def _build(config: AcceleratorConfig) -> NativeBackend:
    from fastcar.cosim.backends.native_backend import NativeBackend

    return NativeBackend(config)


def build_once(config: AcceleratorConfig) -> NativeBackend:
    """As if it were new, for a reset forgets all; building it takes most of a short run."""
    backend = _build(config)
    backend.reset()
    return backend


@pytest.fixture
def hardware_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that run in this process take the native back end of the run before."""
    from fastcar.cosim.request import BACKENDS

    monkeypatch.setitem(BACKENDS, "native", build_once)
