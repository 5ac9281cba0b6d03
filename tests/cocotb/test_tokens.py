"""The cocotb tests on whole tokens: retirements by slot and section, tokens, keys in memory."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from fastcar.cosim.export.export import ExportPackage, make_package
from fastcar.cosim.export.request import ExportRequest
from tests.cocotb.test_cocotb_bench import list_results, make, needs_cocotb, write
from tests.cosim.token_bugs import BUG_NAMES, NUM_SLOTS, list_token_bugs
from tests.simulators import needs_icarus, needs_verilator

pytestmark = [needs_cocotb, pytest.mark.slow]


@cache
def get_package() -> ExportPackage:
    return make_package(ExportRequest("tiny-decoder", num_slots=NUM_SLOTS))


@needs_icarus
def test_tokens_pass_calm_and_stalled(tmp_path: Path) -> None:
    write(tmp_path, get_package().files)
    status, output = make(tmp_path, "COCOTB_TEST_FILTER=recorded")
    assert status == 0, output
    assert list_results(output, "FAIL") == []
    assert len(list_results(output, "PASS")) == 2


@pytest.mark.nightly
@pytest.mark.parametrize(
    "simulator",
    [pytest.param("icarus", marks=needs_icarus), pytest.param("verilator", marks=needs_verilator)],
)
def test_all_tests_pass(simulator: str, tmp_path: Path) -> None:
    write(tmp_path, make_package(ExportRequest("tiny-decoder")).files)
    status, output = make(tmp_path, f"SIM={simulator}")
    assert status == 0, output
    assert list_results(output, "FAIL") == []
    assert len(list_results(output, "PASS")) == 10


@needs_icarus
@pytest.mark.parametrize("name", BUG_NAMES)
def test_a_planted_bug_is_found(name: str, tmp_path: Path) -> None:
    package = get_package()
    bug, files = list_token_bugs(package.recording)[name], package.files
    write(tmp_path, {**files, bug.file: bug.plant(files[bug.file])})
    status, output = make(tmp_path, "COCOTB_TEST_FILTER=recorded/probability=0.0")
    assert status != 0
    assert list_results(output, "PASS") == []
    assert bug.cocotb in output
