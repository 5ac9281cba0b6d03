"""P-17: the certified gate keeps its promise, on single pairs and through whole decodes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as float_arrays

from fastcar.proofs import activation_certificate, distance_bound
from fastcar.proofs.attack import attack
from fastcar.proofs.certificate import (
    STATEMENT,
    CertifiedPair,
    make_certificate,
)
from fastcar.proofs.certificate_names import CERTIFICATES
from fastcar.proofs.counterexamples.certificate import get_counterexamples
from fastcar.proofs.statement import Verdict
from fastcar.reference.certified_gate import CertifiedGate
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.mlp_evaluation import MlpEvaluation
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.swiglu import compute_silu
from fastcar.reference.thresholds import Measures
from fastcar.reference.weights import make_random_weights
from fastcar.strategies import Run, make_config, make_run, runs
from tests.proofs.attacks import attack_once, attack_settings
from tests.proofs.strategies import matrices, neighbours, units, vectors
from tests.reference.runs import decode

some_scales = st.sampled_from([1e-6, 1e-2, 1.0, 10.0, 1e3])


@st.composite
def certified_pairs(draw: st.DrawFn) -> CertifiedPair:
    """Up to three inputs and four neurons, float32 or float64, near or far."""
    width, inner = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    last = draw(vectors(width, some_scales))
    parts = (
        draw(matrices(inner, width, some_scales)),
        draw(matrices(inner, width, some_scales)),
        draw(matrices(width, inner, some_scales)),
        last,
        draw(neighbours(last)),
    )
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    name = draw(st.sampled_from(CERTIFICATES))
    gate, up, down, last, normed = (part.astype(dtype) for part in parts)
    return CertifiedPair(gate, up, down, last, normed, name)


@pytest.mark.slow
@attack_settings()
@given(certified_pairs())
def test_no_attack_violates_the_claim(pair: CertifiedPair) -> None:
    attack_once(STATEMENT, pair)


@given(certified_pairs())
def test_balls_never_refute_a_certificate(pair: CertifiedPair) -> None:
    assert STATEMENT.certify(pair) is not Verdict.VIOLATED


@given(certified_pairs(), st.integers(0, 3))
def test_activation_certificate_holds_at_every_rank(pair: CertifiedPair, rank: int) -> None:
    assert STATEMENT.check(replace(pair, name="activation", rank=rank)).holds


@pytest.mark.parametrize("name", CERTIFICATES)
@pytest.mark.parametrize(
    ("last", "normed"), [(-500.0, -450.0), (1e-180, 2e-180), (3e-162, 1e-163), (-700.0, -1.0)]
)
@pytest.mark.parametrize("scale", [1e-90, 1e-6, 1.0, 1e3])
def test_differences_whose_squares_underflow_are_certified(
    name: str, last: float, normed: float, scale: float
) -> None:
    one = np.array([[1.0]])
    pair = CertifiedPair(one, one * scale, one * scale, np.array([last]), np.array([normed]), name)
    assert STATEMENT.check(pair).holds


@given(
    float_arrays(np.float32, (2, 3, 4), elements=units),
    float_arrays(np.float32, (4, 3), elements=units),
    st.sampled_from([1.0, 1e12, 1e18, 3e19]),
)
def test_overflow_is_never_certified(inputs: np.ndarray, down: np.ndarray, scale: float) -> None:
    """Where an output would be infinite the bound is infinite as well."""
    last, normed = inputs.reshape(2, -1)[:, :3] * np.float32(scale)
    gate, up = (inputs[index].T[:, :3] * np.float32(2) for index in (0, 1))
    pair = CertifiedPair(gate, up, down.T.copy(), last, normed, "distance")
    with np.errstate(all="ignore"):
        for name in CERTIFICATES:
            found = STATEMENT.compute_sides(replace(pair, name=name))
            assert not found.left > found.right
            assert np.isfinite(found.left) or not np.isfinite(found.right)


@pytest.mark.slow
@pytest.mark.parametrize("name", CERTIFICATES)
def test_search_finds_no_violation_and_comes_near(name: str) -> None:
    found = attack(
        replace(STATEMENT, draw=lambda rng: replace(STATEMENT.draw(rng), name=name)),
        np.random.default_rng(0),
        2_000,
    )
    assert found.num_violations == 0
    assert found.worst.ratio >= {"distance": 0.9, "activation": 0.99}[name]


class WatchedGate(CertifiedGate):
    """Records the true error of every replay."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.errors: list[float] = []
        self.certified: list[float] = []

    def update(self, query: GateQuery, measures: Measures, replayed: np.ndarray) -> None:
        """Compare with the fresh output."""
        gap = query.fresh_output.astype(np.float64) - query.cached_output
        self.errors += np.linalg.norm(gap, axis=1)[replayed].tolist()
        self.certified += measures[replayed].tolist()
        super().update(query, measures, replayed)


@given(runs(padded=False), st.sampled_from(CERTIFICATES), st.floats(0, 1e3))
def test_true_error_never_exceeds_epsilon_in_any_chain(run: Run, name: str, epsilon: float) -> None:
    num_layers = run.config.num_hidden_layers
    gate = WatchedGate(make_certificate(name, run.weights), (epsilon,) * num_layers)
    decode(run, gate)
    assert all(
        error <= certified <= epsilon
        for error, certified in zip(gate.errors, gate.certified, strict=True)
    )


