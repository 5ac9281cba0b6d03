"""Every command on checkpoints that are no video models, with tokens of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.checkpoint_files import CONFIG, make_tensors, write_checkpoint
from tests.fastcar.commands import check_refused, list_files, run_command
from tests.fastcar.own_models import KINDS, TOKENS_PER_FRAME, write_own_model
from tests.fastcar.tiny_video_model import save_tiny_video_model

pytestmark = pytest.mark.usefixtures("hardware_built_once")
Capture = pytest.CaptureFixture[str]


def list_model_options(folder: Path, kind: str = "grouped_query") -> tuple[object, ...]:
    """Options that name model and tokens."""
    directory, tokens = write_own_model(folder, kind)
    named = ("--checkpoint", directory, "--tokens", tokens)
    return *named, "--tokens-per-frame", TOKENS_PER_FRAME


def read_json(capsys: Capture, command: str, *options: object) -> dict[str, Any]:
    """The report of a command that must succeed."""
    outcome = run_command(capsys, command, *options, "--json")
    assert outcome.status == 0, outcome.err
    report: dict[str, Any] = json.loads(outcome.out)
    return report


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_hardware_equals_the_reference(capsys: Capture, tmp_path: Path, kind: str) -> None:
    report = read_json(capsys, "cosim", *list_model_options(tmp_path, kind), "--num-tokens", 2)
    assert report["equal"]
    assert report["records"]["compared"] == 2 * 2 * 2 * 3
    assert report["request"]["model"] == kind
    assert len(report["request"]["thresholds"]) == 2
    assert report["request"]["target_ratio"] == 0.5


@pytest.mark.slow
def test_the_hardware_equals_the_reference_on_int8_weights(capsys: Capture, tmp_path: Path) -> None:
    directory, tokens = write_own_model(tmp_path, "grouped_query")
    int8 = tmp_path / "int8"
    assert run_command(capsys, "quantize", "--checkpoint", directory, "--out", int8).status == 0
    named = ("--checkpoint", int8, "--tokens", tokens, "--tokens-per-frame", TOKENS_PER_FRAME)
    report = read_json(capsys, "cosim", *named)
    assert report["equal"]
    assert report["request"]["model"] == "int8"


@pytest.mark.slow
def test_the_hardware_equals_the_reference_within_a_window(capsys: Capture, tmp_path: Path) -> None:
    options = (*list_model_options(tmp_path), "--window", 4, "--sinks", 1)
    report = read_json(capsys, "cosim", *options)
    full = read_json(capsys, "cosim", *list_model_options(tmp_path))
    assert report["equal"]
    assert report["request"]["thresholds"] != full["request"]["thresholds"]


@pytest.mark.slow
def test_a_threshold_reaches_the_comparator(capsys: Capture, tmp_path: Path) -> None:
    options = list_model_options(tmp_path)
    every, none = (
        read_json(capsys, "cosim", *options, "--tau", tau) for tau in ("-inf", "none,inf")
    )
    assert every["replay_ratio"] == 1
    assert none["replay_ratio"] == 0
    assert every["request"]["tau"] == ["-inf"]
    assert none["request"]["thresholds"] == [None, "inf"]
    assert [len(report["warnings"]) for report in (every, none)] == [1, 1]
    assert "all that may" in every["warnings"][0]


def test_tau_is_checked_against_the_layers_and_the_other_wishes(
    capsys: Capture, tmp_path: Path
) -> None:
    options = list_model_options(tmp_path)
    for wishes, words in (
        (("--tau", "1,2,3"), ("tau", "1 or 2 values")),
        (("--tau", "1", "--target-ratio", "0.5"), ("target_ratio", "given without tau")),
        (("--budget", "0.5", "--target-ratio", "0.5"), ("budget", "given without target_ratio")),
        (("--budget", "0.001"), ("budget", "0.001", "from 0.")),
        (("--tau", "1", "--mode", "dense"), ("tau", "given with a mode that replays")),
    ):
        check_refused(run_command(capsys, "cosim", *options, *wishes), words)


@pytest.mark.slow
def test_a_token_of_the_first_frame_is_said_to_decide_nothing(
    capsys: Capture, tmp_path: Path
) -> None:
    outcome = run_command(capsys, "cosim", *list_model_options(tmp_path), "--first-token", 0)
    assert outcome.status == 0
    assert "fastcar: warning: replay did nothing" in outcome.err
    assert "none is in warm-up frames" in outcome.err


def test_the_number_of_tokens_has_its_old_name_with_a_note(capsys: Capture, tmp_path: Path) -> None:
    model = save_tiny_video_model(tmp_path / "model")
    options = ("--checkpoint", model, "--tau", "none,0,0", "--batch", 1, "--json")
    outcome = run_command(capsys, "cosim", *options, "--tokens", 2)
    assert outcome.status == 0
    assert json.loads(outcome.out)["request"]["tokens"] == 2
    assert outcome.err.startswith("fastcar: note: --tokens takes a file now")


@pytest.mark.parametrize("kind", KINDS)
def test_cycles_are_predicted_on_measured_decisions(
    capsys: Capture, tmp_path: Path, kind: str
) -> None:
    options = (*list_model_options(tmp_path, kind), "--ratio", 0, "--ratio", 0.5, "--ratio", 1)
    report = read_json(capsys, "predict", *options)
    assert (report["preset"], report["decisions"]) == (kind, "measured")
    none, half, every = report["rows"]
    assert (none["ratio"], every["ratio"]) == (0, 1)
    assert half["ratio"] == pytest.approx(0.5, abs=0.1)
    assert none["drs_cycles"] > half["drs_cycles"] > every["drs_cycles"]
    assert report["accelerator"]["num_slots"] == 3


def test_cycles_of_sizes_alone_are_predicted_on_draws(capsys: Capture, tmp_path: Path) -> None:
    directory, _ = write_own_model(tmp_path, "odd_sizes")
    (directory / "model.safetensors").unlink()
    report = read_json(capsys, "predict", "--checkpoint", directory)
    assert report["decisions"] == "drawn"
    assert report["accelerator"]["intermediate_size"] == 13
    outcome = run_command(capsys, "predict", "--checkpoint", directory, "--clock-mhz", 100)
    check_refused(outcome, ("clock_mhz", "the length of a video is not known"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_accelerator_is_exported_in_the_sizes_of_the_model(
    capsys: Capture, tmp_path: Path, kind: str
) -> None:
    options = (*list_model_options(tmp_path, kind), "--out", tmp_path / "verilog")
    report = read_json(capsys, "export", *options)
    assert report["preset"] == "custom"
    sizes = report["accelerator"]
    assert sizes["hidden_size"] == (10 if kind == "odd_sizes" else 8)
    assert report["recorded"].startswith(f"tokens of {kind}, token 4, ")
    assert sizes["num_lanes"] == 16
    assert "fastcar_testbench.v" in list_files(tmp_path / "verilog")


def test_a_preset_of_other_sizes_is_refused(capsys: Capture, tmp_path: Path) -> None:
    options = (*list_model_options(tmp_path, "odd_sizes"), "--preset", "tiny")
    outcome = run_command(capsys, "export", *options, "--out", tmp_path / "verilog")
    check_refused(outcome, ("preset", "'tiny'", "(10, 13, 12)", "(8, 12, 8)"))
    assert not (tmp_path / "verilog").exists()


def test_a_preset_of_other_heads_is_refused(capsys: Capture, tmp_path: Path) -> None:
    """Without attention they would not matter."""
    options = (*list_model_options(tmp_path, "tied"), "--slots", 2, "--out", tmp_path / "verilog")
    outcome = run_command(capsys, "export", *options, "--preset", "tiny-decoder")
    sizes = "(8, 12, 8, 2, 1, 4)", "(8, 12, 8, 2, 2, 4)"
    check_refused(outcome, ("preset", "'tiny-decoder'", *sizes))
    assert not (tmp_path / "verilog").exists()
    assert read_json(capsys, "export", *options, "--preset", "tiny")["preset"] == "tiny"


def test_whole_tokens_of_the_model_are_exported(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KINDS, "two_heads", {"num_key_value_heads": 2})
    options = (*list_model_options(tmp_path, "two_heads"), "--preset", "tiny-decoder")
    report = read_json(capsys, "export", *options, "--out", tmp_path / "verilog")
    assert report["recorded"] == "tokens of two_heads, tokens 3 to 4, layers 0 to 1, score"
    retires = (tmp_path / "verilog" / "expected_retires.hex").read_text(encoding="utf-8")
    assert retires.count("pick\n") == 2 * 3


def test_the_statements_are_checked_on_the_tokens(capsys: Capture, tmp_path: Path) -> None:
    options = (*list_model_options(tmp_path), "--statement", "P-04", "--instances", 3)
    report = read_json(capsys, "prove", *options)
    assert report["holds"]
    assert report["tokens"]["source"] == "0, 1, 2 of the rows of grouped_query.npz"
    assert report["provenance"]["tokens_sha256"]


@pytest.mark.slow
def test_the_analysis_leaves_out_what_needs_pixels_and_knows_noise(
    capsys: Capture, tmp_path: Path
) -> None:
    options = (*list_model_options(tmp_path), "--quick", "--processes", 1)
    outcome = run_command(capsys, "analyze", *options, "--out", tmp_path / "out", "--json")
    assert outcome.status == 0, outcome.err
    report = json.loads(outcome.out)
    assert "free_running" not in report["findings"]
    assert report["findings"]["drift"]["runs"][0]["frame_psnr"] is None
    assert not report["training"]["is_trained"]
    assert "fastcar: warning: the model has not learnt these tokens" in outcome.err
    stances = {answer["key"]: answer["stance"] for answer in report["answers"]}
    assert {*stances.values()} - {stances["decode_time"]} == {"undecided"}
    page = (tmp_path / "out" / "findings.md").read_text(encoding="utf-8")
    assert "**Warning: the model has not learnt these tokens" in page


@pytest.mark.parametrize("command", ["analyze", "cosim", "export", "predict", "prove"])
def test_tokens_come_with_their_frames(capsys: Capture, tmp_path: Path, command: str) -> None:
    directory, tokens = write_own_model(tmp_path, "tied")
    out = () if command in ("cosim", "predict", "prove") else ("--out", tmp_path / "out")
    given = ("--checkpoint", directory)
    outcome = run_command(capsys, command, *given, "--tokens", tokens, *out)
    check_refused(outcome, ("tokens_per_frame", "given together with tokens"))
    outcome = run_command(capsys, command, *given, "--tokens-per-frame", 3, *out)
    check_refused(outcome, ("tokens_per_frame", "3", "given together with tokens"))
    outcome = run_command(
        capsys, command, *given, "--tokens", tokens, "--tokens-per-frame", 0, *out
    )
    check_refused(outcome, ("tokens_per_frame", "0", "at least 1"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["analyze", "cosim", "export"])
def test_a_model_without_clips_and_tokens_is_told_what_it_needs(
    capsys: Capture, tmp_path: Path, command: str
) -> None:
    directory, _ = write_own_model(tmp_path, "tied")
    out = () if command == "cosim" else ("--out", tmp_path / "out")
    outcome = run_command(capsys, command, "--checkpoint", directory, *out)
    check_refused(outcome, ("no clips", "needs tokens and tokens_per_frame"))


def test_padding_and_length_are_checked_before_anything_runs(
    capsys: Capture, tmp_path: Path
) -> None:
    directory, tokens = write_own_model(tmp_path, "tied")
    given = ("--checkpoint", directory, "--tokens", tokens, "--tokens-per-frame", 3)
    arrays = dict(np.load(tokens))
    np.savez(tokens, **arrays, prompt_mask=np.array([[0, 1], [1, 1], [1, 1]]))
    check_refused(run_command(capsys, "predict", *given), ("prompt_mask", "padding"))
    np.savez(tokens, prompt_ids=arrays["prompt_ids"], forced_ids=np.zeros((3, 31), int))
    check_refused(run_command(capsys, "predict", *given), ("33", "at most 32", "position limit"))
    np.savez(tokens, prompt_ids=arrays["prompt_ids"], forced_ids=np.zeros((3, 4), int))
    check_refused(run_command(capsys, "predict", *given), ("tokens of a row", "4", "two frames"))
    np.savez(tokens, prompt_ids=arrays["prompt_ids"], forced_ids=np.full((3, 9), 11))
    check_refused(run_command(capsys, "predict", *given), ("forced_ids", "11", "vocab_size"))


def test_rows_in_which_no_fed_token_may_replay_are_refused(capsys: Capture, tmp_path: Path) -> None:
    directory, tokens = write_own_model(tmp_path, "tied")
    arrays = dict(np.load(tokens))
    np.savez(tokens, prompt_ids=arrays["prompt_ids"], forced_ids=arrays["forced_ids"][:, :2])
    given = ("--checkpoint", directory, "--tokens", tokens, "--tokens-per-frame", 1)
    outcome = run_command(capsys, "predict", *given)
    check_refused(outcome, ("tokens of a row = 2", "at least 3"))
    out = ("--out", tmp_path / "out")
    check_refused(run_command(capsys, "analyze", *given, *out), ("tokens of a row = 2", "at least"))


def test_a_vector_of_one_number_has_lanes(capsys: Capture, tmp_path: Path) -> None:
    config = CONFIG | {"hidden_size": 1, "head_dim": 2, "num_attention_heads": 1}
    config |= {"intermediate_size": 2}
    directory = write_checkpoint(tmp_path / "narrow", config, make_tensors(config))
    report = read_json(capsys, "predict", "--checkpoint", directory)
    assert report["accelerator"]["num_lanes"] == 4


@pytest.mark.parametrize("command", ["trace", "cosim", "prove"])
def test_what_is_read_is_not_replaced(capsys: Capture, tmp_path: Path, command: str) -> None:
    directory, tokens = write_own_model(tmp_path, "tied")
    given = ("--checkpoint", directory, "--tokens", tokens, "--tokens-per-frame", 3)
    for out in (tokens, directory / "config.json"):
        before = out.read_bytes()
        outcome = run_command(capsys, command, *given, "--out", out)
        check_refused(outcome, (str(out), "must not replace what the command reads"))
        assert out.read_bytes() == before
