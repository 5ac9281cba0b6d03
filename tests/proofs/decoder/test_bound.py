"""P-16: logits of a token after replay, through all layers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.proofs.arithmetic import Array
from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.counterexamples.decoder import get_counterexamples, make_layer, make_pair
from fastcar.proofs.decoder.bound import (
    STATEMENT,
    DecoderPair,
    LayerError,
    compute_layer_errors,
    get_first_vacuous_layer,
)
from fastcar.proofs.decoder.layer import LayerRuns, run
from fastcar.proofs.decoder.step import bound_attention
from fastcar.proofs.decoder.terms import (
    compute_attention_jacobian,
    compute_attention_terms,
    compute_mixed_heads,
    compute_mlp_jacobian,
)
from fastcar.proofs.statement import HypothesisError, Verdict
from fastcar.reference.config import ModelConfig
from fastcar.reference.decoder import Decoder
from fastcar.reference.gates.score import TemporalAttentionScoreGate
from fastcar.reference.observation import LayerObservation
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.thresholds import FixedThresholds
from fastcar.reference.weights import LayerWeights, ModelWeights, make_random_weights
from tests.proofs.attacks import attack_once, attack_settings, check_rounding, check_search
from tests.proofs.strategies import matrices, neighbours, vectors

NOTHING = np.zeros((1, 1, 2))
SMALL = 1e-6

mild = st.integers(-3, 2).map(lambda exponent: 10.0**exponent)


@st.composite
def layer_runs(draw: st.DrawFn) -> LayerRuns:
    """Width 2, one key head read by one or two query heads, up to two cached tokens."""
    rows, num_keys = 2 * draw(st.integers(1, 2)), draw(st.integers(1, 2))
    weights = LayerWeights(
        attention_norm=draw(vectors(2, mild)),
        q_proj=draw(matrices(rows, 2, mild)),
        k_proj=draw(matrices(2, 2, mild)),
        v_proj=draw(matrices(2, 2, mild)),
        o_proj=draw(matrices(2, rows, mild)),
        mlp_norm=draw(vectors(2, mild)),
        gate_proj=draw(matrices(1, 2, mild)),
        up_proj=draw(matrices(1, 2, mild)),
        down_proj=draw(matrices(2, 1, mild)),
    )
    keys, values = (draw(vectors(2 * num_keys, mild)).reshape(1, -1, 2) for _ in range(2))
    cached = draw(st.one_of(st.none(), vectors(2, mild)))
    return LayerRuns(
        weights, keys, values, draw(neighbours(keys)), draw(neighbours(values)), cached
    )


@st.composite
def decoder_pairs(draw: st.DrawFn) -> DecoderPair:
    """One or two layers, one or two logits."""
    layers = tuple(draw(st.lists(layer_runs(), min_size=1, max_size=2)))
    head = draw(matrices(draw(st.integers(1, 2)), 2, mild))
    angles, eps = draw(vectors(1, st.just(6.0))), draw(st.sampled_from([1e-6, 1e-2]))
    return DecoderPair(draw(vectors(2, mild)), layers, draw(vectors(2, mild)), head, angles, eps)


@pytest.mark.slow
@attack_settings(0.5)
@given(decoder_pairs())
def test_no_attack_violates_the_claim(pair: DecoderPair) -> None:
    attack_once(STATEMENT, pair)


@pytest.mark.slow
@given(decoder_pairs())
def test_rounding_is_as_derived(pair: DecoderPair) -> None:
    check_rounding(STATEMENT, pair)


def test_rounding_is_small_where_errors_do_not_explode() -> None:
    rng = np.random.default_rng(0)
    found = [STATEMENT.check(STATEMENT.draw(rng)) for _ in range(50)]
    assert max(each.rounding / each.trivial for each in found) < 1e-8


def make_second_layer(
    part: str, matrix: Array, gate_proj: Array, values: Array = NOTHING
) -> LayerRuns:
    """A layer that carries an error along axis 2 on, its weights 0 but for a few.

    Args:
        part: projection that is given, "mlp" for an MLP that maps axis 2 to itself.
        matrix: that projection, [2, 2].
        gate_proj: [1, 2].
        values: [1, n, 2], cached in both runs.
    """
    layer = make_layer(o_proj=np.eye(2), values=values, other_values=values, cached=None)
    weights = replace(layer.weights, gate_proj=gate_proj)
    if part == "mlp":
        axis = np.array([[0.0, 1.0]])
        return replace(layer, weights=replace(weights, up_proj=axis, down_proj=axis.T))
    return replace(layer, weights=replace(weights, **{part: matrix}))


REPLAYED = make_layer(
    o_proj=np.eye(2), values=NOTHING, other_values=NOTHING, cached=np.array([0.0, SMALL])
)
DRIFTED = make_layer(
    o_proj=np.eye(2),
    values=NOTHING,
    other_values=NOTHING + np.array([0.0, SMALL]),
    cached=None,
)
WITHOUT_CACHE = make_layer(
    o_proj=np.eye(2), values=NOTHING[:, :0], other_values=NOTHING[:, :0], cached=None
)
VALUE_LAYER = make_second_layer("v_proj", np.diag([0.0, 1.0]), np.zeros((1, 2)))
MLP_LAYER = make_second_layer("mlp", np.zeros((2, 2)), np.array([[1.0, 0.0]]))


def make_query_layer() -> LayerRuns:
    """An error along axis 2 turns the query; two cached keys with values along axis 2 see it."""
    rows = np.array([[[0.0, 1.0], [0.0, -1.0]]])
    layer = make_second_layer("q_proj", np.diag([0.0, 1.0]), np.zeros((1, 2)), values=rows)
    return replace(layer, keys=rows, other_keys=rows)


def make_key_layer() -> LayerRuns:
    """An error along axis 2 raises the own logit; own value (0, 1), the cached one (0, -1)."""
    row = np.array([[[0.0, -1.0]]])
    layer = make_second_layer("q_proj", np.diag([100.0, 0.0]), np.zeros((1, 2)), values=row)
    k_proj, v_proj = np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [0.5**0.5, 0.0]])
    return replace(layer, weights=replace(layer.weights, k_proj=k_proj, v_proj=v_proj))


@pytest.mark.parametrize(
    "layers",
    [
        (REPLAYED,),
        (DRIFTED,),
        (REPLAYED, VALUE_LAYER),
        (REPLAYED, make_query_layer()),
        (REPLAYED, make_key_layer()),
        (REPLAYED, MLP_LAYER),
        (DRIFTED, MLP_LAYER, make_query_layer(), VALUE_LAYER),
    ],
    ids=["replay", "cache", "value", "query", "key", "MLP", "all"],
)
def test_small_error_along_one_axis_attains_the_bound(layers: tuple[LayerRuns, ...]) -> None:
    found = STATEMENT.check(make_pair(*layers))
    assert found.holds
    assert found.left >= SMALL / 2
    assert found.left / found.right == pytest.approx(1, abs=1e-3)


def test_saturated_head_may_turn_over() -> None:
    """Its tangent is flat, yet its context moves all the way."""
    rows = np.array([[[0.0, 1.0], [0.0, -1.0]]])
    matrix = np.array([[0.0, 0.0], [10.0, 10.0]])
    layer = make_second_layer("q_proj", matrix, np.zeros((1, 2)), values=100 * rows)
    turning = replace(layer, keys=rows, other_keys=rows)
    found = STATEMENT.check(make_pair(replace(REPLAYED, cached=np.array([0.0, -3.0])), turning))
    assert found.holds
    assert found.left >= 2.5


def make_replay(x: float, y: float) -> LayerRuns:
    """A layer that computes 0 and replays (x, y)."""
    return replace(REPLAYED, cached=np.array([x, y]))


def test_shorter_vector_turns_further_than_the_dense_radius_says() -> None:
    found = STATEMENT.check(make_pair(make_replay(-1.0, 0.1)))
    assert found.holds
    assert found.left == pytest.approx(2.0)


def test_curvature_counts_where_the_derivative_of_the_mlp_vanishes() -> None:
    """gate = up = second element, 0 in the dense run."""
    layer = make_second_layer("mlp", np.zeros((2, 2)), np.array([[0.0, 1.0]]))
    pair = make_pair(make_replay(0.0, 0.5), layer)
    errors = compute_layer_errors(pair)
    assert errors[0].bound == pytest.approx(0.5, rel=1e-12)
    assert 0.6 < errors[1].measured < errors[1].bound
    assert STATEMENT.check(pair).holds


def test_curvature_counts_where_the_derivative_of_attention_vanishes() -> None:
    """Query 0 in the dense run, keys -1, 1 and own 0; either turn leaves the own value, 0."""
    keys, values = np.array([[[0.0, 1.0], [0.0, -1.0]]]), np.array([[[0.0, 1.0], [0.0, 1.0]]])
    layer = make_second_layer("q_proj", np.diag([0.0, 2.0]), np.zeros((1, 2)), values=values)
    pair = make_pair(make_replay(0.0, 0.5), replace(layer, keys=keys, other_keys=keys))
    errors = compute_layer_errors(pair)
    assert 0.52 < errors[1].measured < errors[1].bound
    assert STATEMENT.check(pair).holds


def test_no_error_without_replay_and_with_equal_caches() -> None:
    found = STATEMENT.check(
        make_pair(replace(REPLAYED, cached=None), make_query_layer(), MLP_LAYER)
    )
    assert (found.left, found.right) == (0.0, 0.0)


@pytest.mark.slow
def test_search_approaches_the_bound() -> None:
    check_search(STATEMENT, 300, 0.9)


def test_two_layers_are_certified() -> None:
    pair = STATEMENT.draw(np.random.default_rng(5))
    assert len(pair.layers) >= 2
    assert STATEMENT.check(pair).left > 0
    assert STATEMENT.certify(pair) is Verdict.HOLDS


@pytest.mark.parametrize(
    ("change", "hypothesis"),
    [
        ({"head": np.full((2, 2), np.nan)}, "finite weights, caches and outputs"),
        (
            {"layers": (replace(REPLAYED, cached=np.array([np.inf, 0.0])),)},
            "finite weights, caches and outputs",
        ),
        ({"eps": 0.0}, "eps > 0"),
        ({"layers": ()}, "at least one layer and one cached token"),
        ({"layers": (WITHOUT_CACHE,)}, "at least one layer and one cached token"),
    ],
)
def test_what_is_no_instance_is_refused(change: dict[str, object], hypothesis: str) -> None:
    pair = replace(make_pair(REPLAYED), **change)  # type: ignore[arg-type]
    with pytest.raises(HypothesisError, match=f"^P-16: hypothesis violated: {hypothesis}$"):
        STATEMENT.check(pair)


def test_every_layer_is_within_its_bound() -> None:
    rng = np.random.default_rng(6)
    for _ in range(50):
        for error in compute_layer_errors(STATEMENT.draw(rng)):
            assert error.measured <= error.bound + 1e-9 * error.trivial
            assert error.measured <= error.trivial * (1 + 1e-12)


def test_first_vacuous_layer_is_the_first_bound_above_the_norms() -> None:
    errors = [LayerError(bound, 0.0, 2.0) for bound in (0.0, 1.9, 2.0, 1.0)]
    assert get_first_vacuous_layer(errors) == 2
    assert get_first_vacuous_layer(errors[:2]) is None


def differentiate(pair: DecoderPair, gain_name: str, output_name: str) -> Array:
    """[D, D] difference quotient of an output of the first layer by a normalised input.

    The gain of a norm moves what comes out of it: g_i (1 + step / n_i) moves n_i by the step.
    """
    layer, step = pair.layers[0], 1e-6
    states = []
    for sign in (1, -1):
        for index in range(len(pair.embedding)):
            gain = getattr(layer.weights, gain_name).copy()
            normed_name = "normed" if gain_name == "attention_norm" else "mlp_normed"
            normed = getattr(run(pair, with_replay=False).states[0], normed_name)
            gain[index] *= 1 + sign * step / normed[index]
            moved = replace(layer, weights=replace(layer.weights, **{gain_name: gain}))
            states.append(run(replace(pair, layers=(moved,)), with_replay=False).states[0])
    outputs = np.array([getattr(state, output_name) for state in states])
    quotients: Array = (outputs[: len(outputs) // 2] - outputs[len(outputs) // 2 :]) / (2 * step)
    return quotients.T


def draw_one_layer(seed: int) -> DecoderPair:
    """A random layer with equal caches."""
    pair = STATEMENT.draw(np.random.default_rng(seed))
    layer = pair.layers[0]
    equal = replace(layer, other_keys=layer.keys, other_values=layer.values, cached=None)
    return replace(pair, layers=(equal,))


@pytest.mark.parametrize("seed", range(4))
def test_derivatives_are_limits_of_difference_quotients(seed: int) -> None:
    pair = draw_one_layer(seed)
    layer, state = pair.layers[0], run(pair, with_replay=False).states[0]
    attention = compute_attention_jacobian(compute_mixed_heads(layer, state), state.angles)
    expected = differentiate(pair, "attention_norm", "mid")
    np.testing.assert_allclose(attention, expected, atol=1e-6 * np.abs(expected).max())
    mlp = compute_mlp_jacobian(layer.weights, state)
    expected = differentiate(pair, "mlp_norm", "output")
    np.testing.assert_allclose(mlp, expected, atol=1e-6 * np.abs(expected).max())


def test_attention_is_bounded_by_its_tangent_when_near_and_by_the_values_when_far() -> None:
    pair = draw_one_layer(0)
    state = run(pair, with_replay=False).states[0]
    terms = compute_attention_terms(pair.layers[0], state, pair.eps)
    assert bound_attention(SMALL, terms) == pytest.approx(terms.slope * SMALL, rel=1e-3)
    without_values = replace(
        terms, heads=tuple(replace(head, value_gain=0.0) for head in terms.heads)
    )
    reach = np.array([head.value_diameter for head in terms.heads])
    assert bound_attention(1e9, without_values) <= terms.output_gain * np.linalg.norm(reach)


def decode_token(
    config: ModelConfig, weights: ModelWeights, threshold: float, ids: Array
) -> tuple[Decoder, list[LayerObservation], Array]:
    """Two frames of two tokens through the reference decoder; the last one is observed."""
    gate = TemporalAttentionScoreGate(FixedThresholds([threshold] * 3))
    decoder = Decoder(config, weights, rows=1, capacity_tokens=8, replay=ReplayConfig(2), gate=gate)
    decoder.prefill(ids[:, :3])
    observed: list[LayerObservation] = []
    for token in ids[0, 3:]:
        observed.clear()
        logits = decoder.step(np.array([token]), observed.append)
    return decoder, observed, logits[0]


def test_runs_are_those_of_the_reference_decoder() -> None:
    ids = np.random.default_rng(1).integers(0, 11, (1, 7))
    config = ModelConfig(11, 8, 12, 3, 4, 2, 4, 1e-5, 100.0, 16)
    weights = make_random_weights(config, np.random.default_rng(0), np.float64)
    dense, _, dense_logits = decode_token(config, weights, np.inf, ids)
    replay, observed, replay_logits = decode_token(config, weights, 0.0, ids)
    replayed = [bool(each.decision.replayed[0]) for each in observed]
    assert True in replayed
    assert False in replayed
    layers = []
    for index, layer in enumerate(weights.layers):
        keys, values, other_keys, other_values = (
            array[index, 0, :, :6]
            for cache in (dense.kv_cache, replay.kv_cache)
            for array in (cache.keys, cache.values)
        )
        cached = observed[index].decision.output[0] if replayed[index] else None
        layers.append(LayerRuns(layer, keys, values, other_keys, other_values, cached))
    angles = 6 * config.rope_theta ** -(np.arange(0, config.head_dim, 2) / config.head_dim)
    pair = DecoderPair(
        weights.embedding[ids[0, -1]],
        tuple(layers),
        weights.norm,
        weights.head,
        angles,
        config.rms_norm_eps,
    )
    for with_replay, logits in ((False, dense_logits), (True, replay_logits)):
        np.testing.assert_allclose(run(pair, with_replay).logits, logits, rtol=1e-9, atol=1e-12)
    assert STATEMENT.check(pair).holds


@pytest.mark.parametrize("example", get_counterexamples(), ids=lambda example: example.dropped)
def test_dropped_term_lets_the_claim_fail(example: Counterexample) -> None:
    assert example.number == STATEMENT.number
    assert example.left > example.right + 0.1
