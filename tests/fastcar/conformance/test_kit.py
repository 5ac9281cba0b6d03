"""The kit against another implementation, right and with mistakes that each case must notice."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fastcar.conformance.comparison import Outcome, Verdict, compare
from fastcar.conformance.kit import CASES, Question, list_questions
from fastcar.reference.errors import ArgumentError
from tests.fastcar.conformance import (
    cycle_adapter,
    decoder_adapter,
    integer_adapter,
    numpy_adapter,
)

ROOT = Path(__file__).parents[3]
ADAPTERS = (numpy_adapter, integer_adapter, decoder_adapter, cycle_adapter)

MISTAKES = {
    "always the mean": {"scores.paper_max", "scores.published_max"},
    "chain not limited": {"replay.max_chain", "input_gate.max_chain"},
    "corrected output kept": {"corrected.rank_2"},
    "distance to the last input": {"input_gate.plain"},
    "fresh output kept": {"replay.paper", "replay.published", "input_gate.plain"},
    "groups interleaved": {"decoder.grouped_query", "scores.paper_mean"},
    "layers without threshold replay": {"replay.tie_paper", "replay.tie_published"},
    "no sinks": {"decoder.window", "scores.out_of_window"},
    "no warm-up": {"replay.warm_up"},
    "no window": {"decoder.window", "scores.out_of_window", "replay.padded_window"},
    "output of the step before": {"replay.paper", "input_gate.plain", "corrected.rank_2"},
    "padding is read": {"decoder.padded_window", "scores.padded", "replay.padded_window"},
    "query rotary swapped": {"scores.paper_mean", "scores.published_mean", "replay.published"},
    "rotary of neighbours": {"decoder.multi_query", "scores.paper_max"},
    "score of the place itself": {"scores.paper_mean", "replay.paper"},
    "score without scale": {"scores.paper_mean", "replay.paper", "corrected.rank_2"},
    "slots dealt, not work": {"scheduler.uneven", "scheduler.full"},
    "threshold strict": {"replay.tie_paper", "replay.tie_published"},
    "exponent of each word alone": {"softmax.far", "softmax.hidden"},
    "gate not shifted": {"integer_mlp.small", "integer_mlp.large"},
    "hidden keys weigh": {"softmax.hidden"},
    "no guard bits": {"softmax.near", "softmax.far"},
    "root without interpolation": {"integer_mlp.small", "integer_mlp.large"},
    "rounding down": {"softmax.near", "integer_mlp.small", "integer_decoder.greedy"},
    "sums wrap around": {"integer_mlp.large", "integer_decoder.large"},
    "cache down to -128": {"integer_decoder.large", "integer_decoder.padded_window"},
    "context not rescaled": {"integer_decoder.greedy", "integer_decoder.grouped"},
    "fresh integers kept": {"integer_decoder.large", "integer_decoder.grouped"},
    "integer chain not limited": {"integer_decoder.max_chain"},
    "integer distance to the token before": {"integer_decoder.distance"},
    "integer groups interleaved": {"integer_decoder.grouped"},
    "integer rotary of neighbours": {"integer_decoder.greedy", "integer_decoder.distance"},
    "integer threshold strict": {
        "integer_decoder.large",
        "integer_decoder.grouped",
        "integer_decoder.padded_window",
        "integer_decoder.max_chain",
        "integer_decoder.distance",
    },
    "all records at once": {"cycles.crowded", "cycles.records"},
    "decisions seen at once": {"cycles.one_core", "cycles.static"},
    "every layer in turn": {"cycles.token"},
    "no queue is full": {"cycles.shallow", "cycles.records", "cycles.token"},
    "one word is like many": {"cycles.crowded", "cycles.records", "cycles.token"},
    "pointer moves with every slot": {"cycles.dynamic", "cycles.crowded"},
    "reciprocals take no time": {"cycles.token", "cycles.token_in_turns"},
    "records never wait": {"cycles.records"},
    "scores that weigh nothing weigh": {"cycles.token"},
    "sections of a slot overlap": {"cycles.token", "cycles.token_in_turns"},
    "stores end with the last beat": {"cycles.dynamic", "cycles.shallow"},
    "last of equal logits": {"integer_decoder.greedy", "integer_decoder.large"},
    "noise not limited": {"integer_decoder.large"},
    "padding takes a lane": {"integer_decoder.padded_window"},
    "sinks in the words of the window": {"integer_decoder.padded_window"},
}
"""By mistake some of the instances that must fail."""


def judge(question: Question, bug: str = "") -> Outcome:
    """What the kit says of the adapter."""
    inputs = question.instance.make_inputs()
    given = (adapter.answer(inputs, bug) for adapter in ADAPTERS)
    answers = next(one for one in given if one is not None)
    asked = {output.key for output in question.case.outputs}
    return compare(question, {key: answers[key] for key in asked})


@pytest.mark.parametrize("question", list_questions(), ids=lambda one: one.instance.label)
def test_another_implementation_passes(question: Question) -> None:
    outcome = judge(question)
    assert (outcome.verdict, outcome.reason) == (Verdict.PASSED, "")


@pytest.mark.parametrize("bug", MISTAKES)
def test_a_mistake_fails_where_it_must(bug: str) -> None:
    outcomes = [judge(question, bug) for question in list_questions(sorted(MISTAKES[bug]))]
    assert {one.label for one in outcomes if one.verdict is Verdict.FAILED} == MISTAKES[bug]
    assert all(re.match(r"(replayed|mlp_used|\w+): ", one.reason) for one in outcomes)


def test_every_mistake_of_the_adapter_is_planted() -> None:
    files = Path(__file__).parent.glob("*_adapter.py")
    code = "".join(file.read_text(encoding="utf-8") for file in files)
    assert set(re.findall(r'bug [!=]= "([^"]+)"', code)) == set(MISTAKES)
    page = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
    assert f"each of {len(MISTAKES)} planted mistakes" in page


@pytest.mark.parametrize("question", list_questions(), ids=lambda one: one.instance.label)
def test_the_reference_answers_with_the_keys_of_the_case(question: Question) -> None:
    expected = question.case.compute(question.instance).answers
    assert set(expected) == {output.key for output in question.case.outputs}
    assert compare(question, expected).verdict is Verdict.PASSED


def test_names_are_unique_and_the_kit_is_small() -> None:
    labels = [question.instance.label for question in list_questions()]
    assert len(labels) == len(set(labels))
    assert len(CASES) == len({case.name for case in CASES})
    arrays = [one.instance.make_inputs().values() for one in list_questions()]
    assert sum(array.nbytes for inputs in arrays for array in inputs) < 500_000


def test_only_names_cases_and_instances() -> None:
    labels = [one.instance.label for one in list_questions(("softmax.far", "scheduler"))]
    assert labels[-1] == "softmax.far"
    assert {label.partition(".")[0] for label in labels} == {"scheduler", "softmax"}
    with pytest.raises(ArgumentError, match=r"^only = 'replays': must be a case \(decoder, "):
        list_questions(("replays",))
