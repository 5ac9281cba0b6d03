"""From a generation to what the frame kernel is given, or the reason why it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.decoder import Decoder
from fastcar.reference.gates import (
    Gate,
    InputGate,
    OracleGate,
    PlannedGate,
    TemporalAttentionScoreGate,
    ThresholdGate,
)
from fastcar.reference.kernel_list import takes_frames
from fastcar.reference.kernels.attention import BLOCK_KEYS
from fastcar.reference.kernels.frame import plan as plans
from fastcar.reference.kernels.frame.attention import LEAD
from fastcar.reference.kernels.frame.plan import (
    WEIGHTS,
    Draws,
    Memory,
    Model,
    Own,
    Plan,
    Records,
    Rule,
    Shared,
    Sizes,
)
from fastcar.reference.kernels.lanes import LANES
from fastcar.reference.matrix import list_arrays
from fastcar.reference.replay import Semantics
from fastcar.reference.temporal_attention_score import HeadAggregation
from fastcar.reference.thresholds import AdaptiveThresholds, FixedThresholds

if TYPE_CHECKING:
    from fastcar.reference.token_loop import TokenLoop

Array = NDArray[Any]

PROJECTIONS = tuple(name for name in WEIGHTS if name.endswith("_proj"))
KINDS: dict[type[Gate], int] = {
    TemporalAttentionScoreGate: plans.SCORE_GATE,
    InputGate: plans.INPUT,
    OracleGate: plans.ORACLE,
}
"""Gates whose measures the kernel knows; what a subclass measures it does not."""


def can_plan(decoder: Decoder) -> bool:
    """Whether the kernel knows all that this decoder does."""
    gate = decoder.mlp.rule.gate
    if type(decoder) is not Decoder:
        return False
    if gate is not None and not isinstance(gate, PlannedGate):
        if type(gate) not in KINDS or not isinstance(gate, ThresholdGate):
            return False
        if type(gate.thresholds) not in (FixedThresholds, AdaptiveThresholds):
            return False
    return takes_frames(decoder.weights)


def make_plan(loop: TokenLoop, slice_tokens: int) -> Plan:
    """What the kernel is given; arrays are those of the decoder and of the result.

    Args:
        loop: `can_plan` says yes to its decoder.
        slice_tokens: most tokens of a call.
    """
    decoder, result = loop.decoder, loop.result
    sizes = make_sizes(loop)
    record = result.record
    cache = decoder.kv_cache
    keys, values = cache.keys, cache.values
    window, sinks = keys.shape[3], 0
    if decoder.sparse is not None:
        window = decoder.sparse.window_tokens
        sinks = min(decoder.sparse.sink_tokens, cache.capacity_tokens)
    with np.errstate(over="ignore"):  # beyond the range, the first token is refused
        guidance = np.float32(loop.guidance or 0)
    top_k = loop.num_codes if loop.sampling.top_k is None else loop.sampling.top_k
    return Plan(
        sizes,
        make_model(decoder),
        Memory(
            keys, values, cache.key_scales, cache.value_scales, cache.padding_tokens, sinks, window
        ),
        make_rule(decoder, slice_tokens),
        Draws(
            loop.num_codes,
            float(loop.sampling.temperature),
            top_k,
            float(loop.sampling.top_p),
            loop.guidance is not None,
            guidance,
            np.ascontiguousarray(loop.given, np.int64),
            np.zeros((slice_tokens, sizes.videos)),
        ),
        Records(
            result.token_ids,
            np.zeros((slice_tokens, sizes.videos, sizes.vocab), np.float32),
            record.score_heads,
            record.scores,
            record.measures,
            record.eligible,
            record.replayed,
            record.chains,
            np.zeros(1, np.int64),
            np.zeros(4, np.int64),
        ),
        make_shared(sizes),
    )


def make_sizes(loop: TokenLoop) -> Sizes:
    """Of the model and the batch."""
    config, decoder = loop.decoder.config, loop.decoder
    return Sizes(
        config.num_hidden_layers,
        decoder.num_rows,
        len(loop.result.token_ids),
        config.num_attention_heads,
        config.num_key_value_heads,
        config.head_dim,
        config.hidden_size,
        config.intermediate_size,
        config.vocab_size,
        decoder.replay.tokens_per_frame,
        decoder.prompt_tokens,
    )


def make_model(decoder: Decoder) -> Model:
    """Weights by their addresses; the decoder keeps them alive."""
    weights = decoder.weights
    addresses = np.zeros((len(weights.layers), len(WEIGHTS), 2), np.int64)
    for layer_index, layer in enumerate(weights.layers):
        for index, name in enumerate(WEIGHTS):
            for part, array in enumerate(list_arrays(getattr(layer, name))):
                addresses[layer_index, index, part] = array.ctypes.data
    kind = tuple(
        np.zeros((0,) * array.ndim, array.dtype) for array in list_arrays(weights.layers[0].q_proj)
    )
    return Model(
        list_arrays(weights.embedding),
        kind,
        addresses,
        weights.norm,
        list_arrays(weights.head),
        float(decoder.config.rms_norm_eps),
        decoder.rotary.cos,
        decoder.rotary.sin,
    )


def make_rule(decoder: Decoder, slice_tokens: int) -> Rule:
    """The gate, its memory and who may replay."""
    config, mlp, replay = decoder.config, decoder.mlp, decoder.replay
    gate = mlp.rule.gate
    layers, rows = config.num_hidden_layers, decoder.num_rows
    active = [gate is not None and gate.is_active(index) for index in range(layers)]
    thresholds, spreads = np.zeros((2, layers, rows))
    target = gain = 0.0
    is_adaptive = False
    if isinstance(gate, ThresholdGate):
        if isinstance(gate.thresholds, AdaptiveThresholds):
            is_adaptive = True
            thresholds, spreads = gate.thresholds.values, gate.thresholds.spreads
            target = gate.thresholds.target_ratio
            gain = gate.thresholds.sign * gate.thresholds.gain
        else:
            for index in np.flatnonzero(active):
                thresholds[index] = gate.thresholds.get(int(index))
    nothing = np.zeros((0, 0, 0, 0), np.float32)
    planned = (slice_tokens if isinstance(gate, PlannedGate) else 0, layers, rows)
    aggregation, head_weights = make_aggregation(decoder)
    return Rule(
        get_kind(gate),
        gate is not None and gate.needs_score,
        np.array(active, bool),
        isinstance(gate, ThresholdGate) and gate.higher_is_safer,
        isinstance(gate, ThresholdGate) and gate.strict,
        thresholds,
        spreads,
        is_adaptive,
        float(target),
        float(gain),
        np.zeros(planned, bool),
        np.full(planned, np.nan),
        mlp.cached_outputs,
        gate.last_inputs if isinstance(gate, InputGate) else nothing,
        mlp.rule.chains,
        replay.warmup_frames,
        -1 if replay.max_chain is None else replay.max_chain,
        aggregation,
        head_weights,
        replay.semantics is Semantics.PUBLISHED,
    )


def get_kind(gate: Gate | None) -> int:
    """What a gate looks at."""
    if gate is None:
        return plans.NO_GATE
    return plans.PLANNED if isinstance(gate, PlannedGate) else KINDS[type(gate)]


def make_aggregation(decoder: Decoder) -> tuple[int, Array]:
    """How scores of heads become one, and the weights [L, H] float32 if that takes any."""
    config, aggregation = decoder.config, decoder.replay.aggregation
    if isinstance(aggregation, np.ndarray):
        return plans.WEIGHTED, np.ascontiguousarray(aggregation, np.float32)
    ones = np.ones((config.num_hidden_layers, config.num_attention_heads), np.float32)
    return plans.MAX if aggregation is HeadAggregation.MAX else plans.MEAN, ones


def make_shared(sizes: Sizes) -> Shared:
    """What all threads see."""

    def make(columns: int) -> Array:
        return np.zeros((sizes.rows, columns), np.float32)

    query, key = sizes.heads * sizes.head_dim, sizes.key_heads * sizes.head_dim
    return Shared(
        np.zeros(sizes.rows, np.int64),
        make(sizes.width),
        make(sizes.width),
        make(query),
        make(key),
        make(key),
        make(query),
        make(query),
        make(sizes.width),
        make(sizes.hidden),
        make(sizes.hidden),
        make(sizes.heads),
        np.zeros(sizes.rows, np.float32),
        np.zeros(sizes.rows, np.int64),
        make(sizes.vocab),
        np.zeros(LANES),
        np.zeros(4, np.int64),
        np.zeros(16, np.int64),
    )


def make_own(plan: Plan, index: int, threads: int) -> Own:
    """What one thread has for itself."""
    sizes, codes = plan.sizes, plan.draws.codes

    def make_narrow(columns: int) -> tuple[Array, ...]:
        rows = sizes.rows
        return (
            np.zeros((rows, columns), np.int8),
            np.zeros(rows, np.int32),
            np.zeros(rows, np.float32),
        )

    return Own(
        index,
        threads,
        np.zeros((sizes.rows, sizes.width), np.float32),
        np.zeros((sizes.rows, sizes.width), np.float32),
        np.zeros((sizes.rows, 1), np.float32),
        make_narrow(sizes.width),
        make_narrow(sizes.heads * sizes.head_dim),
        make_narrow(sizes.hidden),
        np.zeros((sizes.heads, LEAD + BLOCK_KEYS), np.float32),
        np.zeros((2, sizes.heads), np.float32),
        np.zeros((1, codes), np.float32),
        np.zeros(codes, np.int64),
        np.zeros(codes),
    )
