"""What to generate: one frozen request, checked before anything runs."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import numpy as np

from fastcar.proofs.certificate_names import CERTIFICATES
from fastcar.reference.arguments import check_fields
from fastcar.reference.budget import compute_budget_ratio, count_gate_multiplications
from fastcar.reference.calibration import compute_ceiling
from fastcar.reference.clip_model import TokenRows
from fastcar.reference.correction import Correction, count_correction_multiplications
from fastcar.reference.engine import NumpyEngine
from fastcar.reference.engine_choice import AUTO, check_asked
from fastcar.reference.engine_factory import make_engine
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gate_factory import GATE_NAMES, THRESHOLD_GATES
from fastcar.reference.gates.gate import Gate
from fastcar.reference.gates.input import InputGate
from fastcar.reference.generate import DecodeOptions
from fastcar.reference.guidance import check_scale
from fastcar.reference.kv_cache import CacheStorage
from fastcar.reference.replay import ReplayConfig, Semantics
from fastcar.reference.sampling import Sampling
from fastcar.reference.sparse_attention import make_sparse_attention
from fastcar.reference.temporal_attention_score import HeadAggregation
from fastcar.reference.thresholds import check_ratio
from fastcar.reference.video.model import VideoModel

DEFAULT_TARGET_RATIO = 0.5
"""Replay ratio where neither a threshold nor a ratio is asked for."""

DEFAULT_CALIBRATION_CLIPS = 8
"""Fewer where the model has fewer."""

BEST_GATE = "best"
"""In place of a gate: gate, correction, warm-up and layers are searched for a budget (D-69)."""

DEFAULT_TEMPERATURE = 0.7
"""What the search of the model card chose; below 1, what the model holds unlikely is rarer."""

MAX_BATCH = 1024
"""Largest number of videos per prompt or clip; a slip of the keyboard shall not fill the memory."""

MAX_RUNS = 1000
"""Most runs of one kind, likewise: a slip of the keyboard shall not run for years."""


@dataclass(frozen=True)
class GenerationRequest:
    """A batch of videos, and how they are decoded with replay.

    Attributes:
        prompts: texts such as "3 right-down"; one of `prompts` and `clips` is given, neither where
            a model that takes no prompt (D-57) shall draw everything.
        clips: recorded clips to continue, "held_out:3" or "held_out:0-7"; their truth is known.
        given_frames: true frames that a continued clip starts with.
        batch: videos per prompt or clip, or videos where there is neither.
        seed: of the sampling; video k of the batch has its own stream.
        frames: of each video; None = the length the model was trained on.
        gate: of `fastcar.reference.gate_factory.GATE_NAMES`; "best" = the calibration clips choose
            gate, correction, warm-up and layers for a budget (D-69).
        tau: thresholds, one or one per layer, None = the layer never replays.
        max_error: guaranteed error of a replayed MLP output (Euclidean norm), one or one per layer,
            None = the layer never replays; with the input gate, in place of `tau`.
        certificate: of `fastcar.proofs.certificate_names.CERTIFICATES`, what guarantees
            `max_error`; None = distance.
        target_ratio: replayed share of all fed tokens and layers that `tau` is calibrated to.
        budget: share of the dense MLP multiplications, the gate's own included, in place of
            `target_ratio` (D-41).
        correct: rank of a correction of replayed outputs that is fitted to the calibration clips;
            None = plain replay (D-53).
        correction: a correction or its file, in place of `correct`.
        per_layer: calibrate every layer to the ratio instead of all together.
        closed_loop_runs: corrective runs of the calibration, at most; fewer where one comes close.
        adaptive: track the ratio online instead of calibrating.
        calibration_clips: clips of the dense run that measures the scores; None = 8, or as many as
            there are.
        window: newest tokens that attention sees; None = all.
        sinks: oldest tokens that stay visible beside a window; None = 4.
        guidance: scale; None = off, as it must be with a model that takes no prompt.
        sampling: temperature, top-k, top-p.
        max_chain: limit on consecutive replays; None = none.
        warmup_frames: frames that never replay.
        semantics: the paper's rule or the published code's.
        aggregation: of the heads' scores.
        fused: attention by online softmax.
        engine: numpy or numba, what computes, also the calibration; auto = what suits (D-51).
        kv_cache: how keys and values are kept.
        repeats: timed runs of each kind, dense and replay in turn; at least 1.
    """

    prompts: tuple[str, ...] = ()
    clips: tuple[str, ...] = ()
    given_frames: int = 2
    batch: int = 1
    seed: int = 0
    frames: int | None = None
    gate: str = "tas"
    tau: tuple[float | None, ...] | None = None
    max_error: tuple[float | None, ...] | None = None
    certificate: str | None = None
    target_ratio: float | None = None
    budget: float | None = None
    correct: int | None = None
    correction: Correction | str | os.PathLike[str] | None = None
    per_layer: bool = False
    closed_loop_runs: int | None = None
    adaptive: bool = False
    calibration_clips: int | None = None
    window: int | None = None
    sinks: int | None = None
    guidance: float | None = None
    sampling: Sampling = field(default_factory=lambda: Sampling(DEFAULT_TEMPERATURE))
    max_chain: int | None = None
    warmup_frames: int = 1
    semantics: Semantics = Semantics.PAPER
    aggregation: HeadAggregation = HeadAggregation.MEAN
    fused: bool = False
    engine: str = AUTO
    kv_cache: CacheStorage = CacheStorage.EXACT
    repeats: int = 2

    def __post_init__(self) -> None:
        check_fields(self)
        if self.prompts and self.clips:
            raise ArgumentError("prompt, continue", "both", "one of the two")
        least = {"batch": 1, "seed": 0, "repeats": 1, "closed_loop_runs": 0, "given_frames": 1}
        for name, limit in least.items():
            if getattr(self, name) is not None and getattr(self, name) < limit:
                raise ArgumentError(name, getattr(self, name), f"at least {limit}")
        most = {"batch": MAX_BATCH, "repeats": MAX_RUNS, "closed_loop_runs": MAX_RUNS}
        for name, limit in most.items():
            if getattr(self, name) is not None and getattr(self, name) > limit:
                raise ArgumentError(name, getattr(self, name), f"at most {limit}")
        if self.gate not in (*GATE_NAMES, BEST_GATE):
            raise ArgumentError("gate", self.gate, f"one of {', '.join(GATE_NAMES)}, {BEST_GATE}")
        check_asked(self.engine)
        if self.guidance is not None:
            check_scale(self.guidance)
        make_sparse_attention(self.window, self.sinks)
        self._check_gate_arguments()

    def _check_gate_arguments(self) -> None:
        if self.target_ratio is not None:
            check_ratio("target_ratio", self.target_ratio)
        if self.budget is not None and self.target_ratio is not None:
            raise ArgumentError("budget", self.budget, "given without target_ratio")
        if self.correct is not None and self.correction is not None:
            raise ArgumentError("correct", self.correct, "given without correction")
        if self.correct is not None and self.correct < 1:
            raise ArgumentError("correct", self.correct, "a rank of at least 1")
        self._check_certificate_arguments()
        self._check_search_arguments()
        if self.tau is None:
            if self.adaptive and (self.per_layer or self.closed_loop_runs):
                raise ArgumentError("adaptive", True, "given without per_layer, closed_loop_runs")
        else:
            self._check_thresholds(self.tau)
        if self.gate not in (*THRESHOLD_GATES, BEST_GATE):
            for name in ("tau", "per_layer", "closed_loop_runs", "adaptive"):
                if getattr(self, name):
                    limit = f"given with a gate that has a threshold, not {self.gate}"
                    raise ArgumentError(name, getattr(self, name), limit)

    def _check_search_arguments(self) -> None:
        if self.gate != BEST_GATE:
            return
        for name in ("tau", "target_ratio", "correct", "correction", "per_layer", "adaptive"):
            if getattr(self, name) not in (None, False):
                raise ArgumentError(name, getattr(self, name), "given with a gate of its own name")
        if self.budget is None:
            raise ArgumentError("gate", BEST_GATE, "given with budget")
        check_ratio("budget", self.budget)

    def _check_thresholds(self, tau: tuple[float | None, ...]) -> None:
        for name in ("target_ratio", "budget", "per_layer", "closed_loop_runs", "adaptive"):
            if getattr(self, name):
                raise ArgumentError(name, getattr(self, name), "given without tau")
        if any(value is not None and np.isnan(value) for value in tau):
            raise ArgumentError("tau", np.nan, "a number, inf, -inf or none")

    def _check_certificate_arguments(self) -> None:
        if self.certificate is not None and self.certificate not in CERTIFICATES:
            raise ArgumentError(
                "certificate", self.certificate, f"one of {', '.join(CERTIFICATES)}"
            )
        if self.max_error is None:
            if self.certificate is not None:
                raise ArgumentError(
                    "certificate", self.certificate, "given together with max_error"
                )
            return
        if self.gate != InputGate.name:
            raise ArgumentError("max_error", self.max_error, "given with the input gate")
        for epsilon in self.max_error:
            if epsilon is not None and not epsilon >= 0:
                raise ArgumentError("max_error", epsilon, "at least 0")
        ratios = ("tau", "target_ratio", "budget", "per_layer", "closed_loop_runs", "adaptive")
        for name in (*ratios, "correct", "correction"):
            if getattr(self, name):
                raise ArgumentError(name, getattr(self, name), "given without max_error")

    def get_ratio(self, model: VideoModel) -> float:
        """The target ratio, that of the budget, or the default.

        Raises:
            ArgumentError: a budget that cannot be kept, or a gate that is still to be searched for.
        """
        if self.gate == BEST_GATE:
            raise ArgumentError("gate", self.gate, "one that was found: each has its own ratio")
        if self.budget is None:
            return DEFAULT_TARGET_RATIO if self.target_ratio is None else self.target_ratio
        config, tokens_per_frame = model.config, model.tokens_per_frame
        is_in_sight = self.window is None or self.window > tokens_per_frame
        has_score = is_in_sight and self.semantics is Semantics.PAPER
        cost = count_gate_multiplications(self.gate, config, has_score)
        ceiling = self.get_ceiling(model)
        per_token = 3 * config.hidden_size * config.intermediate_size
        rank = self.correction.rank if isinstance(self.correction, Correction) else self.correct
        replay_cost = 0 if rank is None else count_correction_multiplications(rank, config)
        gate_share = ceiling * cost / per_token
        return compute_budget_ratio(self.budget, gate_share, ceiling, replay_cost / per_token)

    def get_ceiling(self, model: VideoModel) -> float:
        """Largest possible replay ratio."""
        steps = self.get_frames(model) * model.tokens_per_frame - 1
        return compute_ceiling(steps, model.tokens_per_frame, self.warmup_frames)

    def make_decode_options(
        self, tokens_per_frame: int, gate: Gate | None, is_plain: bool = False
    ) -> DecodeOptions:
        """How the decoder runs with a gate, or dense with None.

        In NumPy where the engine is still open, and plain where the correction is:
        `fastcar.generation` decides both first.
        """
        is_open = is_plain or not isinstance(self.correction, Correction)
        replay = ReplayConfig(
            tokens_per_frame,
            self.semantics,
            self.warmup_frames,
            self.max_chain,
            self.aggregation,
            None if is_open else self.correction,  # type: ignore[arg-type]
        )
        sparse = make_sparse_attention(self.window, self.sinks)
        engine = NumpyEngine() if self.engine == AUTO else make_engine(self.engine)
        return DecodeOptions(replay, gate, sparse, self.fused, self.guidance, engine, self.kv_cache)

    def get_frames(self, model: VideoModel) -> int:
        """Frames of each video, refused where the model's positions do not suffice."""
        frames = model.geometry.frames if self.frames is None else self.frames
        if frames < 1:
            raise ArgumentError("frames", frames, "at least 1")
        free_positions = model.config.max_position_embeddings - model.vocabulary.prompt_tokens
        most = free_positions // model.geometry.tokens_per_frame
        if frames > most:
            raise ArgumentError("frames", frames, f"at most {most}, the model's position limit")
        if self.clips and self.given_frames > frames:
            raise ArgumentError("given_frames", self.given_frames, f"at most frames = {frames}")
        return frames


def get_calibration_rows(request: GenerationRequest, model: VideoModel) -> TokenRows:
    """The recorded clips that thresholds and corrections are calibrated on.

    Raises:
        ArgumentError: more than there are.
    """
    recorded, count = model.load_rows("calibration"), request.calibration_clips
    if count is None:
        count = min(DEFAULT_CALIBRATION_CLIPS, len(recorded))
    return recorded.take(count, "calibration_clips")
