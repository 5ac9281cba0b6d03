"""Libraries of Verilator for tests: they run for a moment, and building them takes longest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fastcar.cosim.backends import verilator_build


@pytest.fixture(scope="session", autouse=True)
def quick_builds() -> Iterator[None]:
    """A quarter of the compiler's time; kept beside the libraries of users, under other keys."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verilator_build, "FAST", "-Og")
        yield
