"""The attention of one layer of one token of a slot, as instructions.

Source: docs/accelerator.md, section 8. The order is that of
`fastcar.reference.integer.whole.attention`: norm, three products with ROPE, keys and values to the
cache, scores and contexts group by group, output product, sum. What decides the slot stands in this
section too: the tap of SCORES, or DISTANCE on the new residual stream, which is then the last
instruction: the record of a core begins anew behind it, and has all that the section stores.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from fastcar.cosim.program.compiler import LayerCompiler, LayerStep, load, store
from fastcar.cosim.program.memory_map import SlotPart
from fastcar.cosim.program.whole.scores import ScoresCompiler
from fastcar.cosim.program.whole.token_step import SlotStep
from fastcar.cosim.program.whole.whole_map import (
    AttentionPart,
    ModelPart,
    StorePart,
    WholeMemoryMap,
)
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
    split_value,
)


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
        self._scores = ScoresCompiler(memory_map, layers, sparse)

    def compile(self, step: LayerStep, slot: int, token: SlotStep) -> Iterator[Instruction]:
        """The section of a slot in one layer, without its number."""
        config, residual = self._map.config, self._locate_residual(slot)
        yield self._load_token(step, slot, token)
        yield from self._project(step, token)
        yield from self._store_token(step, slot, token)
        yield from self._scores.compile(step, slot, token)
        yield from self._multiply(step, _OUTPUT)
        yield Instruction(Opcode.ADD, rows=config.hidden_words)
        end = [store(Buffer.X, config.hidden_words, residual)]
        if step.is_decided[slot] and step.source is DecisionSource.DISTANCE:
            end += self._mlp.measure_distance(step, slot)
        yield from end[:-1]
        yield replace(end[-1], is_last=1)

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
