from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastcar.reference.video.model import SHIPPED_MODEL
from tests.fastcar.commands import QUICK, SPEC, check_refused, list_files, run_command

Capture = pytest.CaptureFixture[str]


def test_prompt_gives_pictures_report_and_tables(capsys: Capture, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    outcome = run_command(
        capsys, "generate", "--prompt", "3 up", "--batch", 2, *QUICK, "--out", out
    )
    assert outcome.status == 0, outcome.err
    assert list_files(out) == [
        ".fastcar",
        "records.npz",
        "report.json",
        "sheet.png",
        "video_00.gif",
        "video_01.gif",
    ]
    report = json.loads((out / "report.json").read_text())
    ratio = report["replay"]["ratio"]
    assert f"closed loop {ratio:.1%}" in outcome.out
    for heading in ("Replay by layer", "Replay by frame", "chain length", "Quality", "Decode time"):
        assert heading in outcome.out
    with Image.open(out / "video_00.gif") as animation:
        assert animation.n_frames == 2  # type: ignore[attr-defined]


def test_json_is_the_report_and_the_only_output(capsys: Capture, tmp_path: Path) -> None:
    arguments = ("generate", "--continue", "held_out:0-1", "--frames", 3, "--repeats", 1, *SPEC)
    outcome = run_command(capsys, *arguments, "--tau", "0.5", "--json", "--out", tmp_path)
    assert outcome.status == 0, outcome.err
    report = json.loads(outcome.out)
    assert report == json.loads((tmp_path / "report.json").read_text())
    assert set(report["quality"]) == {
        "replay_against_dense",
        "dense_against_truth",
        "replay_against_truth",
    }
    assert report["quality"]["dense_against_truth"]["first_frame"] == 2
    assert [video["label"] for video in report["videos"]] == ["held_out:0", "held_out:1"]


@pytest.mark.parametrize("certificate", ["distance", "activation"])
def test_certified_gate_reports_what_it_guarantees(
    capsys: Capture, tmp_path: Path, certificate: str
) -> None:
    arguments = ("generate", "--prompt", "3 up", *QUICK, "--gate", "input", "--max-error", "9")
    outcome = run_command(
        capsys, *arguments, "--certificate", certificate, "--json", "--out", tmp_path
    )
    assert outcome.status == 0, outcome.err
    report = json.loads(outcome.out)
    assert report["gate"]["method"] == "certified"
    assert report["gate"]["certificate"] == certificate
    assert report["gate"]["thresholds"] == [9.0] * 4
    assert report["gate"]["target_ratio"] is None
    assert report["measures"]["kind"] == "certified error"
    assert report["mlp_work"]["gate"] > 0


def test_same_seed_same_files_but_for_the_time(capsys: Capture, tmp_path: Path) -> None:
    for name in "ab":
        arguments = ("generate", "--prompt", "5 left", *QUICK, "--target-ratio", 0.3)
        assert run_command(capsys, *arguments, "--out", tmp_path / name).status == 0
    reports = [json.loads((tmp_path / name / "report.json").read_text()) for name in "ab"]
    for report in reports:
        del report["time"]
        assert report["provenance"].pop("command")[:3] == ["generate", "--prompt", "5 left"]
    assert reports[0] == reports[1]
    for name in ("records.npz", "sheet.png", "video_00.gif"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "note"),
    [
        (("--tau", "inf"), "no eligible token replayed"),
        (("--tau", "none"), "no token was eligible"),
        (("--tau", "-inf"), "all that may): every eligible token replayed"),
        (("--tau", "0", "--frames", "1"), "no token was eligible"),
        (("--target-ratio", "1"), "all that may): every eligible token replayed"),
        (("--target-ratio", "0"), "no eligible token replayed"),
        (("--target-ratio", "0", "--gate", "random"), "no eligible token replayed"),
    ],
)
def test_threshold_that_did_nothing_is_said_in_one_line(
    capsys: Capture, tmp_path: Path, arguments: tuple[str, ...], note: str
) -> None:
    outcome = run_command(
        capsys, "generate", "--prompt", "1 down", *QUICK, *arguments, "--out", tmp_path
    )
    assert outcome.status == 0, outcome.err
    lines = [line for line in outcome.out.splitlines() if line.startswith("note:")]
    assert len(lines) == 1
    assert note in lines[0]


