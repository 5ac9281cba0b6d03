"""Generation of VILA-U videos: prefill, then D codes drawn and their embedding fed, place by place.

Source: github.com/mit-han-lab/vila-u at 096623c, `vila_u_arch.py` and `rqtransformer/
modeling_rqtransformer.py`. The published loop also samples a text token of every place, which in
two cases disturbs the video; that is left out (D-58).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arguments import check_argument
from fastcar.reference.arrays import BoolArray, FloatArray, TokenIds
from fastcar.reference.decoder import Decoder
from fastcar.reference.errors import ArgumentError
from fastcar.reference.finite_check import allow_overflow
from fastcar.reference.guidance import combine_logits
from fastcar.reference.likelihood import compute_nats
from fastcar.reference.matrix import get_dtype
from fastcar.reference.progress import Progress
from fastcar.reference.records import ReplayRecord
from fastcar.reference.sampling import make_streams
from fastcar.reference.vila_u.depth_transformer import DepthRun
from fastcar.reference.vila_u.model import VilaUModel
from fastcar.reference.vila_u.sampling import CodeSampling
from fastcar.reference.vila_u.trace import (
    VilaUOptions,
    check_depth_logits,
    check_positions,
    make_vila_u_decoder,
)


@dataclass
class VilaUResult:
    """What a run produced; b videos, T positions, D depths, T - 1 of the positions are fed.

    Attributes:
        codes: [b, T, D] int64.
        record: decisions and scores of every row, conditional rows first.
        nats: [T, b, D] float64, -log likelihood of each code under the guided logits, unfiltered.
        top_1: [T, b, D] bool, whether it was the most likely one.
        seconds: decode time by part, prefill left out.
    """

    codes: TokenIds
    record: ReplayRecord
    nats: NDArray[np.float64]
    top_1: BoolArray
    seconds: dict[str, float] = field(default_factory=dict)


@allow_overflow
def generate_codes(
    model: VilaUModel,
    prompt_ids: TokenIds,
    prompt_mask: BoolArray | None,
    options: VilaUOptions,
    *,
    num_frames: int,
    sampling: CodeSampling | None = None,
    seed: int = 0,
    given_codes: TokenIds | None = None,
    progress: Progress | None = None,
) -> VilaUResult:
    """Generate one video per pair of prompt rows.

    Args:
        model: weights.
        prompt_ids: [2 b, P] int64, conditional rows, then their unconditional ones.
        prompt_mask: [2 b, P], False for padding at the left; None = no padding.
        options: replay, gate, attention, engine, guidance; N of the replay is that of a frame.
        num_frames: of each video, at least 1.
        sampling: how codes are drawn; None = as published.
        seed: of the streams, one per video.
        given_codes: [b, G, D] codes of the first positions, which are not drawn.
        progress: called after every position.

    Raises:
        ArgumentError: ids, codes or sizes that do not fit the model or each other.
        NonFiniteError: a number beyond the range of the arithmetic (D-37).
    """
    check_argument("model", model, VilaUModel)
    sampling = CodeSampling() if sampling is None else sampling
    model.check_prompt(prompt_ids, prompt_mask)
    positions = _count_positions(model, prompt_ids, options, num_frames, sampling)
    videos, depth = len(prompt_ids) // 2, model.depth.depth
    given = np.empty((videos, 0, depth), np.int64) if given_codes is None else given_codes
    _check_given(model, given, videos, positions)
    decoder = make_vila_u_decoder(model, prompt_ids, positions, options)
    shape = positions, videos, depth
    result = VilaUResult(
        np.empty((videos, positions, depth), np.int64),
        ReplayRecord(model.config.llm, positions - 1, len(prompt_ids), get_dtype(model.weights)),
        np.empty(shape),
        np.empty(shape, bool),
        decoder.laps.seconds,
    )
    loop = CodeLoop(model, decoder, options, sampling, make_streams(seed, videos), given, result)
    state = decoder.prefill_hidden(prompt_ids, prompt_mask)[:, -1]
    for position in range(positions):
        with decoder.laps.account("other"):
            embedded = loop.choose(position, state)
        if position < positions - 1:
            state = decoder.step_hidden(embedded, result.record.observe)
            if progress is not None:
                progress(position + 1, positions - 1)
    return result


@dataclass(frozen=True)
class CodeLoop:
    """The codes of one position after the other.

    Attributes:
        model: weights.
        decoder: the body.
        options: guidance and engine.
        sampling: how codes are drawn.
        streams: one per video.
        given: [b, G, D], codes that are not drawn.
        result: what is written down.
    """

    model: VilaUModel
    decoder: Decoder
    options: VilaUOptions
    sampling: CodeSampling
    streams: Sequence[np.random.Generator]
    given: TokenIds
    result: VilaUResult

    def choose(self, position: int, state: FloatArray) -> FloatArray:
        """Choose the codes of a position from hidden states [R, H]; what the body is fed, [R, H].

        Both rows of a video get the same codes.
        """
        engine, depth = self.decoder.float_engine, self.model.depth.depth
        run = DepthRun(self.model.depth, state, engine)
        logits, latent = run.start(), None
        for index in range(depth):
            codes = self._choose_code(position, index, logits)
            words = np.tile(self.model.codebooks.look_up(codes, index), (2, 1))  # [R, C]
            latent = words if latent is None else latent + words
            if index < depth - 1:
                logits = run.step(latent)
        assert latent is not None
        return self.model.projector.compute(latent, engine)

    def _choose_code(self, position: int, depth: int, logits: FloatArray) -> TokenIds:
        """[b] of logits [R, n]."""
        guided = combine_logits(logits, self.options.guidance)
        check_depth_logits(guided, position)
        if position < self.given.shape[1]:
            codes = self.given[:, position, depth]
        else:
            pairs = zip(guided, self.streams, strict=True)
            codes = np.array([self.sampling.draw(*pair) for pair in pairs])
        result = self.result
        result.codes[:, position, depth] = codes
        result.nats[position, :, depth] = compute_nats(guided, codes)
        result.top_1[position, :, depth] = guided.argmax(axis=-1) == codes
        return codes


def _count_positions(
    model: VilaUModel,
    prompt_ids: TokenIds,
    options: VilaUOptions,
    num_frames: int,
    sampling: CodeSampling,
) -> int:
    """T, if all of them fit."""
    tokens_per_frame, num_codes = model.config.vision.tokens_per_frame, model.codebooks.num_codes
    if options.replay.tokens_per_frame != tokens_per_frame:
        limit = f"{tokens_per_frame}, the places of a frame of this model"
        raise ArgumentError("tokens_per_frame", options.replay.tokens_per_frame, limit)
    if num_frames < 1:
        raise ArgumentError("frames", num_frames, "at least 1")
    if sampling.temperature and sampling.top_k is not None and sampling.top_k > num_codes:
        raise ArgumentError("top_k", sampling.top_k, f"at most n_embed = {num_codes}")
    positions = num_frames * tokens_per_frame
    check_positions(model, prompt_ids.shape[1], positions)
    return positions


def _check_given(model: VilaUModel, given: TokenIds, videos: int, positions: int) -> None:
    if given.shape[:1] != (videos,) or given.shape[1] > positions:
        limit = f"[{videos} videos, at most {positions} positions, depth]"
        raise ArgumentError("given_codes shape", given.shape, limit)
    if given.size:
        model.codebooks.check_codes("given_codes", given)
