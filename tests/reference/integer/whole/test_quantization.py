"""Scales of the whole decoder: what they hold, what they fold, what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.fixed_point import MAX_ACTIVATION
from fastcar.reference.integer.whole.quantization import (
    CACHE_HEADROOM,
    choose_attention_scales,
    choose_logit_factor,
    quantize_whole_model,
)
from fastcar.reference.integer.whole.ranges import AttentionRanges, calibrate_whole_ranges
from fastcar.reference.integer.whole.scores import MAX_LOGIT
from fastcar.reference.rope_scaling import YarnScaling
from fastcar.reference.weights import LayerWeights, ModelWeights
from fastcar.strategies import Run, make_config, make_run, runs
from tests.examples import examples
from tests.reference.integer.whole.runs import decode_whole, make_whole_decoder, quantize_whole_run
from tests.reference.runs import decode, decode_with


def scale_queries(weights: ModelWeights, factor: float) -> ModelWeights:
    """The same weights with larger queries in the last layer."""
    *others, last = weights.layers
    scaled = LayerWeights(**(vars(last) | {"q_proj": last.q_proj * np.float32(factor)}))
    return ModelWeights(weights.embedding, (*others, scaled), weights.norm, weights.head)


@given(runs())
@examples(15)
def test_product_scale_is_one_number_and_nothing_saturates(run: Run) -> None:
    ranges = calibrate_whole_ranges(run.config, run.weights, run.prompt_ids, run.forced_ids)
    for widest in ranges.attention:
        scales = choose_attention_scales(widest, 1.25)
        met = np.repeat(scales.key, run.config.queries_per_key, axis=0)
        assert np.allclose(scales.query * met, scales.product, rtol=1e-15)
        steps = widest.query / scales.query
        assert np.isclose(steps.max() * 1.25, MAX_ACTIVATION, rtol=1e-12)
        assert np.allclose(widest.key / scales.key * CACHE_HEADROOM, 127, rtol=1e-12)
        assert np.allclose(widest.value / scales.value * CACHE_HEADROOM, 127, rtol=1e-12)


def test_cached_integers_stand_for_the_floats() -> None:
    run = make_run(3, make_config("grouped-query", 1), dtype=np.float64)
    model = quantize_whole_run(run)
    decoder = make_whole_decoder(run, model)
    decode_with(decoder, run)
    exact, scales = decode(run), model.attention[0].scales
    steps = np.concatenate([scales.key, scales.key], axis=1)[:, None]
    entries = exact.keys.shape[3]
    keys = decoder.integer_cache.keys[0, :, :, :entries] * steps
    assert np.abs(keys - exact.keys[0]).max() < 2 * steps.max()
    values = decoder.integer_cache.values[0, :, :, :entries] * scales.value[:, None, None]
    assert np.abs(values - exact.values[0]).max() < 2 * scales.value.max()
    assert 100 < np.abs(decoder.integer_cache.keys).max() <= 127


def test_unequal_pairs_and_heads_are_balanced() -> None:
    run = make_run(3, make_config("multi-head", 1), frames=5, dtype=np.float64)
    layer = run.weights.layers[0]
    uneven = np.array([1.0, 50.0, 1.0, 50.0, 20.0, 0.5, 20.0, 0.5])[:, None]
    one_head = np.repeat([1.0, 0.02], 4)
    balanced = LayerWeights(
        **(
            vars(layer)
            | {
                "q_proj": layer.q_proj / uneven,
                "k_proj": layer.k_proj * uneven,
                "v_proj": layer.v_proj * one_head[:, None],
                "o_proj": layer.o_proj / one_head,
            }
        )
    )  # the same decoder in float
    weights = run.weights
    changed = ModelWeights(weights.embedding, (balanced,), weights.norm, weights.head)
    other = replace(run, weights=changed)
    exact = decode(run)
    assert np.abs(exact.logits - decode(other).logits).max() < 1e-9
    found = decode_whole(other, quantize_whole_run(other))
    assert np.abs(exact.logits - found.logits).max() < 0.04 * np.abs(exact.logits).max()


def test_attention_factor_of_yarn_is_part_of_the_scales() -> None:
    scaling = YarnScaling(4.0, 16, 1.3, 32.0, 1.0, truncate=True)
    config = replace(make_config(), rope_scaling=scaling)
    run = make_run(3, config, frames=5, dtype=np.float64)
    exact, found = decode(run), decode_whole(run, quantize_whole_run(run))
    assert np.abs(exact.logits - found.logits).max() < 0.04 * np.abs(exact.logits).max()


def test_calibration_whose_logits_would_saturate_is_refused() -> None:
    run = make_run(3)
    largest = MAX_LOGIT / 256
    weights = run.weights
    for factor in (1e5, 1e12, 1e30):
        changed = scale_queries(weights, factor)
        ranges = calibrate_whole_ranges(run.config, changed, run.prompt_ids, run.forced_ids)
        text = rf"^largest of logits of layer 1 = [\d.e+]+: must be at most {largest:.0f} octaves$"
        with pytest.raises(ArgumentError, match=text):
            quantize_whole_model(run.config, changed, ranges)


@pytest.mark.parametrize("matrix", ["q_proj", "k_proj", "v_proj", "o_proj"])
def test_matrix_whose_factor_no_multiplier_reaches_is_named(matrix: str) -> None:
    run = make_run(3)
    ranges = calibrate_whole_ranges(run.config, run.weights, run.prompt_ids, run.forced_ids)
    widest = ranges.attention[1]
    match matrix:
        case "q_proj":
            widest.query *= 1e-12
        case "k_proj":
            widest.key *= 1e-12
        case "v_proj":
            widest.value *= 1e-12
        case "o_proj":
            widest.value *= 1e12
    with pytest.raises(
        ArgumentError, match=rf"^factor of {matrix} of layer 1 = \d.*: must be below 65535$"
    ):
        quantize_whole_model(run.config, run.weights, ranges)


def test_head_whose_factor_no_multiplier_reaches_is_named() -> None:
    run = make_run(3)
    ranges = calibrate_whole_ranges(run.config, run.weights, run.prompt_ids, run.forced_ids)
    ranges.logits *= 1e-9
    with pytest.raises(ArgumentError, match=r"^factor of head = \d+\.\d+: must be below 65535$"):
        quantize_whole_model(run.config, run.weights, ranges)


def test_factor_of_logits_is_the_nearest_and_reaches_the_limit() -> None:
    multiplier, shift = choose_logit_factor("logits", 1e-6, 32)
    exact = 1e-6 * 256 / np.log(2) / np.sqrt(32)
    assert abs(multiplier - exact * 2.0**shift) <= 0.5
    most = MAX_LOGIT / (32 * 32767 * 127 * 256 / np.log(2) / np.sqrt(32))
    choose_logit_factor("logits", most * 0.9999, 32)
    with pytest.raises(ArgumentError, match=r"^largest of logits = 327\d\d\.\d: "):
        choose_logit_factor("logits", most * 1.0001, 32)


def test_what_never_showed_anything_gets_a_scale() -> None:
    nothing = AttentionRanges(np.zeros((2, 2)), np.zeros((1, 2)), np.zeros(1))
    scales = choose_attention_scales(nothing, 1.25)
    assert (scales.key > 0).all()
    assert np.isfinite(scales.query).all()
    one = AttentionRanges(np.ones((2, 2)), np.array([[0.0, 4.0]]), np.ones(1))
    assert choose_attention_scales(one, 1.25).key.tolist() == [[4 * 1.1 / 127] * 2]


def test_dead_projections_decode() -> None:
    run = make_run(3, make_config("multi-head", 1))
    layer = run.weights.layers[0]
    dead = {name: getattr(layer, name) * 0 for name in ("q_proj", "k_proj", "v_proj", "o_proj")}
    weights = run.weights
    changed = ModelWeights(
        weights.embedding, (LayerWeights(**(vars(layer) | dead)),), weights.norm, weights.head
    )
    other = replace(run, weights=changed)
    exact, found = decode(other), decode_whole(other, quantize_whole_run(other))
    assert np.abs(exact.logits - found.logits).max() < 0.02 * np.abs(exact.logits).max()


def test_headroom_below_1_is_refused() -> None:
    run = make_run(3)
    config: ModelConfig = run.config
    ranges = calibrate_whole_ranges(config, run.weights, run.prompt_ids, run.forced_ids)
    with pytest.raises(ArgumentError, match=r"^headroom = 0.5: must be finite and at least 1$"):
        quantize_whole_model(config, run.weights, ranges, 0.5)
