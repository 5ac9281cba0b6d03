"""Inputs of the integer decoder depend on no rounding, and every limit is met."""

from __future__ import annotations

import numpy as np
import pytest

from fastcar.conformance.integer_models import make_gate, read_whole_model
from fastcar.conformance.kit import Question, list_questions
from fastcar.reference.config import ModelConfig
from fastcar.reference.integer.fixed_point import MAX_ACTIVATION
from fastcar.reference.integer.threshold import compute_integer_thresholds
from fastcar.reference.rotary import compute_frequencies

QUESTIONS = list_questions(("integer_decoder",))


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda one: one.instance.name)
def test_the_reference_decides_by_the_thresholds_of_the_file(question: Question) -> None:
    config, model = read_whole_model(question.instance)
    thresholds = question.instance.settings["thresholds"]
    found = compute_integer_thresholds(model.mlp, make_gate(question.instance, config))
    assert list(found) == [0 if one is None else one for one in thresholds]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda one: one.instance.name)
def test_no_cosine_or_sine_is_near_the_middle_of_two_integers(question: Question) -> None:
    config = ModelConfig(**question.instance.settings["config"])
    positions = len(question.instance.arrays["cos"])
    angles = np.outer(np.arange(positions), compute_frequencies(config))
    for name, exact in (("cos", np.cos(angles)), ("sin", np.sin(angles))):
        rest = np.abs(exact * 2**14 - question.instance.arrays[name])
        assert rest.max() < 0.5 - 2.0**-10  # an error of cos of 2^-24 would change nothing


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda one: one.instance.name)
def test_some_scores_decide_and_one_equals_the_threshold(question: Question) -> None:
    expected = question.case.compute(question.instance)
    decided, score = expected.counted["score"], expected.answers["score"]
    replayed = expected.answers["replayed"]
    if question.instance.name == "greedy":
        assert not decided.any()
        return
    assert (replayed <= decided).all()
    assert 0.05 < replayed.mean() < 0.8
    assert replayed[decided].mean() < 1
    is_equal = score[:, 1] == question.instance.settings["thresholds"][1]
    assert (is_equal & decided[:, 1] & replayed[:, 1]).any()


def test_large_numbers_saturate_everywhere() -> None:
    (question,) = list_questions(("integer_decoder.large",))
    answers = question.case.compute(question.instance).answers
    for key, largest in (("keys", 127), ("values", 127), ("query", MAX_ACTIVATION)):
        assert {answers[key].min(), answers[key].max()} == {-largest, largest}
    for key in ("attended", "mlp_used", "residual", "logits"):
        assert {answers[key].min(), answers[key].max()} == {-MAX_ACTIVATION, MAX_ACTIVATION}
