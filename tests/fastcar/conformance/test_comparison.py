"""The comparer: equal passes, everything else is told with its place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fastcar.conformance.case import TOLERANCES
from fastcar.conformance.comparison import Outcome, Verdict, compare
from fastcar.conformance.kit import list_questions

(QUESTION,) = list_questions(("replay.paper",))
RIGHT = dict(QUESTION.case.compute(QUESTION.instance).answers)
(PADDED,) = list_questions(("decoder.padded_window",))
PLACE = (14, 1, 0)


def judge(**changed: Any) -> Outcome:
    """Right answers but for some, None = left out."""
    answers = {key: value for key, value in (RIGHT | changed).items() if value is not None}
    return compare(QUESTION, answers)


def shift(key: str, by: float, dtype: str = "float64") -> Any:
    """One number of an answer moved."""
    answer = RIGHT[key].astype(dtype)
    answer[PLACE] += by
    return answer


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_the_type_of_an_answer_says_its_tolerance(dtype: str) -> None:
    tolerance = TOLERANCES[dtype]
    near, far = (judge(logits=shift("logits", by * tolerance, dtype)) for by in (0.9, 1.1))
    assert (near.verdict, far.verdict) == (Verdict.PASSED, Verdict.FAILED)
    assert far.error is not None
    assert far.tolerance == tolerance
    assert far.error == pytest.approx(1.1 * tolerance, rel=0.02)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"logits": None}, "logits: missing, must be one of replayed, mlp_used, logits"),
        ({"extra": np.zeros(1)}, "'extra': unknown, must be one of replayed, mlp_used, logits"),
        ({"logits": RIGHT["logits"][1:]}, "logits: shape [14, 2, 11], must be [15, 2, 11]"),
        ({"logits": RIGHT["logits"].astype(int)}, "logits: type int64, must be float64 or float32"),
        ({"logits": RIGHT["logits"].astype("f2")}, "logits: type float16, must be float64"),
        ({"logits": RIGHT["logits"] + 0j}, "logits: type complex128, must be float64"),
        ({"replayed": RIGHT["replayed"].astype(int)}, "replayed: type int64, must be bool"),
        ({"replayed": np.array("x")}, "replayed: type <U1, must be bool"),
        ({"logits": shift("logits", np.nan)}, "logits: nan at [14, 1, 0] of [S, B, V], must be"),
        ({"logits": shift("logits", -np.inf)}, "logits: -inf at [14, 1, 0] of [S, B, V], must"),
        ({"replayed": ~RIGHT["replayed"]}, "replayed: True at [0, 0, 0] of [S, L, B], must be F"),
    ],
)
def test_a_bad_answer_has_one_line(changed: dict[str, Any], reason: str) -> None:
    outcome = judge(**changed)
    assert outcome.verdict is Verdict.FAILED
    assert outcome.reason.startswith(reason)
    assert "\n" not in outcome.reason


def test_a_number_that_is_not_finite_is_infinitely_wrong() -> None:
    assert judge(mlp_used=RIGHT["mlp_used"] * np.nan).error == np.inf


def test_logits_of_padding_are_not_looked_at() -> None:
    right = PADDED.case.compute(PADDED.instance).answers
    prompt = right["prompt_logits"].copy()
    prompt[0, :2] = np.nan
    assert compare(PADDED, {**right, "prompt_logits": prompt}).verdict is Verdict.PASSED
    prompt[0, 2, 0] = np.nan
    outcome = compare(PADDED, {**right, "prompt_logits": prompt})
    assert outcome.reason.startswith("prompt_logits: nan at [0, 2, 0] of [B, P, V]")


def test_any_integer_type_answers_integers() -> None:
    (question,) = list_questions(("scheduler.uneven",))
    right = question.case.compute(question.instance).answers
    narrow = {key: value.astype(np.int32) for key, value in right.items()}
    assert compare(question, narrow).verdict is Verdict.PASSED
    narrow["mapping"] = narrow["mapping"] + 1
    assert compare(question, narrow).reason.startswith("mapping: ")
