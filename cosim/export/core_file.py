"""The description of the package for FuseSoC: CAPI 2, with the flows of Edalize.

The waivers are in the fileset of the module, so that they go with it into every design that depends
on it: its target `default` is all that FuseSoC takes of a core that is not the top.
"""

from __future__ import annotations

from collections.abc import Iterable

from fastcar.cosim.export.license import LICENSE_ID, tag
from fastcar.cosim.export.names import PackageNames
from fastcar.cosim.export.testbench import BENCH_NAME, TESTBENCH_FILE


def make_core_file(names: PackageNames, data_files: Iterable[str]) -> str:
    """The text of the file.

    Args:
        names: of the package.
        data_files: what the testbench reads.
    """
    data = "\n".join(
        f"      - {name}: {{file_type: user, copyto: {name}}}" for name in sorted(data_files)
    )
    # FuseSoC wants CAPI=2 in the first line.
    return "CAPI=2:\n" + tag(
        f"""\
name: {names.core}:{names.version}
description: Cache attentive replay for autoregressive video transformers, {names.label}
license: {LICENSE_ID}

filesets:
  rtl:
    files:
      - {names.waiver_file}: {{file_type: vlt}}
      - {names.verilog_file}
    file_type: verilogSource
  component:
    files:
      - {names.component_file}
    file_type: vhdlSource
  clock_xdc:
    files:
      - {names.xdc_file}: {{file_type: xdc}}
  clock_lpf:
    files:
      - {names.lpf_file}: {{file_type: LPF}}
  testbench:
    files:
      - {TESTBENCH_FILE}: {{file_type: systemVerilogSource}}
{data}

targets:
  default:
    filesets: [rtl, "vhdl_component ? (component)"]
    toplevel: {names.module}
  lint:
    description: Verilator's -Wall says nothing
    filesets: [rtl]
    toplevel: {names.module}
    flow: lint
    flow_options:
      tool: verilator
      verilator_options: [-Wall]
  sim:
    description: The testbench in Icarus Verilog
    filesets: [rtl, testbench]
    toplevel: {BENCH_NAME}
    flow: sim
    flow_options:
      tool: icarus
      iverilog_options: [-g2012]
  sim_verilator:
    description: The testbench in Verilator
    filesets: [rtl, testbench]
    toplevel: {BENCH_NAME}
    flow: sim
    flow_options:
      tool: verilator
      mode: binary
      verilator_options: [--timing, --output-split, "0"]
  synth:
    description: Yosys for UltraScale+, block RAM and DSP inferred, no pads
    filesets: [rtl, clock_xdc]
    toplevel: {names.module}
    flow: generic
    flow_options:
      tool: yosys
      arch: xilinx
      output_format: json
      yosys_synth_options: [-family, xcup, -noiopad, -noclkbuf]
""",
        "#",
    )
