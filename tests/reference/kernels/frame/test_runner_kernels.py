"""The kernels that a generation calls are those that D-51 looks for before it."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

STEMS = {
    "rms_norm": "rms_norm.normalize_rows",
    "rotate": "rotary.rotate",
    "linear": "products.multiply",
    "project": "products.project",
    "mlp": "swiglu.compute_mlp",
    "attend": "attention.attend",
    "draw": "sampling.draw_tokens",
    "frame": "run.decode",
}
"""Files of machine code by the first words of names; an exact cache is written by NumPy."""
PROGRAM = """
from fastcar.reference.engine_choice import Decode
from fastcar.reference.kernel_list import list_kernels
from fastcar.reference.kernels.engine import NumbaEngine
from fastcar.reference.kernels.machine_code import list_used_files
from tests.reference.kernels.frame.generation import Generation

case = Generation()
case.run(NumbaEngine())
config, weights = case.config, case.make_float_weights()
rows, length = case.make_prompts().conditional.shape
names = list_kernels(config, weights, [Decode(rows, length, case.num_tokens - 1)])
print(*{name.split()[0] for name in names})
print(*{path.name.split(".")[0] for path in list_used_files()})
"""


def test_a_generation_calls_the_kernels_of_its_list() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    names, files = (set(line.split()) for line in done.stdout.splitlines())
    expected = {STEMS[name].replace(".", "_") for name in names - {"store"}}
    assert files - {"handles__write"} == expected
