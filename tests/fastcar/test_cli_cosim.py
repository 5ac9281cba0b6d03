"""`fastcar cosim` through the real command line, on a tiny video model and the real hardware."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import fastcar.cli.cosim
import fastcar.cosim.request
import fastcar.wave_output
from fastcar.cosim.backends.backend import RunResult, WatchdogError
from fastcar.cosim.backends.memory_model import ChannelError, SharedMemory
from fastcar.cosim.backends.native_backend import NativeBackend
from fastcar.cosim.engine import LayerStart
from fastcar.cosim.request import CosimRequest
from fastcar.cosim.run import choose_window
from fastcar.cosimulation import Cosimulation, cosimulate_model
from fastcar.reference.errors import FastCarError
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import encode
from tests.cosim.interpreted_backend import InterpretedBackend, Sabotage, change_retire
from tests.cosim.sabotaged_backend import WRONG_DIGEST_BIT, SabotagedBackend, make_wrong_design
from tests.cosim.wave.recordings import read_vcd
from tests.fastcar.commands import Outcome, check_refused, list_files, run_command
from tests.fastcar.schema import list_undocumented
from tests.fastcar.tiny_video_model import save_tiny_video_model

pytestmark = pytest.mark.usefixtures("hardware_built_once")
Capture = pytest.CaptureFixture[str]
SIZES = ("--batch", "3", "--cores", "2", "--lanes", "8", "--calibration-clips", "2")
CORE_PHASES = ("decide", "compute", "replay", "stalled", "idle")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_video_model(tmp_path_factory.mktemp("model"))


def run_cosim(capsys: Capture, model: Path, *options: object) -> Outcome:
    return run_command(capsys, "cosim", "--checkpoint", model, *SIZES, *options)


def read_report(outcome: Outcome) -> dict[str, Any]:
    assert outcome.err == ""
    report: dict[str, Any] = json.loads(outcome.out)
    return report


@pytest.mark.parametrize(
    ("mode", "source"),
    [("drs", "score"), ("drs", "distance"), ("static", "score"), ("dense", "score")],
)
def test_the_hardware_equals_the_reference(
    capsys: Capture, model: Path, mode: str, source: str
) -> None:
    options = ("--mode", mode, "--source", source, "--num-tokens", "2", "--json")
    outcome = run_cosim(capsys, model, *options)
    assert outcome.status == 0
    report = read_report(outcome)
    first, tokens = report["request"]["first_token"], report["request"]["tokens"]
    assert (first, first + tokens) == (5, 7)
    assert report["equal"]
    assert report["difference"] is None
    assert report["runs"] == 3 * tokens
    assert report["records"]["equal"] == report["records"]["compared"] == 2 * 3 * 3 * tokens
    check_sums(report)
    measured = report["cycles"]["static" if mode == "static" else "drs"]
    assert report["cycles"]["measured"] == measured
    if mode == "dense":
        assert report["replay_ratio"] == 0
        assert report["cycles"]["speed_up_against_dense"] == 1
    else:
        assert 0 < report["replay_ratio"] < 1
        assert report["cycles"]["speed_up_against_dense"] > 1


def check_sums(report: dict[str, Any]) -> None:
    """Every cycle, slot and byte is somewhere, and only once."""
    cores, spent = report["cores"], report["core_cycles"]
    cycles = report["cycles"]["measured"]
    assert sum(spent[phase] for phase in CORE_PHASES) == len(cores) * cycles
    for core in cores:
        assert sum(core[phase] for phase in CORE_PHASES) == cycles
    for phase in CORE_PHASES:
        assert sum(core[phase] for core in cores) == spent[phase]
    assert sum(report["compute_cycles"].values()) == spent["compute"]
    assert sum(layer["cycles"] for layer in report["layers"]) == cycles
    for kind in ("computed", "replayed"):
        assert sum(core[kind] for core in cores) == sum(one[kind] for one in report["layers"])
    assert sum(core["read_bytes"] for core in cores) == report["bytes"]["read"] > 0
    assert sum(core["written_bytes"] for core in cores) == report["bytes"]["written"] > 0
    assert sum(core["mac_busy"] for core in cores) == report["mac"]["busy"]


def test_tables_and_file_say_the_same(capsys: Capture, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "cosim.json"
    outcome = run_cosim(capsys, model, "--out", out)
    assert outcome.status == 0
    report = json.loads(out.read_text())
    assert report["request"]["tokens"] == 4, "a frame"
    assert outcome.out.endswith("72 records compared, all equal\n")
    assert f"{report['cycles']['measured']:,}" in outcome.out
    for word in (
        "C = 2, L = 8, B = 3",
        "MAC busy",
        "waits: a core for data",
        "stalled: core-cycles",
        "bytes read",
        "compute: GEMV",
    ):
        assert word in outcome.out
    assert list_files(tmp_path) == ["cosim.json", "cosim.png"]
    assert list_undocumented(report, "cosim_schema.md") == []
    with Image.open(tmp_path / "cosim.png") as picture:
        assert picture.format == "PNG"
        assert len(np.unique(np.asarray(picture))) > 100


def test_stalls_change_cycles_within_their_bounds_and_nothing_else(
    capsys: Capture, model: Path, tmp_path: Path
) -> None:
    plain, *stalled = (
        read_report(run_cosim(capsys, model, "--json", *options))
        for options in ((), ("--stall", "0.3"), ("--stall", "0.3", "--seed", "7"))
    )
    assert plain["cycles"]["fewest"] == plain["cycles"]["measured"] == plain["cycles"]["most"]
    assert plain["core_cycles"]["stalled"] == 0
    for report in stalled:
        assert report["equal"]
        cycles = report["cycles"]
        assert plain["cycles"]["measured"] == cycles["fewest"] < cycles["measured"]
        assert cycles["measured"] <= cycles["most"]
        assert report["core_cycles"]["stalled"] > 0
        check_sums(report)
        same = ("records", "replay_ratio", "bytes", "mac")
        assert [report[name] for name in same[:3]] == [plain[name] for name in same[:3]]
        assert report["mac"]["busy"] == plain["mac"]["busy"]
    assert stalled[0]["cycles"]["measured"] != stalled[1]["cycles"]["measured"]
    outcome = run_cosim(capsys, model, "--stall", "0.3", "--out", tmp_path / "stalled.json")
    report = json.loads((tmp_path / "stalled.json").read_text())
    assert report["cycles"] == stalled[0]["cycles"]
    bounds = "at least {fewest:,} and at most {most:,} cycles".format(**report["cycles"])
    assert bounds in outcome.out


def test_hardware_from_any_token_gives_the_same_layers(capsys: Capture, model: Path) -> None:
    """The state that is handed over is the state that the hardware would have had."""
    late, early = (
        read_report(
            run_cosim(capsys, model, "--first-token", first, "--num-tokens", tokens, "--json")
        )
        for first, tokens in ((9, 1), (8, 2))
    )
    before = read_report(
        run_cosim(capsys, model, "--first-token", 8, "--num-tokens", 1, "--frames", 3, "--json")
    )
    assert early["cycles"]["measured"] == sum(
        report["cycles"]["measured"] for report in (before, late)
    )


def plant(monkeypatch: pytest.MonkeyPatch, sabotage: Sabotage) -> None:
    """Replace the hardware by the interpreter with a bug."""

    def make(config: AcceleratorConfig) -> InterpretedBackend:
        return InterpretedBackend(config, sabotage)

    monkeypatch.setitem(fastcar.cosim.request.BACKENDS, "native", make)


def spoil_second_digest(result: RunResult, memory: SharedMemory) -> RunResult:
    return change_retire(result, 1, digest=12345)


def test_a_difference_ends_with_1_and_is_told(
    capsys: Capture, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, spoil_second_digest)
    out = tmp_path / "cosim.json"
    outcome = run_cosim(capsys, model, "--out", out)
    assert outcome.status == 1
    assert "0 records equal, then: layer 0, token 4, slot " in outcome.out
    report = json.loads(out.read_text())
    assert not report["equal"]
    assert report["difference"]["quantity"] == "retire digest"
    assert report["difference"]["hardware"] == 12345


def fail_at_second(error: Exception) -> Sabotage:
    """The first layer runs as it should."""
    runs = itertools.count()

    def fail(result: RunResult, memory: SharedMemory) -> RunResult:
        if next(runs) == 1:
            raise error
        return result

    return fail


@pytest.mark.slow
def test_a_fault_of_the_back_end_alone_is_in_its_wave_form(
    capsys: Capture, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the design that it was given is wrong: another back end would show the right digest."""

    def make(config: AcceleratorConfig) -> NativeBackend:
        return NativeBackend(config, make_wrong_design(config))

    monkeypatch.setitem(fastcar.cosim.request.BACKENDS, "native", make)
    wave = tmp_path / "wave.vcd"
    outcome = run_cosim(capsys, model, "--json", "--wave", wave, "--wave-window", "5")
    assert outcome.status == 1
    difference = read_report(outcome)["difference"]
    assert difference["quantity"] == "retire digest"
    assert difference["hardware"] == difference["reference"] ^ WRONG_DIGEST_BIT
    steps, values = read_vcd(wave)
    assert len(steps) == 11
    assert difference["cycle"] in values["accelerator.run.cycle"]
    assert values["accelerator.records.retire_valid"][5] == 1
    assert values["accelerator.records.retire_digest"][5] == difference["hardware"]
    assert list_files(tmp_path) == ["wave.gtkw", "wave.sucl", "wave.vcd"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "error", [WatchdogError(1000, 7, 20), ChannelError("core1", 5, 2, "write withdrawn")]
)
def test_a_layer_that_does_not_end_is_the_one_in_the_wave_form(
    capsys: Capture,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: FastCarError,
) -> None:
    sabotage = fail_at_second(error)
    done: list[Cosimulation] = []

    def make(config: AcceleratorConfig) -> SabotagedBackend:
        return SabotagedBackend(NativeBackend(config), sabotage)

    def keep(*arguments: Any) -> Cosimulation:
        done.append(cosimulate_model(*arguments))
        return done[-1]

    monkeypatch.setitem(fastcar.cosim.request.BACKENDS, "native", make)
    monkeypatch.setattr(fastcar.cli.cosim, "cosimulate_model", keep)
    wave = tmp_path / "wave.vcd"
    outcome = run_cosim(capsys, model, "--json", "--wave", wave, "--wave-window", "all")
    assert outcome.status == 1
    report = read_report(outcome)
    assert report["failure"] == str(error)
    assert report["runs"] == 1
    start = done[0].run.engine.hardware.last_start
    assert isinstance(start, LayerStart)
    assert start.layer_index == 1
    shown = read_vcd(wave)[1]["accelerator.run.instruction"]
    assert {encode(one) for one in start.program} <= set(shown)


