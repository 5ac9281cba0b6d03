"""Expensive properties draw more at night, and none has a number that the night cannot raise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import settings

from tests.conftest import PROFILES
from tests.examples import NIGHT_FACTOR, examples

TESTS = Path(__file__).parent


@pytest.mark.parametrize("profile", PROFILES)
def test_only_the_night_draws_more(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "_current_profile", profile)
    is_night = profile == "nightly"
    assert examples(6).max_examples == (6 * NIGHT_FACTOR if is_night else 6)
    assert examples(6, night=7).max_examples == (7 if is_night else 6)


def test_the_factor_is_that_of_the_profiles() -> None:
    ratio = settings.get_profile("nightly").max_examples / settings.get_profile("ci").max_examples
    assert ratio == NIGHT_FACTOR


def test_no_test_fixes_its_number_of_examples() -> None:
    allowed = {"conftest.py", "examples.py", "attacks.py", "test_examples.py"}
    found = [
        path.name
        for path in TESTS.rglob("*.py")
        if path.name not in allowed and re.search(r"max_examples", path.read_text("utf-8"))
    ]
    assert found == []
