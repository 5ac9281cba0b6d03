"""`fastcar.trace`: a teacher-forced run of any checkpoint, recorded whole."""

from __future__ import annotations

import os
from typing import Any

from numpy.typing import ArrayLike

from fastcar.api.types import DType, PathLike, Thresholds, get_dtype, make
from fastcar.reference.arguments import check_argument
from fastcar.reference.config import ModelConfig
from fastcar.reference.correction import Correction, load_correction
from fastcar.reference.engine_choice import AUTO, check_asked
from fastcar.reference.errors import ArgumentError, CheckpointError
from fastcar.reference.files.checkpoint import load_checkpoint
from fastcar.reference.files.tokens_file import GivenTokens
from fastcar.reference.kv_cache import CacheStorage
from fastcar.reference.matrix import DecoderWeights
from fastcar.reference.prompt_check import read_mask, read_token_ids
from fastcar.reference.replay import ReplayConfig, Semantics
from fastcar.reference.sparse_attention import make_sparse_attention
from fastcar.reference.temporal_attention_score import HeadAggregation, HeadWeights
from fastcar.reference.trace import Trace, make_score_gate
from fastcar.reference.vila_u.config import is_vila_u
from fastcar.tracing import run_given_trace


def trace(
    checkpoint: PathLike | tuple[ModelConfig, DecoderWeights],
    prompt_ids: ArrayLike,
    forced_ids: ArrayLike,
    *,
    tokens_per_frame: int,
    tau: Thresholds = None,
    semantics: str | Semantics = Semantics.PAPER,
    warmup_frames: int = 1,
    max_chain: int | None = None,
    aggregation: str | HeadAggregation | HeadWeights = HeadAggregation.MEAN,
    correction: Correction | PathLike | None = None,
    prompt_mask: ArrayLike | None = None,
    window: int | None = None,
    sinks: int | None = None,
    fused: bool = False,
    dtype: DType | None = None,
    engine: str = AUTO,
    kv_cache: str | CacheStorage = CacheStorage.EXACT,
) -> Trace:
    """Decode given tokens with any Llama and record all decisions and outputs.

    Args:
        checkpoint: Hugging Face Llama directory, or config and weights of `load_checkpoint`.
        prompt_ids: [B, P] integers in [0, V); one row alone may be [P].
        forced_ids: [B, S] integers in [0, V), what step t is fed at position P + t; or [S].
        tokens_per_frame: N, at least 1.
        tau: TAS threshold, one or one per layer; None = dense.
        semantics: score and comparison of the "paper" or of the "published" code (D-01, D-02).
        warmup_frames: frames at the start that never replay, at least 1.
        max_chain: most replays in a row; None = no limit.
        aggregation: score of a layer from its heads' scores, "mean", "max" or weights [L, H].
        correction: of replayed outputs, or the file of one (D-53); None = plain replay.
        prompt_mask: [B, P], 0 for padding at the left; None = no padding.
        window: newest tokens that attention sees; None = all.
        sinks: oldest tokens that stay visible beside a window; None = 4.
        fused: attention by online softmax.
        dtype: "float32" or "float64", of arithmetic and trace, where `checkpoint` is a directory;
            None = float32.
        engine: "numpy", the specification; "numba", compiled kernels (float32), equal but for
            rounding; "auto" = what suits the work and the machine (D-51).
        kv_cache: keys and values "exact" or rounded to "bfloat16" or "int8" (float32 arithmetic).

    Returns:
        Logits, scores, decisions and outputs of every step, see `fastcar.Trace` for the shapes.

    Raises:
        ArgumentError: an argument of the wrong type or outside its limits; ids, shapes or
            thresholds that do not fit the model or each other.
        CheckpointError: a directory or a correction that cannot be used.

    >>> import tempfile
    >>> from fastcar.api.example import write_example
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoint = write_example(folder).checkpoint
    ...     found = trace(checkpoint, [3, 1], [4, 1, 5, 9, 2, 6], tokens_per_frame=2, tau=-9)
    >>> found.logits.shape, found.replayed[:, :, 0].all(axis=1).tolist()
    ((6, 1, 20), [False, False, True, True, True, True])
    """
    correction = check_argument("correction", correction, Correction | PathLike | None)
    if correction is not None and not isinstance(correction, Correction):
        correction = load_correction(correction)
    replay = make(
        ReplayConfig,
        tokens_per_frame=tokens_per_frame,
        semantics=semantics,
        warmup_frames=warmup_frames,
        max_chain=max_chain,
        aggregation=aggregation,
        correction=correction,
    )
    thresholds = check_argument("tau", tau, tuple[float | None, ...] | None)
    sparse = make_sparse_attention(window, sinks)
    is_fused = check_argument("fused", fused, bool)
    storage = check_argument("kv_cache", kv_cache, CacheStorage)
    check_asked(check_argument("engine", engine, str))
    given = GivenTokens(
        read_token_ids("prompt_ids", prompt_ids),
        read_token_ids("forced_ids", forced_ids),
        None if prompt_mask is None else read_mask(prompt_mask),
    )
    config, weights = _get_weights(checkpoint, dtype)
    given.check_model(config)
    gate = make_score_gate(
        (None,) if tau is None else thresholds, config.num_hidden_layers, replay.semantics
    )
    found, _ = run_given_trace(
        config, weights, given, replay, gate, sparse, is_fused, engine, storage
    )
    return found


def _get_weights(
    checkpoint: PathLike | tuple[ModelConfig, DecoderWeights], dtype: DType | None
) -> tuple[ModelConfig, DecoderWeights]:
    if isinstance(checkpoint, str | os.PathLike) or not isinstance(checkpoint, tuple | list):
        directory = check_argument("checkpoint", checkpoint, PathLike)
        if is_vila_u(directory):
            limit = "a Llama; of VILA-U run_vila_u_trace of fastcar.reference.vila_u.trace is asked"
            raise CheckpointError(str(directory), "a VILA-U model", limit)
        return load_checkpoint(directory, get_dtype("float32" if dtype is None else dtype))
    parts: list[Any] = list(checkpoint)
    if len(parts) != 2 or not isinstance(parts[0], ModelConfig) or not hasattr(parts[1], "layers"):
        found = [type(part).__name__ for part in parts]
        raise ArgumentError("checkpoint", found, "a directory, or config and weights")
    if dtype is not None:
        raise ArgumentError("dtype", dtype, "given with a directory: weights have their own")
    return parts[0], parts[1]
