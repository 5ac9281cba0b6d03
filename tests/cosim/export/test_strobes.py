"""The exported testbenches of an accelerator with attention: strobes are heard, tokens compared."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fastcar.cosim.export.recording import Recording
from fastcar.cosim.export.testbench import make_testbench
from fastcar.cosim.verilog.verilog import VERILOG_FILE, export_verilog
from fastcar.rtl.config import TINY_DECODER
from tests.cosim.export.test_testbench import compile_bench, run, write
from tests.cosim.store_programs import record_stores
from tests.simulators import needs_icarus

pytestmark = needs_icarus


@pytest.fixture(scope="module")
def recording() -> Recording:
    return record_stores(TINY_DECODER, seed=6)


@pytest.fixture(scope="module")
def files(recording: Recording) -> dict[str, str]:
    design = export_verilog(TINY_DECODER)
    return {**make_testbench(recording, design.ports), VERILOG_FILE: design.text}


def play(files: dict[str, str], folder: Path) -> tuple[int, str]:
    write(folder, files)
    return run(compile_bench(folder), folder)


def test_the_bench_passes(files: dict[str, str], recording: Recording, tmp_path: Path) -> None:
    status, output = play(files, tmp_path)
    assert status == 0, output
    assert f"{len(recording.retires)} retirements" in output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pattern", "replacement", "complaint"),
    [
        (r"^(    assign core1_write_strobe =) .*;$", r"\1 4'd15;", r"memory beat \d+: "),
        (r"^(    assign core0_write_strobe =) (.*);$", r"\1 \2 & 4'd7;", r"memory beat \d+: "),
        (r"^(    assign retire_token =) .*;$", r"\1 16'd1;", r"retirement 0, cycle \d+: "),
    ],
)
def test_a_wrong_strobe_or_token_fails(
    files: dict[str, str], tmp_path: Path, pattern: str, replacement: str, complaint: str
) -> None:
    text, count = re.subn(pattern, replacement, files[VERILOG_FILE], flags=re.M)
    assert count == 1
    status, output = play({**files, VERILOG_FILE: text}, tmp_path)
    assert status != 0
    assert re.search(complaint, output), output
