"""Numbers beyond the range are refused where they appear, and nothing else is."""

from __future__ import annotations

import pickle
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fastcar.reference.errors import ArgumentError, FastCarError, NonFiniteError
from fastcar.reference.finite_check import (
    FedTokens,
    check_guided,
    check_logits,
    check_stream,
    name_stored,
)
from fastcar.reference.generate import DecodeOptions, Prompts, generate
from fastcar.reference.kv_cache import CacheStorage
from fastcar.reference.replay import ReplayConfig, Semantics
from fastcar.reference.sampling import Sampling
from fastcar.reference.trace import make_score_gate
from fastcar.strategies import Run, make_run
from tests.reference.integer.runs import make_integer_decoder, quantize_run
from tests.reference.runs import decode, make_decoder

HUGE = {np.float32: 1e37, np.float64: 1e306}
SQUARES = "must be such that squares are finite in"


def scale_layer(run: Run, layer_index: int, factor: float, *names: str) -> Run:
    """The run with some tensors of one layer made huge."""
    layers = list(run.weights.layers)
    layer = layers[layer_index]
    changed = {name: getattr(layer, name) * run.weights.dtype.type(factor) for name in names}
    layers[layer_index] = replace(layer, **changed)
    return replace(run, weights=replace(run.weights, layers=tuple(layers)))


def get_refusal(run: Run, **options: Any) -> str:
    """The one line of a decode that overflows; warnings are errors here."""
    with pytest.raises(NonFiniteError) as caught:
        decode(run, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("names", "place"),
    [
        (("attention_norm",), "= nan after attention of layer 1, prompt token 0, row 0: must be "),
        (("v_proj",), f"after attention of layer 1, prompt token 0, row 0: {SQUARES}"),
        (("o_proj",), f"after attention of layer 1, prompt token 0, row 0: {SQUARES}"),
        (("mlp_norm",), "= nan after MLP of layer 1, prompt token 0, row 0: must be "),
        (("down_proj",), f"after MLP of layer 1, prompt token 0, row 0: {SQUARES}"),
    ],
)
def test_layer_and_token_of_an_overflow_are_named(
    dtype: type[Any], names: tuple[str, ...], place: str
) -> None:
    run = scale_layer(make_run(0, dtype=dtype), 1, HUGE[dtype], *names)
    text = get_refusal(run)
    assert text.startswith("residual stream = ")
    assert f"{place}" in text
    assert text.endswith(f"finite in {np.dtype(dtype)}")


@pytest.mark.parametrize("name", ["o_proj", "down_proj"])
@pytest.mark.parametrize("is_integer", [False, True])
def test_a_step_tells_attention_and_mlp_apart(name: str, is_integer: bool) -> None:
    """The weights become huge behind the prompt, which would be refused first."""
    run = make_run(0)
    decoder = make_integer_decoder(run, quantize_run(run)) if is_integer else make_decoder(run)
    decoder.prefill(run.prompt_ids)
    decoder.weights = scale_layer(run, 1, 1e30, name).weights
    if is_integer and name == "down_proj":
        assert np.isfinite(decoder.step(run.forced_ids[:, 0])).all()  # integers have a range
        return
    part = "attention" if name == "o_proj" else "MLP"
    place = rf"after {part} of layer 1, generated token 0 \(position 4\), row 0: must be such"
    with pytest.raises(NonFiniteError, match=place):
        decoder.step(run.forced_ids[:, 0])


def test_the_token_that_overflows_is_named_by_index_position_and_row() -> None:
    """Only one id has a huge embedding; row 1 meets it as its second generated token."""
    run = make_run(0, rows=2, steps=4, padding=(0, 2))
    embedding = run.weights.embedding.copy()
    embedding[0] = 1e30
    prompt_ids, forced_ids = np.maximum(run.prompt_ids, 1), np.maximum(run.forced_ids, 1)
    forced_ids[1, 1] = 0
    run = replace(
        run,
        weights=replace(run.weights, embedding=embedding),
        prompt_ids=prompt_ids,
        forced_ids=forced_ids,
    )
    position = prompt_ids.shape[1] + 1 - int((~run.prompt_mask[1]).sum())
    place = f"after embedding, generated token 1 (position {position}), row 1: {SQUARES} float32"
    assert get_refusal(run).endswith(place)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_that_overflow_are_refused(dtype: type[Any]) -> None:
    run = make_run(0, dtype=dtype)
    factor = dtype(np.sqrt(np.finfo(dtype).max))
    weights = replace(run.weights, norm=run.weights.norm * factor, head=run.weights.head * factor)
    text = get_refusal(replace(run, weights=weights))
    place = r"after the last layer, prompt token 0, row 0: must be finite in float(32|64)"
    assert re.fullmatch(rf"logits = -?(inf|nan) {place}", text)


