"""Signals as exceptions: the first one, and those that come while a command tidies up."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from fastcar.ending import ENDINGS, GRACE_SECONDS, Interruption, raise_signals


def interrupt(number: int) -> bool:
    """Whether a signal that arrives now is raised."""
    try:
        signal.raise_signal(number)
    except Interruption:
        return True
    return False


@pytest.fixture(autouse=True)
def attentive() -> Iterator[None]:
    """Signals as a shell leaves them in the foreground; in the background it ignores some."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in ENDINGS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds, set by the test."""
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def test_a_second_signal_waits_until_things_are_tidied_up(clock: list[float]) -> None:
    with raise_signals() as signals:
        assert interrupt(signal.SIGINT)
        assert not interrupt(signal.SIGINT)
        clock[0] += GRACE_SECONDS / 2
        assert not interrupt(signal.SIGTERM)
        clock[0] += GRACE_SECONDS
        assert interrupt(signal.SIGTERM)
    assert signals.received == [signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGTERM]


def test_nothing_is_raised_when_the_command_has_ended() -> None:
    with raise_signals() as signals:
        signals.is_over = True
        for number in ENDINGS:
            assert not interrupt(number)
    assert signals.received == list(ENDINGS)


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with raise_signals() as signals:
            assert not interrupt(signal.SIGHUP)
            assert interrupt(signal.SIGTERM)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert signals.received == [signal.SIGTERM]