def test_where_nothing_is_equal_the_picture_says_so(
    capsys: Capture, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, spoil_second_digest)
    assert run_cosim(capsys, model, "--out", tmp_path / "a.json").status == 1
    assert list_files(tmp_path) == ["a.json", "a.png"]


@pytest.mark.parametrize("backend", ["native", "pyrtl"])
def test_the_wave_form_ends_with_the_layer_and_shows_registers(
    capsys: Capture, model: Path, tmp_path: Path, backend: str
) -> None:
    wave = tmp_path / "wave.vcd"
    outcome = run_cosim(
        capsys,
        model,
        "--num-tokens",
        "1",
        "--wave",
        wave,
        "--backend",
        backend,
        "--wave-window",
        "9",
    )
    assert (outcome.status, outcome.err) == (0, "")
    steps, values = read_vcd(wave)
    assert len(steps) == 10
    assert values["accelerator.run.done"] == [0] * 9 + [1]
    assert values["accelerator.registers.done_q"][-1] == 1
    cycles = values["accelerator.run.cycle"]
    assert cycles[-1] - cycles[0] == 9
    text = wave.read_text()
    assert f"layer 2, token 5, back end {backend}" in text.partition("\n")[0]


def test_what_the_user_changed_beside_the_wave_form_stays(
    capsys: Capture, model: Path, tmp_path: Path
) -> None:
    """A save file of GTKWave is the user's as soon as it was saved; the other one is replaced."""
    wave, save, commands = (tmp_path / f"wave.{suffix}" for suffix in ("vcd", "gtkw", "sucl"))
    options = ("--wave", wave, "--wave-window")
    assert run_cosim(capsys, model, *options, "5").err == ""
    save.write_text("mine")
    before = commands.read_text()
    outcome = run_cosim(capsys, model, *options, "7")
    assert outcome.err == "fastcar: note: wave.gtkw stays as it is: it is not as --wave wrote it\n"
    assert save.read_text() == "mine"
    assert commands.read_text() == before
    assert len(read_vcd(wave)[0]) == 8