def test_a_score_that_overflows_is_refused_before_a_gate_sees_it() -> None:
    run = make_run(0, tokens_per_frame=2)
    layers, heads = run.config.num_hidden_layers, run.config.num_attention_heads
    aggregation = np.full((layers, heads), 1e38)
    aggregation[0] = 0
    replay = ReplayConfig(2, aggregation=aggregation)
    gate = make_score_gate([0.0], layers, Semantics.PAPER)
    text = get_refusal(run, gate=gate, replay=replay)
    assert re.match(r"attention score = -?(inf|nan) in layer 1, generated token 2 \(pos", text)


@pytest.mark.parametrize("storage", [CacheStorage.BFLOAT16, CacheStorage.INT8])
def test_a_key_beyond_its_storage_is_refused_with_its_token(storage: CacheStorage) -> None:
    run = scale_layer(make_run(0), 1, 1e38, "k_proj")
    gain = np.full_like(run.weights.layers[1].attention_norm, 10)
    layers = (run.weights.layers[0], replace(run.weights.layers[1], attention_norm=gain))
    run = replace(run, weights=replace(run.weights, layers=layers))
    text = get_refusal(run, cache_storage=storage)
    place = "in layer 1, prompt token 0, row 0"
    assert re.match(f"key or value = .* {place}: must be finite as {storage.value}", text)


@pytest.mark.parametrize(("storage", "token"), [(CacheStorage.BFLOAT16, 0), (CacheStorage.INT8, 1)])
def test_the_token_named_is_the_first_that_its_storage_cannot_hold(
    storage: CacheStorage, token: int
) -> None:
    keys = np.zeros((1, 3, 2, 4), np.float32)
    keys[0, 0], keys[0, 1], keys[0, 2] = 3.4e38, np.inf, np.nan
    fed = FedTokens(np.zeros(1, np.int64), 3)
    error = ArgumentError("key or value", 1.0, "finite")
    text = str(name_stored(error, storage, keys, np.zeros_like(keys), 2, fed))
    assert text == f"key or value = 1.0 in layer 2, prompt token {token}, row 0: must be finite"


def test_guidance_that_overflows_is_refused() -> None:
    run = make_run(0, rows=1)
    options = DecodeOptions(ReplayConfig(2), guidance=1e38)
    weights = replace(run.weights, head=run.weights.head * 100)
    with pytest.raises(NonFiniteError, match=r"^logits = .* under guidance, generated token 0, "):
        generate(
            run.config,
            weights,
            Prompts(run.prompt_ids, run.prompt_ids[:, ::-1] * 0),
            options,
            num_frames=1,
            num_codes=4,
            sampling=Sampling(),
        )


def test_large_rows_of_finite_squares_pass() -> None:
    """Their sum over the batch overflows, which is nobody's sum."""
    x = np.full((4, 1), 1.5e19, np.float32)
    check_stream(x, 0, "MLP", FedTokens(np.zeros(4, np.int64), 3, 0))
    x[2] = 2e19
    with pytest.raises(NonFiniteError, match="row 2"):
        check_stream(x, 0, "MLP", FedTokens(np.zeros(4, np.int64), 3, 0))


def test_padding_may_hold_anything() -> None:
    mask = np.array([[False, True, True]])
    fed = FedTokens(np.array([1]), 3, mask=mask)
    x = np.array([[[np.nan], [1], [2]]], np.float32)
    check_stream(x, 0, "MLP", fed)
    check_logits(x, fed)
    with pytest.raises(NonFiniteError, match=r"^logits = inf .*, prompt token 1, row 0: "):
        check_logits(np.array([[[np.nan], [1], [np.inf]]], np.float32), fed)
    with pytest.raises(NonFiniteError, match="generated token 7, video 1"):
        check_guided(np.array([[0.0], [np.nan]]), 7)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("temperature", [0, 1])
def test_no_token_is_drawn_of_logits_that_are_not_finite(bad: float, temperature: float) -> None:
    logits = np.array([1, bad, 0, 0], np.float32)
    with pytest.raises(ArgumentError, match=f"^logits = {bad}: must be finite$"):
        Sampling(temperature).draw(logits, np.random.default_rng(0))


@pytest.mark.parametrize("temperature", [5e-324, 1e-300, 1.0])
def test_the_widest_logits_and_the_lowest_temperature_give_the_likeliest(
    temperature: float,
) -> None:
    logits = np.array([-1.7e308, 1.7e308, 0.0])
    assert Sampling(temperature).draw(logits, np.random.default_rng(0)) == 1


def test_a_worker_process_hands_the_refusal_on() -> None:
    error = NonFiniteError("logits", np.inf, "in layer 3")
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, NonFiniteError)
    assert isinstance(again, FastCarError)
    assert str(again) == str(error) == "logits = inf in layer 3: must be finite"
    assert (again.quantity, again.place, again.limit) == ("logits", "in layer 3", "finite")
