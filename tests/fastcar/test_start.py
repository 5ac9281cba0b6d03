"""`--help` of every command imports nothing that plots, measures pictures, compiles or proves."""

from __future__ import annotations

import json
import subprocess
import sys

from fastcar.cli.main import COMMANDS

HEAVY = ("PIL", "flint", "matplotlib", "numba", "scipy", "skimage", "torch", "z3")
SCRIPT = f"""
import contextlib, io, json, sys
from fastcar.cli.main import COMMANDS, run
found = {{}}
for name in COMMANDS:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        status = run([name, "--help"])
    heavy = [module for module in {HEAVY!r} if module in sys.modules]
    found[name] = [status, printed.getvalue().split()[0], heavy]
print(json.dumps(found))
"""


def test_help_imports_no_heavy_library() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == {name: [0, "Usage:", []] for name in COMMANDS}
