from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fastcar.decoding import decode_videos
from fastcar.gate_choice import CLOSE_ENOUGH, choose_gate, compute_open_loop_ratio
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gate_factory import THRESHOLD_GATES
from fastcar.reference.gates.input import InputGate
from fastcar.reference.gates.oracle import OracleGate
from fastcar.reference.gates.patches import PatchGate
from fastcar.reference.gates.planned import PeriodicGate, RandomGate
from fastcar.reference.gates.score import TemporalAttentionScoreGate
from fastcar.reference.records import ReplayRecord
from fastcar.reference.replay import Semantics
from fastcar.reference.thresholds import spread_thresholds
from fastcar.reference.video.model import VideoModel, load_video_model
from fastcar.request import GenerationRequest
from fastcar.statistics import compute_work
from fastcar.video_sources import get_sources


@pytest.fixture(scope="module")
def model() -> VideoModel:
    return load_video_model()


def make_request(**options: object) -> GenerationRequest:
    settings = {"prompts": ("3 up",), "frames": 4, "calibration_clips": 2, **options}
    return GenerationRequest(**settings)  # type: ignore[arg-type]


def test_fixed_thresholds_need_no_calibration(model: VideoModel) -> None:
    choice = choose_gate(make_request(tau=(0.5,), semantics=Semantics.PUBLISHED), model)
    assert isinstance(choice.gate, TemporalAttentionScoreGate)
    assert choice.gate.strict
    assert (choice.method, choice.thresholds) == ("fixed", (0.5,) * 4)
    assert choice.open_loop_ratio is None


def test_no_threshold_in_any_layer_is_no_gate(model: VideoModel) -> None:
    assert choose_gate(make_request(tau=(None,)), model).gate is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [("tas", TemporalAttentionScoreGate), ("input", InputGate), ("oracle", OracleGate)],
)
def test_calibration_meets_the_ratio_on_the_dense_measures(
    model: VideoModel, name: str, kind: type
) -> None:
    choice = choose_gate(make_request(gate=name, target_ratio=0.4, closed_loop_runs=0), model)
    assert isinstance(choice.gate, kind)
    assert choice.method == "calibrated"
    assert len(set(choice.thresholds)) == 1
    # ties of equal patches replay together
    assert choice.open_loop_ratio == pytest.approx(0.4, abs=0.02)
    assert choice.curve is not None
    assert choice.curve.ratios[-1] == pytest.approx(choice.ceiling)


@pytest.mark.parametrize("name", sorted({*THRESHOLD_GATES} - {"accumulated-frame"}))
def test_every_gate_with_a_threshold_meets_a_ratio_on_its_dense_measures(
    model: VideoModel, name: str
) -> None:
    choice = choose_gate(make_request(gate=name, target_ratio=0.3, closed_loop_runs=0), model)
    assert choice.gate is not None
    assert choice.gate.name == name
    assert choice.open_loop_ratio == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("name", ["codes", "motion"])
@pytest.mark.parametrize("how", [{"tau": (1.0,)}, {"adaptive": True}])
def test_gates_that_look_at_patches_are_given_those_of_the_model(
    model: VideoModel, name: str, how: dict[str, Any]
) -> None:
    gate = choose_gate(make_request(gate=name, **how), model).gate
    assert isinstance(gate, PatchGate)
    assert gate.codebook is model.codec.codebook


def test_per_layer_calibration_gives_every_layer_its_own(model: VideoModel) -> None:
    request = make_request(gate="input", target_ratio=0.4, per_layer=True, closed_loop_runs=0)
    choice = choose_gate(request, model)
    assert len(set(choice.thresholds)) == 4
    assert choice.open_loop_ratio == pytest.approx(0.4, abs=0.02)


def test_corrective_runs_report_their_ratios(model: VideoModel) -> None:
    request = make_request(target_ratio=0.4, closed_loop_runs=2, calibration_clips=1)
    stages: list[str] = []
    choice = choose_gate(request, model, lambda stage, done, total: stages.append(stage))
    assert 1 <= len(choice.corrections) <= 2
    assert set(stages) == {"calibrate", "correct"}


