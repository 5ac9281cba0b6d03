"""The Verilog testbench of whole tokens passes, and finds what is wrong in one section."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fastcar.cosim.export.recording import Recording
from fastcar.cosim.export.testbench import RETIRES_FILE, make_testbench
from fastcar.cosim.verilog.verilog import VERILOG_FILE, export_verilog
from fastcar.rtl.config import TINY_DECODER
from tests.cosim.export.test_testbench import compile_bench, run, write
from tests.cosim.token_bugs import BUG_NAMES, KEY, list_token_bugs, record_two_slots
from tests.simulators import needs_icarus


@pytest.fixture(scope="module")
def recording() -> Recording:
    return record_two_slots()


@pytest.fixture(scope="module")
def files(recording: Recording) -> dict[str, str]:
    design = export_verilog(TINY_DECODER)
    return {**make_testbench(recording, design.ports), VERILOG_FILE: design.text}


def play(files: dict[str, str], folder: Path) -> tuple[int, str]:
    write(folder, files)
    return run(compile_bench(folder), folder)


@needs_icarus
def test_the_bench_passes(files: dict[str, str], recording: Recording, tmp_path: Path) -> None:
    status, output = play(files, tmp_path)
    assert status == 0, output
    assert "PASS: 8 decisions, 20 retirements" in output
    assert f" {recording.counters.cycles} cycles" in output


@needs_icarus
@pytest.mark.slow
@pytest.mark.parametrize("name", BUG_NAMES)
def test_a_planted_bug_is_found(
    name: str, files: dict[str, str], recording: Recording, tmp_path: Path
) -> None:
    bug = list_token_bugs(recording)[name]
    status, output = play({**files, bug.file: bug.plant(files[bug.file])}, tmp_path)
    assert status != 0
    assert re.search(bug.testbench, output, re.M), output
    assert ("FAIL: 1 differences" in output) == (name != KEY), output


def test_every_retirement_is_named_in_its_file(files: dict[str, str], recording: Recording) -> None:
    lines = files[RETIRES_FILE].splitlines()[1:]
    assert [line.partition(" // ")[2] for line in lines] == list(recording.sections)
