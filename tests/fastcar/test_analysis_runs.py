"""Runs, probe and calibration on a tiny random model; the oracle on the shipped one."""

from __future__ import annotations

from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path

import numpy as np
import pytest

from fastcar.analysis.bench import Workbench, set_engine
from fastcar.analysis.calibrated import CalibrationRequest
from fastcar.analysis.chains import summarize_staleness
from fastcar.analysis.predictive_power import compute_pooled_auc, compute_power
from fastcar.analysis.probe import ProbeRequest
from fastcar.analysis.runs import RunRequest, RunSummary, Setup
from fastcar.analysis.settings import AnalysisSettings
from fastcar.analysis.statistics import Direction, compare
from fastcar.metrics import PSNR_CAP_DECIBELS
from fastcar.reference.calibration import compute_ceiling
from fastcar.reference.clip_model import ClipModel
from fastcar.reference.errors import ArgumentError
from fastcar.reference.replay import ReplayConfig, Semantics
from fastcar.reference.trace import make_score_gate, run_trace
from fastcar.reference.video.model import VideoModel, load_video_model
from tests.fastcar.tiny_video_model import (
    FRAMES,
    TINY_SETTINGS,
    TOKENS_PER_FRAME,
    save_tiny_video_model,
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> VideoModel:
    return load_video_model(save_tiny_video_model(tmp_path_factory.mktemp("model")))


def test_probe_equals_a_trace(model: VideoModel) -> None:
    probe = ProbeRequest(clips=3, frames=4).execute(model)
    clips = model.load_clips("held_out").take(3)
    trace = run_trace(
        model.config,
        model.weights,
        model.encode_prompts(clips.prompts).conditional,
        clips.token_ids[:, : 4 * TOKENS_PER_FRAME - 1],
        ReplayConfig(TOKENS_PER_FRAME),
        make_score_gate([np.inf], 3, Semantics.PAPER),
    )
    fresh, aligned = trace.mlp_used[TOKENS_PER_FRAME:], trace.mlp_used[:-TOKENS_PER_FRAME]
    distance = np.linalg.norm(fresh.astype(float) - aligned, axis=-1)
    np.testing.assert_allclose(probe.output_distance, distance, rtol=1e-6)
    lengths = np.linalg.norm(fresh, axis=-1) * np.linalg.norm(aligned, axis=-1)
    cosine = (fresh.astype(float) * aligned).sum(axis=-1) / lengths
    np.testing.assert_allclose(probe.cosine, cosine, atol=1e-6)
    np.testing.assert_allclose(probe.scores, trace.tas[TOKENS_PER_FRAME:], atol=1e-6)
    tokens = clips.token_ids[:, : 4 * TOKENS_PER_FRAME - 1].T
    assert (probe.changed == (tokens[TOKENS_PER_FRAME:] != tokens[:-TOKENS_PER_FRAME])).all()


def test_probe_finds_a_planted_change(model: VideoModel) -> None:
    probe = ProbeRequest(clips=3, frames=4).execute(model)
    # layer 0 of a fed code that did not change still sees other keys, so it moves less, not zero
    first = probe.output_distance[:, 0]
    assert first[probe.changed].mean() > first[~probe.changed].mean()


def test_open_loop_ratio_ends_at_dense_and_ceiling(model: VideoModel) -> None:
    probe = ProbeRequest(clips=3, frames=4).execute(model)
    steps = 4 * TOKENS_PER_FRAME - 1
    assert probe.compute_open_loop_ratio(np.inf) == 0
    ceiling = compute_ceiling(steps, TOKENS_PER_FRAME)
    assert probe.compute_open_loop_ratio(-np.inf) == pytest.approx(ceiling)


def test_run_at_the_ceiling_replays_everything_eligible(model: VideoModel) -> None:
    summary = RunRequest(3, 4, Setup("tas"), (-np.inf,) * 3).execute(model)
    assert summary.ratio == pytest.approx(compute_ceiling(15, TOKENS_PER_FRAME))
    assert summary.frame_ratios.tolist() == [0, 1, 1, 1]
    assert summary.layer_ratios.shape == (3, 3)
    assert summarize_staleness(summary.chain_counts)["max_staleness"] == 3
    assert summary.num_scores == 11 * 3 * 3


def test_teacher_forced_run_shows_the_truth(model: VideoModel) -> None:
    summary = RunRequest(3, 4).execute(model)
    assert summary.psnr is not None
    assert (summary.psnr == PSNR_CAP_DECIBELS).all()
    assert summary.ratio == 0
    assert summary.quality.nats == pytest.approx(summary.frame_nats[:, 2:].mean(axis=1))


def test_free_run_leaves_the_truth_after_two_frames(model: VideoModel) -> None:
    summary = RunRequest(3, 4).with_free_tokens().execute(model)
    assert summary.psnr is not None
    assert (summary.psnr[:, :2] == PSNR_CAP_DECIBELS).all()
    assert (summary.psnr[:, 2:] < 30).all()  # random weights do not know the truth


def test_control_keeps_its_ratio(model: VideoModel) -> None:
    with Workbench(model, replace(TINY_SETTINGS, clips=6)) as bench:
        (summary,) = bench.run_all([bench.make_control("periodic", 0.4)])
    assert summary.ratio == pytest.approx(0.4, abs=0.06)


@pytest.mark.parametrize("per_layer", [False, True])
def test_calibration_reaches_its_target(model: VideoModel, per_layer: bool) -> None:
    request = CalibrationRequest(6, 4, Setup("tas", per_layer=per_layer), (0.4,), 4)
    point = request.execute(model)[0.4]
    assert abs(point.ratio - 0.4) <= abs(point.first_ratio - 0.4) + 1e-12
    assert point.ratio == pytest.approx(0.4, abs=0.1)
    assert (len(set(point.thresholds)) > 1) == per_layer


def test_calibration_never_looks_at_held_out_clips(tmp_path: Path) -> None:
    model = load_video_model(save_tiny_video_model(tmp_path))
    request = CalibrationRequest(2, 4, Setup("input"), (0.4,), 1)
    first = request.execute(model)
    clips = model.load_clips
    seen: list[str] = []

    class Watched(VideoModel):
        def load_clips(self, name: str) -> object:  # type: ignore[override]
            seen.append(name)
            return clips(name)

    watched = Watched(model.config, model.weights, model.codec, model.geometry, model.directory)
    assert request.execute(watched) == first
    assert set(seen) == {"calibration"}


def test_pooled_auc_sees_the_scale_of_layers() -> None:
    rng = np.random.default_rng(1)
    distance = rng.uniform(0, 1, (200, 2, 3))
    safety = -distance
    safety[:, 0] -= 5  # ranks perfectly within the layer, but all of it behind the other one
    assert (compute_power(safety, distance)[0] == 1).all()
    assert compute_pooled_auc(safety, distance) == pytest.approx(0.75, abs=0.05)


def test_predictive_power_knows_perfect_and_blind_predictors() -> None:
    rng = np.random.default_rng(0)
    distance = rng.uniform(0, 1, (400, 2, 3))
    auc, correlation = compute_power(-distance, distance)
    assert (auc == 1).all()
    assert correlation == pytest.approx(1)
    auc, correlation = compute_power(rng.uniform(0, 1, distance.shape), distance)
    assert auc == pytest.approx(0.5, abs=0.1)
    assert correlation == pytest.approx(0, abs=0.2)


class CountedJob:
    """A job that counts how often it runs."""

    def __init__(self) -> None:
        self.runs = 0

    def execute(self, model: ClipModel) -> int:
        """How often it ran, this time included."""
        self.runs += 1
        return self.runs


def test_bench_runs_a_job_once(model: VideoModel) -> None:
    job, calls = CountedJob(), []
    with Workbench(model, TINY_SETTINGS, progress=lambda *call: calls.append(call)) as bench:
        bench.label = "count"
        assert bench.run_all([job, job]) == [1, 1]
        assert bench.run_all([job]) == [1]
    assert job.runs == 1
    assert calls[-1] == ("count", 1, 1)


@pytest.mark.slow  # compiles kernels
@pytest.mark.parametrize("gate", ["tas", "input", "motion"])
def test_kernels_measure_what_numpy_measures(model: VideoModel, gate: str) -> None:
    found = {}
    for engine in ("numpy", "numba"):
        settings = replace(TINY_SETTINGS, engine=engine)
        with Workbench(model, settings) as bench:
            (calibrated,) = bench.calibrate([Setup(gate)], (0.3,))
            request = bench.make_request(Setup(gate), calibrated[0.3])
            (found[engine],) = bench.run_all([request])
    np.testing.assert_allclose(
        found["numba"].frame_nats, found["numpy"].frame_nats, rtol=1e-4, atol=1e-4
    )
    assert found["numba"].ratio == found["numpy"].ratio


def test_every_job_that_decodes_runs_on_the_engine_of_the_settings() -> None:
    for job in (RunRequest(1, 3), ProbeRequest(1, 3), CalibrationRequest(1, 3, Setup(), (), 1)):
        assert getattr(set_engine(job, "numba"), "engine") == "numba"  # noqa: B009
        assert set_engine(job, "numpy") == job


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^engine = 'fast': must be one of numpy, numba$"):
        AnalysisSettings(engine="fast")


def test_processes_give_the_same_summaries(model: VideoModel) -> None:
    requests = [RunRequest(2, 4, Setup("random"), ratio=share) for share in (0.2, 0.7)]
    results = []
    for processes in (1, 2):
        with Workbench(model, TINY_SETTINGS, processes) as bench:
            results.append(bench.run_all(requests))
    for alone, shared in zip(*results, strict=True):
        assert alone.ratio == shared.ratio
        assert (alone.quality.nats == shared.quality.nats).all()
    assert results[0][0].ratio < results[0][1].ratio


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"clips": 7}, r"^clips = 7: must be from 1 to 6"),
        ({"clips": 0}, r"^clips = 0: must be at least 1"),
        ({"long_frames": FRAMES + 1}, r"^long_frames = 6: must be at most 5"),
        ({"frames": 2}, r"^frames = 2: must be at least 3"),
        ({"sweep_points": 1}, r"^sweep_points = 1: must be at least 2"),
        ({"seed": -1}, r"^seed = -1: must be at least 0"),
        ({"few_ratios": (0.5,)}, r"^few_ratios = \(0\.5,\): must be among"),
    ],
)
def test_settings_beyond_the_model_are_refused(
    model: VideoModel, change: dict[str, int], text: str
) -> None:
    with pytest.raises(ArgumentError, match=text):
        replace(TINY_SETTINGS, **change).check(model)  # type: ignore[arg-type]


