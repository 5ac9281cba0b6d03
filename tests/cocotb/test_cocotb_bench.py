"""The cocotb tests of the exported folder, run by `make` as its README.md says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from fastcar.cosim.export.cocotb_export import BENCH_FILE, PREFIXES, RECORDING_FILE, TEST_FILE
from fastcar.cosim.export.export import ExportPackage, make_package
from fastcar.cosim.export.request import ExportRequest
from fastcar.cosim.export.share import Share
from fastcar.cosim.export.testbench import (
    COUNTERS_FILE,
    DECISIONS_FILE,
    EXPECTED_MEMORY_FILE,
    RETIRES_FILE,
)
from fastcar.cosim.verilog.verilog import VERILOG_FILE
from fastcar.reference.integer.mlp_engine import DecisionSource
from tests.simulators import QUICK_BUILDS, needs_icarus, needs_verilator

SCRIPTS = Path(sys.executable).parent
HAS_COCOTB = (SCRIPTS / "cocotb-config").is_file() or shutil.which("cocotb-config") is not None
needs_cocotb = pytest.mark.skipif(
    not HAS_COCOTB or shutil.which("make") is None, reason="cocotb is missing: fastcar[hdl]"
)
DENSE, REPLAY = PREFIXES[Share.NONE], PREFIXES[Share.ALL]


@cache
def get_package(
    preset: str = "tiny", source: DecisionSource = DecisionSource.SCORE
) -> ExportPackage:
    return make_package(ExportRequest(preset, source=source))


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def make(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run make with the tools of this environment on PATH."""
    environment = {**os.environ, "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"}
    for name in ("MAKELEVEL", "MFLAGS"):
        environment.pop(name, None)
    environment["MAKEFLAGS"] = QUICK_BUILDS
    done = subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def list_results(output: str, status: str) -> list[str]:
    """Names of the tests that have a status."""
    return re.findall(rf"\*\* fastcar_cocotb\.(\S+) +{status} ", output)


@needs_cocotb
@needs_icarus
@pytest.mark.parametrize(
    "source", [DecisionSource.SCORE, pytest.param(DecisionSource.DISTANCE, marks=pytest.mark.slow)]
)
def test_make_passes_in_icarus(source: DecisionSource, tmp_path: Path) -> None:
    write(tmp_path, get_package("tiny", source).files)
    status, output = make(tmp_path)
    assert status == 0, output
    assert list_results(output, "FAIL") == []
    names = {name.partition("/")[0] for name in list_results(output, "PASS")}
    resets = {"two_runs_without_reset", "reset_in_mid_run", "reset_alone_at_every_point"}
    assert names == {"program", "illegal_opcode", *resets}
    assert len(list_results(output, "PASS")) == 10


@needs_cocotb
@needs_verilator
@pytest.mark.slow
def test_make_passes_in_verilator(tmp_path: Path) -> None:
    write(tmp_path, get_package().files)
    status, output = make(tmp_path, "SIM=verilator")
    assert status == 0, output
    assert len(list_results(output, "PASS")) == 10


@needs_cocotb
@needs_icarus
@pytest.mark.nightly
def test_make_passes_on_tokens_of_the_shipped_model(tmp_path: Path) -> None:
    write(tmp_path, get_package("demo").files)
    status, output = make(tmp_path)
    assert status == 0, output
    assert len(list_results(output, "PASS")) == 10


def flip_last_value(text: str) -> str:
    """Another lowest bit in the last value of a file."""
    place = len(text[: text.rindex(" //")] if " //" in text else text.rstrip()) - 1
    return f"{text[:place]}{int(text[place], 16) ^ 1:x}{text[place + 1 :]}"


def mutate(pattern: str, replacement: str) -> Callable[[str], str]:
    """One replacement."""

    def change(text: str) -> str:
        changed, count = re.subn(pattern, replacement, text, count=1, flags=re.M)
        assert count == 1
        return changed

    return change


@needs_cocotb
@needs_icarus
@pytest.mark.parametrize(
    ("name", "change", "test", "complaint"),
    [
        (f"{DENSE}{RETIRES_FILE}", flip_last_value, "dense", "digest of slot 3"),
        pytest.param(
            f"{REPLAY}{EXPECTED_MEMORY_FILE}",
            flip_last_value,
            "replay",
            r"memory beat \d+",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            COUNTERS_FILE,
            flip_last_value,
            "recorded",
            "core1_counter_dispatched",
            marks=pytest.mark.slow,
        ),
        (
            VERILOG_FILE,
            mutate(r"^(    assign error = )(.*);$", r"\g<1>1'b0;"),
            "illegal_opcode",
            "assert .*0.* == 1",
        ),
        pytest.param(
            VERILOG_FILE,
            mutate(r"^(    assign decision_score = )(.*);$", r"\1\2 ^ 48'd1;"),
            "dense",
            "AssertionError",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            VERILOG_FILE,
            mutate(r"^(    assign core1_write_data = )(.*);$", r"\1\2 ^ 1'b1;"),
            "recorded",
            "AssertionError",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_wrong_value_fails(
    name: str, change: Callable[[str], str], test: str, complaint: str, tmp_path: Path
) -> None:
    files = get_package().files
    write(tmp_path, {**files, name: change(files[name])})
    status, output = make(tmp_path, f"COCOTB_TEST_FILTER={test}")
    assert status != 0
    assert list_results(output, "PASS") == []
    assert any(test in failed for failed in list_results(output, "FAIL"))
    assert re.search(complaint, output), output


@needs_cocotb
@needs_icarus
def test_a_record_with_an_unknown_bit_fails(tmp_path: Path) -> None:
    files = get_package().files
    change = mutate(r"^(    assign decision_core = ).*;$", r"\g<1>5'bx;")
    write(tmp_path, {**files, VERILOG_FILE: change(files[VERILOG_FILE])})
    status, output = make(tmp_path, "COCOTB_TEST_FILTER=recorded")
    assert status != 0
    assert list_results(output, "PASS") == []


@needs_icarus
@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_without_cocotb_make_says_what_to_install(tmp_path: Path) -> None:
    write(tmp_path, get_package().files)
    done = subprocess.run(
        ["make", "COCOTB_CONFIG="], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert 'pip install "cocotb>=2" cocotbext-axi' in done.stderr


def test_the_shipped_files_import_nothing_of_the_project() -> None:
    files = get_package().files
    for name in (TEST_FILE, BENCH_FILE, RECORDING_FILE):
        assert not re.search(r"^(from|import) (cosim|rtl|reference|fastcar)\b", files[name], re.M)


def test_the_layers_of_the_package_differ_in_what_replays() -> None:
    files = get_package().files
    programs = {prefix: files[f"{prefix}program.hex"] for prefix in PREFIXES.values()}
    assert len(set(programs.values())) == 3
    width = get_package().recording.config.num_slots
    for prefix, expected in (("", 2), (DENSE, width), (REPLAY, 1)):
        lines = files[f"{prefix}{DECISIONS_FILE}"].splitlines()
        header = dict(re.findall(r"(\w+) (\d+)", lines[0]))
        behind = int(header["core"]) + int(header["cycle"])
        computing = [int(line, 16) >> behind & 1 for line in lines[1:]]
        assert sum(computing) == expected
