"""The memory map of a decode, refused in one line where something does not fit."""

from __future__ import annotations

from fastcar.cosim.program.memory_map import MemoryMap
from fastcar.cosim.program.whole.segments import check_context
from fastcar.cosim.program.whole.whole_map import WholeMemoryMap
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.rtl.config import AcceleratorConfig


def plan_memory(
    config: AcceleratorConfig,
    model: ModelConfig,
    *,
    num_slots: int,
    tokens_per_frame: int,
    capacity_tokens: int,
    num_codes: int | None = None,
    sparse: SparseAttention | None = None,
) -> WholeMemoryMap:
    """Addresses of everything that a decode needs; nothing is allocated.

    Args:
        config: sizes of the accelerator.
        model: sizes of the decoder.
        num_slots: B, rows of the batch.
        tokens_per_frame: N.
        capacity_tokens: longest prompt and all generated tokens of a row.
        num_codes: ids below it can be picked; None = all.
        sparse: sinks and window; None = full attention.

    Raises:
        ArgumentError: names what does not fit: sizes of another model, too many addresses, tokens
            or codes, a context beyond the score buffer, a window below a word.
    """
    if capacity_tokens < 1:
        raise ArgumentError("capacity_tokens", capacity_tokens, "at least 1")
    memory_map = WholeMemoryMap(
        MemoryMap(config, model.num_hidden_layers, num_slots, tokens_per_frame),
        model.vocab_size,
        model.vocab_size if num_codes is None else num_codes,
        config.count_words(capacity_tokens),
    )
    memory_map.check_sizes(model)
    check_context(config, memory_map.num_positions, sparse)
    return memory_map
