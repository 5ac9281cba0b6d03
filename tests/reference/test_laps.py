"""The stopwatch: every moment after the start belongs to exactly one part."""

from __future__ import annotations

import pytest

from fastcar.reference.errors import ArgumentError
from fastcar.reference.laps import PARTS, Laps, accounted


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that the stopwatch reads."""
    now = [0.0]
    monkeypatch.setattr("fastcar.reference.laps.time.perf_counter", lambda: now[0])
    return now


class Sleeper:
    """Sleeps in methods of several parts."""

    def __init__(self, clock: list[float]) -> None:
        self.laps = Laps()
        self.clock = clock

    @accounted("other")
    def run(self) -> str:
        """Attention 1 + 4 seconds, MLP 2, nobody's 8, other 16."""
        self.attend(1)
        with self.laps.account("mlp"):
            self.clock[0] += 2
        self.attend(seconds=4)
        self.look()
        self.clock[0] += 16
        return "done"

    @accounted("attention")
    def attend(self, seconds: float) -> None:
        """Takes a while."""
        self.clock[0] += seconds

    @accounted(None)
    def look(self) -> None:
        """Takes time that is nobody's."""
        self.clock[0] += 8

    @accounted("score")
    def fail(self) -> None:
        """Takes a while and fails."""
        self.clock[0] += 32
        raise ValueError("tired")


def test_time_goes_to_the_innermost_part(clock: list[float]) -> None:
    sleeper = Sleeper(clock)
    assert sleeper.run() == "done"
    assert sleeper.laps.seconds == {"attention": 5.0, "mlp": 2.0, "score": 0.0, "other": 16.0}


def test_time_outside_of_all_parts_belongs_to_none(clock: list[float]) -> None:
    laps = Laps()
    clock[0] = 10.0
    with laps.account("other"):
        clock[0] = 11.0
    clock[0] = 20.0
    assert sum(laps.seconds.values()) == 1.0


def test_a_part_that_fails_is_left(clock: list[float]) -> None:
    sleeper = Sleeper(clock)
    with pytest.raises(ValueError, match=r"^tired$"):
        sleeper.fail()
    clock[0] += 64
    sleeper.attend(1)
    assert sleeper.laps.seconds == {"attention": 1.0, "mlp": 0.0, "score": 32.0, "other": 0.0}


def test_a_part_that_does_not_exist_is_no_part() -> None:
    assert set(Laps().seconds) == set(PARTS)
    laps = Laps()
    with pytest.raises(ArgumentError, match=r"^part = 'nap': must be one of attention, mlp, "):
        laps.enter("nap")
    with laps.account("mlp"):
        pass
    assert laps.seconds["mlp"] > 0
