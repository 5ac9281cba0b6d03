"""A self-checking testbench in Verilog for one recording: the text of the bench and its hex files.

Plain Verilog but for $fatal, which gives every simulator a nonzero exit code (Icarus: -g2012).
Wires of a channel that are not valid carry x, and an unknown bit in a compared value is a failure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import resources
from string import Template

import numpy as np

from fastcar.cosim.export.recording import Recording
from fastcar.cosim.program.memory_image import Beats
from fastcar.cosim.records import (
    DECISION_PORTS,
    CommitRecord,
    Counters,
    RetireRecord,
    list_retire_ports,
)
from fastcar.cosim.verilog.verilog import LICENSE_TAGS, MODULE_NAME
from fastcar.cosim.verilog.verilog_ports import Port
from fastcar.rtl.channel import list_channel_ports
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.counters import COUNTER_BITS
from fastcar.rtl.instruction import INSTRUCTION_BITS

BENCH_NAME = "fastcar_testbench"
TESTBENCH_FILE = f"{BENCH_NAME}.v"
TEMPLATE_FILE = "testbench_template.v"
PROGRAM_FILE = "program.hex"
MEMORY_FILE = "memory.hex"
EXPECTED_MEMORY_FILE = "expected_memory.hex"
DECISIONS_FILE = "expected_decisions.hex"
RETIRES_FILE = "expected_retires.hex"
COUNTERS_FILE = "expected_counters.hex"

MARGIN_CYCLES = 1000
"""A run that takes so much longer than expected is broken off."""


def make_testbench(
    recording: Recording, ports: tuple[Port, ...], module_name: str = MODULE_NAME
) -> dict[str, str]:
    """Texts of all files of the testbench of a module, by name."""
    counters = flatten_counters(recording.counters)
    return {
        TESTBENCH_FILE: make_bench(recording, ports, counters, module_name),
        MEMORY_FILE: format_beats(recording.memory),
        **make_program_files(recording, ports),
    }


def make_program_files(
    recording: Recording, ports: tuple[Port, ...], prefix: str = ""
) -> dict[str, str]:
    """Program and everything expected of it, by name; names begin with `prefix`."""
    counters = flatten_counters(recording.counters)
    retire_ports = list_retire_ports(recording.config)
    files = {
        PROGRAM_FILE: format_words(recording.program, INSTRUCTION_BITS),
        EXPECTED_MEMORY_FILE: format_changes(recording.memory, recording.memory_after),
        DECISIONS_FILE: format_records(recording.decisions, DECISION_PORTS, "decision", ports),
        RETIRES_FILE: format_records(
            recording.retires, retire_ports, "retire", ports, recording.sections
        ),
        COUNTERS_FILE: "".join(
            f"{value:0{COUNTER_BITS // 4}x} // {name}\n" for name, value in counters.items()
        ),
    }
    return {f"{prefix}{name}": text for name, text in files.items()}


def flatten_counters(counters: Counters) -> dict[str, int]:
    """Counters by the names of their ports."""
    flat = {
        f"counter_{name}": getattr(counters, name)
        for name in ("cycles", "dropped", "wait_decision", "wait_queue")
    }
    for number, core in enumerate(counters.cores):
        for name, value in vars(core).items():
            flat[f"core{number}_counter_{name}"] = value
    return flat


def format_words(words: tuple[int, ...], num_bits: int) -> str:
    """One word a line."""
    return "".join(f"{word:0{num_bits // 4}x}\n" for word in words)


def format_beats(beats: Beats) -> str:
    r"""One beat a line, byte 0 in its last two digits.

    >>> format_beats(np.array([[1, 2, 3, 255]], np.uint8))
    'ff030201\n'
    """
    return "".join(f"{beat.tobytes()[::-1].hex()}\n" for beat in beats)


def format_changes(before: Beats, after: Beats) -> str:
    """The beats that differ, each behind its address; one that does not if there is none."""
    changed = np.flatnonzero((before != after).any(axis=1)).tolist() or [0]
    return "".join(f"@{address:x}\n{format_beats(after[[address]])}" for address in changed)


def format_records(
    records: tuple[CommitRecord, ...] | tuple[RetireRecord, ...],
    members: tuple[str, ...],
    kind: str,
    ports: tuple[Port, ...],
    names: tuple[str, ...] = (),
) -> str:
    """One record a line, its members from the highest bits down, each as wide as its port.

    Args:
        records: in their order.
        members: of a record.
        kind: of the ports, which begin with it.
        ports: of the module.
        names: of the records, written behind them; none if it is empty.
    """
    widths = get_widths(members, kind, ports)
    lines = [f"// {', '.join(f'{member} {widths[member]}' for member in members)}, in bits"]
    for place, record in enumerate(records):
        line = 0
        for member, num_bits in widths.items():
            line = line << num_bits | int(getattr(record, member)) & ((1 << num_bits) - 1)
        name = f" // {names[place]}" if names else ""
        lines.append(f"{line:0{-(-sum(widths.values()) // 4)}x}{name}")
    return "\n".join(lines) + "\n"


def get_widths(members: tuple[str, ...], kind: str, ports: tuple[Port, ...]) -> Mapping[str, int]:
    """Width of each member of a record."""
    widths = {port.name: port.num_bits for port in ports}
    return {member: widths[f"{kind}_{member}"] for member in members}


def make_bench(
    recording: Recording, ports: tuple[Port, ...], counters: dict[str, int], module_name: str
) -> str:
    """The Verilog of the bench."""
    config = recording.config
    template = Template(
        (resources.files("fastcar.cosim.export") / TEMPLATE_FILE)
        .read_text(encoding="utf-8")
        .partition("\n\n")[2]
    )
    cores, retire_ports = range(config.num_cores), list_retire_ports(config)
    record_widths = {
        kind: sum(get_widths(members, kind, ports).values())
        for kind, members in (("decision", DECISION_PORTS), ("retire", retire_ports))
    }
    return template.substitute(
        tags="\n".join(f"// {line}" for line in LICENSE_TAGS),
        module_name=module_name,
        description=recording.description,
        latency_cycles=recording.latency_cycles,
        beat_bits=config.beat_bits,
        num_beats=len(recording.memory),
        num_instructions=len(recording.program),
        num_decisions=len(recording.decisions),
        num_retires=len(recording.retires),
        num_counters=len(counters),
        decision_bits=record_widths["decision"],
        retire_bits=record_widths["retire"],
        limit_cycles=recording.counters.cycles + MARGIN_CYCLES,
        declarations="\n".join(_declare(ports)),
        connections=",\n".join(_connect(ports)),
        channels="\n".join(line for core in cores for line in _make_channel(config, core)),
        decision_ports=", ".join(f"decision_{member}" for member in DECISION_PORTS),
        retire_ports=", ".join(f"retire_{member}" for member in retire_ports),
        counter_checks="\n".join(
            f'            check_counter({place}, {name}, "{name}");'
            for place, name in enumerate(counters)
        ),
    )


def _declare(ports: tuple[Port, ...]) -> Iterator[str]:
    """Wires of the accelerator's ports, those that the bench makes itself left out."""
    for port in ports:
        if port.name not in ("reset", "instruction_valid", "instruction"):
            size = f"[{port.num_bits - 1}:0] " if port.num_bits > 1 else ""
            yield f"    wire {size}{port.name};"


