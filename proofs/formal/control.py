"""The exported accelerator with everything but its control cut away, and a frame for checkers.

The whole module is exported; the wires named here are cut from what drives them and take any value
in any cycle. What holds for all their values holds for the values that the cut logic gives them,
so nothing has to be assumed of cores, memories or arithmetic (D-24).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import cache

from fastcar.cosim.verilog.verilog import MODULE_NAME, export_verilog
from fastcar.rtl.attention.config import AttentionConfig
from fastcar.rtl.circuits import CORE_BITS
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import (
    FIELD_BITS,
    FIELDS,
    FLOW_BIT,
    INSTRUCTION_BITS,
    Opcode,
    Predicate,
    list_opcodes,
)
from fastcar.rtl.instruction_form import DISPATCHER_OPCODES, FORM_BITS, Form

_FAULTS = (
    *("is_unknown", "is_bad_predicate", "is_empty", "is_many_slots", "is_long_target"),
    *("is_long_result", "is_long_source", "is_long_vector", "is_bad_width", "is_reserved"),
    "is_bad_buffer",
)
"""What in the form of an instruction makes it illegal whatever the state of the run."""
_ROUTING_PREDICATES = (Predicate.ALWAYS, Predicate.IF_COMPUTE)
"""Predicates that have a flag in the form of an instruction."""
MAX_SLOTS = 32
"""Width of the Index Register's port."""


SMALL_ATTENTION = AttentionConfig(2, 2, 4, 2)


def make_config(
    num_cores: int, num_slots: int, queue_depth: int = 32, attention: AttentionConfig | None = None
) -> AcceleratorConfig:
    """C and B as given; the datapath, which is cut away, as small as it goes."""
    return AcceleratorConfig(num_cores, 4, num_slots, 8, 12, 8, queue_depth, attention)


def describe(config: AcceleratorConfig) -> str:
    """The sizes that matter to control."""
    suffix = ", with attention" if config.attention else ""
    return f"C = {config.num_cores}, B = {config.num_slots}{suffix}"


@cache
def export_once(config: AcceleratorConfig) -> str:
    """Verilog of the accelerator."""
    return export_verilog(config).text


def export_anew(config: AcceleratorConfig) -> str:
    """The same, never remembered: for builders with a planted bug."""
    return export_verilog(config).text


def get_range(num_bits: int) -> str:
    """Declaration of a width in Verilog.

    >>> get_range(6), get_range(1)
    ('[5:0] ', '')
    """
    return f"[{num_bits - 1}:0] " if num_bits > 1 else ""


def slice_field(word: str, field: str) -> str:
    """A field of an instruction in Verilog.

    >>> slice_field("word", "predicate")
    'word[6:5]'
    """
    low = sum(num_bits for _, num_bits in FIELDS[: list(FIELD_BITS).index(field)])
    return f"{word}[{low + FIELD_BITS[field] - 1}:{low}]"


def name_free_cores(config: AcceleratorConfig) -> dict[str, int]:
    """Registers and wires by which cores speak to the control, with their widths; all are free."""
    queue_bits = config.queue_depth.bit_length()
    widths = {
        "queue_num_queued_q": queue_bits,
        "queue_has_any_q": 1,
        "sequencer_is_running_q": 1,
        "sequencer_instruction_q": INSTRUCTION_BITS,
        "sequencer_marks_q": max(list_opcodes(config)) + 1,
        "is_done": 1,
        "retirement_valid_q": 1,
        "error_valid_q": 1,
        "error_code_q": 4,
        "is_failed_q": 1,
    }
    free = {
        f"core{core}_{name}": num_bits
        for core in range(config.num_cores)
        for name, num_bits in widths.items()
    }
    decided = {"score_unit_head_is_decided_q": 1, "score_unit_head_computes_q": 1}
    return free | decided | name_owed(config)


def name_owed(config: AcceleratorConfig) -> dict[str, int]:
    """Wires that say that memory owes answers to a channel, with their widths."""
    channels = ("read", "write")
    return {f"core{core}_{one}_is_owed": 1 for core in range(config.num_cores) for one in channels}