def test_a_large_wave_form_is_told_of_beforehand(
    capsys: Capture, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fastcar.wave_output, "LARGE_BYTES", 1000)
    outcome = run_cosim(capsys, model, "--wave", tmp_path / "a.vcd", "--wave-window", "50")
    assert outcome.status == 0
    told = r"fastcar: note: a\.vcd will take about \d+ MB, 51 cycles of \d,?\d+ signals: a smaller"
    assert re.match(told, outcome.err)
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--backend", "paper"), ("--backend", "'paper'", "pyrtl")),
        (("--mode", "fast"), ("--mode", "'fast'", "static")),
        (("--source", "oracle"), ("--source", "'oracle'", "distance")),
        (("--batch", "0"), ("batch", "0", "at least 1")),
        (("--batch", "7"), ("batch", "7", "from 1 to 6", "held_out")),
        (("--batch", "33"), ("batch", "33", "from 1 to 32")),
        (("--cores", "0"), ("cores", "0", "from 1 to 32")),
        (("--lanes", "6"), ("lanes", "6", "power of two")),
        (("--lanes", "64"), ("lanes", "64", "at most 32", "24 in one word")),
        (("--latency", "0"), ("latency", "0", "at least 1")),
        (("--latency", "65536"), ("latency", "65536", "at most 65535")),
        (("--target-ratio", "1.5"), ("target_ratio", "1.5", "[0, 1]")),
        (("--target-ratio", "nan"), ("target_ratio", "nan", "[0, 1]")),
        (("--stall", "1"), ("stall", "1", "[0, 0.95]")),
        (("--stall", "nan"), ("stall", "nan", "[0, 0.95]")),
        (("--seed", "-1"), ("seed", "-1", "at least 0")),
        (("--num-tokens", "0"), ("tokens", "0", "at least 1")),
        (("--frames", "0"), ("frames", "0", "at least 1")),
        (("--first-token", "-1"), ("first_token", "-1", "at least 0")),
        (("--first-token", "7", "--frames", "2"), ("first_token", "7", "below 7", "2 frames")),
        (("--num-tokens", "3", "--frames", "2"), ("num_tokens", "3", "at most 2", "2 frames")),
        (("--frames", "6"), ("frames = 6", "at most 5", "row")),
        (("--first-token", "1000"), ("first_token = 1000", "below 19")),
        (("--first-token", "17", "--num-tokens", "3"), ("num_tokens = 3", "at most 2")),
        (("--given-frames", "6"), ("given_frames = 6", "at most 5")),
        (("--given-frames", "0"), ("given_frames", "0", "at least 1")),
        (("--calibration-clips", "9"), ("calibration_clips", "9", "from 1 to 6")),
        (("--checkpoint", "nowhere"), ("nowhere",)),
        (("--wave", "/dev/null/wave.vcd"), ("output", "must lie in a directory")),
        (("--out", "."), ("output", "must be a file")),
        (("--out", "report.png"), ("out", "report.png", "the JSON file")),
        (("--out", "a.vcd", "--wave", "./a.vcd"), ("out", "a.vcd", "another file")),
        (("--out", "a.json", "--wave", "a.png"), ("wave", "a.png", "FILE.vcd or FILE.fst")),
        (("--out", "a.gtkw", "--wave", "a.vcd"), ("out", "a.gtkw", "another file")),
        (("--wave", "a.lxt"), ("wave", "a.lxt", "FILE.vcd or FILE.fst")),
        (("--wave", "a"), ("wave", "'a'", "FILE.vcd or FILE.fst")),
        (("--wave", "a.vcd", "--wave-window", "0"), ("wave_window", "'0'", "at least 1")),
        (("--wave", "a.vcd", "--wave-window", "some"), ("wave_window", "'some'", "or all")),
        (("--wave-window", "5"), ("wave_window", "'5'", "given together with wave")),
    ],
)
def test_wrong_argument_is_refused(
    capsys: Capture, model: Path, options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    check_refused(run_cosim(capsys, model, *options), words)


def test_a_picture_of_the_users_beside_the_report_is_not_replaced(
    capsys: Capture, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_text("mine")
    outcome = run_command(capsys, "cosim", "--out", tmp_path / "a.json")
    check_refused(outcome, ("a.png", "is a picture without a.json", "must be new"))
    assert list_files(tmp_path) == ["a.png"]


def test_an_interrupt_leaves_nothing(
    capsys: Capture, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(result: RunResult, memory: SharedMemory) -> RunResult:
        raise KeyboardInterrupt

    plant(monkeypatch, interrupt)
    outcome = run_cosim(capsys, model, "--out", tmp_path / "a.json", "--wave", tmp_path / "a.vcd")
    assert outcome.status == 130
    assert list_files(tmp_path) == []


def test_where_nothing_may_be_compiled_native_refuses_at_once_and_pyrtl_runs(model: Path) -> None:
    command = [sys.executable, "-m", "fastcar", "cosim", "--checkpoint", str(model), *SIZES]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1] == (
        "fastcar: NUMBA_DISABLE_JIT = '1': must be 0 or not set: kernels are compiled"
    )
    assert "calibrate" not in done.stderr
    found = "import fastcar.cosim.request, sys; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", found], env=environment, check=True)


@pytest.mark.parametrize(
    ("given", "tokens"),
    [
        ({}, range(64, 128)),
        ({"backend": "pyrtl"}, range(101, 102)),
        ({"num_tokens": 2}, range(101, 103)),
        ({"first_token": 3}, range(3, 67)),
        ({"frames": 2}, range(64, 127)),
        ({"frames": 2, "backend": "pyrtl"}, range(64, 127)),
        ({"frames": 3, "first_token": 100}, range(100, 191)),
        ({"first_token": 1000}, range(1000, 1023)),
    ],
)
def test_a_frame_is_simulated_where_nothing_else_is_asked_for(
    given: dict[str, Any], tokens: range
) -> None:
    assert choose_window(CosimRequest(**given), 1024, 64) == tokens
