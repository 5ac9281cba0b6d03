"""The process itself: exit codes, signals, a missing extra."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from fastcar.cli.main import COMMANDS
from fastcar.reference.decoder import Decoder
from fastcar.reference.files.checkpoint import load_checkpoint, save_checkpoint
from tests.fastcar.commands import SPEC, check_refused, list_files, run_command
from tests.fastcar.html_report.sample_runs import write_prove_run
from tests.fastcar.tiny_video_model import save_tiny_video_model

WAIT_SECONDS = 120
"""Far beyond what a start takes, so that only a hang meets it."""


def start_generation(out: Path) -> subprocess.Popen[str]:
    """A generation of the longest videos, far from done when its signal comes."""
    options = ["--prompt", "3 up", "--frames", "32", "--batch", "8", "--tau", "0", *SPEC]
    return subprocess.Popen(
        [sys.executable, "-m", "fastcar", "generate", *options, "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=reset_signals,
    )


def reset_signals() -> None:
    """A background shell hands down an ignored SIGINT, `nohup` an ignored SIGHUP."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def wait_for_any_file(directory: Path, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not list_files(directory):
        assert process.poll() is None, "ended before it began to write"
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("number", "status", "word"),
    [
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGTERM, 143, "terminated"),
        (signal.SIGHUP, 129, "hung up"),
    ],
)
def test_interrupted_run_leaves_no_file(
    tmp_path: Path, number: signal.Signals, status: int, word: str
) -> None:
    process = start_generation(tmp_path / "deep" / "out")
    try:
        wait_for_any_file(tmp_path, process)
        for _ in range(3):  # an impatient user changes nothing
            process.send_signal(number)
        out, err = process.communicate(timeout=WAIT_SECONDS)
    finally:
        process.kill()
    assert process.returncode == status
    assert out == ""
    assert err.strip() == f"fastcar: {word}"
    assert list_files(tmp_path) == []


def make_run(folder: Path) -> list[str]:
    """A short command that gets as far as importing what it needs: frames are compared last."""
    short = ("--frames", "2", "--repeats", "1", "--tau", "0", *SPEC)
    return ["generate", "--prompt", "3 up", *short, "--out", str(folder / "out")]


