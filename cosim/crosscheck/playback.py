"""Playback of a stimulus in Icarus Verilog; `pin_trace` has the terms.

The assertions in the Verilog are left out here and in `fastcar.cosim.crosscheck.playback_compiled`,
as synthesis leaves them out: playback is compared at the pins, and the assertions are checked while
the stimulus is recorded.

Icarus reads the exported Verilog and computes with unknown values: what no reset and no program has
set is x, and stays visible as long as it reaches a port.
"""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Protocol

from fastcar.cosim.crosscheck.pin_trace import PinTrace, Stimulus
from fastcar.cosim.verilog.tool import run_tool
from fastcar.cosim.verilog.verilog import MODULE_NAME, VERILOG_FILE
from fastcar.cosim.verilog.verilog_ports import Port
from fastcar.reference.errors import ArgumentError

STIMULUS_FILE = "stimulus.txt"
TRACE_FILE = "trace.txt"
BENCH_FILE = "playback_bench.v"
PROGRAM_FILE = "playback.vvp"

_BENCH = Template("""\
`timescale 1ns / 1ns
module playback_bench;
    integer stimulus;
    integer trace;
    reg clk = 1'b0;
$declarations
    $module accelerator (.clk(clk)$connections);
    initial begin
        stimulus = $$fopen("$stimulus_file", "r");
        trace = $$fopen("$trace_file", "w");
        while ($$fscanf(stimulus, "$input_formats", $inputs) == $num_inputs) begin
            #4 $$fdisplay(trace, "$output_formats", $outputs);
            #1 clk = 1'b1;
            #5 clk = 1'b0;
        end
        $$fclose(trace);
        $$finish;
    end
endmodule
""")


class Player(Protocol):
    """A simulator of one design."""

    @property
    def name(self) -> str:
        """Name and version of the simulator."""

    def play(self, stimulus: Stimulus) -> PinTrace:
        """Power up, apply every line of the stimulus, and write all outputs in every cycle."""


class IcarusPlayer:
    """Icarus Verilog.

    Args:
        verilog: text of the exported module.

    Raises:
        ArgumentError: iverilog is not installed.
    """

    def __init__(self, verilog: str) -> None:
        self._verilog = verilog
        self.name = f"Icarus Verilog {get_icarus_version()}"

    def play(self, stimulus: Stimulus) -> PinTrace:
        """Play back after power-up."""
        with tempfile.TemporaryDirectory(prefix="fastcar-icarus-") as name:
            folder = Path(name)
            (folder / VERILOG_FILE).write_text(self._verilog, encoding="utf-8")
            (folder / BENCH_FILE).write_text(_make_bench(stimulus), encoding="utf-8")
            (folder / STIMULUS_FILE).write_text(stimulus.text, encoding="ascii")
            options = ("-g2012", "-DSYNTHESIS", "-o", PROGRAM_FILE)
            run_tool(["iverilog", *options, BENCH_FILE, VERILOG_FILE], folder)
            started = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            run_tool(["vvp", "-n", PROGRAM_FILE], folder)
            seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - started
            lines = (folder / TRACE_FILE).read_text(encoding="ascii").splitlines()
        return PinTrace(self.name, tuple(lines), seconds)


def get_icarus_version() -> str:
    """Its number; `iverilog -V` may exit with 1 and still print it.

    Raises:
        ArgumentError: it is not installed.
    """
    if shutil.which("iverilog") is None:
        raise ArgumentError("iverilog", "not found", "installed: apt-get install iverilog")
    done = subprocess.run(["iverilog", "-V"], capture_output=True, text=True, check=False)
    found = re.search(r"version (\S+)", done.stdout + done.stderr)
    return "of unknown version" if found is None else found[1]


def _make_bench(stimulus: Stimulus) -> str:
    inputs, outputs = stimulus.inputs, stimulus.outputs
    return _BENCH.substitute(
        module=MODULE_NAME,
        stimulus_file=STIMULUS_FILE,
        trace_file=TRACE_FILE,
        declarations="\n".join([*_declare("reg", inputs), *_declare("wire", outputs)]),
        connections="".join(f", .{port.name}({port.name})" for port in (*inputs, *outputs)),
        inputs=", ".join(port.name for port in inputs),
        outputs=", ".join(port.name for port in outputs),
        num_inputs=len(inputs),
        input_formats=" ".join(["%h"] * len(inputs)),
        output_formats=" ".join(["%h"] * len(outputs)),
    )


def _declare(kind: str, ports: Sequence[Port]) -> list[str]:
    return [f"    {kind} [{port.num_bits - 1}:0] {port.name};" for port in ports]
