"""What commands and functions import: what the call needs, as called."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fastcar.cli.main import run
from tests.conftest import OFFICIAL_VECTORS
from tests.fastcar.commands import list_files

TABLES = "fastcar.reference.tables"
HEAVY = (
    "PIL",
    "flint",
    "llvmlite",
    "matplotlib",
    "networkx",
    "numba",
    "pyrtl",
    "rich",
    "scipy",
    "skimage",
    "z3",
    "fastcar.cosim.backends.verilator_backend",
    "fastcar.proofs.certificate",
    "fastcar.reference.integer.model",
    TABLES,
)
"""Third-party libraries, and modules of ours that bring or compute much when they are imported."""

LLAMA = (
    "--checkpoint",
    "{vectors}",
    "--tokens",
    "{vectors}/tokens.npz",
    "--tokens-per-frame",
    "16",
)
FRAME = ("--prompt", "3 up", "--frames", "1", "--repeats", "1", "--tau", "0", "--engine", "numpy")
SIZES = ("--cores", "8", "--lanes", "16", "--batch", "2", "--latency", "64")
FINDINGS = "{vectors}/../../../docs/findings_moving_digits.json"
PRESET = ("--preset", "vila_u_7b_u280", *SIZES, "--draws", "1")
COMMANDS: dict[tuple[str, ...], set[str]] = {
    ("generate", *FRAME, "--out", "{out}/video"): {"PIL", "rich"},
    ("generate", *FRAME, "--json", "--out", "{out}/video"): {"PIL", "rich"},
    ("trace", *LLAMA, "--engine", "numpy", "--out", "{out}/trace.npz"): set(),
    ("quantize", "--checkpoint", "{vectors}", "--out", "{out}/int8"): {"rich"},
    ("conformance", "write", "{out}/kit"): {"pyrtl", "fastcar.reference.integer.model", TABLES},
    ("report", FINDINGS, "--out", "{out}/page.html"): {"PIL"},
    ("predict", *PRESET): {"pyrtl", "rich", "fastcar.reference.integer.model", TABLES},
}
"""By command line what of `HEAVY` it needs: pictures, progress, latencies of the accelerator."""

CALL = """
import contextlib, io, json, sys
from fastcar.cli.main import run
with contextlib.redirect_stdout(io.StringIO()):
    status = run({arguments!r})
print(json.dumps([status, [name for name in {heavy!r} if name in sys.modules]]))
"""
NAME = """
import json, sys, fastcar
fastcar.{name}
print(json.dumps([name for name in {heavy!r} if name in sys.modules]))
"""


def run_script(script: str) -> Any:
    """What a fresh process prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_imports_what_the_call_needs(command: tuple[str, ...], tmp_path: Path) -> None:
    arguments = [part.format(vectors=OFFICIAL_VECTORS, out=tmp_path) for part in command]
    status, found = run_script(CALL.format(arguments=arguments, heavy=HEAVY))
    assert status == 0
    assert set(found) <= COMMANDS[command]


@pytest.mark.slow
def test_a_cosimulation_without_a_file_imports_nothing_that_draws(tmp_path: Path) -> None:
    arguments = [part.format(vectors=OFFICIAL_VECTORS) for part in ("cosim", *LLAMA)]
    status, found = run_script(CALL.format(arguments=arguments, heavy=HEAVY))
    assert status == 0
    assert not {"PIL", "matplotlib", "skimage"} & set(found)


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("generate", set()),
        ("trace", set()),
        ("analyze", set()),
        ("quantize", set()),
        ("predict", {"pyrtl", "fastcar.reference.integer.model", TABLES}),
    ],
)
def test_a_function_imports_nothing_before_it_is_called(name: str, needed: set[str]) -> None:
    assert set(run_script(NAME.format(name=name, heavy=HEAVY))) <= needed


@pytest.mark.parametrize(
    ("library", "command"),
    [
        ("skimage", ("generate", "--prompt", "3 up", "--out", "{out}/video")),
        ("skimage", ("analyze", "--out", "{out}/findings")),
        ("matplotlib", ("analyze", "--out", "{out}/findings")),
        ("matplotlib", ("cosim", "--out", "{out}/cosim.json")),
        ("vl_convert", ("report", "{out}", "--out", "{out}/page.html")),
    ],
)
def test_what_is_missing_at_the_end_is_said_at_the_start(
    library: str, command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """These runs would take from ten seconds to minutes."""
    monkeypatch.setitem(sys.modules, library, None)
    for name in [name for name in sys.modules if name.startswith(f"{library}.")]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("fastcar.decoder_pictures", "fastcar.hardware_pictures"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    begun: list[Path] = []
    monkeypatch.setattr("fastcar.reference.files.checkpoint.load_config", begun.append)
    with pytest.raises(ModuleNotFoundError) as refused:
        run([part.format(out=tmp_path) for part in command])
    assert refused.value.name is not None
    assert refused.value.name.split(".")[0] == library
    assert begun == []
    assert list_files(tmp_path) == []
