"""Processor time, of this process and of compilers that it starts; what is compiled anew."""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Result = TypeVar("Result")


def time_call(act: Callable[[], Result]) -> tuple[float, Result]:
    """Processor seconds that a call takes, and what it gives."""
    before = _get_seconds()
    result = act()
    return _get_seconds() - before, result


def _get_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


@contextmanager
def empty_cache() -> Iterator[None]:
    """Within, the user's cache is an empty folder."""
    before = os.environ.get("XDG_CACHE_HOME")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        try:
            yield
        finally:
            os.environ.pop("XDG_CACHE_HOME")
            if before is not None:
                os.environ["XDG_CACHE_HOME"] = before
