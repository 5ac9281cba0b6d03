"""What the benchmark runs on."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import numba
import numpy as np

from fastcar.provenance import get_processor


def describe_machine() -> dict[str, Any]:
    """Processor, cores this process may use, memory, load, versions."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "processor": get_processor(),
        "cores": count_cores(),
        "memory_gigabytes": round(_read_memory("MemTotal") / 1e9, 1),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": f"{blas['name']} {blas['version']}",
        "numba": numba.__version__,
    }


def count_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def get_free_bytes() -> int:
    """Memory that can be had without swapping."""
    return _read_memory("MemAvailable")


def _read_memory(key: str, path: str = "/proc/meminfo") -> int:
    """Bytes of an entry of a file that counts in kB."""
    for line in Path(path).read_text().splitlines():
        if line.startswith(f"{key}:"):
            return 1024 * int(line.split()[1])
    raise OSError(f"{path} has no {key}")


def get_peak_bytes() -> int:
    """Most memory that this process held since its start, mapped files included.

    Not `ru_maxrss`: that begins with the memory of the process that started this one.
    """
    return _read_memory("VmHWM", "/proc/self/status")


def get_held_bytes() -> int:
    """Memory of this process, mapped files included."""
    return _read_memory("VmRSS", "/proc/self/status")


def get_private_bytes() -> int:
    """Memory of this process that no file backs."""
    return _read_memory("RssAnon", "/proc/self/status")