def name_outputs(config: AcceleratorConfig) -> dict[str, int]:
    """Ports of the accelerator that checkers of the control read, with their widths."""
    ports = {
        "instruction_ready": 1,
        "done": 1,
        "error": 1,
        "error_code": 4,
        "index_register": MAX_SLOTS,
        "index_valid_register": MAX_SLOTS,
        "decision_valid": 1,
        "decision_slot": 5,
        "decision_computes": 1,
        "decision_core": CORE_BITS,
        "retire_valid": 1,
    }
    return ports | {f"mapping_register_{slot}": CORE_BITS for slot in range(config.num_slots)}


def name_visible(config: AcceleratorConfig) -> dict[str, int]:
    """Inner wires of the accelerator that checkers of the control read, with their widths."""
    wires = {
        "dispatcher_instruction": INSTRUCTION_BITS,
        "dispatcher_form_q": FORM_BITS,
        "dispatcher_is_held": 1,
        "dispatcher_is_held_q": 1,
        "dispatcher_is_drained_q": 1,
        "dispatcher_is_fitting_q": 1,
        "dispatcher_is_admitted_q": 1,
        "dispatcher_is_open_q": 1,
        "dispatcher_is_decided_q": 1,
        "dispatcher_computes_q": 1,
        "dispatcher_mapped_core_q": CORE_BITS,
        "is_draining": 1,
        "dispatcher_is_begin": 1,
        "dispatcher_is_threshold": 1,
        "dispatcher_is_decide": 1,
        "scheduler_commit_slot_q": 6,
        "scheduler_next_slot_q": 6,
        "scheduler_is_open_q": 1,
        "scheduler_num_slots_q": 6,
        "scheduler_pointer_q": CORE_BITS,
        "scheduler_is_static_q": 1,
    }
    if config.attention is not None:
        wires |= {"dispatcher_is_closed_q": 1, "dispatcher_flows_q": 1}
    return wires | {f"core{core}_instruction_valid": 1 for core in range(config.num_cores)}


def _declare_form(config: AcceleratorConfig) -> Iterator[str]:
    """Names for what the dispatcher decoded, and whether it agrees with the instruction."""
    for place, member in enumerate(fields(Form)):
        yield f"wire form_{member.name} = dispatcher_form_q[{place}];"
    known = " | ".join(f"(held_opcode == {opcode.name})" for opcode in list_opcodes(config))
    flags = " & ".join(
        f"(form_is_{one.name.lower()} == (held_{kind} == {one.name}))"
        for kind, ones in (("opcode", DISPATCHER_OPCODES), ("predicate", _ROUTING_PREDICATES))
        for one in ones
    )
    yield (
        f"wire form_agrees = {flags} & (form_is_unknown == ~({known}))"
        " & (form_is_for_core == (held_opcode >= LOAD))"
        " & (form_has_slot == (held_opcode >= LOAD | held_opcode == DECIDE))"
        " & (held_opcode != BEGIN | (form_is_empty == (held_rows == 0))"
        " & (form_is_many_slots == held_rows > B))"
        " & ~(dispatcher_is_fitting_q & dispatcher_is_admitted_q"
        " & (form_has_slot & ~dispatcher_is_open_q"
        f" | {' | '.join(f'form_{name}' for name in _FAULTS)}));"
    )


def _declare_sections(config: AcceleratorConfig) -> Iterator[str]:
    """What only an accelerator with attention has."""
    has_sections = config.attention is not None
    flow = f"held_shift[{FLOW_BIT}]"
    yield f"wire is_locked = {'dispatcher_is_closed_q' if has_sections else 0};"
    yield f"wire is_flowing = {flow if has_sections else 0};"


def _declare_view() -> Iterator[str]:
    """Whether the scheduler's registers fit together, Index holds committed slots only, and the
    dispatcher knows that of its instruction.
    """
    yield "wire [32:0] committed_slots = (33'd1 << scheduler_commit_slot_q) - 33'd1;"
    yield (
        "wire slot_agrees = (dispatcher_is_open_q == held_slot < scheduler_num_slots_q)"
        " & (dispatcher_is_decided_q == index_valid_register[held_slot])"
        " & (~dispatcher_is_decided_q | (dispatcher_computes_q == index_register[held_slot]))"
        " & (~dispatcher_is_decided_q | ~dispatcher_computes_q"
        " | (dispatcher_mapped_core_q == mappings[held_slot]));"
    )
    yield (
        "wire view_agrees = (scheduler_next_slot_q == scheduler_commit_slot_q + 6'd1)"
        " & (scheduler_is_open_q == (scheduler_commit_slot_q != scheduler_num_slots_q))"
        " & (index_valid_register == committed_slots[31:0])"
        " & ((index_register & ~index_valid_register) == 0)"
        " & (~dispatcher_is_held | slot_agrees);"
    )


