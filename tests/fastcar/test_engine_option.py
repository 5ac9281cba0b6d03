"""`--engine` and `--kv-cache`: the same videos from both engines, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fastcar.reference.errors import ArgumentError
from fastcar.request import GenerationRequest
from tests.fastcar.commands import QUICK, check_refused, run_command

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


def test_float64_is_refused_by_numba(capsys: Capture, tmp_path: Path) -> None:
    arguments = ("--prompt", "3 up", "--engine", "numba", "--dtype", "float64", *QUICK)
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
    with pytest.raises(ArgumentError, match=r"^engine = 'torch': must be one of numpy, numba$"):
        GenerationRequest(prompts=("3 up",), engine="torch")
