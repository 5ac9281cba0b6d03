"""Every request: what is as good as its type is taken, everything else is refused by name."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastcar.analysis.settings import AnalysisSettings
from fastcar.cosim.export.request import ExportRequest
from fastcar.cosim.prediction_request import PredictionRequest
from fastcar.cosim.request import CosimRequest, Mode
from fastcar.proving import Request
from fastcar.reference.arguments import MAX_INT, check_argument
from fastcar.reference.errors import ArgumentError
from fastcar.reference.replay import ReplayConfig, Semantics
from fastcar.reference.sampling import Sampling
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.reference.temporal_attention_score import HeadAggregation
from fastcar.request import GenerationRequest

REQUESTS: dict[type[Any], dict[str, Any]] = {
    GenerationRequest: {"prompts": ("3 up",)},
    CosimRequest: {},
    PredictionRequest: {},
    ExportRequest: {},
    Request: {},
    AnalysisSettings: {},
    ReplayConfig: {"tokens_per_frame": 4},
    Sampling: {},
    SparseAttention: {"window_tokens": 4},
}
"""What each of them needs."""

generation: Any = GenerationRequest
cosim: Any = CosimRequest
prediction: Any = PredictionRequest
proof: Any = Request
analysis: Any = AnalysisSettings
replay: Any = ReplayConfig
# what users write is what the annotations do not say

NAMES = {
    "num_slots": "slots",
    "layer_index": "layer",
    "latency_cycles": "latency",
    "module_name": "module",
    "window_tokens": "window",
    "sink_tokens": "sinks",
    "numbers": "statement",
    "num_instances": "instances",
    "is_certifying": "certify",
}
ALL_FIELDS = [(kind, field.name) for kind in REQUESTS for field in fields(kind)]


class Color(Enum):
    """An enumeration."""

    RED = "red"


class Unknown:
    """Nothing that any argument could be."""


@pytest.mark.parametrize(("kind", "name"), ALL_FIELDS)
def test_no_field_takes_what_is_nothing_of_its_kind(kind: type[Any], name: str) -> None:
    for value in (Unknown(), b"bytes", {"a": 1}, 3 + 4j, {1, 2}, np.datetime64(0, "s")):
        with pytest.raises(ArgumentError, match=rf"^{NAMES.get(name, name)} = .*: must") as caught:
            kind(**{**REQUESTS[kind], name: value})
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("kind", "name"), ALL_FIELDS)
def test_no_field_ends_in_another_error(kind: type[Any], name: str) -> None:
    numbers = (-1, 0, 1, 10**30, -(10**30), 10**5000, 2.5, np.nan, np.inf)
    for value in (None, True, *numbers, "", "3", [], [None], np.zeros((2, 2)), Path("3")):
        with suppress(ArgumentError):
            kind(**{**REQUESTS[kind], name: value})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: generation("3 up", frames="3"), "frames = '3': must be a whole number"),
        (lambda: generation("3 up", frames=2.5), "frames = 2.5: must be a whole number"),
        (lambda: generation("3 up", batch=True), "batch = True: must be a whole number"),
        (lambda: generation("3 up", seed=None), "seed = None: must be a whole number"),
        (
            lambda: generation("3 up", seed=2**63),
            f"seed = {2**63}: must be at most {MAX_INT}",
        ),
        (
            lambda: generation("3 up", tau="high"),
            "tau = 'high': must be a number or a list of numbers",
        ),
        (
            lambda: generation("3 up", tau=np.zeros((2, 2))),
            "tau = [[0.0, 0.0], [0.0, 0.0]]: must be a number or a list of numbers",
        ),
        (
            lambda: generation(["3 up", 4]),
            "prompts = ['3 up', 4]: must be a text or a list of texts",
        ),
        (lambda: generation("3 up", fused=1), "fused = 1: must be True or False"),
        (lambda: generation("3 up", sampling=0.7), "sampling = 0.7: must be a Sampling"),
        (
            lambda: generation("3 up", semantics="mine"),
            "semantics = 'mine': must be one of paper, published",
        ),
        (
            lambda: replay(4, aggregation="sum"),
            "aggregation = 'sum': must be one of mean, max or an array of numbers",
        ),
        (
            lambda: proof(checkpoint=""),
            "checkpoint = '': must be the path of a file or directory",
        ),
        (
            lambda: generation("3 up", seed=10**5000),
            "seed = 'a number of 16610 bits': must be at most 9223372036854775807",
        ),
    ],
)
def test_a_refusal_says_what_was_meant(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        make()
    assert str(caught.value) == message


def test_what_is_as_good_is_taken() -> None:
    tau = np.array([0.25, 0.5], np.float32)
    request = generation(
        "3 up", tau=tau, frames=np.int16(3), seed=np.array(7), fused=np.True_, semantics="published"
    )
    assert request.prompts == ("3 up",)
    assert request.tau == (0.25, 0.5)
    assert (type(request.frames), type(request.seed), type(request.fused)) == (int, int, bool)
    assert request.semantics is Semantics.PUBLISHED
    assert request == generation(
        ["3 up"], tau=[0.25, 0.5], frames=3, seed=7, fused=True, semantics=Semantics.PUBLISHED
    )


@pytest.mark.parametrize(
    ("given", "tau"),
    [
        (0.3, (0.3,)),
        (1, (1.0,)),
        (np.float32(0.5), (0.5,)),
        (np.array(0.5), (0.5,)),
        ([None, 0.5], (None, 0.5)),
        ((None,), (None,)),
        (None, None),
    ],
)
def test_one_value_stands_for_a_list_of_one(given: Any, tau: tuple[float | None, ...]) -> None:
    found = cosim(tau=given).tau
    assert found == tau
    assert {type(value) for value in found or ()} <= {float, type(None)}


def test_lists_of_every_kind_of_request() -> None:
    assert prediction(ratios=0.5).ratios == (0.5,)
    assert prediction(ratios=np.array([0, 1])).ratios == (0.0, 1.0)
    assert proof("P-04").numbers == ("P-04",)
    assert analysis(batch_rows=2, windows_tokens=[4, 8]).batch_rows == (2,)
    assert cosim(mode="static").mode is Mode.STATIC
    weights = replay(4, aggregation=[[1, 2]]).aggregation
    assert isinstance(weights, np.ndarray)
    assert weights.dtype == np.float64
    assert replay(4, aggregation="max").aggregation is HeadAggregation.MAX


def test_what_fits_is_not_replaced() -> None:
    ratios, path = (0.25, 0.5), Path("model")
    assert check_argument("ratios", ratios, tuple[float, ...]) is ratios
    assert check_argument("path", path, str | os.PathLike[str]) is path
    weights = np.ones((2, 2))
    assert check_argument("weights", weights, np.ndarray[Any, np.dtype[np.float64]]) is weights


@pytest.mark.parametrize("value", ["RED", "blue", Semantics.PAPER, 0])
def test_an_enumeration_takes_its_members_and_their_values(value: object) -> None:
    assert check_argument("color", "red", Color) is check_argument("color", Color.RED, Color)
    with pytest.raises(ArgumentError, match=r"^color = .*: must be one of red$"):
        check_argument("color", value, Color)


@pytest.mark.parametrize("value", ["a\0b", b"bytes", 3, None])
def test_a_path_is_a_text_or_a_path(value: object) -> None:
    with pytest.raises(ArgumentError, match=r"^out = .*: must be the path of a file or directory$"):
        check_argument("out", value, str | os.PathLike[str])


def test_an_unknown_argument_is_pythons_own_error() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'invented'"):
        generation("3 up", invented=1)