def wrap_accelerator(top: str, free: Mapping[str, int], read: Mapping[str, int], body: str) -> str:
    """A checker: module `top` with the accelerator in it and a body.

    The body finds all wires under their own names, and `was_reset`: there was a reset before.

    Args:
        top: name of the module.
        free: cut wires and their widths.
        read: outputs and visible wires and their widths.
        body: SystemVerilog.
    """
    inputs = {"reset": 1, "instruction_valid": 1, "instruction": INSTRUCTION_BITS, **free}
    ports = [f"input wire {get_range(num_bits)}{name}" for name, num_bits in inputs.items()]
    pins = ", ".join(f".{name}({name})" for name in ("clk", *inputs, *read))
    lines = [
        f"module {top}(input wire clk, {', '.join(ports)});",
        *(f"wire {get_range(num_bits)}{name};" for name, num_bits in read.items()),
        f"{MODULE_NAME} design({pins});",
        "reg was_reset = 0;",
        "always @(posedge clk) was_reset <= was_reset | reset;",
        body.strip("\n"),
        "endmodule",
    ]
    return "\n".join(lines) + "\n"


def make_frame(
    config: AcceleratorConfig,
    top: str,
    free: Mapping[str, int],
    read: Mapping[str, int],
    body: str,
) -> str:
    """A checker of the dispatch of all slots to all cores.

    Beside what `wrap_accelerator` gives, the body finds: `slot` (any one slot, constant),
    `offered`, `full` and `core_errors` (one bit for each core), `mapping` and `static_core` (of
    `slot`), `held_<field>` (of the instruction that the dispatcher looks at), `form_agrees` and
    `view_agrees` (what the dispatcher keeps of it and of its slot is right), `is_locked` (a section
    of its slot has not ended) and `is_flowing` (BEGIN lets the layer flow), both 0 without
    attention, and constants: `C`, `B`, `HAS_SECTIONS` (1 with attention), `LAST_MAPPED` (the last
    core that slots can be mapped to), opcodes and predicates.

    Args:
        config: sizes.
        top: name of the module.
        free: cut wires and their widths.
        read: outputs and visible wires and their widths.
        body: SystemVerilog.
    """
    mappings = ", ".join(f"mapping_register_{slot}" for slot in reversed(range(config.num_slots)))
    cores = list(reversed(range(config.num_cores)))
    offered = ", ".join(f"core{core}_instruction_valid" for core in cores)
    full = ", ".join(f"core{core}_queue_num_queued_q >= {config.queue_depth}" for core in cores)
    errors = ", ".join(f"core{core}_error_valid_q" for core in cores)
    symbols = ", ".join(f"{one.name} = {one.value}" for kind in (Opcode, Predicate) for one in kind)
    word = "dispatcher_instruction"
    lines = [
        f"localparam C = {config.num_cores}, B = {config.num_slots}, {symbols};",
        f"localparam HAS_SECTIONS = {int(config.attention is not None)};",
        "localparam LAST_MAPPED = (B < C ? B : C) - 1;",
        *(
            f"wire {get_range(num_bits)}held_{name} = {slice_field(word, name)};"
            for name, num_bits in FIELDS
        ),
        *_declare_form(config),
        *_declare_sections(config),
        "(* anyconst *) reg [4:0] any_slot;",
        "wire [4:0] slot = any_slot % B;",
        f"wire [B-1:0][4:0] mappings = {{{mappings}}};",
        "wire [4:0] mapping = mappings[slot];",
        *_declare_view(),
        "wire [4:0] static_core = slot % C;",
        f"wire [C-1:0] offered = {{{offered}}};",
        f"wire [C-1:0] full = {{{full}}};",
        f"wire [C-1:0] core_errors = {{{errors}}};",
    ]
    return wrap_accelerator(top, free, read, "\n".join([*lines, body]))
