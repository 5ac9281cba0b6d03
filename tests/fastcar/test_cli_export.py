"""`fastcar export` through the real command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fastcar.cosim.verilog.verilog import export_verilog
from fastcar.ownership import MARKER_FILE
from fastcar.rtl.config import DEMO, TINY
from tests.fastcar.commands import check_refused, list_files, run_command

Capture = pytest.CaptureFixture[str]
FILES = [
    MARKER_FILE,
    "LICENSE",
    "Makefile",
    "README.md",
    "accelerator.md",
    "dense_expected_counters.hex",
    "dense_expected_decisions.hex",
    "dense_expected_memory.hex",
    "dense_expected_retires.hex",
    "dense_program.hex",
    "expected_counters.hex",
    "expected_decisions.hex",
    "expected_memory.hex",
    "expected_retires.hex",
    "fastcar_accelerator.core",
    "fastcar_accelerator.lpf",
    "fastcar_accelerator.v",
    "fastcar_accelerator.vhd",
    "fastcar_accelerator.vlt",
    "fastcar_accelerator.xdc",
    "fastcar_accelerator_nets.csv",
    "fastcar_bench.py",
    "fastcar_cocotb.py",
    "fastcar_recording.py",
    "fastcar_testbench.v",
    "memory.hex",
    "memory_map.md",
    "program.asm",
    "program.hex",
    "replay_expected_counters.hex",
    "replay_expected_decisions.hex",
    "replay_expected_memory.hex",
    "replay_expected_retires.hex",
    "replay_program.hex",
    "units.md",
    "units.svg",
]


SIZES = ("--hidden-size", 8, "--intermediate-size", 12, "--query-size", 8)
"""Of no model."""


def test_tiny_is_written_whole(capsys: Capture, tmp_path: Path) -> None:
    out = tmp_path / "new" / "tiny"
    outcome = run_command(capsys, "export", "--preset", "tiny", "--out", out)
    assert outcome.status == 0, outcome.err
    assert outcome.err == ""
    assert list_files(out) == FILES
    written = (out / "fastcar_accelerator.v").read_text(encoding="utf-8")
    assert written == export_verilog(TINY).text
    assert outcome.out.startswith(
        "preset tiny; testbench: random tokens of a random model (seed 0)"
    )
    for name in FILES[1:]:
        assert name in outcome.out


def test_demo_runs_tokens_of_the_shipped_model(capsys: Capture, tmp_path: Path) -> None:
    outcome = run_command(capsys, "export", "--json", "--layer", 1, "--out", tmp_path / "demo")
    assert outcome.status == 0, outcome.err
    report = json.loads(outcome.out)
    assert report["recorded"] == "tokens of moving_digits_16x64, token 96, layer 1, score"
    assert [MARKER_FILE, *sorted(report["files"])] == FILES
    for name, size in report["files"].items():
        assert (tmp_path / "demo" / name).stat().st_size == size
    memory = (tmp_path / "demo" / "memory.hex").read_text(encoding="utf-8")
    assert {len(line) for line in memory.splitlines()} == {2 * DEMO.beat_bytes}


def test_any_sizes_are_exported_under_any_name(capsys: Capture, tmp_path: Path) -> None:
    sizes = ("--cores", 1, "--lanes", 4, "--slots", 2, "--batch", 3, "--queue-depth", 8, *SIZES)
    options = ("--seed", 5, "--module", "small_one", "--json", "--out", tmp_path / "out")
    outcome = run_command(capsys, "export", *sizes, *options)
    assert outcome.status == 0, outcome.err
    report = json.loads(outcome.out)
    assert (report["preset"], report["module"]) == ("custom", "small_one")
    assert report["recorded"].startswith("random tokens of a random model (seed 5)")
    assert [*report["accelerator"].values()] == [1, 4, 3, 8, 12, 8, 8]
    names = [name.replace("fastcar_accelerator", "small_one") for name in FILES]
    assert list_files(tmp_path / "out") == sorted(names)
    core = (tmp_path / "out" / "small_one.core").read_text(encoding="utf-8")
    assert "\nname: fastcar:accelerator:small_one:" in core


def test_the_score_buffer_of_a_decoder_holds_what_is_asked_for(
    capsys: Capture, tmp_path: Path
) -> None:
    """Sizes of the shipped model, of which two tokens are quick to record."""
    options = ("--scope", "decoder", "--cores", 1, "--slots", 1, "--max-blocks", 16, "--json")
    outcome = run_command(capsys, "export", *options, "--out", tmp_path / "out")
    assert outcome.status == 0, outcome.err
    report = json.loads(outcome.out)
    assert report["accelerator"]["max_blocks"] == 16
    assert report["accelerator"]["num_cores"] == 1
    assert report["recorded"].startswith("tokens of moving_digits_16x64, tokens ")


def test_an_older_export_is_replaced(capsys: Capture, tmp_path: Path) -> None:
    for slots in (1, 2):
        options = ("--preset", "tiny", "--slots", slots, "--out", tmp_path / "out")
        assert run_command(capsys, "export", *options).status == 0
    assert list_files(tmp_path / "out") == FILES


def test_what_is_the_users_is_refused_or_kept(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Makefile").write_text("mine")
    (tmp_path / "program.hex").mkdir()
    (tmp_path / "program.hex" / "notes.txt").write_text("mine")
    options = ("--preset", "tiny", "--out")
    words = ("holds Makefile, program.hex", "--force")
    check_refused(run_command(capsys, "export", *options, "."), words)
    check_refused(run_command(capsys, "export", *options, ""), ("--out", "'' is no path"))
    assert list_files(tmp_path) == ["Makefile", "program.hex", "program.hex/notes.txt"]
    assert run_command(capsys, "export", *options, ".", "--force").status == 0
    kept = ["Makefile.kept", "program.hex.kept", "program.hex.kept/notes.txt"]
    assert list_files(tmp_path) == sorted([*FILES, *kept])
    assert (tmp_path / "Makefile.kept").read_text(encoding="utf-8") == "mine"
    assert (tmp_path / "program.hex.kept" / "notes.txt").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--preset", "huge"), ("--preset", "huge", "tiny", "demo", "demo-decoder")),
        (("--preset", "tiny", "--slots", 5), ("slots = 5", "from 1 to 4")),
        (("--preset", "tiny", "--latency", 0), ("latency = 0", "from 1 to 1000")),
        (("--preset", "tiny", "--layer", 1), ("layer = 1", "from 0 to 0")),
        (("--preset", "tiny-decoder", "--layer", 1), ("layer = 1", "left out", "all layers")),
        (("--preset", "tiny", "--seed", -1), ("seed = -1", "at least 0")),
        (("--source", "coin"), ("--source", "coin")),
        (("--preset", "tiny", "--queue-depth", 8), ("queue_depth = 8", "without preset tiny")),
        (("--preset", "tiny", "--scope", "mlp"), ("scope = 'mlp'", "without preset tiny")),
        (("--preset", "tiny", "--hidden-size", 8), ("hidden_size = 8", "without preset tiny")),
        (("--queue-depth", 3), ("queue_depth = 3", "a power of two, from 2 to 4096")),
        (("--lanes", 24), ("lanes = 24", "a power of two")),
        (("--cores", 33), ("cores = 33", "from 1 to 32")),
        (("--batch", 33), ("batch = 33", "from 1 to 32")),
        (("--query-size", 8), ("query_size = 8", "with hidden_size and intermediate_size")),
        ((*SIZES, "--scope", "decoder"), ("hidden_size = 8", "left out", "of a model")),
        ((*SIZES, "--model", "real_video"), ("hidden_size = 8", "left out", "real_video")),
        ((*SIZES[:-1], 6), ("query_size = 6", "a multiple of 4")),
        ((*SIZES, "--lanes", 32), ("lanes = 32", "at most 16")),
        (("--scope", "decoder", "--layer", 1), ("layer = 1", "left out", "all layers")),
        (("--scope", "decoder", "--lanes", 64), ("lanes = 64", "a divisor of head_dim = 32")),
        (("--scope", "decoder", "--max-blocks", 2), ("max_blocks = 2", "at least")),
        (("--max-blocks", 2), ("max_blocks = 2", "given with scope decoder")),
        (("--module", "module"), ("module = 'module'", "underscores")),
        (("--module", "always_comb"), ("module = 'always_comb'", "no keyword")),
        (("--module", "fastcar_testbench"), ("module = 'fastcar_testbench'", "testbench")),
        (("--module", "../evil_name"), ("module = '../evil_name'", "underscores")),
        (("--checkpoint", "nowhere"), ("nowhere",)),
    ],
)
def test_wrong_input_is_one_line_and_writes_nothing(
    options: tuple[object, ...], words: tuple[str, ...], capsys: Capture, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    check_refused(run_command(capsys, "export", *options, "--out", out), words)
    assert list_files(tmp_path) == []


def test_a_place_that_cannot_be_written_is_refused(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    outcome = run_command(capsys, "export", "--preset", "tiny", "--out", tmp_path / "file")
    check_refused(outcome, ("must be a directory",))


def test_out_is_required(capsys: Capture) -> None:
    check_refused(run_command(capsys, "export"), ("--out",))
