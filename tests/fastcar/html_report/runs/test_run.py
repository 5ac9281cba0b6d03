"""Provenance of a run: as much as its report says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fastcar.html_report.fields import Fields
from fastcar.html_report.runs.run import Origin, read_origin
from fastcar.reference.errors import CheckpointError
from tests.fastcar.html_report.sample_runs import PROVENANCE


def read(**provenance: Any) -> Origin:
    fields = Fields({"provenance": {**PROVENANCE, **provenance}}, "a.json")
    return read_origin(Path("a.json"), "prove: a", fields, {"tau": None, "seed": 0})


def test_versions_machine_and_digests_are_named() -> None:
    origin = read()
    assert origin.settings == {"tau": "none", "seed": "0"}
    assert origin.software["python"] == "3.11.7"
    assert origin.software["processor"] == "a processor"
    assert origin.digests == {"weights": "ab" * 32}


@pytest.mark.parametrize("words", [None, "prove", [1, "prove"], {}])
def test_what_is_no_command_line_is_none(words: object) -> None:
    assert read(command=words).command is None


@pytest.mark.parametrize(
    ("name", "value"), [("versions", {"numpy": 2}), ("blas", [3]), ("weights_sha256", 7)]
)
def test_damaged_provenance_is_refused_by_its_field(name: str, value: object) -> None:
    with pytest.raises(CheckpointError, match=rf"^a\.json: provenance\.{name}"):
        read(**{name: value})


def test_a_report_without_provenance_is_read() -> None:
    origin = read_origin(Path("a.json"), "prove: a", Fields({}, "a.json"), {})
    assert (origin.command, origin.software, origin.digests) == (None, {}, {})
