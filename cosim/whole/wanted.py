"""What the accelerator must show of one token, from what the reference did."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fastcar.cosim.program.compiler import LayerStep
from fastcar.cosim.program.whole.token_step import SlotStep, TokenStep, make_prompt_step
from fastcar.cosim.whole.digests import compute_attention_digest, compute_logit_digest
from fastcar.cosim.whole.reference import TokenTrace, TracedDecoder
from fastcar.reference.arrays import (
    BoolArray,
    FloatArray,
    Int8Array,
    Int16Array,
    Int64Array,
    TokenIds,
)
from fastcar.reference.integer.digest import compute_digests
from fastcar.reference.integer.fixed_point import quantize
from fastcar.reference.integer.mlp_engine import MlpResult
from fastcar.reference.scheduler import (
    CoreIndex,
    Dispatch,
    SlotIndex,
    get_next_pointer,
    get_static_core,
)


@dataclass(frozen=True)
class WantedLayer:
    """One layer of one token; what says nothing of slots that are not fed is 0 there.

    Attributes:
        replayed: [B]; a slot that is not fed counts as replaying, because it computes nothing.
        scores: [B] int64, 0 where none was asked for.
        attention_digests: of every slot.
        mlp_digests: likewise.
        residual: [B, D] int16, after the MLP phase.
        keys: [B, H_kv, positions, d] int8, of all positions of the memory, 0 where none is yet.
        values: likewise.
        outputs: [B, D] int16, of the replay cache at the place of the token; None of a prompt.
        inputs: likewise; zeros where only outputs are kept.
    """

    replayed: BoolArray
    scores: Int64Array
    attention_digests: list[int]
    mlp_digests: list[int]
    residual: Int16Array
    keys: Int8Array
    values: Int8Array
    outputs: Int16Array | None = None
    inputs: Int16Array | None = None


@dataclass(frozen=True)
class WantedToken:
    """One token of all slots.

    Attributes:
        step: what the accelerator is given.
        layers: one per layer.
        logit_digests: of every slot; empty where nothing is picked.
        token_ids: [B], that are picked; likewise.
    """

    step: TokenStep
    layers: tuple[WantedLayer, ...]
    logit_digests: list[int] = field(default_factory=list)
    token_ids: list[int] = field(default_factory=list)

    def list_cores(self, num_cores: int, dispatch: Dispatch, *, flows: bool) -> list[list[int]]:
        """Core of the MLP phase of every slot of every layer; a slot that replays: b mod C.

        Args:
            num_cores: C.
            dispatch: dynamic (DRS) or static mapping.
            flows: DRS goes on from layer to layer, or begins anew with core 0 in each.
        """
        cores, pointer = [], CoreIndex(0)
        for layer in self.layers:
            pointer = pointer if flows else CoreIndex(0)
            of_layer = []
            for slot, computes in enumerate((~layer.replayed).tolist()):
                static = get_static_core(SlotIndex(slot), num_cores)
                is_dealt = computes and dispatch is Dispatch.DYNAMIC
                of_layer.append(pointer if is_dealt else static)
                pointer = get_next_pointer(pointer, computes, num_cores)
            cores.append([int(core) for core in of_layer])
        return cores


def make_prompt_steps(
    prompt_ids: TokenIds, prompt_mask: BoolArray, num_layers: int, dispatch: Dispatch
) -> list[TokenStep]:
    """A step for every column of the prompts that feeds anything; the last one picks."""
    num_columns = prompt_ids.shape[1]
    positions = np.cumsum(prompt_mask, axis=1) - 1
    steps = []
    for column in np.flatnonzero(prompt_mask.any(axis=0)).tolist():
        slots = tuple(
            SlotStep(int(positions[slot, column]), int(token_id)) if is_fed else None
            for slot, (token_id, is_fed) in enumerate(
                zip(prompt_ids[:, column], prompt_mask[:, column], strict=True)
            )
        )
        picks = column == num_columns - 1
        steps.append(make_prompt_step(slots, num_layers, picks=picks, dispatch=dispatch))
    return steps


def make_token_step(trace: TokenTrace, given_ids: TokenIds | None, dispatch: Dispatch) -> TokenStep:
    """The step of a generated token; `given_ids` None = the tokens that PICK left."""
    positions = trace.attention[0].positions.tolist()
    slots = tuple(
        SlotStep(position, None if given_ids is None else int(given_ids[slot]))
        for slot, position in enumerate(positions)
    )
    layers = tuple(
        LayerStep.from_request(index, request, dispatch)
        for index, request in enumerate(trace.requests)
    )
    return TokenStep(slots, layers)


def make_wanted(
    decoder: TracedDecoder,
    trace: TokenTrace,
    step: TokenStep,
    num_positions: int,
    logits: FloatArray | None = None,
    token_ids: TokenIds | None = None,
) -> WantedToken:
    """What the accelerator must show.

    Args:
        decoder: after the token.
        trace: what it did.
        step: what the accelerator is given.
        num_positions: of the KV cache in the accelerator's memory.
        logits: [B, num_codes], where the next token is picked.
        token_ids: [B], that are picked; likewise.
    """
    layers = tuple(
        _make_layer(decoder, trace, index, num_positions) for index in range(len(trace.attention))
    )
    if logits is None or token_ids is None:
        return WantedToken(step, layers)
    integers = quantize(logits, decoder.whole.head.scale)
    digests = [compute_logit_digest(row, decoder.num_lanes) for row in integers]
    return WantedToken(step, layers, digests, token_ids.tolist())


def _make_layer(
    decoder: TracedDecoder, trace: TokenTrace, layer_index: int, num_positions: int
) -> WantedLayer:
    attended, num_slots = trace.attention[layer_index], decoder.num_rows
    rows, lanes = attended.rows, decoder.num_lanes
    keys = _take_store(decoder.integer_cache.keys[layer_index], attended.rows, attended.positions)
    values = _take_store(
        decoder.integer_cache.values[layer_index], attended.rows, attended.positions
    )
    digests = [0] * num_slots
    for row, position, residual in zip(
        rows.tolist(), attended.positions.tolist(), attended.residual, strict=True
    ):
        digests[row] = compute_attention_digest(
            keys[row, :, position], values[row, :, position], position, residual, lanes
        )
    result = _get_result(decoder, trace, layer_index)
    outputs = inputs = None
    if trace.requests:
        place, engine = trace.requests[layer_index].location_index, decoder.mlp_engine
        outputs = engine.cached_outputs[layer_index, :, place].copy()
        inputs = engine.cached_inputs[layer_index, :, place].copy()
    return WantedLayer(
        result.replayed,
        result.scores,
        digests,
        result.digests.tolist(),
        result.residual,
        _pad_positions(keys, num_positions),
        _pad_positions(values, num_positions),
        outputs,
        inputs,
    )


def _get_result(decoder: TracedDecoder, trace: TokenTrace, layer_index: int) -> MlpResult:
    """That of the engine; of a prompt, whose rows all compute, it is made here."""
    if trace.results:
        return trace.results[layer_index]
    attended, num_slots = trace.attention[layer_index], decoder.num_rows
    rows = attended.rows
    residual = np.zeros((num_slots, decoder.config.hidden_size), np.int16)
    _, residual[rows] = decoder.model.layers[layer_index].run(attended.residual)
    digests = np.zeros(num_slots, np.uint32)
    digests[rows] = compute_digests([residual[rows]], decoder.num_lanes)
    replayed = np.ones(num_slots, bool)
    replayed[rows] = False
    return MlpResult(residual, residual, replayed, np.zeros(num_slots, np.int64), digests)


def _take_store(cached: Int8Array, rows: Int64Array, positions: Int64Array) -> Int8Array:
    """Keys or values [B, H_kv, positions, d] up to the token; 0 in rows that have none yet."""
    num_keys = np.zeros(len(cached), np.int64)
    num_keys[rows] = positions + 1
    is_stored = np.arange(cached.shape[2]) < num_keys[:, None]  # [B, positions]
    stored: Int8Array = np.where(is_stored[:, None, :, None], cached, np.int8(0))
    return stored


def _pad_positions(cached: Int8Array, num_positions: int) -> Int8Array:
    """[B, H_kv, num_positions, d], zeros behind the capacity of the reference."""
    padded = np.zeros((*cached.shape[:2], num_positions, cached.shape[3]), np.int8)
    padded[:, :, : cached.shape[2]] = cached
    return padded
