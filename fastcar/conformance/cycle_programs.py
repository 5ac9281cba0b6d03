"""Programs whose cycles are asked for: layers, tokens of a whole decoder, records in a crowd."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fastcar.conformance.integer_decoder_case import make_integer_instance
from fastcar.conformance.integer_models import EQUAL_HEADS, SHARED_KEYS, read_whole_model
from fastcar.cosim.cycles.workload import Workload
from fastcar.cosim.program.compiler import LayerCompiler, LayerStep
from fastcar.cosim.program.memory_map import MemoryMap
from fastcar.cosim.program.whole.planning import plan_memory
from fastcar.cosim.program.whole.token_step import SlotStep, TokenStep
from fastcar.cosim.program.whole.whole_compiler import WholeCompiler
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.scheduler import Dispatch
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.rtl.attention.config import AttentionConfig
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import Instruction, Opcode

CONTEXT_TOKENS, TOKENS_PER_FRAME = 24, 16


def compile_layer(
    config: AcceleratorConfig, source: DecisionSource, dispatch: Dispatch, num_decided: int
) -> list[Instruction]:
    """One layer of one token of every slot; the last slots are decided beforehand, as computing."""
    is_decided = np.arange(config.num_slots) < num_decided
    sizes = config.hidden_size, config.intermediate_size, config.query_size
    layers = (Workload(*sizes, num_layers=1, num_fed_tokens=1).blank_layer,)
    step = LayerStep(0, 0, source, 0, is_decided, ~is_decided, dispatch)
    return LayerCompiler(MemoryMap(config, 1, config.num_slots, 1), layers).compile(step)


def list_short_sections(config: AcceleratorConfig) -> list[Instruction]:
    """Sections of one instruction on all cores: their records are in each other's way."""
    slots, decide = range(config.num_slots), Instruction(Opcode.DECIDE, rows=1)
    add = Instruction(Opcode.ADD, rows=1, is_last=1)
    return [
        Instruction(Opcode.BEGIN, rows=config.num_slots),
        *(replace(decide, slot=slot) for slot in slots),
        *(Instruction(Opcode.LOAD, slot=slot, rows=1) for slot in reversed(slots)),
        *(replace(add, slot=slot) for _ in range(4) for slot in slots),
        Instruction(Opcode.END),
    ]


def compile_token(
    config: AcceleratorConfig,
    source: DecisionSource,
    positions: tuple[int, ...],
    sparse: SparseAttention | None,
    *,
    flows: bool,
) -> list[Instruction]:
    """One token of every slot, from the embedding to the pick.

    Args:
        config: sizes, with those of an attention phase of either kind of heads.
        source: what decides every slot in every layer.
        positions: of the token in each slot; the first slot's token is given, the others' picked.
        sparse: window and sinks.
        flows: layers begin while slots of the one before are under way.
    """
    assert config.attention is not None
    is_shared = config.attention.group_size > 1
    heads = SHARED_KEYS if is_shared else EQUAL_HEADS
    sizes, model = read_whole_model(make_integer_instance("sizes", 0, {}, heads))
    memory_map = plan_memory(
        config,
        sizes,
        num_slots=config.num_slots,
        tokens_per_frame=TOKENS_PER_FRAME,
        capacity_tokens=CONTEXT_TOKENS,
        sparse=sparse,
    )
    everyone = np.ones(config.num_slots, bool)
    layers = tuple(
        LayerStep(index, 0, source, 0, everyone, ~everyone)
        for index in range(sizes.num_hidden_layers)
    )
    slots = tuple(
        SlotStep(position, None if slot else 0) for slot, position in enumerate(positions)
    )
    return WholeCompiler(memory_map, model, sparse, flows=flows).compile(TokenStep(slots, layers))


def make_token_config(num_cores: int, *, is_shared: bool, queue_depth: int) -> AcceleratorConfig:
    """An accelerator of the sizes of the tiny integer decoders."""
    model = SHARED_KEYS if is_shared else EQUAL_HEADS
    heads = model.num_attention_heads, model.num_key_value_heads, model.head_dim
    attention = AttentionConfig(*heads, max_blocks=CONTEXT_TOKENS // 4)
    sizes = model.hidden_size, model.intermediate_size, attention.query_size
    config = AcceleratorConfig(num_cores, 4, 3, *sizes, queue_depth=queue_depth)
    return replace(config, attention=attention)
