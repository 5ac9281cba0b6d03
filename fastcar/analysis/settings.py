"""How much is measured: clips, frames, ratios."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fastcar.metrics import check_frame_size
from fastcar.reference.calibration import compute_ceiling
from fastcar.reference.clip_model import ClipModel
from fastcar.reference.errors import ArgumentError
from fastcar.reference.video.model import VideoModel


@dataclass(frozen=True)
class AnalysisSettings:
    """Sizes of an analysis.

    Attributes:
        clips: held-out clips that every number is measured on.
        calibration_clips: calibration clips that every threshold comes from.
        frames: frames of a run, at least 3 (quality counts from the third frame on).
        long_frames: frames of the drift runs.
        long_clips: held-out clips of the drift runs.
        ratios: target ratios of the comparison of gates, ascending.
        few_ratios: those of the costlier questions, a subset of `ratios`.
        windows_tokens: local windows, tokens.
        sweep_points: thresholds on the curve of ratio and quality.
        corrective_runs: closed-loop runs of every calibration.
        batch_rows: batch sizes whose time is taken.
        seed: of the random gate.
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

    def __post_init__(self) -> None:
        for name in ("clips", "calibration_clips", "long_clips", "corrective_runs"):
            if getattr(self, name) < 1:
                raise ArgumentError(name, getattr(self, name), "at least 1")
        for name in ("frames", "long_frames"):
            if getattr(self, name) < 3:
                raise ArgumentError(name, getattr(self, name), "at least 3")
        if self.sweep_points < 2:
            raise ArgumentError("sweep_points", self.sweep_points, "at least 2")
        if self.seed < 0:
            raise ArgumentError("seed", self.seed, "at least 0")
        if not set(self.few_ratios) <= set(self.ratios):
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
        most_frames = held_out.count_frames(model.tokens_per_frame)
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
