"""The cocotb tests of exported folders, run by `make` as a user runs them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from fastcar.cosim.crosscheck.playback import get_icarus_version
from fastcar.cosim.crosscheck.playback_compiled import get_verilator_version
from fastcar.cosim.export.export import make_package
from fastcar.cosim.export.request import ExportRequest
from fastcar.cosim.verilog.tool import ToolError, find_tool
from fastcar.cosim.verilog.verilog import VERILOG_FILE

Json = dict[str, Any]
RESULTS_FILE = "results.xml"
MAKE_VARIABLES = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
"""Of a make around this process; they are not for the make in the exported folder."""


def run_cocotb(preset: str, simulator: str, verilog: str | None = None) -> Json:
    """Export a preset, run `make SIM=simulator` in the folder, and read what the tests said.

    Args:
        preset: name of `fastcar.rtl.config.PRESETS`.
        simulator: icarus or verilator.
        verilog: in place of the exported module.

    Raises:
        ArgumentError: cocotb, make or the simulator is missing.
        ToolError: the tests did not come to their end.
    """
    make, scripts = find_tool("make", "hdl"), Path(find_tool("cocotb-config", "hdl")).parent
    label = _describe(simulator)
    with tempfile.TemporaryDirectory(prefix="fastcar-cocotb-") as name:
        folder = Path(name)
        for file, text in make_package(ExportRequest(preset)).files.items():
            (folder / file).write_text(text, encoding="utf-8")
        if verilog is not None:
            (folder / VERILOG_FILE).write_text(verilog, encoding="utf-8")
        done = subprocess.run(
            [make, f"SIM={simulator}"],
            cwd=folder,
            env=_make_environment(scripts),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        results = folder / RESULTS_FILE
        if not results.is_file():
            raise ToolError(f"make SIM={simulator}: {' / '.join(done.stdout.splitlines()[-3:])}")
        found = read_results(results.read_text(encoding="utf-8"))
    versions = f"{label}, cocotb {metadata.version('cocotb')}"
    return {"preset": preset, "simulator": versions, "exit_code": done.returncode, **found}


def read_results(text: str) -> Json:
    """Tests that passed and failed, and the cycles that they simulated, from a results.xml."""
    cases = list(ElementTree.fromstring(text).iter("testcase"))
    failed = [str(case.get("name")) for case in cases if case.find("failure") is not None]
    failed += [str(case.get("name")) for case in cases if case.find("error") is not None]
    nanoseconds = sum(
        float(entry.get("value", "0"))
        for case in cases
        for entry in case.iter("property")
        if entry.get("name") == "sim_time_duration"
    )
    return {
        "passed": len(cases) - len(failed),
        "failed": failed,
        "nanoseconds": round(nanoseconds),
        "seconds": round(sum(float(case.get("time", "0")) for case in cases), 1),
    }


def _describe(simulator: str) -> str:
    if simulator == "icarus":
        return f"Icarus Verilog {get_icarus_version()}"
    return f"Verilator {get_verilator_version()}"


def _make_environment(scripts: Path) -> dict[str, str]:
    """The environment with the tools of this interpreter in front."""
    environment = {name: value for name, value in os.environ.items() if name not in MAKE_VARIABLES}
    folders = (str(scripts), str(Path(sys.executable).parent), environment.get("PATH", ""))
    return {**environment, "PATH": os.pathsep.join(folders)}