def _connect(ports: tuple[Port, ...]) -> Iterator[str]:
    for name in ("clk", *(port.name for port in ports)):
        yield f"        .{name}({name})"


def _make_channel(config: AcceleratorConfig, core: int) -> Iterator[str]:
    """The memory channel of a core, and its writes to the memory."""
    prefix = f"core{core}"
    yield f"    wire [31:0] {prefix}_read_address;"
    yield "    fastcar_memory_channel #(.BEAT_BITS(BEAT_BITS), .LATENCY(LATENCY))"
    yield f"        {prefix}_channel ("
    yield "            .clk(clk),"
    yield "            .reset(memory_reset),"
    ports = [port.name for port in list_channel_ports(config)]
    for name in ports:
        if name not in ("write_address", "write_data", "write_strobe"):
            yield f"            .{name}({prefix}_{name}),"
    yield f"            .read_address({prefix}_read_address),"
    yield f"            .read_beat(memory[{prefix}_read_address])"
    yield "        );"
    is_written = f"!reset && {prefix}_write_valid && {prefix}_write_ready"
    beat, data = f"memory[{prefix}_write_address]", f"{prefix}_write_data"
    yield "    always @(posedge clk)"
    if "write_strobe" not in ports:
        yield f"        if ({is_written})"
        yield f"            {beat} <= {data};"
        return
    yield f"        if ({is_written}) begin"
    for byte in range(config.beat_bytes):
        bits = f"[{8 * byte + 7}:{8 * byte}]"
        yield f"            if ({prefix}_write_strobe[{byte}]) {beat}{bits} <= {data}{bits};"
    yield "        end"
