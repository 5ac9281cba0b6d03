"""Calibration clips that candidates are decoded on, and what is shared between candidates."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from fastcar.budget_search.candidates import Candidate, Trial
from fastcar.correction_choice import collect_moments
from fastcar.metrics import FIRST_SCORED_FRAME, Values, compute_quality
from fastcar.reference.allocation import Curve
from fastcar.reference.calibration import compute_layer_threshold, get_never
from fastcar.reference.clip_model import TokenRows
from fastcar.reference.clips import decode_rows
from fastcar.reference.correction import Correction, count_correction_multiplications
from fastcar.reference.correction_calibration import ChangeMoments, fit_correction
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gate_factory import (
    THRESHOLD_GATES,
    make_measuring_gate,
    make_threshold_gate,
)
from fastcar.reference.gates.gate import Gate
from fastcar.reference.multiplications import count_run
from fastcar.reference.progress import StageProgress
from fastcar.reference.records import DecodeResult, ReplayRecord
from fastcar.reference.replay import Semantics
from fastcar.reference.thresholds import FixedThresholds
from fastcar.reference.video.model import VideoModel
from fastcar.request import GenerationRequest

CURVE_SHARES = (0.3, 0.55, 0.8, 1.0)
"""Shares of a layer's eligible decisions at which its curve is measured."""


class SearchClips:
    """Teacher-forced runs of candidates on the same clips; dense runs and curves are made once.

    Args:
        model: a video model.
        request: attention, guidance, engine and what else holds for every candidate.
        rows: clips that candidates are measured on.
        fitting: clips that corrections are fitted to; None = the same.
        progress: told of the stage "search".

    Attributes:
        frames: that are decoded of each clip.
        is_strict: whether gates compute at equality.

    Raises:
        ArgumentError: too few frames to score.
    """

    def __init__(
        self,
        model: VideoModel,
        request: GenerationRequest,
        rows: TokenRows,
        fitting: TokenRows | None = None,
        progress: StageProgress | None = None,
    ) -> None:
        self.frames = min(request.get_frames(model), rows.count_frames(model.tokens_per_frame))
        if self.frames <= FIRST_SCORED_FRAME:
            limit = f"at least {FIRST_SCORED_FRAME + 1} for a search, which scores from there on"
            raise ArgumentError("frames", self.frames, limit)
        self.model, self.rows, self.progress = model, rows, progress
        self.fitting = rows if fitting is None else fitting
        self.request = replace(
            request, prompts=(), clips=(), frames=self.frames, gate="tas", closed_loop_runs=None
        )
        self.is_strict = request.semantics is Semantics.PUBLISHED
        self._dense_nats: Values | None = None
        self._dense: dict[tuple[str, int], ReplayRecord] = {}
        self._curves: dict[tuple[str, int], list[Curve]] = {}
        self._moments: tuple[ChangeMoments, str] | None = None
        self._corrections: dict[int, Correction] = {}

    def make_request(self, candidate: Candidate, budget: float | None = None) -> GenerationRequest:
        """The request of a candidate, to these clips."""
        return replace(
            self.request,
            gate=candidate.gate,
            budget=budget,
            warmup_frames=candidate.warmup_frames,
            correction=self.get_correction(candidate.rank),
        )

    def get_correction(self, rank: int) -> Correction | None:
        """Fitted once; None for rank 0."""
        if not rank:
            return None
        if self._moments is None:
            request = replace(self.request, correction=None)
            self._moments = collect_moments(request, self.model, self.fitting, self.progress)
        if rank not in self._corrections:
            moments, source = self._moments
            self._corrections[rank] = fit_correction(moments, rank, source)
        return self._corrections[rank]

    def decode(
        self, candidate: Candidate, gate: Gate | None, rows: TokenRows | None = None
    ) -> DecodeResult:
        """The clips, or other rows, with a gate under what the candidate says beside it."""
        request = self.make_request(candidate)
        return decode_rows(
            self.model,
            self.rows if rows is None else rows,
            request.make_decode_options(self.model.tokens_per_frame, gate),
            self.frames,
            progress=None if self.progress is None else partial(self.progress, "search"),
        )

    def score(self, result: DecodeResult) -> Values:
        """Nats per token of every clip, from the first frame that counts."""
        return compute_quality(result.nats, result.top_1, self.model.tokens_per_frame).nats

    def compute_share(self, candidate: Candidate, gate: Gate, record: ReplayRecord) -> float:
        """Multiplications of MLPs, gate and correction over those of the dense MLPs."""
        config = self.model.config
        work = count_run(
            config,
            record,
            gate.compute_cost(config),
            prompt_tokens=self.rows.prompts.conditional.shape[1],
            correction=count_correction_multiplications(candidate.rank, config),
        )
        return work.mlp_share

    def try_gate(
        self,
        candidate: Candidate,
        gate: Gate,
        thresholds: list[float],
        eligible_ratio: float = 0.0,
    ) -> tuple[Trial, ReplayRecord]:
        """Decode the clips with a gate; what came of it, and its record."""
        result = self.decode(candidate, gate)
        excess = self.score(result) - self._get_dense_nats(candidate)
        trial = Trial(
            candidate,
            tuple(thresholds),
            eligible_ratio,
            result.record.replay_ratio,
            self.compute_share(candidate, gate, result.record),
            tuple(excess.tolist()),
        )
        return trial, result.record

    def get_dense(self, candidate: Candidate) -> ReplayRecord:
        """Measures of the candidate's gate in a dense run, made once for a gate and warm-up."""
        key = candidate.gate, candidate.warmup_frames
        if key not in self._dense:
            layers, codebook = self.model.config.num_hidden_layers, self.model.codebook
            result = self.decode(candidate, make_measuring_gate(candidate.gate, layers, codebook))
            self._dense_nats = self.score(result)
            self._dense[key] = result.record
        return self._dense[key]

    def get_curves(self, candidate: Candidate) -> list[Curve]:
        """Of each layer, replayed share and loss when it replays alone; made once for gate, rank.

        The losses are nats per token of the whole video.
        """
        key = candidate.gate, candidate.rank
        if key not in self._curves:
            plain = Candidate(*key)
            layers = range(self.model.config.num_hidden_layers)
            self._curves[key] = [
                [self._measure_layer(plain, layer, share) for share in CURVE_SHARES]
                for layer in layers
            ]
        return self._curves[key]

    def _measure_layer(self, candidate: Candidate, layer: int, share: float) -> tuple[float, float]:
        """A point of a curve: one layer replays, the others compute."""
        dense = self.get_dense(candidate)
        safer = THRESHOLD_GATES[candidate.gate].higher_is_safer
        wanted = share * float(dense.eligible[:, layer].mean())
        threshold = compute_layer_threshold(dense, layer, wanted, safer)
        if share == CURVE_SHARES[-1]:
            threshold = -get_never(safer)
        values: list[float | None] = [None] * dense.measures.shape[1]
        values[layer] = threshold
        gate = make_threshold_gate(
            candidate.gate, FixedThresholds(values), self.is_strict, self.model.codebook
        )
        trial, record = self.try_gate(candidate, gate, [])
        return float(record.replayed[:, layer].mean()), trial.loss

    def _get_dense_nats(self, candidate: Candidate) -> Values:
        if self._dense_nats is None:
            self._dense_nats = self.score(self.decode(replace(candidate, rank=0), None))
        return np.asarray(self._dense_nats)