@pytest.mark.parametrize("name", CERTIFICATES)
def test_chains_are_long_and_errors_stay_certified(name: str) -> None:
    """Equal tokens in every frame: inputs move little, chains grow, and the promise holds."""
    run = make_run(3, make_config(layers=1), rows=2, frames=9, tokens_per_frame=2)
    still = replace(run, forced_ids=np.tile(run.forced_ids[:, :2], (1, 9))[:, : run.steps])
    gate = WatchedGate(make_certificate(name, run.weights), (60.0,))
    decoded = decode(still, gate)
    assert decoded.chains.max() >= 3
    assert gate.errors
    assert all(
        error <= certified <= 60
        for error, certified in zip(gate.errors, gate.certified, strict=True)
    )
    assert max(gate.errors) > 0


@pytest.mark.parametrize("name", CERTIFICATES)
@given(run=runs())
def test_no_error_allowed_is_bit_identical_to_dense(name: str, run: Run) -> None:
    layers = run.config.num_hidden_layers
    decoded = decode(run, CertifiedGate(make_certificate(name, run.weights), (0.0,) * layers))
    assert np.array_equal(decoded.logits, decode(run).logits)
    assert np.array_equal(decoded.outputs, decode(run).outputs)


@pytest.mark.parametrize("name", CERTIFICATES)
def test_any_error_allowed_replays_every_eligible_token(name: str) -> None:
    run = make_run(1)
    decoded = decode(run, CertifiedGate(make_certificate(name, run.weights), (np.inf,) * 2))
    assert np.array_equal(decoded.replayed, decoded.eligible)
    assert decoded.eligible.any()


@pytest.mark.parametrize("name", CERTIFICATES)
def test_nothing_leaks_into_the_next_generation(name: str) -> None:
    run = make_run(5)
    gate = CertifiedGate(make_certificate(name, run.weights), (20.0,) * 2)
    first, again = decode(run, gate), decode(run, gate)
    assert np.array_equal(first.measures, again.measures, equal_nan=True)


@pytest.mark.parametrize("name", CERTIFICATES)
def test_a_row_that_computes_changes_nothing_for_one_that_replays(name: str) -> None:
    run = make_run(4, make_config(layers=1), rows=2, frames=6, tokens_per_frame=2)
    certificate = make_certificate(name, run.weights)
    measures = decode(run, CertifiedGate(certificate, (0.0,))).measures
    gate = CertifiedGate(certificate, (float(np.nanmedian(measures)),))
    both = decode(run, gate)
    seen_later = both.replayed[: -run.tokens_per_frame]
    assert (seen_later.any(axis=2) & ~seen_later.all(axis=2)).any()
    for row in range(run.rows):
        alone = decode(run.select_rows([row]), gate)
        assert np.array_equal(alone.measures[..., 0], both.measures[..., row], equal_nan=True)


def test_replayed_rows_do_no_mlp_work_under_the_distance_certificate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = make_run(1)
    seen = []
    original = MlpEvaluation.compute_activations

    def count(query: MlpEvaluation, rows: np.ndarray) -> object:
        seen.append(int(rows.sum()))
        return original(query, rows)

    monkeypatch.setattr(MlpEvaluation, "compute_activations", count)
    gate = CertifiedGate(make_certificate("distance", run.weights), (np.inf,) * 2)
    decoded = decode(run, gate, replay=ReplayConfig(run.tokens_per_frame))
    # each computing step is asked twice: by the certificate and by the output
    assert sum(seen) == 2 * int((~decoded.replayed).sum())


def test_certificate_of_another_model_is_refused() -> None:
    run = make_run(1)
    other = make_random_weights(make_config(layers=1), np.random.default_rng(0))
    gate = CertifiedGate(make_certificate("distance", other), (1.0, 1.0))
    with pytest.raises(ArgumentError, match=r"^certificate layers = 1: must be 2, those of the"):
        decode(run, gate)


def test_unknown_certificate_and_rank_are_refused() -> None:
    weights = make_run(1).weights
    with pytest.raises(ArgumentError, match=r"^certificate = 'x': must be one of distance, act"):
        make_certificate("x", weights)
    with pytest.raises(ArgumentError, match=r"^rank = -1: must be at least 0$"):
        activation_certificate.ActivationCertificate(weights, -1)


def test_float_silu_is_within_its_allowance() -> None:
    """The certificate assumes at most SILU_ULPS unit roundoffs; measured against float64."""
    x = np.concatenate(
        [
            np.linspace(-80, 80, 400_001),
            np.geomspace(1e-30, 1, 20_001),
            -np.geomspace(1e-30, 1, 20_001),
        ]
    ).astype(np.float32)
    exact = compute_silu(x.astype(np.float64))
    relative = np.abs(compute_silu(x) - exact)[x != 0] / np.abs(exact)[x != 0]
    assert relative.max() / 2.0**-24 <= distance_bound.SILU_ULPS


def test_counterexamples_violate_what_they_drop() -> None:
    for example in get_counterexamples():
        assert example.left > 1.01 * example.right
