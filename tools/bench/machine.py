"""What the benchmark runs on."""

from __future__ import annotations

import os
import platform
from typing import Any

import numba
import numpy as np

from fastcar.provenance import get_processor
from tools.bench.memory import read_memory


def describe_machine() -> dict[str, Any]:
    """Processor, cores this process may use, memory, load, versions."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "processor": get_processor(),
        "cores": count_cores(),
        "memory_gigabytes": round(read_memory("MemTotal") / 1e9, 1),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": f"{blas['name']} {blas['version']}",
        "numba": numba.__version__,
    }


def count_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))
