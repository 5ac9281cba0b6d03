"""A trace with the engine that suits it."""

from __future__ import annotations

from fastcar.reference.config import ModelConfig
from fastcar.reference.engine_choice import NUMBA, Decode, EngineChoice
from fastcar.reference.engine_factory import select_engine
from fastcar.reference.files.tokens_file import GivenTokens
from fastcar.reference.gates.gate import Gate
from fastcar.reference.kernel_list import list_kernels
from fastcar.reference.kernel_marks import leave_mark
from fastcar.reference.kv_cache import CacheStorage
from fastcar.reference.matrix import DecoderWeights
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.reference.trace import Trace, run_trace


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
