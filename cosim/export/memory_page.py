"""The memory map of a recorded run, as a page: where every block lies, and what is in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastcar.cosim.export.license import tag
from fastcar.cosim.program.memory_map import MemoryMap
from fastcar.cosim.program.whole.whole_map import WholeMemoryMap

MEMORY_PAGE = "memory_map.md"
_HEAD = """\
# Memory of the recorded run

Addresses and sizes are in beats of {beat} bytes, as on the channels and in `address` of an
instruction; byte address = {beat} x beat. `memory.hex` begins at beat 0. Blocks of a kind lie one
behind the other, in the order of the indices in brackets, the last one fastest.
"""


@dataclass(frozen=True)
class _Blocks:
    """Blocks of one kind.

    Attributes:
        name: with its indices in brackets.
        address: of the first one.
        count: of blocks.
        parts: beats of each part of a block, in their order.
    """

    name: str
    address: int
    count: int
    parts: Mapping[str, int]

    @property
    def block_beats(self) -> int:
        """Of one block."""
        return sum(self.parts.values())


def make_memory_page(memory_map: MemoryMap | WholeMemoryMap) -> str:
    """Markdown."""
    blocks = list(_list_blocks(memory_map))
    lines = [
        _HEAD.format(beat=memory_map.config.beat_bytes),
        "| blocks | first beat | number | beats each |",
        "| --- | ---: | ---: | ---: |",
        *(f"| {one.name} | {one.address} | {one.count} | {one.block_beats} |" for one in blocks),
        f"| end | {memory_map.num_beats} | | |",
    ]
    for one in blocks:
        lines += ["", f"## {one.name}", "", "| part | offset | beats |", "| --- | ---: | ---: |"]
        offset = 0
        for part, num_beats in one.parts.items():
            lines.append(f"| {part} | {offset} | {num_beats} |")
            offset += num_beats
    return tag("\n".join(lines) + "\n", "<!--", " -->")


def _list_blocks(memory_map: MemoryMap | WholeMemoryMap) -> Iterator[_Blocks]:
    """In the order of their addresses."""
    if isinstance(memory_map, MemoryMap):
        yield from _list_mlp_blocks(memory_map)
        return
    mlp = memory_map.mlp
    yield from _list_mlp_blocks(mlp)
    attention = _name_parts(memory_map.attention_beats)
    yield _Blocks("attention of a layer [layer]", mlp.num_beats, mlp.num_layers, attention)
    yield _Blocks("model", memory_map.model_address, 1, _name_parts(memory_map.model_beats))
    noise = {"noise of the next token": memory_map.noise_beats}
    yield _Blocks("noise [slot]", memory_map.noise_address, mlp.num_slots, noise)
    yield _Blocks(
        "KV cache [layer, slot]",
        memory_map.store_address,
        mlp.num_layers * mlp.num_slots,
        _name_parts(memory_map.store_beats),
    )


def _list_mlp_blocks(memory_map: MemoryMap) -> Iterator[_Blocks]:
    num_layers, num_slots = memory_map.num_layers, memory_map.num_slots
    yield _Blocks("MLP of a layer [layer]", 0, num_layers, _name_parts(memory_map.layer_beats))
    activations = _name_parts(memory_map.slot_beats)
    yield _Blocks("activations [slot]", memory_map.slots_address, num_slots, activations)
    yield _Blocks(
        "replay cache [layer, place of the frame, slot]",
        memory_map.cache_address,
        num_layers * memory_map.tokens_per_frame * num_slots,
        _name_parts(memory_map.cache_beats),
    )


def _name_parts(parts: Mapping[Any, int]) -> dict[str, int]:
    """Parts by the words of their names; the keys are enumerations."""
    return {part.value.replace("_", " "): num_beats for part, num_beats in parts.items()}
