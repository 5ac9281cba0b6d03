"""The accelerator as machine code equals PyRTL's simulator: result, counters, memory, refusals."""

from __future__ import annotations

from functools import cache

import pytest

from fastcar.cosim.backends.backend import Backend, RunSettings
from fastcar.cosim.backends.memory_model import ChannelError, ChannelSettings
from fastcar.cosim.backends.native_backend import NativeBackend
from fastcar.cosim.backends.pyrtl_backend import PyrtlBackend
from fastcar.reference.errors import FastCarError
from fastcar.rtl.config import TINY
from tests.cosim.programs import Choice, Source, make_program

CHOICE = Choice(4, Source.SCORE, False, 3, 1, ())
STALLED = ChannelSettings(latency_cycles=7, stall_probability=0.3, seed=9)
WITH_ERRORS = ChannelSettings(3, read_errors=frozenset(range(0, 4000, 7)))


@cache
def make_backends() -> tuple[Backend, Backend]:
    return PyrtlBackend(TINY), NativeBackend(TINY)


def observe(backend: Backend, settings: RunSettings) -> object:
    """What a run gives: its result and the memory, or how it was refused."""
    program = make_program(TINY, CHOICE)
    memory = program.make_memory()
    backend.reset()
    try:
        return backend.run(program.words, memory, settings), memory.beats.tobytes()
    except (FastCarError, ChannelError) as error:
        return type(error), str(error)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        (RunSettings(), "error=None"),
        (RunSettings(gap_probability=0.3, seed=5, channels=STALLED), "error=None"),
        (RunSettings(channels=WITH_ERRORS), "error=AcceleratorError"),
        (RunSettings(limit_cycles=100), "WatchdogError"),
    ],
    ids=["smooth", "stalled", "errors", "too long"],
)
def test_runs_are_those_of_pyrtl(settings: RunSettings, kind: str) -> None:
    expected, found = (observe(backend, settings) for backend in make_backends())
    assert found == expected
    assert kind in repr(expected)
