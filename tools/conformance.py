"""Write the tables of docs/conformance.md and the digests of docs/conformance.json anew.

    python -m tools.conformance

Digests that differ under the same kit version are refused: whoever changes an input or what must
come of it gives the kit a new version.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from fastcar.conformance.case import KIT_VERSION, TOLERANCES
from fastcar.conformance.kit import CASES, Question, list_questions
from fastcar.reference.errors import ArgumentError, FastCarError
from tools.markdown import format_table
from tools.page import Json, Page
from tools.page_command import write_numbers
from tools.paths import DOCS

PAGE, DIGESTS = "conformance.md", "conformance.json"


def make_tables(_: Json) -> dict[str, str]:
    """Cases with their instances, and the keys of their answers."""
    cases, outputs = [], []
    for case in CASES:
        names = ", ".join(f"`{one.name}`" for one in case.make_instances())
        is_real = any(output.kind == "real" for output in case.outputs)
        error = f"{TOLERANCES['float64']:.1e}, {TOLERANCES['float32']:.1e}" if is_real else "0"
        cases.append((f"`{case.name}`", case.condition, names, error, case.source))
        outputs += [
            (f"`{case.name}`", f"`{output.key}`", output.kind, output.shape, output.meaning)
            for output in case.outputs
        ]
    header = ("case", "condition", "instances", "largest error float64, float32", "specified in")
    return {
        "cases": format_table(header, cases),
        "answers": format_table(("case", "key", "kind", "shape", "meaning"), outputs),
        "version": f"The kit that this page describes is version {KIT_VERSION}.",
    }


CONFORMANCE_PAGE = Page(PAGE, make_tables, lambda _: ())


def make_digests() -> Json:
    """By file the digest of its inputs and what is kept of the expected answers."""
    return {
        "kit_version": KIT_VERSION,
        "instances": {
            question.instance.label: {
                "inputs": question.instance.compute_digest(),
                "answers": summarise_answers(question),
            }
            for question in list_questions()
        },
    }


def summarise_answers(question: Question) -> dict[str, str | list[float]]:
    """By key a SHA-256 of integers and flags; two weighted means of real numbers.

    The last bits of a real number depend on the order of sums. The weights are below 1, so a mean
    is off by no more than the worst number is.
    """
    expected = question.case.compute(question.instance)
    summary: dict[str, str | list[float]] = {}
    for output in question.case.outputs:
        answer = expected.answers[output.key]
        if output.kind == "real":
            counted = expected.counted.get(output.key, np.ones(answer.shape, bool))
            flat = answer[counted].astype(np.float64)
            weights = np.modf(np.arange(len(flat)) * 0.6180339887498949)[0]
            summary[output.key] = [float(flat.mean()), float((flat * weights).mean())]
        else:
            summary[output.key] = hashlib.sha256(answer.astype("<i8").tobytes()).hexdigest()
    return summary


def is_same(one: Json, two: Json) -> bool:
    """Whether two digests are of the same kit, real numbers within the tolerance of float64."""
    if (
        one["kit_version"] != two["kit_version"]
        or one["instances"].keys() != two["instances"].keys()
    ):
        return False
    for label, left in one["instances"].items():
        right = two["instances"][label]
        if left["inputs"] != right["inputs"] or left["answers"].keys() != right["answers"].keys():
            return False
        for key, value in left["answers"].items():
            other = right["answers"][key]
            if isinstance(value, str) or isinstance(other, str):
                if value != other:
                    return False
            elif np.abs(np.subtract(value, other)).max() > TOLERANCES["float64"]:
                return False
    return True


def write(directory: Path) -> list[str]:
    """Replace page and digests of a directory.

    Raises:
        ArgumentError: another kit of the same version.
    """
    digests, path = make_digests(), directory / DIGESTS
    if path.is_file():
        before = json.loads(path.read_text(encoding="utf-8"))
        if before["kit_version"] == KIT_VERSION and not is_same(before, digests):
            raise ArgumentError("KIT_VERSION", KIT_VERSION, f"a new one: {path} says otherwise")
    write_numbers(digests, path)
    return CONFORMANCE_PAGE.refresh(digests, directory)


def main() -> int:
    """Command line; the exit code."""
    try:
        write(DOCS)
    except FastCarError as error:
        print(f"conformance: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