def test_dense_videos_do_not_depend_on_the_gate(capsys: Capture, tmp_path: Path) -> None:
    dense = []
    for tau in ("none", "-inf"):
        arguments = ("generate", "--prompt", "8 right", *QUICK, "--tau", tau, "--out", tmp_path)
        assert run_command(capsys, *arguments).status == 0
        with Image.open(tmp_path / "video_00.gif") as animation:
            animation.seek(1)
            frame = np.array(animation.convert("RGB"))
        dense.append(frame[:, : frame.shape[1] // 3])
    assert (dense[0][40:-20] == dense[1][40:-20]).all()


INPUT = ("--gate", "input")
WRONG = [
    (("--prompt", "3 sideways"), ("prompt", "'3 sideways'", "right-down")),
    (("--prompt", "12 up"), ("prompt", "'12 up'")),
    (("--prompt", "3 up from 0,9"), ("start_y", "9", "[0, 5)")),
    (("--prompt", "3 up", "--continue", "held_out:0"), ("continue", "one of the two")),
    ((), ("prompt", "continue", "one of the two")),
    (("--continue", "held_out:100"), ("held_out:100", "below 100")),
    (("--continue", "held_out:3-2"), ("held_out:3-2", "NAME:INDEX")),
    (("--continue", "unknown:0"), ("'unknown'", "held_out")),
    (("--prompt", "3 up", "--tau", "nan"), ("tau", "nan", "a number")),
    (("--prompt", "3 up", "--tau", "0.1,nan,0,0"), ("tau", "nan")),
    (("--prompt", "3 up", "--tau", "0.1,0.2"), ("tau", "(0.1, 0.2)", "1 or 4 values")),
    (("--prompt", "3 up", "--tau", "much"), ("tau", "'much'")),
    (("--prompt", "3 up", "--tau", "0", "--target-ratio", "0.5"), ("target_ratio", "without tau")),
    (("--prompt", "3 up", "--target-ratio", "1.01"), ("target_ratio", "1.01", "[0, 1]")),
    (("--prompt", "3 up", "--target-ratio", "-0.1"), ("target_ratio", "-0.1", "[0, 1]")),
    (("--prompt", "3 up", "--target-ratio", "nan"), ("target_ratio", "nan", "[0, 1]")),
    (("--prompt", "3 up", "--gate", "random", "--tau", "0"), ("tau", "random")),
    (("--prompt", "3 up", "--gate", "psychic"), ("--gate", "'psychic'", "oracle")),
    (("--prompt", "3 up", "--max-error", "1"), ("max_error", "(1.0,)", "input gate")),
    (("--prompt", "3 up", *INPUT, "--max-error", "-0.5"), ("max_error", "-0.5", "at least 0")),
    (("--prompt", "3 up", *INPUT, "--max-error", "nan"), ("max_error", "nan", "a number")),
    (("--prompt", "3 up", *INPUT, "--max-error", "1,2"), ("max_error", "(1.0, 2.0)", "1 or 4")),
    (("--prompt", "3 up", *INPUT, "--max-error", "1", "--tau", "0"), ("tau", "without max_error")),
    (("--prompt", "3 up", *INPUT, "--certificate", "distance"), ("certificate", "max_error")),
    (("--prompt", "3 up", *INPUT, "--certificate", "hope"), ("--certificate", "'hope'")),
    (("--prompt", "3 up", "--adaptive", "--per-layer"), ("adaptive", "per_layer")),
    (("--prompt", "3 up", "--window", "0"), ("window", "0", "at least 1")),
    (("--prompt", "3 up", "--sinks", "2"), ("sinks", "2", "window")),
    (("--prompt", "3 up", "--window", "8", "--sinks", "-1"), ("sinks", "-1", "at least 0")),
    (("--prompt", "3 up", "--frames", "0"), ("frames", "0", "at least 1")),
    (("--prompt", "3 up", "--frames", "33"), ("frames", "33", "at most 32")),
    (("--prompt", "3 up", "--frames", "two"), ("--frames", "'two'")),
    (("--continue", "held_out:0", "--given-frames", "17"), ("given_frames", "17", "at most")),
    (("--continue", "held_out:0", "--given-frames", "0"), ("given_frames", "0", "at least 1")),
    (("--prompt", "3 up", "--batch", "0"), ("batch", "0", "at least 1")),
    (("--prompt", "3 up", "--batch", "9999999"), ("batch", "9999999", "at most")),
    (("--prompt", "3 up", "--seed", "-1"), ("seed", "-1", "at least 0")),
    (("--prompt", "3 up", "--repeats", "0"), ("repeats", "0", "at least 1")),
    (
        ("--prompt", "3 up", "--calibration-clips", "33"),
        ("calibration_clips", "33", "from 1 to 32"),
    ),
    (("--prompt", "3 up", "--closed-loop-runs", "-1"), ("closed_loop_runs", "-1", "at least 0")),
    (("--prompt", "3 up", "--max-chain", "-1"), ("max_chain", "-1", "at least 0")),
    (("--prompt", "3 up", "--warmup-frames", "0"), ("warmup_frames", "0", "at least 1")),
    (("--prompt", "3 up", "--temperature", "-1"), ("temperature", "-1", "at least 0")),
    (("--prompt", "3 up", "--top-k", "0"), ("top_k", "0", "at least 1")),
    (("--prompt", "3 up", "--top-p", "0"), ("top_p", "0", "(0, 1]")),
    (("--prompt", "3 up", "--guidance", "nan"), ("guidance", "nan", "finite")),
    (("--prompt", "3 up", "--dtype", "float16"), ("--dtype", "'float16'", "float64")),
    (("--prompt", "3 up", "--unknown"), ("--unknown",)),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG)
def test_wrong_argument_is_refused_in_one_line(
    capsys: Capture, tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    out = tmp_path / "out"
    outcome = run_command(capsys, "generate", *arguments, "--out", out)
    check_refused(outcome, words)
    assert list_files(tmp_path) == []


def test_missing_out_is_refused(capsys: Capture) -> None:
    check_refused(run_command(capsys, "generate", "--prompt", "3 up"), ("--out",))


def copy_model(target: Path) -> Path:
    shutil.copytree(SHIPPED_MODEL, target)
    return target


def test_checkpoint_without_config_is_refused(capsys: Capture, tmp_path: Path) -> None:
    model = copy_model(tmp_path / "model")
    (model / "config.json").unlink()
    arguments = ("generate", "--prompt", "3 up", "--checkpoint", model, "--out", tmp_path / "out")
    check_refused(run_command(capsys, *arguments), ("config.json", "No such file"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["model.safetensors", "codebook.safetensors", "clips.safetensors"])
@pytest.mark.parametrize("kept_share", [0.0, 0.001, 0.5, 0.999])
def test_truncated_safetensors_is_refused(
    capsys: Capture, tmp_path: Path, name: str, kept_share: float
) -> None:
    model = copy_model(tmp_path / "model")
    content = (model / name).read_bytes()
    (model / name).write_bytes(content[: int(len(content) * kept_share)])
    arguments = ("generate", "--prompt", "3 up", "--checkpoint", model, "--out", tmp_path / "out")
    check_refused(run_command(capsys, *arguments), (name,))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"frames": 1e999}', '{"frames":', "\xff"])
def test_broken_geometry_is_refused(capsys: Capture, tmp_path: Path, text: str) -> None:
    model = copy_model(tmp_path / "model")
    (model / "video.json").write_bytes(text.encode("latin-1"))
    arguments = ("generate", "--prompt", "3 up", "--checkpoint", model, "--out", tmp_path / "out")
    check_refused(run_command(capsys, *arguments), ("video.json",))


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("file", ("a file stands there",)),
        ("file/below", ("must lie in a directory",)),
        ("/proc/fastcar", ("must be writable",)),
        ("a" * 300, ("file name too long",)),
    ],
)
def test_unwritable_output_is_refused_before_the_run(
    capsys: Capture, tmp_path: Path, out: str, words: tuple[str, ...]
) -> None:
    (tmp_path / "file").write_text("mine")
    # the model does not exist either: output comes first
    arguments = ("generate", "--prompt", "3 up", "--checkpoint", tmp_path / "none")
    outcome = run_command(capsys, *arguments, "--out", tmp_path / out)
    check_refused(outcome, ("output", *words))
    assert list_files(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text() == "mine"


def test_help_names_every_option_of_the_request(capsys: Capture) -> None:
    outcome = run_command(capsys, "generate", "--help")
    assert outcome.status == 0
    options = set(re.findall(r"--[a-z-]+", outcome.out))
    assert {"--prompt", "--tau", "--target-ratio", "--gate", "--json", "--out"} <= options
