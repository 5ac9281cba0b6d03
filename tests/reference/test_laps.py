"""The stopwatch: every moment after the start belongs to exactly one part."""

from __future__ import annotations

import pytest

from fastcar.reference.laps import PARTS, Laps


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that the stopwatch reads."""
    now = [0.0]
    monkeypatch.setattr("fastcar.reference.laps.time.perf_counter", lambda: now[0])
    return now


def test_time_goes_to_the_part_that_is_marked(clock: list[float]) -> None:
    laps = Laps()
    for part, moment in (("attention", 1.0), ("mlp", 3.0), ("attention", 7.0)):
        clock[0] = moment
        laps.mark(part)
    assert laps.seconds == {"attention": 5.0, "mlp": 2.0, "score": 0.0, "other": 0.0}


def test_time_before_a_start_belongs_to_no_part(clock: list[float]) -> None:
    laps = Laps()
    clock[0] = 10.0
    laps.start()
    clock[0] = 11.0
    laps.mark("other")
    assert sum(laps.seconds.values()) == 1.0


def test_a_part_that_does_not_exist_is_no_part() -> None:
    assert set(Laps().seconds) == set(PARTS)
    with pytest.raises(KeyError, match=r"^'nap'$"):
        Laps().mark("nap")
