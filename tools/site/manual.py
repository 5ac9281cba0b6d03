"""Tables of the hardware manual: numbers from the code, words from where they stand already."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import cache

from fastcar.cosim.program.memory_map import MemoryMap
from fastcar.cosim.program.whole.whole_map import WholeMemoryMap
from fastcar.cosim.verilog.verilog_ports import MEANINGS, Port, list_ports, split_name
from fastcar.reference.config import ModelConfig
from fastcar.reference.video.model import SHIPPED_MODEL, load_video_model
from fastcar.rtl import latency, mac_array, requantizer, result_path, rms_norm, silu_multiply
from fastcar.rtl.accelerator import make_accelerator
from fastcar.rtl.channel import list_channel_ports
from fastcar.rtl.config import DEMO, DEMO_DECODER, PRESETS, AcceleratorConfig
from fastcar.rtl.instruction import FIELDS, OPTIONS, Buffer, Instruction, Opcode, get_buffer_words
from fastcar.rtl.instruction_check import ErrorCode
from fastcar.rtl.latency import count_cycles
from tools.markdown import format_table
from tools.page import Json, Page
from tools.paths import ROOT
from tools.site.specification import read_fields, read_opcodes, read_options, read_specification
from tools.site.tables import write_table

HELD = ("index_register", "index_valid_register", "mapping_register_#", "done", "error")
"""Ports that show registers, beside those whose names begin like one of these or with counter."""


def make_instruction_tables(_: Json) -> Mapping[str, str]:
    """Fields, opcodes, buffers and options."""
    text = read_specification()
    meanings = {row[0]: row[-1] for row in read_fields(text)}
    effects = {row[0].split(" ", 1)[-1]: row[1:] for row in read_opcodes(text)}
    fields = [[f"`{name}`", bits, meanings[name]] for name, bits in _place(FIELDS)]
    opcodes = [
        [f"{int(one)}", f"`{one.name}`", *effects[one.name], "yes" if one.is_for_attention else ""]
        for one in Opcode
    ]
    buffers = [
        [
            f"`{one.name}`",
            f"{int(one)}",
            *(f"{get_buffer_words(config, one)}" for config in (DEMO, DEMO_DECODER)),
        ]
        for one in Buffer
    ]
    options = {row[0]: row[2:] for row in read_options(text)}
    rows = [[f"`{name}`", bits, *options[name]] for name, bits in _place(OPTIONS)]
    return {
        "fields": write_table(["field", "bits", "meaning"], fields),
        "opcodes": write_table(["number", "opcode", "executed by", "effect", "attention"], opcodes),
        "buffers": write_table(
            ["buffer", "number", "words, `demo`", "words, `demo-decoder`"], buffers
        ),
        "options": write_table(["option", "bits of `reserved`", "of", "meaning"], rows),
    }


def _place(parts: tuple[tuple[str, int], ...]) -> Iterator[tuple[str, str]]:
    """Names with the highest and the lowest bit of each."""
    first = 0
    for name, num_bits in parts:
        last = first + num_bits - 1
        yield name, f"{last}:{first}" if num_bits > 1 else f"{first}"
        first += num_bits


@cache
def list_patterns() -> dict[str, Port]:
    """One port for every pattern of `MEANINGS`, of an accelerator that has all of them."""
    ports = list_ports(make_accelerator(DEMO_DECODER))
    return {split_name(port.name)[0]: port for port in reversed(ports)}


def make_port_tables(_: Json) -> Mapping[str, str]:
    """Ports of the module and of each core, `clk` among them."""
    ports = list_patterns()
    rows = [[f"`{name}`", *_describe(ports[name])] for name in MEANINGS if name in ports]
    clock = ["`clk`", "1", "in", "clock; all registers and memories change at its rising edge"]
    common = [row for row in rows if not row[0].startswith("`core#")]
    header = ["port", "bits", "direction", "meaning"]
    return {
        "ports": write_table(header, [clock, *common]),
        "core ports": write_table(header, [row for row in rows if row[0].startswith("`core#")]),
    }


def _describe(port: Port) -> list[str]:
    meaning = re.sub(r"\bslot 0\b", "slot #", MEANINGS[split_name(port.name)[0]])
    return [f"{port.num_bits}", "in" if port.is_input else "out", meaning]


def make_register_tables(_: Json) -> Mapping[str, str]:
    """Registers that ports show."""
    ports = list_patterns()
    rows = [
        [f"`{name}`", f"{port.num_bits}", MEANINGS[name]]
        for name in MEANINGS
        if (port := ports.get(name)) is not None
        if not port.is_input and (name.startswith(HELD) or "counter_" in name)
    ]
    return {"registers": write_table(["register", "bits", "meaning"], rows)}


def make_channel_tables(_: Json) -> Mapping[str, str]:
    """Ports of a channel."""
    rows = [
        [
            f"`{port.name}`",
            f"{port.count_bits(DEMO_DECODER)}",
            "memory" if port.is_from_memory else "core",
            port.meaning,
            "attention" if port.is_for_attention else "every one",
        ]
        for port in list_channel_ports(DEMO_DECODER)
    ]
    header = ["port", "bits", "driven by", "meaning", "accelerators"]
    return {"channel": write_table(header, rows)}


def make_error_tables(_: Json) -> Mapping[str, str]:
    """Codes with their docstrings."""
    tree = ast.parse((ROOT / "rtl" / "instruction_check.py").read_text(encoding="utf-8"))
    (node,) = (
        one for one in tree.body if isinstance(one, ast.ClassDef) and one.name == "ErrorCode"
    )
    words: dict[str, str] = {"NONE": "No error since reset."}
    for one, following in zip(node.body, node.body[1:], strict=False):
        if isinstance(one, ast.Assign) and isinstance(following, ast.Expr):
            words[ast.unparse(one.targets[0])] = ast.literal_eval(following.value)
    rows = [[f"{int(code)}", f"`{code.name}`", words[code.name]] for code in ErrorCode]
    return {"errors": write_table(["code", "name", "what is wrong"], rows)}


def make_memory_tables(_: Json) -> Mapping[str, str]:
    """Parts of memory with their sizes and first addresses, of the shipped model."""
    model = load_video_model(SHIPPED_MODEL)
    config, tokens_per_frame = model.config, model.geometry.tokens_per_frame
    layers = MemoryMap(DEMO, config.num_hidden_layers, DEMO.num_slots, tokens_per_frame)
    rows = []
    for block, sizes, first in (
        ("layer 0", layers.layer_beats, 0),
        ("slot 0", layers.slot_beats, layers.slots_address),
        ("place 0 of layer 0 and slot 0", layers.cache_beats, layers.cache_address),
    ):
        for part, beats in sizes.items():
            rows.append([block, _name(part), f"{first:,}", f"{beats:,}"])
            first += beats
    header = ["block", "part", "first beat", "beats"]
    return {
        "layers": write_table(header, rows),
        "decoder": write_table(header, _list_decoder_parts(config, tokens_per_frame)),
    }


def _list_decoder_parts(config: ModelConfig, tokens_per_frame: int) -> list[list[str]]:
    """What the attention phase adds."""
    layers = MemoryMap(DEMO_DECODER, config.num_hidden_layers, DEMO.num_slots, tokens_per_frame)
    whole = WholeMemoryMap(layers, config.vocab_size, config.vocab_size, num_blocks=65)
    rows = []
    for block, sizes, first in (
        ("attention of layer 0", whole.attention_beats, whole.mlp.num_beats),
        ("model", whole.model_beats, whole.model_address),
        ("noise of slot 0", {"noise": whole.noise_beats}, whole.noise_address),
        ("KV cache of layer 0 and slot 0", whole.store_beats, whole.store_address),
    ):
        for part, beats in sizes.items():
            rows.append([block, _name(part), f"{first:,}", f"{beats:,}"])
            first += beats
    return rows


def _name(part: object) -> str:
    return str(part.value if isinstance(part, Enum) else part).replace("_", " ")


def make_cycle_tables(_: Json) -> Mapping[str, str]:
    """Latencies of the units, and cycles of some instructions."""
    units = (mac_array, requantizer, result_path, rms_norm, silu_multiply)
    rows = [
        [
            unit.__name__.rpartition(".")[2],
            *(f"{unit.latency_cycles(one)}" for one in PRESETS.values()),
        ]
        for unit in units
    ]
    formulas = inspect.cleandoc(latency.__doc__ or "").partition("`read_latency`: ")[2]
    return {
        "formulas": f"`read_latency`: {formulas}",
        "latencies": format_table(["unit", *(f"`{name}`" for name in PRESETS)], rows),
        "instructions": format_table(
            ["instruction, `demo`", "latency 1", "latency 64"], list(_list_examples(DEMO))
        ),
    }


def _list_examples(config: AcceleratorConfig) -> Iterator[list[str]]:
    """The instructions of a computing slot."""
    hidden, inner = config.hidden_words, config.intermediate_words
    for opcode, rows, columns in (
        (Opcode.LOAD, hidden, 0),
        (Opcode.NORM, hidden, 0),
        (Opcode.GEMV, inner, hidden),
        (Opcode.GEMV_SILU, inner, hidden),
        (Opcode.GEMV, hidden, inner),
        (Opcode.STORE, hidden, 0),
        (Opcode.ADD, hidden, 0),
        (Opcode.SCORE, config.query_words, 0),
    ):
        instruction = Instruction(opcode, rows=rows, columns=columns)
        text = f"`{opcode.name}` rows={rows}" + (f" columns={columns}" if columns else "")
        cycles = [count_cycles(config, instruction, away, away) for away in (1, 64)]
        yield [text, *(f"{number:,}" for number in cycles)]


MAKERS = {
    "instructions": make_instruction_tables,
    "ports": make_port_tables,
    "registers": make_register_tables,
    "channels": make_channel_tables,
    "memory_map": make_memory_tables,
    "errors": make_error_tables,
    "cycles": make_cycle_tables,
}
PAGES = tuple(Page(f"manual/{name}.md", make, lambda _: ()) for name, make in MAKERS.items())
