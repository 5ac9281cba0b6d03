"""What is beyond the range is refused in the words of a run that goes step by step (D-37)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from fastcar.reference.arrays import TokenIds
from fastcar.reference.engine import Engine, NumpyEngine
from fastcar.reference.errors import NonFiniteError
from fastcar.reference.replay import ReplayConfig, Semantics
from fastcar.reference.weights import ModelWeights
from tests.reference.kernels.frame.generation import (
    PAIRS,
    DecoderKeeper,
    FrameEngine,
    Generation,
    StepEngine,
    compare,
)
from tests.reference.strategies import GateSpec

pytestmark = pytest.mark.slow
"""Compiling the kernels takes a minute."""

KEY_TOKEN, TOKEN = 66, 67
"""No prompt has them. Their first and second direction of the residual stream is of no other token,
and no layer adds to these: whatever reads them is made huge."""
PLACE, KEY_PLACE = 9, 5
"""Of these tokens in the videos, a frame apart."""
BASE = Generation(num_given=12, spec=GateSpec("input", 4.0))


def mark(weights: ModelWeights) -> ModelWeights:
    """Give the tokens their directions, of the same size in all layers."""
    weights.embedding[:, :2] = 0
    weights.embedding[TOKEN, 0] = weights.embedding[KEY_TOKEN, 1] = 8
    for layer in weights.layers:
        layer.o_proj[:2] = layer.down_proj[:2] = 0
        layer.attention_norm[:2] = layer.mlp_norm[:2] = 1
    weights.norm[:2] = 1
    return weights


Spoil = Callable[[ModelWeights], None]


def spoil_embedding(weights: ModelWeights) -> None:
    """Its square is infinite."""
    weights.embedding[TOKEN, 0] = 1e20


def spoil_value(layer: int, size: float = 1e38) -> Spoil:
    """Values are, or the stream after attention is."""

    def spoil(weights: ModelWeights) -> None:
        weights.layers[layer].v_proj[:, 0] = size

    return spoil


def spoil_key(weights: ModelWeights) -> None:
    """Keys of the last layer are infinite."""
    weights.layers[1].k_proj[3, 0] = 3e38


def spoil_mlp(layer: int) -> Spoil:
    """The stream after the MLP is."""

    def spoil(weights: ModelWeights) -> None:
        weights.layers[layer].up_proj[:, 0] = 1e37

    return spoil


def spoil_score(weights: ModelWeights) -> None:
    """Query and key are finite, their product is not; the slowest pair hardly turns."""
    half, width = BASE.config.head_dim // 2, BASE.config.head_dim
    weights.layers[1].q_proj[half - 1 :: width, 0] = 1e19
    weights.layers[1].k_proj[half - 1 :: width, 1] = 1e19


def spoil_logits(size: float) -> Spoil:
    """Logits are infinite, or so large that guidance makes them so."""

    def spoil(weights: ModelWeights) -> None:
        weights.head[7, 0] = size

    return spoil


@dataclass(frozen=True)
class Case:
    """A generation, what is wrong with it, and the place that the refusal names."""

    spoil: Spoil
    place: str
    generation: Generation = BASE


TAS = replace(BASE, spec=GateSpec("tas", 0.0))
CASES = {
    "embedding": Case(spoil_embedding, "after embedding, generated"),
    "attention": Case(spoil_value(0), "after attention of layer 0, generated"),
    "attention of the last layer": Case(spoil_value(1), "after attention of layer 1, generated"),
    "squares after attention": Case(spoil_value(1, 1e20), "after attention of layer 1, generated"),
    "MLP": Case(spoil_mlp(0), "after MLP of layer 0, generated"),
    "MLP of the last layer": Case(spoil_mlp(1), "after MLP of layer 1, generated"),
    "MLP without a gate": Case(
        spoil_mlp(1), "after MLP of layer 1, generated", replace(BASE, spec=None)
    ),
    "score": Case(spoil_score, "in layer 1, generated", TAS),
    "score by a product": Case(
        spoil_score,
        "in layer 1, generated",
        replace(TAS, replay=ReplayConfig(4, Semantics.PUBLISHED)),
    ),
    "bfloat16 value": Case(spoil_value(1), "in layer 1, generated", replace(BASE, pair=PAIRS[3])),
    "bfloat16 key": Case(spoil_key, "in layer 1, generated", replace(BASE, pair=PAIRS[3])),
    "int8 value": Case(spoil_value(0), "in layer 0, generated", replace(BASE, pair=PAIRS[2])),
    "int8 key": Case(spoil_key, "in layer 1, generated", replace(BASE, pair=PAIRS[2])),
    "logits": Case(spoil_logits(3e38), "after the last layer, generated"),
    "guided logits": Case(
        spoil_logits(3e37),
        "under guidance, generated token 10, video 1",
        replace(BASE, guidance=1e6),
    ),
    "guidance beyond the range": Case(
        spoil_logits(0), "under guidance, generated token 0", replace(BASE, guidance=1e39)
    ),
}


def make_given(generation: Generation) -> TokenIds:
    """Tokens of the second video that are too large, and others."""
    given = generation.make_given() % KEY_TOKEN
    given[1, [KEY_PLACE, PLACE]] = KEY_TOKEN, TOKEN
    return given


def refuse(case: Case, engine: Engine) -> NonFiniteError:
    """What a run says."""
    weights = mark(case.generation.make_float_weights())
    case.spoil(weights)
    given = make_given(case.generation)
    with pytest.raises(NonFiniteError) as caught:
        case.generation.run(engine, None, case.generation.compress(weights), given)
    return caught.value


@pytest.mark.parametrize("name", CASES)
def test_an_overflow_is_refused_in_the_words_of_steps_and_of_numpy(name: str) -> None:
    case = CASES[name]
    found = refuse(case, FrameEngine())
    assert case.place in found.place
    assert str(found) == str(refuse(case, StepEngine()))
    numpy = refuse(case, NumpyEngine())
    assert (found.quantity, found.place, found.limit) == (
        numpy.quantity,
        numpy.place,
        numpy.limit,
    )


@pytest.mark.parametrize("name", ["attention", "MLP of the last layer", "score", "logits"])
def test_a_decoder_that_has_refused_decodes_as_a_fresh_one(name: str) -> None:
    case = CASES[name]
    weights = mark(case.generation.make_float_weights())
    case.spoil(weights)
    gate, keeper = case.generation.make_gate(), DecoderKeeper()
    given = make_given(case.generation)
    with pytest.raises(NonFiniteError):
        case.generation.run(FrameEngine(), gate, weights, given, keeper.make)
    good = given % KEY_TOKEN
    second = case.generation.run(FrameEngine(), gate, weights, good, keeper.make)
    compare(second, case.generation.run(FrameEngine(), None, weights, good))
