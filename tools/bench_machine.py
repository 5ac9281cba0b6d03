"""What the benchmark runs on."""

from __future__ import annotations

import os
import platform
import resource
from pathlib import Path
from typing import Any

import numba
import numpy as np


def describe_machine() -> dict[str, Any]:
    """Processor, cores this process may use, memory, load, versions."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "processor": _get_processor(),
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


def _get_processor() -> str:
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return names[0] if names else platform.machine()


def _read_memory(key: str) -> int:
    """Bytes of an entry of /proc/meminfo."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return 1024 * int(line.split()[1])
    raise OSError(f"/proc/meminfo has no {key}")


def get_peak_bytes() -> int:
    """Most memory that this process held so far, mapped files included."""
    return 1024 * int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def get_private_bytes() -> int:
    """Memory of this process that no file backs."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return 1024 * int(line.split()[1])
    raise OSError("/proc/self/status has no RssAnon")
