"""Signals that come while something must not be cut in two."""

from __future__ import annotations

import signal
import threading

import pytest

from fastcar.reference.signals import hold_signals


class Ended(BaseException):
    """What a command's handler raises."""


def raise_ended(number: int, frame: object) -> None:
    raise Ended


def test_a_signal_comes_after_the_block() -> None:
    done = []

    def raise_twice() -> None:
        with hold_signals():
            with hold_signals():
                signal.raise_signal(signal.SIGTERM)
                done.append("inner")
            signal.raise_signal(signal.SIGTERM)
            done.append("outer")
        done.append("behind")

    before = signal.signal(signal.SIGTERM, raise_ended)
    try:
        with pytest.raises(Ended):
            raise_twice()
        assert signal.getsignal(signal.SIGTERM) is raise_ended
    finally:
        signal.signal(signal.SIGTERM, before)
    assert done == ["inner", "outer"]


def test_an_interruption_comes_after_the_block_as_well() -> None:
    done = []

    def interrupt() -> None:
        with hold_signals():
            signal.raise_signal(signal.SIGINT)
            done.append("whole")

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            interrupt()
    finally:
        signal.signal(signal.SIGINT, before)
    assert done == ["whole"]


def test_what_is_ignored_or_left_to_the_system_stays_so() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with hold_signals():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_other_threads_change_no_handler() -> None:
    before = signal.signal(signal.SIGTERM, raise_ended)
    found = []

    def look() -> None:
        with hold_signals():
            found.append(signal.getsignal(signal.SIGTERM))

    try:
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert found == [raise_ended]
