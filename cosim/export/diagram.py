"""A block diagram of the module, drawn from its netlist: units, and how many bits go between them.

One core stands for all. Boxes are units, files of the RTL; an arrow is everything that one unit
drives and another reads, its number the bits of it. Places are chosen here, all else is counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyrtl

from fastcar.cosim.verilog.owners import COMMON, Owned, Owner
from fastcar.cosim.verilog.verilog import LICENSE_TAGS

CORE = "core0"
LEAST_BITS, LEAST_NUMBERED_BITS = 16, 32
"""Of an arrow that is drawn, and of one with its number; the title of each has it."""
_COLUMNS = {
    COMMON: (
        ("instruction_form", "instruction_check", "section_lock"),
        ("dispatcher", "slot_view"),
        ("score_unit", "scheduler"),
        ("accelerator", "error_register"),
        ("record_port", "counters", "accelerator_outputs"),
    ),
    CORE: (
        ("instruction_queue", "sequencer", "read_request"),
        ("read_channel", "operand_feed", "vector_memory"),
        ("mac_array", "rms_norm", "datapath"),
        ("requantizer", "silu_multiply", "result_path"),
        ("write_back", "write_channel", "retirement"),
    ),
}
"""Columns from left to right, units from top to bottom; others follow in rows below."""
_STEP_X, _STEP_Y, _WIDTH, _HEIGHT, _MARGIN = 250, 74, 160, 34, 40
_TEXT = 'font-family="sans-serif" text-anchor="middle"'


@dataclass(frozen=True)
class _Box:
    """Upper left corner of a unit."""

    left: int
    top: int


def draw_units(block: pyrtl.Block, owners: Owned) -> str:
    """SVG of the accelerator.

    Args:
        block: the accelerator.
        owners: of its nets and memories.
    """
    arrows = count_bits(block, owners)
    units = sorted({unit for pair in arrows for unit in pair}, key=lambda one: one.name)
    boxes: dict[Owner, _Box] = {}
    lines: list[str] = []
    top = _MARGIN
    for core, title in ((COMMON, "outside of the cores"), (CORE, "each core")):
        placed = _place(core, [one for one in units if one.core == core], top + _MARGIN)
        boxes |= placed
        bottom = max((box.top for box in placed.values()), default=top) + _HEIGHT + _MARGIN // 2
        lines += _draw_group(title, top, bottom)
        top = bottom + _MARGIN
    for (source, target), num_bits in sorted(arrows.items(), key=lambda one: -one[1]):
        if num_bits >= LEAST_BITS:
            lines += _draw_arrow(boxes[source], boxes[target], num_bits, (source, target))
    for owner, box in boxes.items():
        lines += _draw_box(owner.unit, box)
    width = 2 * _MARGIN + 4 * _STEP_X + _WIDTH + 2 * _MARGIN
    return "\n".join([*_begin(width, top), *lines, "</svg>"]) + "\n"


def count_bits(block: pyrtl.Block, owners: Owned) -> Mapping[tuple[Owner, Owner], int]:
    """Bits of all nets that one unit drives and another reads; of core 0 and outside of cores."""
    nets: dict[tuple[Owner, Owner], set[pyrtl.WireVector]] = defaultdict(set)
    for net in block.logic:
        readers = [owners[one] for one in net.dests]
        if net.op == "@":
            readers = [owners[net.op_param[1]]]
        for wire in net.args:
            source = owners.get(wire)
            for target in readers:
                if source is not None and source != target:
                    nets[source, target].add(wire)
    shown = COMMON, CORE
    return {
        (source, target): sum(map(len, wires))
        for (source, target), wires in nets.items()
        if source.core in shown and target.core in shown
    }


def _place(core: str, units: list[Owner], top: int) -> dict[Owner, _Box]:
    """Corners of the units of a group."""
    names = {unit.unit: unit for unit in units}
    columns = [[names.pop(one) for one in column if one in names] for column in _COLUMNS[core]]
    for place, unit in enumerate(names.values()):
        columns[place % len(columns)].append(unit)
    return {
        unit: _Box(2 * _MARGIN + column * _STEP_X, top + row * _STEP_Y)
        for column, of_column in enumerate(columns)
        for row, unit in enumerate(of_column)
    }


def _begin(width: int, height: int) -> Iterator[str]:
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">'
    yield from (f"<!-- {line} -->" for line in LICENSE_TAGS)
    yield (
        '<defs><marker id="end" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
        'markerHeight="7" markerUnits="userSpaceOnUse" orient="auto">'
        '<polygon points="0,0 8,4 0,8" fill="#678"/></marker></defs>'
    )
    yield f'<rect width="{width}" height="{height}" fill="white"/>'


def _draw_group(title: str, top: int, bottom: int) -> Iterator[str]:
    width = 4 * _STEP_X + _WIDTH + 2 * _MARGIN
    yield (
        f'<rect x="{_MARGIN}" y="{top}" width="{width}" height="{bottom - top}" fill="none" '
        'stroke="#999999" stroke-dasharray="6 4"/>'
        f'<text x="{_MARGIN + 80}" y="{top + 20}" font-size="13" {_TEXT}>{title}</text>'
    )


def _draw_box(name: str, box: _Box) -> Iterator[str]:
    place = f'x="{box.left + _WIDTH // 2}" y="{box.top + 22}"'
    yield (
        f'<rect x="{box.left}" y="{box.top}" width="{_WIDTH}" height="{_HEIGHT}" rx="4" '
        f'fill="#eef3fa" stroke="#334455"/><text {place} font-size="13" {_TEXT}>{name}</text>'
    )


def _draw_arrow(
    source: _Box, target: _Box, num_bits: int, pair: tuple[Owner, Owner]
) -> Iterator[str]:
    """From right to left where the target is further right, else around below."""
    goes_right = target.left > source.left
    is_same_column = target.left == source.left
    x1 = source.left + (_WIDTH if goes_right or is_same_column else 0)
    x2 = target.left + (0 if goes_right else _WIDTH)
    y1, y2 = source.top + _HEIGHT // 2, target.top + _HEIGHT // 2
    bend = 60 if goes_right or is_same_column else -60
    end = -60 if goes_right else 60
    width = 1 + num_bits.bit_length() / 4
    middle = (x1 + x2 + (bend + end) * 3 // 4) // 2
    yield (
        f'<path d="M{x1},{y1} C{x1 + bend},{y1} {x2 + end},{y2} {x2},{y2}" fill="none" '
        f'stroke="#8899aa" stroke-width="{width:.2f}" marker-end="url(#end)">'
        f"<title>{pair[0].unit} to {pair[1].unit}: {num_bits} bits</title></path>"
    )
    if num_bits >= LEAST_NUMBERED_BITS:
        place = f'x="{middle}" y="{(y1 + y2) // 2 - 3}"'
        yield f'<text {place} font-size="10" fill="#555555" {_TEXT}>{num_bits}</text>'
