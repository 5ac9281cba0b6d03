"""A trace with the engine that suits it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastcar.reference.config import ModelConfig
from fastcar.reference.engine_choice import NUMBA, Decode, EngineChoice
from fastcar.reference.engine_factory import select_engine
from fastcar.reference.files.tokens_file import GivenTokens, read_codes
from fastcar.reference.gates.gate import Gate
from fastcar.reference.kernel_list import list_kernels
from fastcar.reference.kernel_marks import leave_mark
from fastcar.reference.kv_cache import CacheStorage
from fastcar.reference.matrix import DecoderWeights
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.reference.trace import Trace, make_score_gate, run_trace
from fastcar.reference.vila_u.checkpoint import load_vila_u
from fastcar.reference.vila_u.config import load_vila_u_config
from fastcar.reference.vila_u.trace import (
    GUIDANCE,
    VilaUOptions,
    VilaUTrace,
    run_vila_u_trace,
)


def run_given_trace(
    config: ModelConfig,
    weights: DecoderWeights,
    given: GivenTokens,
    replay: ReplayConfig,
    gate: Gate | None,
    sparse: SparseAttention | None,
    fused: bool,
    asked: str,
    storage: CacheStorage,
) -> tuple[Trace, EngineChoice]:
    """`run_trace` of given tokens, and what computed it and why (D-51).

    Args:
        config: sizes.
        weights: of the type of the arithmetic.
        given: prompts and tokens that fit the model.
        replay: tokens per frame, eligibility, score variant.
        gate: decides replays; None = dense.
        sparse: sinks and window; None = full attention.
        fused: attention by online softmax.
        asked: engine of `fastcar.reference.engine_choice.ENGINE_CHOICES`.
        storage: of keys and values.
    """
    rows, prompt_tokens = given.prompt_ids.shape
    decodes = [Decode(rows, prompt_tokens, given.forced_ids.shape[1])]
    kernels = list_kernels(
        config, weights, decodes, storage, draws=False, is_corrected=replay.correction is not None
    )
    engine, choice = select_engine(asked, config, weights, decodes, kernels)
    trace = run_trace(
        config,
        weights,
        given.prompt_ids,
        given.forced_ids,
        replay,
        gate,
        given.prompt_mask,
        sparse,
        fused,
        engine,
        storage,
    )
    if choice.name == NUMBA:
        leave_mark(kernels)
    return trace, choice


def trace_vila_u(
    checkpoint: Path,
    tokens: Path,
    dtype: type[np.floating[Any]],
    replay: ReplayConfig,
    thresholds: Sequence[float | None],
    *,
    asked: str,
    sparse: SparseAttention | None = None,
    fused: bool = False,
    cache_storage: CacheStorage = CacheStorage.EXACT,
    guidance: float = GUIDANCE,
) -> tuple[VilaUTrace, EngineChoice]:
    """Trace of a VILA-U directory with the codes of a file, and what computed it and why (D-58).

    Args:
        checkpoint: the directory.
        tokens: .npz file with prompt_ids, codes and perhaps prompt_mask.
        dtype: of the arithmetic.
        replay: tokens per frame, eligibility, score variant, correction.
        thresholds: of the score, one or one per layer.
        asked: engine of `fastcar.reference.engine_choice.ENGINE_CHOICES`.
        sparse: sinks and window; None = full attention.
        fused: attention by online softmax.
        cache_storage: of keys and values.
        guidance: scale.

    Raises:
        ArgumentError: what does not fit the model.
        CheckpointError: a file that cannot be used.
    """
    claimed = load_vila_u_config(checkpoint)
    given = read_codes(tokens, claimed.llm.max_position_embeddings + 1)
    model = load_vila_u(checkpoint, dtype)
    config, weights = model.config.llm, model.weights
    gate = make_score_gate(tuple(thresholds), config.num_hidden_layers, replay.semantics)
    rows, prompt_tokens = given.prompt_ids.shape
    decodes = [Decode(rows, prompt_tokens, given.codes.shape[1] - 1)]
    is_corrected = replay.correction is not None
    kernels = list_kernels(
        config, weights, decodes, cache_storage, draws=False, is_corrected=is_corrected
    )
    engine, choice = select_engine(asked, config, weights, decodes, kernels)
    options = VilaUOptions(replay, gate, sparse, fused, engine, cache_storage, guidance)
    found = run_vila_u_trace(model, given.prompt_ids, given.codes, options, given.prompt_mask)
    if choice.name == NUMBA:
        leave_mark(kernels)
    return found, choice
