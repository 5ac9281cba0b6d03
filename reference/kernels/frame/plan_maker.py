"""From a generation to what the frame kernel is given, or the reason why it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.decoder import Decoder
from fastcar.reference.kernel_list import takes_frames
from fastcar.reference.kernels.frame.plan import (
    WEIGHTS,
    Draws,
    Memory,
    Model,
    Plan,
    Records,
    Sizes,
)
from fastcar.reference.kernels.frame.rule_maker import is_known, make_rule
from fastcar.reference.kernels.frame.scratch import make_shared
from fastcar.reference.matrix import list_arrays

if TYPE_CHECKING:
    from fastcar.reference.token_loop import TokenLoop

Array = NDArray[Any]

PROJECTIONS = tuple(name for name in WEIGHTS if name.endswith("_proj"))


def can_plan(decoder: Decoder) -> bool:
    """Whether the kernel knows all that this decoder does."""
    is_plain = type(decoder) is Decoder
    is_decided = is_known(decoder.mlp.rule.gate, decoder.replay)
    return is_plain and is_decided and takes_frames(decoder.weights)


def make_plan(loop: TokenLoop, slice_tokens: int) -> Plan:
    """What the kernel is given; arrays are those of the decoder and of the result.

    Args:
        loop: `can_plan` says yes to its decoder.
        slice_tokens: most tokens of a call.
    """
    decoder, sizes = loop.decoder, make_sizes(loop)
    return Plan(
        sizes=sizes,
        model=make_model(decoder),
        memory=make_memory(decoder),
        rule=make_rule(decoder, slice_tokens),
        draws=make_draws(loop, slice_tokens),
        records=make_records(loop, slice_tokens),
        shared=make_shared(sizes),
    )


def make_memory(decoder: Decoder) -> Memory:
    """The cache, and what is seen of it."""
    cache, sparse = decoder.kv_cache, decoder.sparse
    window, sinks = cache.capacity_tokens, 0
    if sparse is not None:
        window, sinks = sparse.window_tokens, min(sparse.sink_tokens, cache.capacity_tokens)
    return Memory(
        keys=cache.keys,
        values=cache.values,
        key_scales=cache.key_scales,
        value_scales=cache.value_scales,
        padding=cache.padding_tokens,
        sinks=sinks,
        window=window,
    )


def make_draws(loop: TokenLoop, slice_tokens: int) -> Draws:
    """How tokens are chosen."""
    with np.errstate(over="ignore"):  # beyond the range, the first token is refused
        guidance = np.float32(loop.guidance or 0)
    top_k = loop.num_codes if loop.sampling.top_k is None else loop.sampling.top_k
    videos = len(loop.result.token_ids)
    return Draws(
        codes=loop.num_codes,
        temperature=float(loop.sampling.temperature),
        top_k=top_k,
        top_p=float(loop.sampling.top_p),
        is_guided=loop.guidance is not None,
        guidance=guidance,
        given=np.ascontiguousarray(loop.given, np.int64),
        uniforms=np.zeros((slice_tokens, videos)),
    )


def make_records(loop: TokenLoop, slice_tokens: int) -> Records:
    """Where what is kept of every token is written."""
    result, record = loop.result, loop.result.record
    videos, vocab_size = len(result.token_ids), loop.decoder.config.vocab_size
    return Records(
        token_ids=result.token_ids,
        guided=np.zeros((slice_tokens, videos, vocab_size), np.float32),
        score_heads=record.score_heads,
        scores=record.scores,
        measures=record.measures,
        eligible=record.eligible,
        replayed=record.replayed,
        chains=record.chains,
        extra_scores=np.zeros(1, np.int64),
        ticks=np.zeros(4, np.int64),
    )


def make_sizes(loop: TokenLoop) -> Sizes:
    """Of the model and the batch."""
    config, decoder = loop.decoder.config, loop.decoder
    return Sizes(
        layers=config.num_hidden_layers,
        rows=decoder.num_rows,
        videos=len(loop.result.token_ids),
        heads=config.num_attention_heads,
        key_heads=config.num_key_value_heads,
        head_dim=config.head_dim,
        width=config.hidden_size,
        hidden=config.intermediate_size,
        vocab=config.vocab_size,
        tokens_per_frame=decoder.replay.tokens_per_frame,
        prompt_tokens=decoder.prompt_tokens,
        rank=0 if decoder.replay.correction is None else decoder.replay.correction.rank,
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
        embedding=list_arrays(weights.embedding),
        matrix=kind,
        addresses=addresses,
        norm=weights.norm,
        head=list_arrays(weights.head),
        eps=float(decoder.config.rms_norm_eps),
        cosines=decoder.rotary.cos,
        sines=decoder.rotary.sin,
    )