def run_shipped(setup: Setup, ratio: float) -> tuple[RunSummary, RunSummary]:
    """A calibrated gate on the shipped model, and random replay at the ratio it was measured at."""
    settings = AnalysisSettings(
        clips=4, calibration_clips=2, frames=4, long_frames=4, long_clips=1, corrective_runs=1
    )
    model = load_video_model()
    with Workbench(model, settings) as bench:
        (points,) = bench.calibrate([setup], (ratio,))
        (gate,) = bench.run_all([bench.make_request(setup, points[ratio])])
        (chance,) = bench.run_all([bench.make_control("random", gate.ratio)])
    return gate, chance


def test_oracle_beats_random_on_the_shipped_model() -> None:
    oracle, chance = run_shipped(Setup("oracle", per_layer=True), 0.3)
    assert oracle.ratio == pytest.approx(chance.ratio, abs=0.02)
    comparison = compare(oracle.quality.nats, chance.quality.nats)
    assert comparison.verdict is Direction.LOWER


def test_interruption_ends_the_workers(model: VideoModel) -> None:
    def interrupt(label: str, done: int, known: int) -> None:
        if done:
            raise KeyboardInterrupt

    before = set(active_children())
    requests = [RunRequest(2, 4, Setup("random"), ratio=share / 20) for share in range(20)]
    with (
        pytest.raises(KeyboardInterrupt),
        Workbench(model, TINY_SETTINGS, processes=2, progress=interrupt) as bench,
    ):
        bench.run_all(requests)
    assert set(active_children()) <= before
