"""The engine that is asked for, and the one that is selected where that is left open."""

from __future__ import annotations

from pathlib import Path

import numba
import numpy as np
import pytest

from fastcar.reference.engine import NumpyEngine
from fastcar.reference.engine_choice import AUTO, NUMBA, NUMPY, Decode
from fastcar.reference.engine_factory import find_obstacle, make_engine, select_engine
from fastcar.reference.errors import ArgumentError
from fastcar.reference.weights import make_random_weights
from fastcar.strategies import make_config

CONFIG = make_config()
SHORT, LONG = [Decode(1, 1, 10)], [Decode(1, 1, 10**7)]
NAMES = frozenset({"none of these is kept"})


@pytest.fixture(autouse=True)
def _cold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which nothing is compiled yet."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))


def select(
    asked: str, decodes: list[Decode], dtype: type[np.float32 | np.float64] = np.float32
) -> tuple[str, str, str]:
    """Names of engine and choice, which are one, and the reason."""
    weights = make_random_weights(CONFIG, np.random.default_rng(0), dtype)
    engine, choice = select_engine(asked, CONFIG, weights, decodes, NAMES)
    return engine.name, choice.name, choice.reason


def test_auto_goes_by_the_work() -> None:
    assert select(AUTO, SHORT)[:2] == (NUMPY, NUMPY)
    assert select(AUTO, LONG)[:2] == (NUMBA, NUMBA)
    assert select(AUTO, LONG, np.float64)[:2] == (NUMPY, NUMPY)


@pytest.mark.parametrize("name", [NUMPY, NUMBA])
def test_a_name_is_obeyed(name: str) -> None:
    assert select(name, SHORT) == (name, name, "asked for")
    assert select(name, LONG) == (name, name, "asked for")


def test_what_the_environment_forbids_is_refused_by_name_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert find_obstacle() is None
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    assert select(AUTO, LONG)[:2] == (NUMPY, NUMPY)
    assert "NUMBA_DISABLE_JIT = '1'" in select(AUTO, LONG)[2]


def test_what_only_numba_can_tell_is_refused_by_name_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its configuration file may forbid to compile."""
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    assert select(AUTO, LONG)[:2] == (NUMPY, NUMPY)
    assert "NUMBA_DISABLE_JIT = 1" in select(AUTO, LONG)[2]
    with pytest.raises(ArgumentError, match=r"^NUMBA_DISABLE_JIT = 1: "):
        select(NUMBA, LONG)


def test_an_engine_that_is_open_cannot_be_made() -> None:
    assert isinstance(make_engine(NUMPY), NumpyEngine)
    for name in (AUTO, "torch"):
        with pytest.raises(ArgumentError, match=r"must be one of numpy, numba$"):
            make_engine(name)
