"""Units and their drawings come from the netlist: every register has one, every unit has state."""

from __future__ import annotations

import re
from pathlib import Path

from fastcar.rtl.accelerator import make_accelerator
from fastcar.rtl.config import TINY_DECODER
from tools.paths import ROOT
from tools.site.unit_pages import FOLDER, WITHOUT_STATE, draw_unit, get_stem, make_unit_pages
from tools.site.units import (
    HOST,
    MEMORY,
    TOP,
    UNITS,
    find_neighbours,
    find_prefix,
    get_parent,
    read_hierarchy,
)

PAGES = make_unit_pages()


def has_ports(path: Path) -> bool:
    """Whether a module builds a unit that takes named inputs."""
    text = path.read_text(encoding="utf-8")
    return bool(re.search(r"^class \w+Inputs", text, re.M) and re.search(r"^def make_", text, re.M))


def test_every_unit_has_registers_or_memories() -> None:
    assert set(UNITS) <= set(read_hierarchy().prefixes)


def test_every_module_with_named_inputs_has_a_page() -> None:
    modules = {
        ".".join(path.relative_to(ROOT / "rtl").with_suffix("").parts)
        for path in (ROOT / "rtl").rglob("*.py")
        if has_ports(path)
    }
    assert modules - set(UNITS.values()) == set(WITHOUT_STATE)
    assert set(WITHOUT_STATE.values()) <= set(UNITS.values())


def test_few_registers_belong_to_no_unit() -> None:
    names = [
        wire.name
        for wire in make_accelerator(TINY_DECODER).wirevector_set
        if "_q" in wire.name[-2:]
    ]
    outside = sorted(name for name in names if find_prefix(name) == TOP)
    assert outside == ["done_q", "is_first_cycle_q", "is_running_q", "was_reset_q"]


def test_who_reads_whom_is_what_the_code_connects() -> None:
    hierarchy = read_hierarchy()
    read, reading = find_neighbours("scheduler", hierarchy)
    assert "score_unit" in read
    assert {"dispatcher", "record_port"} <= set(reading)
    assert MEMORY not in read
    read, reading = find_neighbours("core#_read", hierarchy)
    assert MEMORY in read
    assert MEMORY in reading
    read, reading = find_neighbours(TOP, hierarchy)
    assert set(read) == set(reading) == {HOST, MEMORY}
    read, _ = find_neighbours("core#_datapath_buffer", hierarchy)
    assert read == ["core#_datapath", "core#_datapath_feed", "core#_datapath_write_back"]


def test_a_drawing_names_the_unit_its_parts_and_its_neighbours() -> None:
    drawing = draw_unit("core#_datapath", read_hierarchy())
    for name in ("datapath", "mac_array", "sequencer", "write_channel", "score_unit"):
        assert f">{name}</text>" in drawing


def test_pages_have_ports_state_and_parts() -> None:
    page = PAGES[f"{FOLDER}/scheduler.md"]
    assert "| `is_decided` |" in page
    assert "1 bit; the slot `head_slot` is decided" in page
    assert "## Proven" in page
    assert "| `table` |" in PAGES[f"{FOLDER}/rms_norm.md"]
    assert "(mac_array.md)" in PAGES[f"{FOLDER}/datapath.md"]
    assert all(f"{FOLDER}/{get_stem(prefix)}.md" in PAGES for prefix in UNITS)


def test_names_of_pages_are_not_given_twice() -> None:
    stems = [get_stem(prefix) for prefix in UNITS]
    assert len(set(stems)) == len(stems)
    assert all(get_parent(prefix) in (TOP, *UNITS) for prefix in UNITS)
