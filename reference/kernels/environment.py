"""What users may have told Numba by the environment, looked at before Numba does."""

from __future__ import annotations

import os

from fastcar.reference.errors import ArgumentError

MAX_THREADS = 1024
LAYERS = ("default", "safe", "threadsafe", "forksafe", "tbb", "omp", "workqueue")


def check_environment() -> None:
    """Refuse settings under which kernels cannot be compiled or run.

    Raises:
        ArgumentError: NUMBA_DISABLE_JIT, NUMBA_NUM_THREADS or NUMBA_THREADING_LAYER.
    """
    is_disabled = os.environ.get("NUMBA_DISABLE_JIT", "0")
    if is_disabled != "0":
        limit = "0 or not set: kernels are compiled"
        raise ArgumentError("NUMBA_DISABLE_JIT", is_disabled, limit)
    threads = os.environ.get("NUMBA_NUM_THREADS", "1")
    is_number = threads.isascii() and threads.isdigit() and len(threads) < 10
    if not is_number or not 1 <= int(threads) <= MAX_THREADS:
        raise ArgumentError("NUMBA_NUM_THREADS", threads, f"from 1 to {MAX_THREADS}, or not set")
    layer = os.environ.get("NUMBA_THREADING_LAYER", LAYERS[0])
    if layer not in LAYERS:
        limit = f"one of {', '.join(LAYERS)}, or not set"
        raise ArgumentError("NUMBA_THREADING_LAYER", layer, limit)
