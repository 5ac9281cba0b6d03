"""All cases, and those that are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastcar.conformance.case import Case, Instance
from fastcar.conformance.cycle_case import CYCLE_CASE
from fastcar.conformance.exact_cases import EXACT_CASES
from fastcar.conformance.float_cases import FLOAT_CASES
from fastcar.conformance.integer_decoder_case import INTEGER_DECODER_CASE
from fastcar.reference.errors import ArgumentError

CASES = (*FLOAT_CASES, *EXACT_CASES, INTEGER_DECODER_CASE, CYCLE_CASE)


@dataclass(frozen=True)
class Question:
    """An instance with its case."""

    case: Case
    instance: Instance


def list_questions(only: Sequence[str] = ()) -> tuple[Question, ...]:
    """Instances of the cases or with the labels asked for, in the order of the kit.

    Args:
        only: `replay` or `replay.paper`; nothing = all.

    Raises:
        ArgumentError: a name that neither a case nor an instance has.
    """
    questions = [Question(case, one) for case in CASES for one in case.make_instances()]
    names = {case.name for case in CASES} | {question.instance.label for question in questions}
    for name in only:
        if name not in names:
            known = ", ".join(case.name for case in CASES)
            raise ArgumentError("only", name, f"a case ({known}) or CASE.INSTANCE of `list`")
    return tuple(
        question
        for question in questions
        if not only or {question.case.name, question.instance.label} & set(only)
    )
