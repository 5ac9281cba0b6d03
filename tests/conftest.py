"""Hypothesis profiles, and the vectors that several test files share.

Profile `ci` (default) draws the same examples in every run; `nightly` draws new ones and prints
its seed, which `--hypothesis-seed` takes again; `mutants` is `ci` without the search for a smaller
example, because of a planted bug only the name of the test counts. The variable
FASTCAR_HYPOTHESIS or the option `--hypothesis-profile` chooses; the option wins.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.process_state import watch_process_state

OFFICIAL_VECTORS = Path(__file__).parent / "vectors" / "official"
PROFILES = ("ci", "nightly", "mutants")
TOGETHER = {
    "tests/reference/kernels/": "kernels",
    "tests/fastcar/test_engine_option.py": "kernels",
    "tests/cosim/crosscheck/": "crosscheck",
    "tests/cocotb/": "cocotb",
}
"""Files that compile or record the same, for `--dist loadgroup` of pytest-xdist."""

# Tests that set XDG_CACHE_HOME must not make Yosys and nextpnr compile anew, half a minute each.
os.environ.setdefault(
    "YOWASP_CACHE_DIR",
    str(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "YoWASP"),
)

# A slow machine must not turn a correct test red: neither deadline nor too_slow.
settings.register_profile(
    "ci",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=50,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "nightly",
    derandomize=False,
    deadline=None,
    max_examples=1000,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "mutants", parent=settings.get_profile("ci"), phases=(Phase.explicit, Phase.generate)
)


def get_profile(config: pytest.Config) -> str:
    """Name of the chosen profile; refuses a name that does not exist."""
    option = config.getoption("--hypothesis-profile")
    name = option or os.environ.get("FASTCAR_HYPOTHESIS") or "ci"
    if name not in PROFILES:
        source = "--hypothesis-profile" if option else "FASTCAR_HYPOTHESIS"
        raise pytest.UsageError(f"{source} = {name!r}: must be one of {', '.join(PROFILES)}")
    return str(name)


@pytest.hookimpl(tryfirst=True)  # Hypothesis reads the seed in its own pytest_configure.
def pytest_configure(config: pytest.Config) -> None:
    """Load the profile; give a random one a seed that can be told."""
    profile = get_profile(config)
    settings.load_profile(profile)
    if profile == "nightly" and config.getoption("--hypothesis-seed") is None:
        config.option.hypothesis_seed = str(secrets.randbits(32))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file in one process: each process makes its fixtures anew."""
    for item in items:
        file = item.nodeid.partition("::")[0]
        groups = [group for folder, group in TOGETHER.items() if file.startswith(folder)]
        item.add_marker(pytest.mark.xdist_group(groups[0] if groups else file))


def pytest_report_header(config: pytest.Config) -> str:
    """Name the profile, and the seed that repeats the run."""
    seed = config.getoption("--hypothesis-seed")
    repeat = "same examples in every run" if seed is None else f"--hypothesis-seed={seed} repeats"
    return f"fastcar: hypothesis profile {get_profile(config)}, {repeat}"


@pytest.fixture(scope="session")
def official_vectors() -> Path:
    """Directory of the numbers that the published code gave, described in its README.md."""
    return OFFICIAL_VECTORS


@pytest.fixture(autouse=True)
def process_state() -> Iterator[None]:
    """Fail a test that leaves signal handlers, working directory or environment changed."""
    with watch_process_state():
        yield
