"""Scores and contexts of one token of a slot, as instructions: group by group of query heads.

Source: docs/accelerator.md, section 8. Every group has its SCORES and CONTEXT, one for each segment
of the KV cache that the token sees. One SCORES of a group taps the aligned key; where no segment
streams its block, one more does that alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from fastcar.cosim.program.compiler import LayerStep
from fastcar.cosim.program.whole.segments import Segment, list_segments
from fastcar.cosim.program.whole.token_step import SlotStep
from fastcar.cosim.program.whole.whole_map import StorePart, WholeMemoryMap
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.integer.whole.attention import IntegerAttention
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.rtl.instruction import (
    Instruction,
    Opcode,
    join_options,
    split_group,
    split_tap_distance,
)

MAX_TAP_DISTANCE = (1 << 8) - 1
"""Blocks back to that of the aligned key, that SCORES can name."""


class ScoresCompiler:
    """SCORES and CONTEXT of one model on one memory map.

    Args:
        memory_map: addresses and sizes.
        layers: constants, one per layer of the map.
        sparse: sinks and window; None = full attention.
    """

    def __init__(
        self,
        memory_map: WholeMemoryMap,
        layers: tuple[IntegerAttention, ...],
        sparse: SparseAttention | None,
    ) -> None:
        self._map = memory_map
        self._layers = layers
        self._sparse = sparse

    def compile(self, step: LayerStep, slot: int, token: SlotStep) -> Iterator[Instruction]:
        """Scores and context of every group of query heads; the tap decides with the last one."""
        segments = list_segments(token.position, self._sparse, self._map.config.num_lanes)
        tapped = None
        if step.is_decided[slot] and step.source is DecisionSource.SCORE:
            tapped = token.position - self._map.mlp.tokens_per_frame
            if tapped < 0:
                limit = f"at least {self._map.mlp.tokens_per_frame}, a frame"
                raise ArgumentError("position of a decision", token.position, limit)
        num_groups = self._map.attention.group_size
        for group in range(num_groups):
            is_last = group == num_groups - 1
            yield from self._score(step, slot, segments, group, tapped, is_last)
            yield from self._weigh(step, slot, segments, group)

    def _score(
        self,
        step: LayerStep,
        slot: int,
        segments: tuple[Segment, ...],
        group: int,
        tapped: int | None,
        decides: bool,
    ) -> Iterator[Instruction]:
        """SCORES of a group; one of them has the aligned key, if need be for the tap alone."""
        block, lane = divmod(tapped or 0, self._map.config.num_lanes)
        taps = {"lane": lane, "is_tapped": 1, "decides": int(decides)}
        holder = None if tapped is None else find_tapped(segments, block)
        if tapped is not None and holder is None:
            alone = Segment(block, 1, 0, self._map.config.num_lanes - 1)
            yield self._make_scores(step, slot, alone, group, 0, 0, taps | {"is_unweighted": 1})
        word = 0
        for one in segments:
            options = {"is_fresh": int(one is segments[0]), "is_final": int(one is segments[-1])}
            distance = 0
            if one is holder:
                options |= taps
                distance = one.last_block - block
            yield self._make_scores(step, slot, one, group, word, distance, options)
            word += self._map.attention.num_key_value_heads * one.num_blocks

    def _make_scores(
        self,
        step: LayerStep,
        slot: int,
        segment: Segment,
        group: int,
        word: int,
        distance: int,
        options: dict[str, int],
    ) -> Instruction:
        layer, place = self._layers[step.layer_index], (step.layer_index, slot)
        lanes = {"first_lane": segment.first_lane, "last_lane": segment.last_lane}
        return Instruction(
            Opcode.SCORES,
            rows=segment.num_blocks,
            columns=word,
            shift=layer.logit_shift,
            multiplier=layer.logit_multiplier,
            address=self._map.locate_block(*place, StorePart.KEYS, segment.first_block),
            reserved=join_options(**lanes, **options),
            **split_group(group),
            **split_tap_distance(distance),
        )

    def _weigh(
        self, step: LayerStep, slot: int, segments: tuple[Segment, ...], group: int
    ) -> Iterator[Instruction]:
        """CONTEXT of a group."""
        place, word = (step.layer_index, slot), 0
        for one in segments:
            yield Instruction(
                Opcode.CONTEXT,
                rows=one.num_blocks,
                columns=word,
                address=self._map.locate_block(*place, StorePart.VALUES, one.first_block),
                reserved=join_options(
                    is_fresh=int(one is segments[0]), is_final=int(one is segments[-1])
                ),
                **split_group(group),
            )
            word += self._map.attention.num_key_value_heads * one.num_blocks


def find_tapped(segments: tuple[Segment, ...], block: int) -> Segment | None:
    """The segment whose SCORES can tap a block; None = none streams it, or too far back."""
    for one in reversed(segments):
        if block in one and one.last_block - block <= MAX_TAP_DISTANCE:
            return one
    return None
