"""The units of the module as a page: what each of them is, and how much it keeps."""

from __future__ import annotations

from fastcar.cosim.export.license import tag
from fastcar.cosim.export.net_map import Net, describe_unit, find_source, list_units
from fastcar.cosim.verilog.owners import COMMON

_HEAD = """\
# Units of the module

Outside of the cores and in core 0, which is like every other core. Registers, memories and tables
in bits; registers without a name are not counted.

| where | unit | source | registers | memories | tables | what it is |
| --- | --- | --- | ---: | ---: | ---: | --- |
"""


def make_units_page(nets: list[Net]) -> str:
    """Markdown."""
    lines = []
    for owner, bits in list_units(nets):
        where = "outside" if owner.core == COMMON else "core"
        sizes = " | ".join(str(bits[kind]) for kind in ("register", "memory", "table"))
        source, what = find_source(owner.unit), describe_unit(owner.unit)
        lines.append(f"| {where} | {owner.unit} | {source} | {sizes} | {what} |\n")
    return tag(_HEAD + "".join(lines), "<!--", " -->")
