"""The integer engine: decisions, replay cache, digests, and requests that make no sense."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.arrays import Int16Array
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.digest import compute_digests
from fastcar.reference.integer.engine import IntegerMlpEngine
from fastcar.reference.integer.mlp_engine import DecisionSource, MlpRequest
from fastcar.reference.integer.units import add_residual
from tests.reference.integer import naive as naive
from tests.reference.integer.runs import make_model

MODEL = make_model(2)
WIDTH, QUERY_SIZE = 12, 16


def make_request(rng: np.random.Generator, num_slots: int, **changes: Any) -> MlpRequest:
    """A dense request with random numbers; `changes` as its attributes."""

    def draw(width: int) -> Int16Array:
        return rng.integers(-32767, 32768, (num_slots, width)).astype(np.int16)

    fields: dict[str, Any] = {
        "token_index": 0,
        "location_index": 0,
        "residual": draw(WIDTH),
        "source": DecisionSource.SCORE,
        "threshold": 0,
        "is_decided": np.zeros(num_slots, bool),
        "is_computing": np.ones(num_slots, bool),
        "query": draw(QUERY_SIZE),
        "aligned_key": draw(QUERY_SIZE),
    }
    return MlpRequest(**(fields | changes))


def make_engine(num_slots: int = 3, num_lanes: int = 4) -> IntegerMlpEngine:
    engine = IntegerMlpEngine(MODEL, num_lanes)
    engine.reset(num_slots, 2)
    return engine


@given(st.integers(0, 2**16), st.sampled_from(list(DecisionSource)))
def test_second_frame_decides_against_the_first(seed: int, source: DecisionSource) -> None:
    rng = np.random.default_rng(seed)
    engine, layer = make_engine(), MODEL.layers[1]
    first = make_request(rng, 3, source=source)
    computed = engine.run_layer(1, first)
    moved = np.clip(first.residual.astype(int) + rng.integers(-9, 10, (3, WIDTH)), -32767, 32767)
    request = make_request(
        rng,
        3,
        source=source,
        residual=moved.astype(np.int16),
        is_decided=np.array([True, True, False]),
    )
    if source is DecisionSource.SCORE:
        assert request.query is not None
        assert request.aligned_key is not None
        pairs = zip(request.query.tolist(), request.aligned_key.tolist(), strict=True)
        scores = [naive.dot(*pair) for pair in pairs]
    else:
        pairs = zip(
            layer.normalize(request.residual).tolist(),
            layer.normalize(first.residual).tolist(),
            strict=True,
        )
        scores = [naive.distance(*pair) for pair in pairs]
    request = replace(request, threshold=scores[int(rng.integers(2))] + int(rng.integers(-1, 2)))
    result = engine.run_layer(1, request)
    assert result.scores.tolist() == [*scores[:2], 0]
    keeps = [
        score >= request.threshold if source is DecisionSource.SCORE else score <= request.threshold
        for score in scores[:2]
    ]
    assert result.replayed.tolist() == [*keeps, False]
    fresh, _ = layer.run(request.residual)
    used = np.where(result.replayed[:, None], computed.output, fresh)
    assert np.array_equal(result.output, used)
    assert np.array_equal(result.residual, add_residual(request.residual, used))


def test_replay_keeps_output_and_input_of_the_last_computed_token() -> None:
    rng = np.random.default_rng(4)
    engine = make_engine(num_slots=2)
    first = make_request(rng, 2, source=DecisionSource.DISTANCE)
    output = engine.run_layer(0, first).output
    for _ in range(3):
        request = make_request(
            rng,
            2,
            source=DecisionSource.DISTANCE,
            is_decided=np.array([True, False]),  # its neighbour computes
            threshold=2**46,
        )
        result = engine.run_layer(0, request)
        assert result.replayed.tolist() == [True, False]
        assert np.array_equal(result.output[0], output[0])
        normed = MODEL.layers[0].normalize(np.stack([first.residual[0], request.residual[0]]))
        assert result.scores.tolist() == [naive.distance(*normed.tolist()), 0]


def test_places_and_layers_have_their_own_rows() -> None:
    rng = np.random.default_rng(4)
    engine = make_engine()
    for layer_index, location_index in ((0, 0), (0, 1), (1, 0)):
        engine.run_layer(layer_index, make_request(rng, 3, location_index=location_index))
    replaying = make_request(rng, 3, is_computing=np.zeros(3, bool), location_index=1)
    assert not engine.run_layer(1, replaying).output.any()
    assert engine.run_layer(0, replaying).output.any()


def test_result_does_not_change_when_the_engine_goes_on() -> None:
    rng = np.random.default_rng(4)
    engine = make_engine()
    result = engine.run_layer(0, make_request(rng, 3))
    output = result.output.copy()
    engine.run_layer(0, make_request(rng, 3))
    assert np.array_equal(result.output, output)


@pytest.mark.parametrize("source", DecisionSource)
@pytest.mark.parametrize("num_lanes", [4, 8, 16])
def test_digests_cover_what_is_stored(source: DecisionSource, num_lanes: int) -> None:
    rng = np.random.default_rng(4)
    engine = make_engine(num_lanes=num_lanes)
    engine.run_layer(0, make_request(rng, 3, source=source))
    computing = np.array([True, False, True])
    request = make_request(rng, 3, source=source, is_computing=computing)
    result = engine.run_layer(0, request)
    normed = MODEL.layers[0].normalize(request.residual)
    for slot in range(3):
        stored = [result.output, normed, result.residual]
        if source is DecisionSource.SCORE:
            stored = [result.output, result.residual]
        if not computing[slot]:
            stored = [result.residual]
        rows = [vector[[slot]] for vector in stored]
        assert result.digests[slot] == compute_digests(rows, num_lanes)[0]


def test_reset_forgets_the_cache() -> None:
    rng = np.random.default_rng(4)
    engine = make_engine()
    engine.run_layer(0, make_request(rng, 3))
    engine.reset(3, 2)
    result = engine.run_layer(0, make_request(rng, 3, is_computing=np.zeros(3, bool)))
    assert not result.output.any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"residual": np.zeros((2, WIDTH), np.int16)}, r"residual = .*: must be int16 \(3, 12\)"),
        ({"residual": np.zeros((3, WIDTH))}, r"residual = .*: must be int16 \(3, 12\)"),
        ({"is_computing": np.ones(2, bool)}, r"is_computing = .*: must be bool \(3,\)"),
        (
            {"query": None, "is_decided": np.ones(3, bool)},
            r"query = 'none': must be int16 \(3, 16\)",
        ),
        ({"threshold": 2**47}, r"threshold = \d+: must be a signed number of 48 bits"),
    ],
)
def test_request_of_other_shapes_is_refused(changes: dict[str, Any], message: str) -> None:
    request = make_request(np.random.default_rng(4), 3, **changes)
    with pytest.raises(ArgumentError, match=f"^{message}$"):
        make_engine().run_layer(0, request)


def test_lanes_that_hardware_cannot_have_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^num_lanes = 3: must be a power of two"):
        IntegerMlpEngine(MODEL, num_lanes=3)
