"""What the FastCar accelerator runs and must do, from the .hex files beside this one.

A line of a file holds the members of a record, each as wide as the port of its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
DECISION = ("order", "slot", "score", "computes", "core", "cycle")
RETIRE = ("order", "slot", "core", "start_cycle", "end_cycle", "digest")
"""Members of the records, from the highest bits of a line of the .hex file down."""
TOKEN = "token"
"""The last member of a retirement, if the accelerator has attention."""
STEADY_COUNTERS = ("counter_dropped", "counter_dispatched", "counter_mac_busy")
"""Ends of the names of counters that no stall changes."""


@dataclass(frozen=True)
class Recording:
    """A program and what it must do, from the .hex files.

    Attributes:
        program: instructions.
        memory: beats before the run, by address.
        changes: beats that the run changes, by address.
        decisions: members by name, in their order.
        retires: members by name, of the sections of every slot, in their order.
        sections: names of these.
        counters: those that no stall changes, by port.
    """

    program: list[int]
    memory: dict[int, int]
    changes: dict[int, int]
    decisions: list[dict[str, int]]
    retires: dict[int, list[dict[str, int]]]
    sections: dict[int, list[str]]
    counters: dict[str, int]


def load_recording(dut: Any, prefix: str = "") -> Recording:
    """Read the files of a program; `prefix` is that of their names."""
    retires_file = f"{prefix}expected_retires.hex"
    retires: dict[int, list[dict[str, int]]] = {}
    sections: dict[int, list[str]] = {}
    records = read_records(dut, retires_file, "retire", list_retire_members(dut))
    for record, name in zip(records, read_names(retires_file), strict=True):
        retires.setdefault(record["slot"], []).append(record)
        sections.setdefault(record["slot"], []).append(name)
    return Recording(
        list(read_hex(f"{prefix}program.hex").values()),
        read_hex("memory.hex"),
        read_hex(f"{prefix}expected_memory.hex"),
        read_records(dut, f"{prefix}expected_decisions.hex", "decision", DECISION),
        retires,
        sections,
        read_counters(f"{prefix}expected_counters.hex"),
    )


def list_retire_members(dut: Any) -> tuple[str, ...]:
    """Members of a retirement for which the accelerator has ports."""
    return (*RETIRE, TOKEN) if hasattr(dut, f"retire_{TOKEN}") else RETIRE


def read_hex(name: str) -> dict[int, int]:
    """Values by address, as $readmemh reads them."""
    values, address = {}, 0
    for line in (FOLDER / name).read_text(encoding="ascii").splitlines():
        for word in line.partition("//")[0].split():
            if word.startswith("@"):
                address = int(word[1:], 16)
            else:
                values[address] = int(word, 16)
                address += 1
    return values


def read_names(name: str) -> list[str]:
    """What stands behind each value, "section" where nothing does."""
    names = []
    for line in (FOLDER / name).read_text(encoding="ascii").splitlines():
        value, _, comment = line.partition("//")
        if value.strip():
            names.append(comment.strip() or "section")
    return names


def read_records(dut: Any, name: str, kind: str, members: tuple[str, ...]) -> list[dict[str, int]]:
    """Lines of a file, each cut into members as wide as the ports of the same name."""
    records = []
    for line in read_hex(name).values():
        record = {}
        for member in reversed(members):
            width = len(getattr(dut, f"{kind}_{member}"))
            record[member] = line & ((1 << width) - 1)
            line >>= width
        records.append(record)
    return records


def read_counters(name: str) -> dict[str, int]:
    """Counters by the names behind their values; those of waiting cycles are left out."""
    counters = {}
    for line in (FOLDER / name).read_text(encoding="ascii").splitlines():
        value, _, port = line.partition(" // ")
        if port.endswith(STEADY_COUNTERS):
            counters[port] = int(value, 16)
    return counters
