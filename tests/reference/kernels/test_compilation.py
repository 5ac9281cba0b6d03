"""What is said when kernels are compiled, and when they are compiled anew."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fastcar.reference.kernels.compilation import NOTICE, parse_features
from fastcar.reference.kernels.machine_code import PACKAGE, get_digest

PROGRAM = """
import numpy as np
from fastcar.reference.kernels.engine import NumbaEngine
engine = NumbaEngine()
print(engine.rms_norm(np.ones((1, 4), np.float32), np.ones(4, np.float32), 1e-5).shape)
"""


def run_program(cache: Path, program: str = PROGRAM) -> tuple[str, str]:
    """What a fresh process prints to both streams."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(PACKAGE.parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout, done.stderr


@pytest.mark.slow
def test_the_first_process_says_once_that_it_compiles(tmp_path: Path) -> None:
    assert run_program(tmp_path) == ("(1, 4)\n", NOTICE + "\n")
    assert run_program(tmp_path) == ("(1, 4)\n", "")
    assert {path.name for path in tmp_path.iterdir()} == {f"kernels-{get_digest()}"}


PRODUCTS = """
import hashlib
import numpy as np
from fastcar.reference.kernels.compilation import kernel
from fastcar.reference.kernels.lanes import MULTIPLIES_BYTES, PAIR_WIDTH
from fastcar.reference.kernels.tiles import make_tile
tile = make_tile(1, 1)

@kernel()
def multiply(weight, x, out):
    tile(weight, 0, x, 0, out, 0)

rng = np.random.default_rng(0)
bits = b""
for width in (1, 16, 150, 331):
    for kinds in ((np.float32, np.float32), (np.int8, np.int32)):
        x, weight = (20 * rng.standard_normal((2, 1, width))).astype(kinds[0])
        out = np.empty((1, 1), kinds[1])
        multiply(weight, x, out)
        bits += out.tobytes()
print(PAIR_WIDTH, MULTIPLIES_BYTES, hashlib.sha256(bits).hexdigest())
print(sum(multiply.stats.cache_hits.values()))
"""


@pytest.mark.slow
def test_every_target_gives_the_same_bits_from_machine_code_of_its_own(tmp_path: Path) -> None:
    """One directory holds the code of all: none is loaded for another."""
    program = tmp_path / "products.py"  # what is kept on disk needs a file
    program.write_text(PRODUCTS, encoding="utf-8")
    targets: tuple[dict[str, str], ...] = (
        {},
        {"NUMBA_CPU_NAME": "generic"},
        {"NUMBA_CPU_FEATURES": ""},
    )
    sums = set()
    for num_hits in ("0", "2"):
        for target in targets:
            environment = {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), **target}
            (*chosen, digest), (hits,) = run_file(program, environment)
            assert hits == num_hits
            assert not target or chosen == ["1", "False"]
            sums.add(digest)
    assert len(sums) == 1


def run_file(program: Path, environment: dict[str, str]) -> list[list[str]]:
    """Words of the lines that a fresh process prints."""
    done = subprocess.run(
        [sys.executable, program],
        env={"PYTHONPATH": str(PACKAGE.parents[1]), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.split() for line in done.stdout.splitlines()]


def test_what_the_target_forbids_is_not_used() -> None:
    assert not parse_features("")
    assert parse_features("+avx2,-avx512bw, +avx2") == {"avx2": True, "avx512bw": False}
    assert parse_features("+avx512bw,-avx512bw") == {"avx512bw": False}


def test_numpy_users_do_not_import_numba() -> None:
    program = (
        "import sys, fastcar.reference.generate, fastcar.reference.engine_factory; "
        "print('numba' in sys.modules)"
    )
    assert run_program(Path("unused"), program) == ("False\n", "")


TWINS = """
import numpy as np
from numba import prange
from fastcar.reference.kernels.compilation import compile_twins

@compile_twins
def add_one(x):
    for place in prange(len(x)):
        x[place] += 1
"""
USE = "import sys; sys.path.insert(0, {folder!r}); import twins; import numpy as np\n"
USE += "twin = twins.add_one.get({threads}); x = np.zeros(5); twin(x)\n"
USE += "print(x.sum(), twin.targetoptions['parallel'], sum(twin.stats.cache_hits.values()))"


@pytest.mark.slow
def test_twins_are_kept_apart_on_disk(tmp_path: Path) -> None:
    (tmp_path / "twins.py").write_text(TWINS, encoding="utf-8")
    found = [
        run_program(tmp_path / "cache", USE.format(folder=str(tmp_path), threads=threads))[0]
        for threads in (1, 2, 1, 2)
    ]
    assert found == ["5.0 False 0\n", "5.0 True 0\n", "5.0 False 1\n", "5.0 True 1\n"]