def test_the_loop_is_closed_on_the_videos_that_are_asked_for(model: VideoModel) -> None:
    request = make_request(target_ratio=0.4, closed_loop_runs=3)
    choice = choose_gate(request, model)
    run = decode_videos(model, request, get_sources(request, model), choice.gate, "replay")
    assert run.record.replay_ratio in choice.corrections
    reached = [abs((ratio or 0) - 0.4) for ratio in choice.corrections]
    assert abs(run.record.replay_ratio - 0.4) == min(reached)
    assert all(miss >= CLOSE_ENOUGH for miss in reached[:-1]), "the first near one is the last"


def test_a_budget_is_what_is_computed_and_the_gate(model: VideoModel) -> None:
    request = make_request(gate="input", budget=0.7, frames=6)
    choice = choose_gate(request, model)
    run = decode_videos(model, request, get_sources(request, model), choice.gate, "replay")
    saved_share = compute_work(run.record, model.config, "input").saved_share
    assert saved_share == pytest.approx(0.3, abs=0.05)
    with pytest.raises(ArgumentError, match=r"^budget = 0.01: must be from 0\.\d+ to 1$"):
        choose_gate(make_request(budget=0.01), model)
    with pytest.raises(ArgumentError, match=r"^budget = 0.5: must be given without target_ratio$"):
        make_request(budget=0.5, target_ratio=0.5)


def test_a_score_that_attention_does_not_have_is_part_of_the_budget(model: VideoModel) -> None:
    plain = make_request(budget=0.7)
    products = model.config.num_attention_heads * model.config.head_dim
    dense = 3 * model.config.hidden_size * model.config.intermediate_size
    scored = plain.get_ceiling(model) * products / dense
    with pytest.raises(ArgumentError, match=r"^gate = 'best': must be one that was found"):
        choose_gate(make_request(gate="best", budget=0.7), model)
    for options in ({"semantics": Semantics.PUBLISHED}, {"window": model.tokens_per_frame}):
        ratio = make_request(budget=0.7, **options).get_ratio(model)
        assert ratio == pytest.approx(plain.get_ratio(model) + scored)


def test_controls_replay_their_share_of_the_eligible(model: VideoModel) -> None:
    for name, kind in (("random", RandomGate), ("periodic", PeriodicGate)):
        choice = choose_gate(make_request(gate=name, target_ratio=0.3), model)
        assert isinstance(choice.gate, kind)
        assert choice.gate.ratio == pytest.approx(0.3 / choice.ceiling)


def test_adaptive_thresholds_start_without_calibration(model: VideoModel) -> None:
    choice = choose_gate(make_request(adaptive=True, target_ratio=0.3), model)
    assert (choice.method, choice.thresholds) == ("adaptive", ())


def test_half_is_the_ratio_where_none_is_asked_for(model: VideoModel) -> None:
    assert make_request().get_ratio(model) == 0.5
    assert make_request(target_ratio=0.0).get_ratio(model) == 0.0


def test_a_wrong_number_of_thresholds_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"tau = \(1.0, 2.0\): must be 1 or 4 values"):
        spread_thresholds("tau", (1.0, 2.0), 4)


@pytest.mark.parametrize(("higher_is_safer", "ratio"), [(True, 0.5), (False, 0.25)])
def test_open_loop_ratio_counts_eligible_measures_on_the_safe_side(
    model: VideoModel, higher_is_safer: bool, ratio: float
) -> None:
    record = ReplayRecord(model.config, 4, 1, np.dtype(np.float32))
    record.measures[:] = np.arange(4.0)[:, None, None]
    record.eligible[1:] = True
    assert compute_open_loop_ratio(record, [2.0] * 4, higher_is_safer) == 0.5
    record.eligible[1:2] = False
    assert compute_open_loop_ratio(record, [2.0] * 4, higher_is_safer) == ratio
