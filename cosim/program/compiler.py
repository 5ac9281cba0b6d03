"""From one layer of one token to the accelerator's instructions.

Source: docs/accelerator.md, section 2. First everything that decides, slot by slot, so that the
cores work on scores while nothing waits; then the MLP phase, slot by slot, predicated on the
decisions. A slot that is decided beforehand gets DECIDE and the one branch it takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from fastcar.cosim.program.memory_map import CachePart, LayerPart, MemoryMap, SlotPart
from fastcar.reference.arrays import BoolArray
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.layer import IntegerLayer, IntegerMatrix
from fastcar.reference.integer.mlp_engine import DecisionSource, MlpRequest
from fastcar.reference.scheduler import Dispatch
from fastcar.rtl.instruction import (
    DISTANCE_BIT,
    FLOW_BIT,
    STATIC_BIT,
    VALUE_BITS,
    Buffer,
    Instruction,
    Opcode,
    Predicate,
    split_value,
)


@dataclass(frozen=True)
class _Projection:
    """Which instruction multiplies by a matrix, between which buffers, with which constants."""

    opcode: Opcode
    target: Buffer
    source: Buffer
    multipliers: LayerPart
    weights: LayerPart


_GATE = _Projection(
    Opcode.GEMV, Buffer.G, Buffer.N, LayerPart.GATE_MULTIPLIERS, LayerPart.GATE_WEIGHTS
)
_UP = _Projection(
    Opcode.GEMV_SILU, Buffer.H, Buffer.N, LayerPart.UP_MULTIPLIERS, LayerPart.UP_WEIGHTS
)
_DOWN = _Projection(
    Opcode.GEMV, Buffer.Y, Buffer.H, LayerPart.DOWN_MULTIPLIERS, LayerPart.DOWN_WEIGHTS
)


@dataclass(frozen=True)
class LayerStep:
    """What the instructions of one layer of one token depend on.

    Attributes:
        layer_index: l.
        location: place of the token in its frame.
        source: what decides; under DISTANCE the cache also keeps the inputs n.
        threshold: integer, signed 48 bits.
        is_decided: [B], slots that the source decides.
        is_computing: [B], decision of the others.
        dispatch: dynamic (DRS) or static mapping.
        is_cached: whether outputs go to the replay cache; those of a prompt do not.
    """

    layer_index: int
    location: int
    source: DecisionSource
    threshold: int
    is_decided: BoolArray
    is_computing: BoolArray
    dispatch: Dispatch = Dispatch.DYNAMIC
    is_cached: bool = True

    def __post_init__(self) -> None:
        limit = 1 << (VALUE_BITS - 1)
        if not -limit <= self.threshold < limit:
            raise ArgumentError("threshold", self.threshold, f"from {-limit} to {limit - 1}")
        if self.is_decided.shape != self.is_computing.shape:
            shape = self.is_decided.shape
            raise ArgumentError("is_computing shape", self.is_computing.shape, f"{shape}")

    @classmethod
    def from_request(
        cls, layer_index: int, request: MlpRequest, dispatch: Dispatch = Dispatch.DYNAMIC
    ) -> LayerStep:
        """What the decoder asks for in one layer."""
        return cls(
            layer_index,
            request.location_index,
            request.source,
            request.threshold,
            request.is_decided,
            request.is_computing,
            dispatch,
        )


class LayerCompiler:
    """Instructions of one model on one memory map.

    Args:
        memory_map: addresses and sizes.
        layers: constants, one per layer of the map.
    """

    def __init__(self, memory_map: MemoryMap, layers: tuple[IntegerLayer, ...]) -> None:
        if len(layers) != memory_map.num_layers:
            raise ArgumentError("layers", len(layers), f"{memory_map.num_layers}")
        self._map = memory_map
        self._layers = layers

    def compile(self, step: LayerStep) -> list[Instruction]:
        """The program of one layer of one token, BEGIN to END."""
        num_slots = self._map.num_slots
        if step.is_decided.shape != (num_slots,):
            raise ArgumentError("is_decided shape", step.is_decided.shape, f"({num_slots},)")
        program = [*begin_layer(step)]
        for slot in range(num_slots):
            program += place(self.decide(step, slot), slot, Predicate.ALWAYS)
        for slot in range(num_slots):
            program += self.compile_mlp(step, slot)
        return [*program, Instruction(Opcode.END)]

    def compile_mlp(self, step: LayerStep, slot: int) -> Iterator[Instruction]:
        """The MLP phase of a slot: both branches, or the one that is decided beforehand."""
        if step.is_decided[slot] or step.is_computing[slot]:
            yield from place(self._compute(step, slot), slot, Predicate.IF_COMPUTE)
        if step.is_decided[slot] or not step.is_computing[slot]:
            yield from place(self._replay(step, slot), slot, Predicate.IF_REPLAY)

    def decide(self, step: LayerStep, slot: int) -> Iterator[Instruction]:
        """What brings the decision of a slot to the scheduler."""
        if not step.is_decided[slot]:
            yield Instruction(Opcode.DECIDE, rows=int(step.is_computing[slot]))
        elif step.source is DecisionSource.SCORE:
            words = self._map.config.query_words
            key = self._map.locate_activation(slot, SlotPart.ALIGNED_KEY)
            yield load(Buffer.H, words, self._map.locate_activation(slot, SlotPart.QUERY))
            yield load(Buffer.K, words, key)
            yield Instruction(Opcode.SCORE, rows=words)
        else:
            yield self._load_residual(slot)
            yield from self.measure_distance(step, slot)

    def measure_distance(self, step: LayerStep, slot: int) -> Iterator[Instruction]:
        """DISTANCE of the residual stream in X."""
        words = self._map.config.hidden_words
        yield from self._normalize(step)
        yield load(Buffer.K, words, self._locate_cache(step, slot, CachePart.NORMED))
        yield Instruction(Opcode.DISTANCE, rows=words)

    def _compute(self, step: LayerStep, slot: int) -> Iterator[Instruction]:
        """The MLP of a slot, the rows of the cache it renews, and the residual add."""
        layer, hidden = self._layers[step.layer_index], self._map.config.hidden_words
        yield self._load_residual(slot)
        yield from self._normalize(step)
        yield from self._multiply(step, layer.gate_proj, _GATE)
        yield from self._multiply(step, layer.up_proj, _UP)
        yield from self._multiply(step, layer.down_proj, _DOWN)
        if step.is_cached:
            yield store(Buffer.Y, hidden, self._locate_cache(step, slot, CachePart.OUTPUT))
        if step.is_cached and step.source is DecisionSource.DISTANCE:
            yield store(Buffer.N, hidden, self._locate_cache(step, slot, CachePart.NORMED))
        yield from self._add(slot)

    def _replay(self, step: LayerStep, slot: int) -> Iterator[Instruction]:
        """The residual add of a slot whose output is in the cache."""
        hidden = self._map.config.hidden_words
        yield self._load_residual(slot)
        yield load(Buffer.Y, hidden, self._locate_cache(step, slot, CachePart.OUTPUT))
        yield from self._add(slot)

    def _load_residual(self, slot: int) -> Instruction:
        residual = self._map.locate_activation(slot, SlotPart.RESIDUAL)
        return load(Buffer.X, self._map.config.hidden_words, residual)

    def _normalize(self, step: LayerStep) -> Iterator[Instruction]:
        """The normalised twin of X to N."""
        hidden = self._map.config.hidden_words
        gains = self._map.locate_constant(step.layer_index, LayerPart.GAINS)
        yield load(Buffer.P, hidden, gains)
        epsilon = self._layers[step.layer_index].epsilon
        yield Instruction(Opcode.NORM, rows=hidden, **split_value(epsilon))

    def _multiply(
        self, step: LayerStep, matrix: IntegerMatrix, projection: _Projection
    ) -> Iterator[Instruction]:
        """A matrix-vector product; `up` also makes hidden of gate and up."""
        config, layer = self._map.config, self._layers[step.layer_index]
        rows, columns = (config.count_words(size) for size in matrix.weights.shape)
        multipliers = self._map.locate_constant(step.layer_index, projection.multipliers)
        yield load(Buffer.P, rows, multipliers)
        product = Instruction(
            projection.opcode,
            target=projection.target,
            source=projection.source,
            rows=rows,
            columns=columns,
            shift=matrix.shift,
            address=self._map.locate_constant(step.layer_index, projection.weights),
        )
        if projection.opcode is Opcode.GEMV_SILU:
            product = replace(
                product,
                gate_shift=layer.gate_shift,
                hidden_shift=layer.hidden_shift,
                multiplier=layer.hidden_multiplier,
            )
        yield product

    def _add(self, slot: int) -> Iterator[Instruction]:
        """X + Y back to memory, which finishes the slot."""
        hidden = self._map.config.hidden_words
        residual = self._map.locate_activation(slot, SlotPart.RESIDUAL)
        yield Instruction(Opcode.ADD, rows=hidden)
        yield replace(store(Buffer.X, hidden, residual), is_last=1)

    def _locate_cache(self, step: LayerStep, slot: int, part: CachePart) -> int:
        return self._map.locate_cache(step.layer_index, step.location, slot, part)


def begin_layer(step: LayerStep, flows: bool = False) -> Iterator[Instruction]:
    """What forgets the decisions before, and says how the next ones are made.

    Args:
        step: of the layer.
        flows: without waiting for idle cores, behind another layer of the same run.
    """
    is_static = step.dispatch is Dispatch.STATIC
    is_distance = step.source is DecisionSource.DISTANCE
    options = is_static << STATIC_BIT | is_distance << DISTANCE_BIT | flows << FLOW_BIT
    yield Instruction(Opcode.BEGIN, rows=len(step.is_decided), shift=options)
    yield Instruction(Opcode.THRESHOLD, **split_value(step.threshold))


def load(target: Buffer, words: int, address: int) -> Instruction:
    """LOAD of a vector."""
    return Instruction(Opcode.LOAD, target=target, rows=words, address=address)


def store(source: Buffer, words: int, address: int) -> Instruction:
    """STORE of a vector."""
    return Instruction(Opcode.STORE, source=source, rows=words, address=address)


def place(
    instructions: Iterable[Instruction], slot: int, predicate: Predicate = Predicate.ALWAYS
) -> Iterator[Instruction]:
    """The instructions as a slot's, under a predicate."""
    return (replace(one, slot=slot, predicate=predicate) for one in instructions)
