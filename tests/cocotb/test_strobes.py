"""The cocotb tests on an accelerator with attention: its memory hears strobes."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from fastcar.cosim.export.cocotb_export import make_cocotb_files
from fastcar.cosim.export.share import Share
from fastcar.cosim.export.testbench import make_testbench
from fastcar.cosim.verilog.verilog import VERILOG_FILE, export_verilog
from fastcar.rtl.config import TINY_DECODER
from tests.cocotb.test_cocotb_bench import list_results, make, needs_cocotb, write
from tests.cosim.store_programs import record_stores
from tests.simulators import needs_icarus

pytestmark = [needs_cocotb, needs_icarus, pytest.mark.slow]


@cache
def get_files() -> dict[str, str]:
    design, recording = export_verilog(TINY_DECODER), record_stores(TINY_DECODER, seed=7)
    layers = make_cocotb_files(dict.fromkeys(Share, recording), design.ports)
    return {**make_testbench(recording, design.ports), **layers, VERILOG_FILE: design.text}


def test_the_layer_passes_calm_and_stalled(tmp_path: Path) -> None:
    write(tmp_path, get_files())
    status, output = make(tmp_path, "COCOTB_TEST_FILTER=recorded")
    assert status == 0, output
    assert list_results(output, "FAIL") == []
    assert len(list_results(output, "PASS")) == 2


@pytest.mark.parametrize(
    ("port", "value", "complaint"),
    [("core1_write_strobe", "4'd15", "memory beat"), ("retire_token", "16'd1", "token of slot")],
)
def test_a_wrong_strobe_or_token_fails(
    port: str, value: str, complaint: str, tmp_path: Path
) -> None:
    text, count = re.subn(
        rf"^(    assign {port} =) .*;$", rf"\1 {value};", get_files()[VERILOG_FILE], flags=re.M
    )
    assert count == 1
    write(tmp_path, {**get_files(), VERILOG_FILE: text})
    status, output = make(tmp_path, "COCOTB_TEST_FILTER=recorded")
    assert complaint in output
    assert list_results(output, "FAIL") != []
    assert status != 0
