from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[3]
CHILD = """
import numpy as np
from tools.bench.memory import get_held_bytes, get_peak_bytes, get_private_bytes
before = get_peak_bytes()
np.ones(1 << 27, np.int8)
print(before, get_peak_bytes(), get_held_bytes(), get_private_bytes())
"""


def test_memory_is_that_of_the_process_alone() -> None:
    # the memory of whoever starts a process must not count as its own
    ballast = np.ones(1 << 29, np.int8)
    done = subprocess.run(
        [sys.executable, "-c", CHILD], capture_output=True, text=True, check=True, cwd=ROOT
    )
    before, peak, held, private = map(int, done.stdout.split())
    assert 0 < private < held < before + (1 << 24)
    assert before < ballast.nbytes
    assert peak - before > 0.9 * (1 << 27)
