"""The exported package: what README.md says works, in both simulators and in FuseSoC's terms."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from fastcar.cosim.backends.verilator_build import find_verilator
from fastcar.cosim.export.cocotb_export import (
    BENCH_FILE,
    COCOTB_COMMANDS,
    MAKEFILE,
    RECORDING_FILE,
    TEST_FILE,
)
from fastcar.cosim.export.export import ExportPackage, make_package
from fastcar.cosim.export.integration import (
    DIAGRAM_FILE,
    UNITS_FILE,
    list_fusesoc_commands,
)
from fastcar.cosim.export.license import LICENSE_FILE
from fastcar.cosim.export.memory_page import MEMORY_PAGE
from fastcar.cosim.export.names import PackageNames
from fastcar.cosim.export.pages import SPECIFICATION_FILE
from fastcar.cosim.export.readme import (
    ICARUS_COMMANDS,
    LINT_COMMANDS,
    LISTING_FILE,
    README_FILE,
    VERILATOR_COMMANDS,
    make_readme,
)
from fastcar.cosim.export.request import ExportRequest
from fastcar.cosim.export.testbench import DECISIONS_FILE, RETIRES_FILE
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.rtl.config import PRESETS
from tests.simulators import QUICK_BUILDS, needs_icarus, needs_verilator

ROOT = Path(__file__).parents[3]
NAMES = PackageNames("tiny")
COCOTB_FILES = (TEST_FILE, BENCH_FILE, RECORDING_FILE)
ICARUS_MARKS = {
    "tiny": [],
    "demo": [pytest.mark.slow],
    "tiny-decoder": [pytest.mark.slow],
    "demo-decoder": [pytest.mark.nightly],
}
"""Of the presets: how long Icarus takes."""


@cache
def get_package(preset: str = "tiny") -> ExportPackage:
    return make_package(ExportRequest(preset))


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def run_commands(commands: tuple[str, ...], folder: Path) -> tuple[int, str]:
    """Run commands as README.md has them, up to the first that fails."""
    out = ""
    for command in commands:
        first, *others = shlex.split(command)
        program = find_verilator() if first == "verilator" else [shutil.which(first) or first]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            [*program, *others],
            cwd=folder,
            env={**os.environ, "PATH": path, "MAKEFLAGS": QUICK_BUILDS},
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        out += done.stdout + done.stderr
        if done.returncode:
            return done.returncode, out
    return 0, out


def check_commands(commands: tuple[str, ...], package: ExportPackage, folder: Path) -> None:
    """They pass, and a corrupted record makes the last of them fail."""
    files, recording = package.files, package.recording
    counts = f"{len(recording.decisions)} decisions, {len(recording.retires)} retirements"
    write(folder, files)
    status, out = run_commands(commands, folder)
    assert status == 0, out
    assert re.search(rf"^PASS: {counts}", out, re.M), out
    records = files[DECISIONS_FILE].rstrip()
    corrupted = f"{records[:-1]}{int(records[-1], 16) ^ 1:x}\n"
    (folder / DECISIONS_FILE).write_text(corrupted, encoding="utf-8")
    status, out = run_commands(commands[-1:], folder)
    assert status != 0
    assert re.search(r"^FAIL: ", out, re.M), out


@needs_icarus
@pytest.mark.parametrize(
    "preset", [pytest.param(preset, marks=ICARUS_MARKS[preset]) for preset in PRESETS]
)
def test_icarus_passes_and_fails(preset: str, tmp_path: Path) -> None:
    check_commands(ICARUS_COMMANDS, get_package(preset), tmp_path)


@needs_verilator
@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_verilator_passes_and_fails(preset: str, tmp_path: Path) -> None:
    check_commands(VERILATOR_COMMANDS, get_package(preset), tmp_path)


@needs_verilator
def test_the_lint_command_is_silent(tmp_path: Path) -> None:
    write(tmp_path, get_package().files)
    status, out = run_commands(LINT_COMMANDS, tmp_path)
    assert status == 0
    assert "Warning" not in out


@needs_icarus
def test_a_wave_form_is_written_when_asked_for(tmp_path: Path) -> None:
    write(tmp_path, get_package().files)
    with_wave = (ICARUS_COMMANDS[0], f"{ICARUS_COMMANDS[1]} +wave")
    assert run_commands(with_wave, tmp_path)[0] == 0
    assert "core0_read_request_valid" in (tmp_path / "fastcar.vcd").read_text(encoding="utf-8")


def test_readme_lists_commands_files_and_sizes() -> None:
    files = get_package().files
    readme = files[README_FILE]
    for command in (*ICARUS_COMMANDS, *VERILATOR_COMMANDS, *LINT_COMMANDS, *COCOTB_COMMANDS):
        assert f"\n{command}\n" in readme
    for command in list_fusesoc_commands(NAMES):
        assert f"\n{command}\n" in readme
        target = command.partition("--target ")[2].split()[0]
        assert f"\n  {target}:\n" in files[NAMES.core_file]
    assert "| num_lanes | 4 |" in readme
    named = set(re.findall(r"`((?:fastcar|program|memory)\w*\.(?:v|vlt|hex))`", readme))
    assert named <= set(files)
    assert {"program.hex", "memory.hex", "fastcar_testbench.v"} <= named


def test_every_page_that_the_files_cite_is_among_them() -> None:
    files = get_package().files
    cited = set(re.findall(r"docs/([\w.]+\w)", "".join(files.values())))
    assert cited == {SPECIFICATION_FILE}
    page = (ROOT / "docs" / SPECIFICATION_FILE).read_text("utf-8")
    tags, copy = files[SPECIFICATION_FILE].split("# The accelerator", 1)
    assert tags.count("SPDX-") == 2
    assert f"# The accelerator{copy}" == re.sub(r"\[(\w+\.md)\]\(\1\)", r"\1", page)
    assert "](" not in copy
    assert f"`{SPECIFICATION_FILE}`" in files[README_FILE]


def test_core_file_names_every_file_of_the_verilog_testbench() -> None:
    files = get_package().files
    core = files[NAMES.core_file]
    assert core.startswith("CAPI=2:\n")
    assert "\nname: fastcar:accelerator:tiny:" in core
    assert "\nlicense: MIT\n" in core
    listed = set(re.findall(r"^      - ([\w.]+)", core, re.M))
    for_cocotb = {name for name in files if name.startswith(("dense_", "replay_"))}
    assert len(for_cocotb) == 10
    pages = {README_FILE, SPECIFICATION_FILE, MEMORY_PAGE, UNITS_FILE, DIAGRAM_FILE, LICENSE_FILE}
    others = {*pages, LISTING_FILE, NAMES.nets_file, NAMES.core_file, MAKEFILE, *COCOTB_FILES}
    assert listed == set(files) - {*others, *for_cocotb}


def test_the_source_decides_what_is_recorded() -> None:
    request = ExportRequest("tiny", source=DecisionSource.DISTANCE, num_slots=2, seed=3)
    recording = make_package(request).recording
    assert recording.description.endswith("distance")
    assert len(recording.decisions) == 2
    assert "seed 3" in recording.description


@pytest.mark.parametrize(
    ("preset", "num_decisions", "num_retires"),
    [("tiny", 4, 4), ("tiny-decoder", 2 * 2 * 4, 2 * 5 * 4)],
)
def test_an_attention_phase_makes_the_testbench_one_of_whole_tokens(
    preset: str, num_decisions: int, num_retires: int
) -> None:
    package = get_package(preset)
    assert len(package.recording.decisions) == num_decisions
    assert len(package.recording.retires) == num_retires
    readme, retires = package.files[README_FILE], package.files[RETIRES_FILE]
    is_whole = preset == "tiny-decoder"
    assert ("runs one layer of one token" in readme) != is_whole
    assert ("runs two tokens of every slot" in readme) == is_whole
    assert ("name of its section" in readme) == is_whole
    assert ("runs the tokens anew" in readme) == is_whole
    assert retires.count(" // token 7 pick\n") == 4 * is_whole
    others = [package.files[f"{prefix}{RETIRES_FILE}"] for prefix in ("dense_", "replay_")]
    assert len({retires, *others}) == 3


def test_long_runs_are_said_to_be_slow_in_icarus() -> None:
    recording = get_package("tiny-decoder").recording
    slow = replace(recording, counters=replace(recording.counters, cycles=100_000))
    assert "many minutes in\nIcarus" in make_readme(PackageNames("demo-decoder"), slow)
    assert "many minutes" not in make_readme(PackageNames("tiny-decoder"), recording)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "huge"}, r"^preset = 'huge': must be one of tiny, demo, tiny-\w+, demo-\w+$"),
        ({"num_slots": 0}, r"^slots = 0: must be from 1 to 32$"),
        ({"preset": "tiny", "num_slots": 5}, r"^slots = 5: "),
        ({"latency_cycles": 0}, r"^latency = 0: must be from 1 to 1000$"),
        (
            {"preset": "tiny-decoder", "layer_index": 0},
            r"^layer = 0: must be left out: .* all layer",
        ),
        ({"seed": -1}, r"^seed = -1: must be at least 0$"),
    ],
)
def test_wrong_requests_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        ExportRequest(**options)  # type: ignore[arg-type]
