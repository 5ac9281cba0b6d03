"""The C++ harness of `verilator_backend` as Python sees it: functions, structures, events."""

from __future__ import annotations

import ctypes
import random
from enum import IntFlag
from functools import cache, lru_cache
from typing import Any

import numpy as np


class Event(IntFlag):
    """Why the harness returned."""

    RECORD = 1
    DONE = 2
    LIMIT = 4
    ASSERTION = 8
    VIOLATION = 16


class Generator(ctypes.Structure):
    """State of a Mersenne Twister."""

    _fields_ = (("words", ctypes.c_uint32 * 624), ("index", ctypes.c_uint32))


def make_structures(num_cores: int) -> tuple[type[Any], type[Any]]:
    """FastcarSettings and FastcarStatus of the harness, for a number of cores."""

    class HarnessSettings(ctypes.Structure):
        _fields_ = (
            ("program", ctypes.c_char_p),
            ("num_instructions", ctypes.c_uint64),
            ("limit_cycles", ctypes.c_uint64),
            ("gap_probability", ctypes.c_double),
            ("memory", ctypes.c_void_p),
            ("num_beats", ctypes.c_uint64),
            ("latency_cycles", ctypes.c_uint64),
            ("stall_probability", ctypes.c_double),
            ("read_errors", ctypes.POINTER(ctypes.c_uint32)),
            ("num_read_errors", ctypes.c_uint64),
            ("write_errors", ctypes.POINTER(ctypes.c_uint32)),
            ("num_write_errors", ctypes.c_uint64),
            ("stops_every_cycle", ctypes.c_uint64),
            ("recording", ctypes.c_void_p),
            ("num_recording_rows", ctypes.c_uint64),
            ("generators", Generator * (1 + num_cores)),
        )

    class HarnessStatus(ctypes.Structure):
        _fields_ = (
            ("num_steps", ctypes.c_uint64),
            ("num_accepted", ctypes.c_uint64),
            ("assertion", ctypes.c_uint64),
            ("rule", ctypes.c_uint64),
            ("core", ctypes.c_uint64),
            ("channel_cycle", ctypes.c_uint64),
            ("text", ctypes.c_char_p),
            ("num_read_beats", ctypes.c_uint64 * num_cores),
            ("num_write_beats", ctypes.c_uint64 * num_cores),
        )

    return HarnessSettings, HarnessStatus


@lru_cache(maxsize=64)
def make_generator(seed: int | str) -> Generator:
    """The state in which Python's generator begins."""
    state = random.Random(seed).getstate()[1]
    return Generator((ctypes.c_uint32 * 624)(*state[:624]), state[624])


@cache
def load_library(path: str) -> ctypes.CDLL:
    """The library with the types of its functions."""
    library = ctypes.CDLL(path)
    handle, pointer = ctypes.c_void_p, ctypes.c_void_p
    for name, result, *arguments in (
        ("create", handle, ctypes.c_uint32),
        ("destroy", None, handle),
        ("reset", None, handle),
        ("start", None, handle, pointer),
        ("run", ctypes.c_uint32, handle),
        ("get_status", None, handle, pointer),
        ("locate", pointer, handle, ctypes.c_uint64),
    ):
        function = getattr(library, f"fastcar_{name}")
        function.restype, function.argtypes = result, arguments
    return library


def sort_addresses(addresses: frozenset[int]) -> ctypes.Array[ctypes.c_uint32]:
    """Addresses for the harness; those that no beat can have are left out."""
    possible = sorted(one for one in addresses if 0 <= one <= np.iinfo(np.uint32).max)
    return (ctypes.c_uint32 * len(possible))(*possible)