@pytest.mark.parametrize(
    ("library", "extra"),
    [
        ("click", "cli"),
        ("rich", "cli"),
        ("PIL", "cli"),
        ("skimage", "cli"),
        ("vl_convert", "report"),
    ],
)
def test_missing_extra_is_named_in_one_line(tmp_path: Path, library: str, extra: str) -> None:
    (tmp_path / f"{library}.py").write_text(
        f"raise ModuleNotFoundError('no such module', name={library!r})"
    )
    page = ["report", str(write_prove_run(tmp_path)), "--out", str(tmp_path / "page.html")]
    outcome = subprocess.run(
        [sys.executable, "-m", "fastcar", *(page if extra == "report" else make_run(tmp_path))],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 2
    assert outcome.stdout == ""
    assert outcome.stderr == (
        f"fastcar: {library} is not installed: the command line needs the extra '{extra}', "
        f"pip install 'fastcar[{extra}]'\n"
    )


INTERRUPTED = """
import os, signal
os.kill(os.getpid(), signal.SIGINT)
raise ImportError("what a module makes of an interruption")
"""


@pytest.mark.parametrize("library", ["click", "skimage"])
def test_an_interruption_while_importing_is_one_line(tmp_path: Path, library: str) -> None:
    (tmp_path / f"{library}.py").write_text(INTERRUPTED, encoding="utf-8")
    outcome = subprocess.run(
        [sys.executable, "-m", "fastcar", *make_run(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=reset_signals,
    )
    assert (outcome.returncode, outcome.stdout) == (130, "")
    assert outcome.stderr == "fastcar: interrupted\n"


def test_a_fault_of_the_program_is_not_taken_for_a_violation(tmp_path: Path) -> None:
    (tmp_path / "skimage.py").write_text("raise AssertionError('ours')", encoding="utf-8")
    outcome = subprocess.run(
        [sys.executable, "-m", "fastcar", *make_run(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 70
    assert outcome.stderr.rstrip().endswith("AssertionError: ours")


def open_full() -> int:
    """A device that takes nothing."""
    return os.open("/dev/full", os.O_WRONLY)


def open_cut() -> int:
    """A pipe whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.mark.parametrize("arguments", [["--help"], ["predict", "--json"]], ids=["help", "json"])
@pytest.mark.parametrize(
    ("stream", "reason"), [(open_full, "no space left on device"), (open_cut, "broken pipe")]
)
def test_a_stdout_that_takes_nothing_is_one_line(
    arguments: list[str], stream: Callable[[], int], reason: str
) -> None:
    if stream is open_full and not Path("/dev/full").exists():
        pytest.skip("this system has no device that is full")
    writer = stream()
    try:
        outcome = run_process(arguments, stdout=writer, stderr=subprocess.PIPE)
    finally:
        os.close(writer)
    assert outcome.returncode == 2
    line = f"fastcar: output = 'stdout': must take what is printed; {reason}\n"
    # a slow machine says how far it has come before
    assert outcome.stderr.splitlines(keepends=True)[-1] == line
    assert "Traceback" not in outcome.stderr


def run_process(arguments: list[str], **streams: Any) -> subprocess.CompletedProcess[str]:
    """Run the program in a process of its own."""
    command = [sys.executable, "-m", "fastcar", *arguments]
    return subprocess.run(command, text=True, check=False, **streams)


def test_a_closed_stdout_is_refused_before_anything_is_done() -> None:
    closed = run_process(
        ["predict", "--cores", "0"], stderr=subprocess.PIPE, preexec_fn=lambda: os.close(1)
    )
    assert closed.returncode == 2
    assert closed.stderr == "fastcar: output = 'stdout': must be open; it is closed\n"


@pytest.mark.parametrize("stream", [open_full, open_cut])
def test_a_stderr_that_takes_nothing_does_not_change_the_exit_code(
    stream: Callable[[], int],
) -> None:
    if stream is open_full and not Path("/dev/full").exists():
        pytest.skip("this system has no device that is full")
    writer = stream()
    try:
        outcome = run_process(["predict", "--cores", "0"], stderr=writer, stdout=subprocess.PIPE)
    finally:
        os.close(writer)
    assert (outcome.returncode, outcome.stdout) == (2, "")


def test_a_closed_stderr_does_not_move_refusals_to_stdout() -> None:
    outcome = run_process(
        ["predict", "--cores", "0"], stdout=subprocess.PIPE, preexec_fn=lambda: os.close(2)
    )
    assert (outcome.returncode, outcome.stdout) == (2, "")


def test_an_end_of_file_is_not_an_interruption(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(*given: object) -> None:
        raise EOFError("Ran out of input")

    monkeypatch.setattr("fastcar.cli.predict.predict_checkpoint", end)
    with pytest.raises(EOFError):
        run_command(capsys, "predict")


def test_importing_the_package_needs_no_extra() -> None:
    blocked = "; ".join(
        f"sys.modules[{name!r}] = None"
        for name in ("click", "rich", "PIL", "matplotlib", "skimage")
    )
    script = f"import sys; {blocked}; import fastcar; fastcar.load_model()"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_no_command_shows_help_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run_command(capsys)
    assert outcome.status == 2
    assert outcome.out == ""
    assert "Usage: fastcar" in outcome.err


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_succeed(capsys: pytest.CaptureFixture[str], option: str) -> None:
    outcome = run_command(capsys, option)
    assert outcome.status == 0
    assert "fastcar" in outcome.out


def test_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    check_refused(run_command(capsys, "invent"), ("'invent'",))


def test_help_tells_what_every_command_says_of_itself(capsys: pytest.CaptureFixture[str]) -> None:
    overview = " ".join(run_command(capsys, "--help").out.split())
    for name, line in COMMANDS.items():
        assert line in overview
        outcome = run_command(capsys, name, "--help")
        assert outcome.status == 0
        assert line in " ".join(outcome.out.split())


FROM_CLIPS = (
    ("generate", "--continue", "held_out:0", "--tau", "0", *SPEC, "--out"),
    ("generate", "--prompt", "3 up", "--calibration-clips", "2", *SPEC, "--out"),
    ("analyze", "--quick", "--clips", "2", "--processes", "1", "--out"),
    ("prove", "--statement", "P-04", "--processes", "1", "--out"),
    ("cosim", "--calibration-clips", "2", "--out"),
)


@pytest.mark.parametrize("arguments", FROM_CLIPS, ids=lambda arguments: arguments[0])
def test_every_command_refuses_wrong_clips_before_it_decodes(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
) -> None:
    model = save_tiny_video_model(tmp_path / "model")
    arrays = load_file(model / "clips.safetensors")
    arrays["calibration.prompts"][5, 0] = 12
    save_file(arrays, model / "clips.safetensors")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("decoded before all was checked")

    monkeypatch.setattr(Decoder, "prefill", refuse)
    out = tmp_path / "out.json"
    outcome = run_command(capsys, *arguments, out, "--checkpoint", model)
    check_refused(outcome, ("clips.safetensors", "calibration.prompts", "digit = 12", "row 5"))
    assert not out.exists()


def save_overflowing_model(directory: Path, dtype: type[np.float32 | np.float64]) -> Path:
    """Finite weights of which the MLP of the last layer makes more than its type holds."""
    model = save_tiny_video_model(directory)
    config, weights = load_checkpoint(model, dtype)
    *first, last = weights.layers
    huge = replace(last, down_proj=last.down_proj * np.sqrt(np.finfo(dtype).max) * 100)
    changed = replace(weights, layers=(*first, huge))
    save_checkpoint(directory.with_name("weights"), config, changed)
    shutil.copy(directory.with_name("weights") / "model.safetensors", model)
    arrays = load_file(model / "clips.safetensors")
    for name in ("calibration.token_ids", "held_out.token_ids"):
        arrays[name] = np.tile(arrays[name], 2)  # the quick analysis takes eight frames
    save_file(arrays, model / "clips.safetensors")
    return model


TRACE = ("trace", "--tokens-per-frame", "2", *SPEC, "--tokens")


@pytest.mark.parametrize("arguments", [*FROM_CLIPS, TRACE], ids=lambda arguments: arguments[0])
def test_every_command_names_layer_and_token_of_an_overflow(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """In one line, and NumPy warns of nothing: warnings are errors here."""
    dtype = np.float64 if arguments[0] == "prove" else np.float32
    model = save_overflowing_model(tmp_path / "model", dtype)
    out: tuple[Path | str, ...] = (tmp_path / "out.json",)
    if arguments is TRACE:
        ids = np.array([[1, 2, 3]])
        np.savez(tmp_path / "tokens.npz", prompt_ids=ids, forced_ids=ids)
        out = (tmp_path / "tokens.npz", "--out", *out)
    outcome = run_command(capsys, *arguments, *out, "--checkpoint", model)
    place = "after MLP of layer 2, prompt token 0, row 0: must be such that squares are finite"
    check_refused(outcome, ("residual stream = ", f"{place} in {np.dtype(dtype)}"))
    assert not (tmp_path / "out.json").exists()
