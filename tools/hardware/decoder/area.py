"""What one core takes with attention and without: synthesis for UltraScale+ and ECP5."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace

from fastcar.rtl.attention.config import AttentionConfig
from fastcar.rtl.config import AcceleratorConfig
from tools.hardware.decoder.settings import Json
from tools.synthesis.design import make_design
from tools.synthesis.netlist import count_xilinx
from tools.synthesis.runs import run_ecp5, run_whole

ECP5_CELLS = {"lut": "LUT4", "ff": "TRELLIS_FF", "dsp": "MULT18X18D", "bram": "DP16KD"}


def read_config(sizes: dict[str, int]) -> AcceleratorConfig:
    """The accelerator with an attention phase that has these `AcceleratorConfig.sizes`."""
    names = {field.name for field in fields(AttentionConfig)}
    own = {name: size for name, size in sizes.items() if name not in names}
    attention = AttentionConfig(**{name: sizes[name] for name in names})
    return AcceleratorConfig(**own, attention=attention)


def measure_area(config: AcceleratorConfig) -> Json:
    """Cells of one core of these sizes and the control around it, flat; nothing is placed."""
    one = replace(config, num_cores=1)
    designs = {"with": one, "without": replace(one, attention=None)}
    return {name: _count(design) for name, design in designs.items()}


def _count(config: AcceleratorConfig) -> Json:
    design = make_design(config)
    _, ecp5 = run_ecp5(design)
    cells: Counter[str] = Counter(ecp5["types"])
    xilinx = run_whole(design)
    return {
        "xilinx": count_xilinx(Counter(xilinx["types"])),
        "ecp5": {name: cells[cell] for name, cell in ECP5_CELLS.items()},
        "violations": [*xilinx["violations"], *ecp5["violations"]],
    }
