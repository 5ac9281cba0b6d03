"""A page for every unit of the accelerator, with a block diagram from the netlist."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

from fastcar.proofs.formal.registry import MODULES
from fastcar.rtl.config import DEMO_DECODER, TINY_DECODER
from tools.paths import ROOT
from tools.site.docstrings import format_docstring
from tools.site.svg import Drawing
from tools.site.tables import write_table
from tools.site.units import (
    TOP,
    UNITS,
    Hierarchy,
    find_neighbours,
    get_parent,
    read_hierarchy,
)

FOLDER = "docs/manual/units"
WITHOUT_STATE = {
    "instruction_check": "dispatcher",
    "result_collector": "result_path",
}
"""Units without a prefix of their own in the netlist, by the unit that has them: their wires depend
on this cycle alone, or their registers carry the name of the unit around them."""

BOX_WIDTH, BOX_HEIGHT, GAP = 150, 26, 8


def get_stem(prefix: str) -> str:
    """Name of the page of a unit.

    >>> get_stem("core#_datapath_mac"), get_stem("accelerator")
    ('mac_array', 'accelerator')
    """
    return UNITS.get(prefix, prefix).rpartition(".")[2]


def make_unit_pages() -> dict[str, str]:
    """Text of every page and drawing by its path in the site."""
    hierarchy = read_hierarchy()
    files: dict[str, str] = {}
    for prefix in (TOP, *UNITS):
        stem = get_stem(prefix)
        files[f"{FOLDER}/{stem}.md"] = _make_page(prefix, hierarchy)
        files[f"{FOLDER}/{stem}.svg"] = draw_unit(prefix, hierarchy)
    return {f"{FOLDER}/index.md": _make_index(hierarchy), **files}


def list_parts(prefix: str) -> list[str]:
    """Places of the units that a unit is made of."""
    return [one for one in UNITS if get_parent(one) == prefix]


def _make_index(hierarchy: Hierarchy) -> str:
    def list_below(prefix: str, depth: int) -> Iterator[str]:
        bits = sum(hierarchy.register_bits.get(prefix, ()))
        stem = get_stem(prefix)
        yield f"{'  ' * depth}- [{stem}]({stem}.md), {bits} bits of registers"
        for part in list_parts(prefix):
            yield from list_below(part, depth + 1)

    pages = "\n".join(get_stem(prefix) for prefix in (TOP, *UNITS))
    return (
        "# Units\n\nWhat the accelerator is made of, from its netlist; bits are those of the "
        "preset `tiny-decoder`, of one core, without the parts.\n\n"
        + "\n".join(list_below(TOP, 0))
        + f"\n\n```{{toctree}}\n:hidden:\n\n{pages}\n```\n"
    )


def draw_unit(prefix: str, hierarchy: Hierarchy) -> str:
    """A unit with its parts between the units that it reads and those that read it."""
    read, reading = find_neighbours(prefix, hierarchy)
    parts = list_parts(prefix)
    rows = max(len(read), len(reading), len(parts) + 2)
    height = rows * (BOX_HEIGHT + GAP) + 40
    drawing = Drawing(660, height, f"{get_stem(prefix)}: what it reads, its parts, who reads it")
    drawing.put_box(240, 20, 180, height - 40, "state")
    drawing.put_text(330, 42, get_stem(prefix), size=15)
    held = sum(hierarchy.register_bits.get(prefix, ()))
    own = f"{held} bits of registers" if held else "no registers of its own"
    drawing.put_text(330, 60, own, size=11)
    for row, part in enumerate(parts):
        top = 20 + (row + 2) * (BOX_HEIGHT + GAP) - GAP
        drawing.put_box(255, top, BOX_WIDTH, BOX_HEIGHT)
        drawing.put_text(330, top + 17, get_stem(part), size=12)
    for left, names in ((20, read), (490, reading)):
        for row, name in enumerate(names):
            top = 20 + row * (BOX_HEIGHT + GAP)
            kind = "replay" if left == 20 else "compute"
            drawing.put_box(left, top, BOX_WIDTH, BOX_HEIGHT, kind)
            drawing.put_text(left + 75, top + 17, get_stem(name), size=12)
            middle = top + BOX_HEIGHT // 2
            ends = (170, 238) if left == 20 else (420, 488)
            drawing.put_arrow([(ends[0], middle), (ends[1], middle)])
    return drawing.write()


def _make_page(prefix: str, hierarchy: Hierarchy) -> str:
    stem = get_stem(prefix)
    module = import_module(f"fastcar.rtl.{UNITS.get(prefix, TOP)}")
    parent = f"Part of [{get_stem(get_parent(prefix))}]({get_stem(get_parent(prefix))}.md). "
    parts = ", ".join(f"[{get_stem(part)}]({get_stem(part)}.md)" for part in list_parts(prefix))
    where = ("" if prefix == TOP else parent) + (f"Parts: {parts}." if parts else "")
    package = module.__name__.rpartition(".")[0]
    anchor = module.__name__.rpartition(".")[2]
    sections = [
        f"# {stem.replace('_', ' ').capitalize()}",
        where,
        f"![What {stem} reads, its parts, who reads it]({stem}.svg)",
        "Left: what its registers are computed from; right: whose registers are computed from its "
        "own, both in one cycle, through logic alone.",
        format_docstring(module.__doc__ or ""),
        *_list_ports(module),
        *_list_state(prefix, hierarchy),
        *_list_latency(module),
        *_list_proofs(stem),
        f"In Python: [{module.__name__}](../../../api/{package}.md#{anchor}).",
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _list_ports(module: ModuleType) -> Iterator[str]:
    """Tables of the ports: members of what a unit takes and of what it gives."""
    path = Path(inspect.getfile(module))
    tree = ast.parse(path.read_text(encoding="utf-8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    if module.__name__ == "fastcar.rtl.core":
        ports = (ROOT / "rtl" / "core_ports.py").read_text(encoding="utf-8")
        classes = [node for node in ast.parse(ports).body if isinstance(node, ast.ClassDef)]
    for heading, suffix in (("Inputs", "Inputs"), ("Outputs", "Outputs")):
        for node in classes:
            if node.name.endswith(suffix):
                rows = list_members(node)
                yield f"## {heading}: {node.name}"
                yield write_table(["port", "width and meaning"], rows)


def list_members(node: ast.ClassDef) -> list[list[str]]:
    """Name and meaning of every member that a dataclass has, as its docstring says."""
    text = inspect.cleandoc(ast.get_docstring(node) or "")
    meanings: dict[str, str] = {}
    name = ""
    for line in text.partition("Attributes:\n")[2].splitlines():
        head, colon, rest = line.strip().partition(": ")
        if line.startswith("    ") and not line.startswith("     ") and colon:
            name, meanings[head] = head, rest
        elif name and line.strip():
            meanings[name] += f" {line.strip()}"
    return [
        [f"`{one.target.id}`", meanings.get(one.target.id, ast.unparse(one.annotation))]
        for one in node.body
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
    ]


def _list_state(prefix: str, hierarchy: Hierarchy) -> Iterator[str]:
    bits = hierarchy.register_bits.get(prefix, [])
    memories = hierarchy.memories.get(prefix, [])
    yield "## State"
    yield (
        f"{len(bits)} registers of {sum(bits)} bits (preset `tiny-decoder`, one core, without its "
        f"parts)" + (", and:" if memories else ".")
    )
    if memories:
        rows = [
            [
                f"`{one.name or get_stem(prefix)}`",
                f"{1 << one.address_bits}",
                f"{one.num_bits}",
                "read-only" if one.is_constant else "memory",
            ]
            for one in memories
        ]
        yield write_table(["memory", "words", "bits", "kind"], rows)


def _list_latency(module: ModuleType) -> Iterator[str]:
    """Cycles from its inputs to its result, where the unit says so."""
    count = getattr(module, "latency_cycles", None)
    if count is None:
        return
    takes_lanes = "num_lanes" in inspect.signature(count).parameters
    values = [
        count(config.num_lanes if takes_lanes else config)
        for config in (TINY_DECODER, DEMO_DECODER)
    ]
    yield "## Latency"
    yield f"{values[0]} cycles of `tiny-decoder`, {values[1]} of `demo-decoder` (`latency_cycles`)."


def _list_proofs(stem: str) -> Iterator[str]:
    if stem in MODULES:
        package = "../../../api/fastcar.proofs.formal.md"
        yield "## Proven"
        yield (
            f"Of the exported Verilog, by other tools: [proofs of {stem}]({package}#{stem}), "
            "[results](../../signoff.md)."
        )
