"""Generation of whole videos: prefill, then one token per step, with guidance and sampling.

Also the teacher-forced run that measures quality: there every token is given and the likelihood of
the next one is recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from fastcar.reference.arrays import TokenIds
from fastcar.reference.config import ModelConfig
from fastcar.reference.decoder import Decoder
from fastcar.reference.engine import Engine, NumpyEngine
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates.gate import Gate
from fastcar.reference.guidance import check_scale, make_guided_rows
from fastcar.reference.kv_cache import CacheStorage
from fastcar.reference.laps import Laps
from fastcar.reference.matrix import DecoderWeights, get_dtype
from fastcar.reference.progress import Progress
from fastcar.reference.records import DecodeResult, ReplayRecord
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.sampling import Sampling, make_streams
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.reference.token_loop import StepRunner, TokenLoop


@dataclass(frozen=True)
class DecodeOptions:
    """How the decoder runs; the model and the prompts stand apart.

    Attributes:
        replay: tokens per frame, eligibility, score variant.
        gate: decides replays; None = dense.
        sparse: sinks and window; None = full attention.
        fused: attention by online softmax.
        guidance: scale; None = one row per video, no guidance.
        engine: computes; its results are those of NumPy, the default (D-27), but for rounding.
        cache_storage: of keys and values.
    """

    replay: ReplayConfig
    gate: Gate | None = None
    sparse: SparseAttention | None = None
    fused: bool = False
    guidance: float | None = None
    engine: Engine = field(default_factory=NumpyEngine)
    cache_storage: CacheStorage = CacheStorage.EXACT

    def __post_init__(self) -> None:
        if self.guidance is not None:
            check_scale(self.guidance)


@dataclass(frozen=True)
class Prompts:
    """Prompts of a batch of videos.

    Attributes:
        conditional: [videos, P] int64.
        unconditional: [videos, P] int64, the prompt that says nothing; read only under guidance.
    """

    conditional: TokenIds
    unconditional: TokenIds

    def get_rows(self, guided: bool) -> TokenIds:
        """[B, P] rows to decode: B = videos, twice that under guidance."""
        if not guided:
            return self.conditional
        return make_guided_rows(self.conditional, self.unconditional)


def generate(
    config: ModelConfig,
    weights: DecoderWeights,
    prompts: Prompts,
    options: DecodeOptions,
    *,
    num_frames: int,
    num_codes: int,
    sampling: Sampling,
    seed: int = 0,
    given_ids: TokenIds | None = None,
    progress: Progress | None = None,
    make_decoder: Callable[..., Decoder] = Decoder,
) -> DecodeResult:
    """Generate one video per prompt.

    Args:
        config: sizes.
        weights: float32 or float64, or compressed.
        prompts: token ids.
        options: replay, gate, attention, guidance.
        num_frames: frames of each video, at least 1.
        num_codes: visual codes; only ids below are drawn.
        sampling: greedy, temperature, top-k, top-p.
        seed: of the sampling streams, one stream per video.
        given_ids: [videos, G] tokens that are fed instead of drawn: true first frames. With
            G = frames * N the run is teacher-forced.
        progress: called after every token, or every few where an engine decodes ahead.
        make_decoder: takes the arguments of `Decoder`, for example a partial of `IntegerDecoder`.

    Returns:
        The videos, what was decided on the way, likelihoods and times.

    Raises:
        ArgumentError: ids, shapes or sizes that do not fit the model or each other.
        NonFiniteError: a number beyond the range of the arithmetic, by layer and token (D-37).
    """
    tokens_per_frame = options.replay.tokens_per_frame
    num_videos, prompt_tokens = prompts.conditional.shape
    total = num_frames * tokens_per_frame
    given = np.empty((num_videos, 0), np.int64) if given_ids is None else given_ids
    _check_request(config, num_frames, prompt_tokens, total, num_codes, given, num_videos)
    rows = prompts.get_rows(options.guidance is not None)
    laps = Laps()
    decoder = make_decoder(
        config,
        weights,
        rows=len(rows),
        capacity_tokens=prompt_tokens + total,
        replay=options.replay,
        gate=options.gate,
        sparse=options.sparse,
        fused=options.fused,
        float_engine=options.engine,
        cache_storage=options.cache_storage,
        laps=laps,
    )
    result = DecodeResult(
        np.empty((num_videos, total), np.int64),
        ReplayRecord(config, total - 1, len(rows), get_dtype(weights)),
        np.empty((total, num_videos)),
        np.empty((total, num_videos), bool),
        laps.seconds,
    )
    loop = TokenLoop(
        decoder,
        result,
        options.engine,
        sampling,
        make_streams(seed, num_videos),
        given,
        num_codes,
        options.guidance,
        decoder.prefill(rows)[:, -1],
    )
    runner = options.engine.make_runner(loop) or StepRunner(loop)
    token_index = 0
    while token_index < total:
        before, token_index = token_index, runner.run(token_index)
        if progress is not None and before < total - 1:
            progress(min(token_index, total - 1), total - 1)
    return result


def _check_request(
    config: ModelConfig,
    num_frames: int,
    prompt_tokens: int,
    total: int,
    num_codes: int,
    given: TokenIds,
    num_videos: int,
) -> None:
    if num_frames < 1:
        raise ArgumentError("frames", num_frames, "at least 1")
    if prompt_tokens + total > config.max_position_embeddings:
        frame_tokens = total // num_frames
        most = (config.max_position_embeddings - prompt_tokens) // frame_tokens
        raise ArgumentError("frames", num_frames, f"at most {most}, the model's position limit")
    if not 1 <= num_codes <= config.vocab_size:
        raise ArgumentError("num_codes", num_codes, f"in [1, vocab_size = {config.vocab_size}]")
    if given.shape[0] != num_videos or given.shape[1] > total:
        limit = f"[{num_videos} videos, at most {total} tokens]"
        raise ArgumentError("given_ids shape", given.shape, limit)
    outside = given[(given < 0) | (given >= config.vocab_size)]
    if outside.size:
        limit = f"in [0, vocab_size = {config.vocab_size})"
        raise ArgumentError("given_ids", int(outside[0]), limit)
