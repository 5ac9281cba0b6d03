"""Page and digests of the kit are those of the code, and a change asks for a new version."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from fastcar.conformance.case import KIT_VERSION
from fastcar.reference.errors import ArgumentError
from tools import conformance
from tools.page import fill
from tools.paths import DOCS

RECORDED = json.loads((DOCS / conformance.DIGESTS).read_text(encoding="utf-8"))
DIGESTS = conformance.make_digests()


def test_tables_of_the_page_are_those_of_the_code() -> None:
    page = (DOCS / conformance.PAGE).read_text(encoding="utf-8")
    assert fill(page, conformance.make_tables({})) == page


def test_inputs_and_answers_are_those_of_the_recorded_version() -> None:
    assert conformance.is_same(RECORDED, DIGESTS)


@pytest.mark.parametrize(
    ("label", "part", "key", "value"),
    [
        ("decoder.window", "inputs", None, "0" * 64),
        ("scheduler.full", "answers", "mapping", "0" * 64),
        ("decoder.window", "answers", "logits", [0.0, 0.0]),
        ("decoder.window", "answers", "more", [0.0, 0.0]),
    ],
)
def test_a_change_under_the_same_version_is_refused(
    tmp_path: Path, label: str, part: str, key: str | None, value: Any
) -> None:
    changed = copy.deepcopy(RECORDED)
    instance = changed["instances"][label]
    if key is None:
        instance[part] = value
    else:
        instance[part][key] = value
    (tmp_path / conformance.DIGESTS).write_text(json.dumps(changed), encoding="utf-8")
    with pytest.raises(ArgumentError, match=rf"^KIT_VERSION = '{KIT_VERSION}': must be a new one"):
        conformance.write(tmp_path)
    changed["kit_version"] = "0"
    (tmp_path / conformance.DIGESTS).write_text(json.dumps(changed), encoding="utf-8")
    assert conformance.write(tmp_path) == []
    assert conformance.is_same(json.loads((tmp_path / conformance.DIGESTS).read_text()), DIGESTS)


def test_a_missing_instance_is_a_change() -> None:
    fewer = copy.deepcopy(RECORDED)
    del fewer["instances"]["decoder.window"]
    assert not conformance.is_same(fewer, DIGESTS)
