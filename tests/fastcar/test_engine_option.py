"""`--engine` and `--kv-cache`: the same videos from both engines, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fastcar.reference.errors import ArgumentError
from fastcar.request import GenerationRequest
from tests.conftest import OFFICIAL_VECTORS
from tests.fastcar.commands import QUICK, SPEC, check_refused, run_command

Capture = pytest.CaptureFixture[str]


@pytest.mark.slow
def test_both_engines_make_the_same_pictures(capsys: Capture, tmp_path: Path) -> None:
    videos, reports = [], []
    for engine in ("numpy", "numba"):
        out = tmp_path / engine
        arguments = ("--prompt", "3 right-down", *QUICK, "--engine", engine, "--out", out)
        outcome = run_command(capsys, "generate", *arguments, "--json")
        assert outcome.status == 0, outcome.err
        videos.append((out / "video_00.gif").read_bytes())
        reports.append(json.loads(outcome.out))
    assert videos[0] == videos[1]
    assert [report["request"]["engine"] for report in reports] == ["numpy", "numba"]


def run_open(capsys: Capture, folder: Path, *options: str) -> tuple[str, str]:
    """Engine and reason of a short run that leaves the engine open."""
    short = ("--prompt", "3 up", *QUICK[:-2], "--tau", "none", "--json", "--out", folder / "out")
    outcome = run_command(capsys, "generate", *short, *options)
    assert outcome.status == 0, outcome.err
    report = json.loads(outcome.out)
    assert report["request"]["engine"] == "auto"
    return report["engine"], report["engine_reason"]


def test_a_short_run_on_a_cold_machine_is_computed_by_the_spec(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    cold = run_open(capsys, tmp_path)
    assert cold == ("numpy", "less than 1 s of work, too short to compile kernels for")
    wide = run_open(capsys, tmp_path, "--dtype", "float64")
    assert wide == ("numpy", "compiled kernels do not know float64")
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    engine, reason = run_open(capsys, tmp_path)
    assert (engine, "NUMBA_DISABLE_JIT = '1'" in reason) == ("numpy", True)
    assert not (tmp_path / "cache").exists()


def test_the_console_and_a_trace_say_what_computed(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    line = "engine numpy: less than 1 s of work, too short to compile kernels for\n"
    short = ("--prompt", "3 up", *QUICK[:-2], "--tau", "none", "--out", tmp_path / "out")
    assert line in run_command(capsys, "generate", *short).out
    tokens = ("--tokens", OFFICIAL_VECTORS / "tokens.npz", "--tokens-per-frame", "16")
    given = ("--checkpoint", OFFICIAL_VECTORS, *tokens, "--out", tmp_path / "trace.npz")
    assert run_command(capsys, "trace", *given).out.startswith(line)
    summary = json.loads(run_command(capsys, "trace", *given, "--json").out)
    assert f"engine {summary['engine']}: {summary['engine_reason']}\n" == line
    named = json.loads(run_command(capsys, "trace", *given, *SPEC, "--json").out)
    assert (named["engine"], named["engine_reason"]) == ("numpy", "asked for")


@pytest.mark.slow
def test_a_run_behind_a_compiled_one_is_computed_by_what_is_compiled(tmp_path: Path) -> None:
    """In processes of their own: what one of them compiled, the next one finds on disk."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    short = ["generate", "--prompt", "3 up", *QUICK[:-2], "--tau", "none", "--json"]
    found = []
    for options in ([], ["--engine", "numba"], [], ["--seed", "3"]):
        command = [*short, *options, "--out", str(tmp_path / "out")]
        done = subprocess.run(
            [sys.executable, "-m", "fastcar", *command],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        report = json.loads(done.stdout)
        found.append((report["engine"], "compiling" in done.stderr))
    assert found == [("numpy", False), ("numba", True), ("numba", False), ("numba", False)]


def test_float64_is_refused_by_numba(capsys: Capture, tmp_path: Path) -> None:
    arguments = ("--prompt", "3 up", *QUICK, "--engine", "numba", "--dtype", "float64")
    outcome = run_command(capsys, "generate", *arguments, "--out", tmp_path / "out")
    check_refused(outcome, ("dtype", "float64", "float32 with the numba engine"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("storage", ["bfloat16", "int8"])
def test_a_rounded_cache_reaches_the_decoder_and_is_refused_with_float64(
    capsys: Capture, tmp_path: Path, storage: str
) -> None:
    arguments = ("--prompt", "3 up", "--kv-cache", storage, *QUICK, "--out", tmp_path / "out")
    outcome = run_command(capsys, "generate", *arguments, "--dtype", "float64")
    check_refused(outcome, ("kv_cache", storage, "exact with float64"))
    assert not (tmp_path / "out").exists()
    outcome = run_command(capsys, "generate", *arguments, "--json")
    assert outcome.status == 0, outcome.err
    assert json.loads(outcome.out)["request"]["kv_cache"] == storage


def test_an_unknown_engine_is_refused(capsys: Capture, tmp_path: Path) -> None:
    arguments = ("--prompt", "3 up", "--engine", "torch", "--out", tmp_path / "out")
    check_refused(run_command(capsys, "generate", *arguments), ("'torch'", "numba"))
    with pytest.raises(
        ArgumentError, match=r"^engine = 'torch': must be one of auto, numpy, numba$"
    ):
        GenerationRequest(prompts=("3 up",), engine="torch")
