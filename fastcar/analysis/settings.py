"""How much is measured: clips, frames, ratios."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fastcar.frame_size import check_frame_size
from fastcar.reference.arguments import check_argument, check_fields
from fastcar.reference.calibration import compute_ceiling
from fastcar.reference.clip_model import ClipModel
from fastcar.reference.engine_choice import NUMPY
from fastcar.reference.engine_factory import ENGINE_NAMES
from fastcar.reference.errors import ArgumentError, CheckpointError
from fastcar.reference.thresholds import check_ratio
from fastcar.reference.video.model import VideoModel

MIN_FRAMES = {"frames": 3, "long_frames": 4}
"""Frames of a run, at least: quality counts from the third frame on, drift compares two halves."""


@dataclass(frozen=True)
class AnalysisSettings:
    """Sizes of an analysis.

    Attributes:
        clips: held-out clips that every number is measured on.
        calibration_clips: calibration clips that every threshold comes from.
        frames: frames of a run, at least 3 (quality counts from the third frame on).
        long_frames: frames of the drift runs, at least 4 (drift compares two halves).
        long_clips: held-out clips of the drift runs.
        ratios: target ratios of the comparison of gates, ascending.
        few_ratios: those of the costlier questions, a subset of `ratios`.
        windows_tokens: local windows, tokens.
        sweep_points: thresholds on the curve of ratio and quality.
        corrective_runs: closed-loop runs of every calibration.
        batch_rows: batch sizes whose time is taken.
        seed: of the random gate.
        engine: that computes every run but those whose time is taken, which NumPy does.
    """

    clips: int = 16
    calibration_clips: int = 6
    frames: int = 16
    long_frames: int = 32
    long_clips: int = 8
    ratios: tuple[float, ...] = (0.2, 0.35, 0.5, 0.65, 0.8)
    few_ratios: tuple[float, ...] = (0.2, 0.5, 0.8)
    windows_tokens: tuple[int, ...] = (16, 32, 64, 128)
    sweep_points: int = 9
    corrective_runs: int = 3
    batch_rows: tuple[int, ...] = (1, 16)
    seed: int = 0
    engine: str = NUMPY

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("clips", "calibration_clips", "long_clips", "corrective_runs"):
            if getattr(self, name) < 1:
                raise ArgumentError(name, getattr(self, name), "at least 1")
        for name, least in MIN_FRAMES.items():
            if getattr(self, name) < least:
                raise ArgumentError(name, getattr(self, name), f"at least {least}")
        if self.sweep_points < 2:
            raise ArgumentError("sweep_points", self.sweep_points, "at least 2")
        if self.seed < 0:
            raise ArgumentError("seed", self.seed, "at least 0")
        check_engine(self.engine)
        self._check_lists()

    def _check_lists(self) -> None:
        for ratio in self.ratios:
            check_ratio("ratios", ratio)
        for name in ("windows_tokens", "batch_rows"):
            if min(getattr(self, name), default=0) < 1:
                raise ArgumentError(name, getattr(self, name), "one or more, each at least 1")
        if not self.few_ratios or not set(self.few_ratios) <= set(self.ratios):
            raise ArgumentError("few_ratios", self.few_ratios, f"among ratios {self.ratios}")

    def get_quick(self) -> AnalysisSettings:
        """The same questions in under a minute: fewer clips and frames, wider errors."""
        return replace(
            self,
            clips=min(self.clips, 4),
            calibration_clips=2,
            frames=5,
            long_frames=8,
            long_clips=min(self.long_clips, 2),
            ratios=(0.3, 0.6),
            few_ratios=(0.3, 0.6),
            windows_tokens=(16, 128),
            sweep_points=4,
            corrective_runs=1,
            batch_rows=(1, 4),
        )

    @property
    def middle_ratio(self) -> float:
        """The ratio of questions that look at one: the middle of `few_ratios`."""
        return self.few_ratios[len(self.few_ratios) // 2]

    def compute_ceiling(self, tokens_per_frame: int) -> float:
        """Largest replay ratio of a run."""
        return compute_ceiling(self.frames * tokens_per_frame - 1, tokens_per_frame)

    def fit(self, model: ClipModel) -> AnalysisSettings:
        """The same with no more clips and frames than the model has."""
        held_out, calibration = model.load_rows("held_out"), model.load_rows("calibration")
        most_frames, least = held_out.count_frames(model.tokens_per_frame), max(MIN_FRAMES.values())
        if most_frames < least:
            limit = f"at least {least * model.tokens_per_frame}, {least} frames"
            raise ArgumentError("tokens of a row", held_out.token_ids.shape[1], limit)
        if model.num_frames < least:
            found, limit = f"{model.num_frames} frames", f"a model of {least} or more"
            raise CheckpointError(str(model.directory), found, limit)
        return replace(
            self,
            clips=min(self.clips, len(held_out)),
            long_clips=min(self.long_clips, len(held_out)),
            calibration_clips=min(self.calibration_clips, len(calibration)),
            frames=min(self.frames, most_frames),
            long_frames=min(self.long_frames, most_frames),
        )

    def check(self, model: ClipModel) -> None:
        """Refuse frames too small, or more clips or frames than there are, before anything runs."""
        if isinstance(model, VideoModel):
            check_frame_size(model.geometry.canvas_pixels, model.geometry.canvas_pixels)
        held_out, calibration = model.load_rows("held_out"), model.load_rows("calibration")
        held_out.take(self.clips, "clips")
        held_out.take(self.long_clips, "long_clips")
        calibration.take(self.calibration_clips, "calibration_clips")
        most = held_out.count_frames(model.tokens_per_frame)
        for name in ("frames", "long_frames"):
            if getattr(self, name) > most:
                raise ArgumentError(name, getattr(self, name), f"at most {most}, as recorded")


def check_engine(engine: str) -> None:
    """Refuse what is no engine by name."""
    if engine not in ENGINE_NAMES:
        raise ArgumentError("engine", engine, f"one of {', '.join(ENGINE_NAMES)}")


def make_settings(clips: int | None, seed: int, quick: bool) -> AnalysisSettings:
    """What users say; a number of clips that was given holds for all questions."""
    settings = replace(AnalysisSettings(), seed=seed)
    if quick:
        settings = settings.get_quick()
    if clips is None:
        return settings
    return replace(settings, clips=clips, long_clips=min(settings.long_clips, max(1, clips)))


def choose_settings(
    model: ClipModel,
    clips: int | None = None,
    seed: int = 0,
    quick: bool = False,
    settings: AnalysisSettings | None = None,
) -> AnalysisSettings:
    """How much is measured of a model: what users say, as far as the model has it.

    Args:
        model: whose rows are measured.
        clips: None = as many as usual, or as there are.
        seed: of the random gate.
        quick: fewer clips and frames.
        settings: all sizes, in place of the three before.

    Raises:
        ArgumentError: no such values, too few frames.
    """
    if settings is not None:
        chosen: AnalysisSettings = check_argument("settings", settings, AnalysisSettings)
        return chosen
    clips = check_argument("clips", clips, int | None)
    given = make_settings(clips, seed, check_argument("quick", quick, bool)).fit(model)
    return given if clips is None else replace(given, clips=clips)
