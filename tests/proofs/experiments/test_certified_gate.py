"""The study of what a guarantee costs, on a few frames of the shipped model."""

from __future__ import annotations

import numpy as np
import pytest

from fastcar.proofs.experiments.certified_gate import GuaranteeResult, GuaranteeStudy, ObservedGate
from fastcar.reference.certified_gate import CertifiedGate
from fastcar.reference.gate_factory import make_measuring_gate
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.video.model import VideoModel, load_video_model
from fastcar.strategies import make_run
from tests.reference.runs import decode

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model() -> VideoModel:
    return load_video_model()


@pytest.fixture(scope="module")
def results(model: VideoModel) -> list[GuaranteeResult]:
    return GuaranteeStudy(model, num_clips=1, num_frames=3).run((0.0, 0.5))


def get_result(results: list[GuaranteeResult], gate: str, share: float) -> GuaranteeResult:
    return next(found for found in results if (found.gate, found.guaranteed) == (gate, share))


def test_no_replay_breaks_its_certificate(results: list[GuaranteeResult]) -> None:
    for found in results:
        assert found.num_broken == 0
        if found.guaranteed is not None:
            assert found.mean_error <= found.percentile_99_error <= found.largest_error
            assert found.largest_error <= found.guaranteed


def test_sharper_certificate_replays_more_at_the_same_guarantee(
    results: list[GuaranteeResult],
) -> None:
    distance = get_result(results, "input, distance certificate", 0.5)
    activation = get_result(results, "input, activation certificate", 0.5)
    assert activation.ratio > 10 * distance.ratio
    assert activation.ratio > 0.1


def test_gates_without_guarantee_meet_its_ratio(results: list[GuaranteeResult]) -> None:
    position = next(
        index
        for index, found in enumerate(results)
        if (found.gate, found.guaranteed) == ("input, activation certificate", 0.5)
    )
    ratio = results[position].ratio
    followers = results[position + 1 : position + 3]
    assert [found.gate for found in followers] == ["tas", "input"]
    for found in followers:
        assert found.guaranteed is None
        assert found.ratio == pytest.approx(ratio, abs=0.06)


def test_nothing_saved_costs_what_the_certificate_costs(results: list[GuaranteeResult]) -> None:
    found = get_result(results, "input, distance certificate", 0.0)
    assert found.saved_share < 0
    assert found.ratio == pytest.approx(0, abs=0.01)


class ShortSighted:
    """A planted bug: certifies every replay to be without error."""

    num_layers = 2

    def reset(self, rows: int, tokens_per_frame: int) -> None:
        """Nothing to forget."""

    def bound(self, query: GateQuery) -> np.ndarray:
        """No error at all."""
        return np.zeros(len(query.eligible))

    def count_multiplications(self, replayed: np.ndarray) -> int:
        """Free."""
        return 0

    def remember(self, query: GateQuery, computing: np.ndarray) -> None:
        """Nothing to keep."""


def test_broken_promises_are_counted() -> None:
    observed = ObservedGate(CertifiedGate(ShortSighted(), (0.0, 0.0)))
    decoded = decode(make_run(0), observed)
    assert observed.num_broken == int(decoded.replayed.sum()) > 0


def test_observing_changes_nothing() -> None:
    run = make_run(0)
    gate = make_measuring_gate("input", 2)
    assert np.array_equal(decode(run, ObservedGate(gate)).logits, decode(run).logits)
