"""The attention of one layer of one token of a slot, as instructions.

Source: docs/accelerator.md, section 8. The order is that of
`fastcar.reference.integer.whole.attention`: norm, three products with ROPE, keys and values to the
cache, scores and contexts group by group, output product, sum. What decides the slot stands in this
section too: the tap of SCORES, or DISTANCE on the new residual stream.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from fastcar.cosim.program.compiler import LayerCompiler, LayerStep, load, store
from fastcar.cosim.program.memory_map import SlotPart
from fastcar.cosim.program.whole.segments import Segment, list_segments
from fastcar.cosim.program.whole.token_step import SlotStep
from fastcar.cosim.program.whole.whole_map import (
    AttentionPart,
    ModelPart,
    StorePart,
    WholeMemoryMap,
)
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.layer import IntegerMatrix
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.integer.whole.attention import IntegerAttention
from fastcar.reference.integer.whole.rotary import (
    KEY_MULTIPLIER,
    KEY_SHIFT,
    ROTARY_FRACTION_BITS,
)
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.rtl.instruction import (
    NARROW_BIT,
    Buffer,
    Instruction,
    Opcode,
    join_options,
    split_group,
    split_tap_distance,
    split_value,
)

MAX_TAP_DISTANCE = (1 << 8) - 1
"""Blocks back to that of the aligned key, that SCORES can name."""


@dataclass(frozen=True)
class _Projection:
    """A product of the section: constants and buffers."""

    matrix: str
    multipliers: AttentionPart
    weights: AttentionPart
    target: Buffer
    source: Buffer
    is_narrow: bool = False


_QUERY = _Projection(
    "q_proj", AttentionPart.QUERY_MULTIPLIERS, AttentionPart.QUERY_WEIGHTS, Buffer.G, Buffer.N
)
_KEY = _Projection(
    "k_proj", AttentionPart.KEY_MULTIPLIERS, AttentionPart.KEY_WEIGHTS, Buffer.G, Buffer.N
)
_VALUE = _Projection(
    "v_proj",
    AttentionPart.VALUE_MULTIPLIERS,
    AttentionPart.VALUE_WEIGHTS,
    Buffer.Y,
    Buffer.N,
    is_narrow=True,
)
_OUTPUT = _Projection(
    "o_proj", AttentionPart.OUTPUT_MULTIPLIERS, AttentionPart.OUTPUT_WEIGHTS, Buffer.Y, Buffer.G
)


class AttentionCompiler:
    """Attention sections of one model on one memory map.

    Args:
        memory_map: addresses and sizes.
        layers: constants, one per layer of the map.
        mlp: compiles DISTANCE.
        sparse: sinks and window; None = full attention.
    """

    def __init__(
        self,
        memory_map: WholeMemoryMap,
        layers: tuple[IntegerAttention, ...],
        mlp: LayerCompiler,
        sparse: SparseAttention | None,
    ) -> None:
        self._map = memory_map
        self._layers = layers
        self._mlp = mlp
        self._sparse = sparse

    def compile(self, step: LayerStep, slot: int, token: SlotStep) -> Iterator[Instruction]:
        """The section of a slot in one layer, without its number."""
        config, residual = self._map.config, self._locate_residual(slot)
        yield self._load_token(step, slot, token)
        yield from self._project(step, token)
        yield from self._store_token(step, slot, token)
        yield from self._attend(step, slot, token)
        yield from self._multiply(step, _OUTPUT)
        yield Instruction(Opcode.ADD, rows=config.hidden_words)
        if step.is_decided[slot] and step.source is DecisionSource.DISTANCE:
            yield from self._mlp.measure_distance(step, slot)
        yield replace(store(Buffer.X, config.hidden_words, residual), is_last=1)

    def _locate_residual(self, slot: int) -> int:
        return self._map.mlp.locate_activation(slot, SlotPart.RESIDUAL)

    def _load_token(self, step: LayerStep, slot: int, token: SlotStep) -> Instruction:
        """The residual stream to X: what the layer before left, or a row of the embedding."""
        words = self._map.config.hidden_words
        if step.layer_index:
            return load(Buffer.X, words, self._locate_residual(slot))
        if token.token_id is not None:
            return load(Buffer.X, words, self._map.locate_embedding(token.token_id))
        return Instruction(
            Opcode.EMBED,
            target=Buffer.X,
            rows=words,
            shift=self._map.embedding_shift,
            address=self._map.locate_model(ModelPart.EMBEDDING),
        )

    def _project(self, step: LayerStep, token: SlotStep) -> Iterator[Instruction]:
        """Query to H, key to K, value to Y."""
        config, epsilon = self._map.config, self._layers[step.layer_index].epsilon
        gains = self._map.locate_attention(step.layer_index, AttentionPart.GAINS)
        yield load(Buffer.P, config.hidden_words, gains)
        yield Instruction(Opcode.NORM, rows=config.hidden_words, **split_value(epsilon))
        turn = load(Buffer.P, self._map.rotary_words, self._map.locate_rotary(token.position))
        yield from self._multiply(step, _QUERY)
        yield turn
        yield Instruction(
            Opcode.ROPE,
            target=Buffer.H,
            source=Buffer.G,
            rows=config.query_words,
            multiplier=1,
            shift=ROTARY_FRACTION_BITS,
        )
        yield from self._multiply(step, _KEY)
        yield turn
        yield Instruction(
            Opcode.ROPE,
            target=Buffer.K,
            source=Buffer.G,
            rows=config.key_words,
            multiplier=KEY_MULTIPLIER,
            shift=KEY_SHIFT,
            gate_shift=1 << NARROW_BIT,
        )
        yield from self._multiply(step, _VALUE)

    def _store_token(self, step: LayerStep, slot: int, token: SlotStep) -> Iterator[Instruction]:
        """Key and value to the cache."""
        rows, place = self._map.config.key_words, (step.layer_index, slot)
        block, lane = divmod(token.position, self._map.config.num_lanes)
        key = self._map.locate_key(*place, token.position)
        values = self._map.locate_block(*place, StorePart.VALUES, block)
        yield Instruction(Opcode.STORE_KEY, source=Buffer.K, rows=rows, address=key)
        yield Instruction(
            Opcode.STORE_VALUE,
            source=Buffer.Y,
            rows=rows,
            address=values,
            reserved=join_options(lane=lane),
        )

    def _attend(self, step: LayerStep, slot: int, token: SlotStep) -> Iterator[Instruction]:
        """Scores and context of every group of query heads; the tap decides with the last one."""
        segments = list_segments(token.position, self._sparse, self._map.config.num_lanes)
        tapped = None
        if step.is_decided[slot] and step.source is DecisionSource.SCORE:
            tapped = token.position - self._map.mlp.tokens_per_frame
            if tapped < 0:
                raise ArgumentError("position of a decision", token.position, "above a frame")
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

    def _multiply(self, step: LayerStep, projection: _Projection) -> Iterator[Instruction]:
        """A matrix-vector product with its multipliers."""
        matrix: IntegerMatrix = getattr(self._layers[step.layer_index], projection.matrix)
        rows, columns = (self._map.config.count_words(size) for size in matrix.weights.shape)
        locate, layer = self._map.locate_attention, step.layer_index
        yield load(Buffer.P, rows, locate(layer, projection.multipliers))
        yield Instruction(
            Opcode.GEMV,
            target=projection.target,
            source=projection.source,
            rows=rows,
            columns=columns,
            shift=matrix.shift,
            gate_shift=projection.is_narrow << NARROW_BIT,
            address=locate(layer, projection.weights),
        )


def find_tapped(segments: tuple[Segment, ...], block: int) -> Segment | None:
    """The segment whose SCORES can tap a block; None = none streams it, or too far back."""
    for one in reversed(segments):
        if block in one and one.last_block - block <= MAX_TAP_DISTANCE:
            return one
    return None
