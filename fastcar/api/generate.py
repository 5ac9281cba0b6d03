"""`fastcar.generate`: videos twice, dense and with replay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastcar.api.types import DType, PathLike, Texts, Thresholds, get_dtype, make
from fastcar.generation import Generation, run_generation
from fastcar.reference.arguments import check_argument
from fastcar.reference.correction import Correction
from fastcar.reference.engine_choice import AUTO
from fastcar.reference.errors import ArgumentError
from fastcar.reference.kv_cache import CacheStorage
from fastcar.reference.progress import StageProgress
from fastcar.reference.replay import Semantics
from fastcar.reference.sampling import Sampling
from fastcar.reference.temporal_attention_score import HeadAggregation
from fastcar.reference.video.model import SHIPPED_MODEL, VideoModel, load_video_model
from fastcar.reference.vila_u.config import is_vila_u
from fastcar.request import DEFAULT_TEMPERATURE, GenerationRequest
from fastcar.vila_u_generation import PUBLISHED_SAMPLING, run_vila_u_generation
from fastcar.vila_u_videos import load_vila_u_videos


def generate(
    model: VideoModel | PathLike = SHIPPED_MODEL,
    prompts: Texts = (),
    *more_prompts: str,
    prompt_ids: PathLike | None = None,
    clips: Texts = (),
    given_frames: int = 2,
    batch: int = 1,
    seed: int = 0,
    frames: int | None = None,
    gate: str = "tas",
    tau: Thresholds = None,
    max_error: Thresholds = None,
    certificate: str | None = None,
    target_ratio: float | None = None,
    budget: float | None = None,
    correct: int | None = None,
    correction: Correction | PathLike | None = None,
    per_layer: bool = False,
    closed_loop_runs: int | None = None,
    adaptive: bool = False,
    calibration_clips: int | None = None,
    window: int | None = None,
    sinks: int | None = None,
    guidance: float | None = None,
    temperature: float | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
    sampling: Sampling | None = None,
    max_chain: int | None = None,
    warmup_frames: int = 1,
    semantics: str | Semantics = Semantics.PAPER,
    aggregation: str | HeadAggregation = HeadAggregation.MEAN,
    fused: bool = False,
    dtype: DType | None = None,
    engine: str = AUTO,
    kv_cache: str | CacheStorage = CacheStorage.EXACT,
    repeats: int = 2,
    progress: StageProgress | None = None,
) -> Generation:
    """Generate videos of prompts, or continue recorded clips, dense and with replay.

    A model that takes no prompt makes videos without any, or continues clips (D-57).

    Both runs draw from the same seed, so that they differ by what was replayed alone.

    Args:
        model: of `load_model`, or the directory of one, as of `fastcar.shipped_model`, or of a
            VILA-U checkpoint (docs/vila_u.md).
        prompts: what to show, as "3 right-down" or "7 left from 4,0", one or more.
        more_prompts: further ones.
        prompt_ids: of VILA-U, in place of prompts: an .npz file with prompt_ids [2 b, P],
            conditional rows first, and perhaps prompt_mask.
        clips: recorded clips to continue in place of prompts, as "held_out:0-7"; their truth is
            known.
        given_frames: true frames that a continued clip starts with.
        batch: videos per prompt or clip, or videos without these, 1 to 1024.
        seed: of the sampling, 0 to 2**63 - 1; video k of the batch has its own stream.
        frames: T of each video; None = as many as the model was trained on.
        gate: what decides about replay, of `fastcar.reference.gate_factory.GATE_NAMES`; "best" =
            the calibration clips choose gate, correction, warm-up and layers for `budget` (D-69).
        tau: threshold of the score (tas) or of the Euclidean distance (input, oracle), one or one
            per layer; None = calibrated to `target_ratio`.
        max_error: guaranteed error of a replayed MLP output (Euclidean norm), one or one per
            layer; with the input gate, in place of `tau`.
        certificate: what guarantees it, "distance" or "activation"; None = distance.
        target_ratio: replayed share of all fed tokens and layers, in [0, 1]; None = 0.5.
        budget: share of the dense MLP multiplications, in place of `target_ratio` (D-41).
        correct: rank of a correction of replayed outputs that is fitted to the calibration clips;
            None = plain replay (D-53).
        correction: a correction, or the file of one, in place of `correct`.
        per_layer: calibrate every layer to the ratio instead of all together.
        closed_loop_runs: corrective runs of the calibration, at most; None = 4.
        adaptive: track the ratio online instead of calibrating.
        calibration_clips: recorded clips to calibrate on; None = 8, fewer where there are fewer.
        window: newest tokens that attention sees; None = all.
        sinks: oldest tokens that stay visible beside a window; None = 4.
        guidance: scale of classifier-free guidance; None = off, of VILA-U 3.
        temperature: logits are divided by it, 0 takes the likeliest; None = 0.7, of VILA-U 1.
        top_k: draw from the k likeliest codes; None = all, of VILA-U 900.
        top_p: draw from the likeliest codes up to this mass, in (0, 1]; None = 1, of VILA-U 0.96.
        sampling: the three in one, in their place.
        max_chain: most replays in a row; None = no limit.
        warmup_frames: frames at the start that never replay, at least 1.
        semantics: score and comparison of the "paper" or of the "published" code (D-01, D-02).
        aggregation: score of a layer from its heads' scores, "mean" or "max".
        fused: attention by online softmax.
        dtype: "float32" or "float64", of the arithmetic, where `model` is a directory; None =
            float32.
        engine: "numpy", the specification; "numba", compiled kernels (float32), equal but for
            rounding; "auto" = what suits the work and the machine (D-51).
        kv_cache: keys and values "exact" or rounded to "bfloat16" or "int8" (float32 arithmetic).
        repeats: timed runs of each kind.
        progress: called with stage, tokens done, tokens in all.

    Returns:
        Token ids [videos, T * N] (of VILA-U codes [videos, T * N, depth]), pixels
        [videos, T, H, W] in [0, 1], decisions and scores of both
        runs, the gate and how it was found, the engine and why, seconds by part.

    Raises:
        ArgumentError: an argument of the wrong type or outside its limits, two that contradict
            each other, or a prompt or guidance of a model that takes no prompt.
        CheckpointError: no video model in the directory, or a correction that cannot be used.

    >>> videos = generate(prompts="3 right-down", frames=2, tau=0, repeats=1)
    >>> videos.replay_pixels.shape
    (1, 2, 32, 32)
    >>> generate(prompts="3 right-down", frames="2")
    Traceback (most recent call last):
    fastcar.reference.errors.ArgumentError: frames = '2': must be a whole number
    """
    check_argument("model", model, VideoModel | PathLike)
    is_of_vila_u = not isinstance(model, VideoModel) and is_vila_u(model)
    default = PUBLISHED_SAMPLING if is_of_vila_u else Sampling(DEFAULT_TEMPERATURE)
    request = make(
        GenerationRequest,
        prompts=_join(prompts, more_prompts),
        clips=clips,
        given_frames=given_frames,
        batch=batch,
        seed=seed,
        frames=frames,
        gate=gate,
        tau=tau,
        max_error=max_error,
        certificate=certificate,
        target_ratio=target_ratio,
        budget=budget,
        correct=correct,
        correction=correction,
        per_layer=per_layer,
        closed_loop_runs=closed_loop_runs,
        adaptive=adaptive,
        calibration_clips=calibration_clips,
        window=window,
        sinks=sinks,
        guidance=guidance,
        sampling=_make_sampling(default, sampling, temperature, top_k, top_p),
        max_chain=max_chain,
        warmup_frames=warmup_frames,
        semantics=semantics,
        aggregation=aggregation,
        fused=fused,
        engine=engine,
        kv_cache=kv_cache,
        repeats=repeats,
    )
    if isinstance(model, VideoModel) or not is_of_vila_u:
        if prompt_ids is not None:
            raise ArgumentError("prompt_ids", prompt_ids, "left out: of a VILA-U directory alone")
        return run_generation(_get_model(model, dtype), request, progress)
    chosen = get_dtype("float32" if dtype is None else dtype)
    videos = load_vila_u_videos(model, request.prompts, prompt_ids, request.batch, chosen)
    return run_vila_u_generation(videos, request, progress)


def _join(prompts: Texts, more: Sequence[str]) -> Any:
    """All prompts, perhaps of wrong types: the request refuses these."""
    if not more:
        return prompts
    return [prompts, *more] if isinstance(prompts, str) else [*prompts, *more]


def _make_sampling(
    default: Sampling,
    sampling: Sampling | None,
    temperature: float | None,
    top_k: int | None,
    top_p: float | None,
) -> Any:
    values = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    given = {name: value for name, value in values.items() if value is not None}
    if sampling is None:
        return make(Sampling, **{**vars(default), **given})
    for name, value in given.items():
        raise ArgumentError(name, value, "given without sampling")
    return sampling


def _get_model(model: VideoModel | PathLike, dtype: DType | None) -> VideoModel:
    if isinstance(model, VideoModel):
        if dtype is not None:
            raise ArgumentError("dtype", dtype, "given with a directory: a model has its own")
        return model
    return load_video_model(model, get_dtype("float32" if dtype is None else dtype))
