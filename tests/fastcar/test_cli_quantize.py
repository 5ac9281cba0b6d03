from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fastcar.reference.files.checkpoint import load_checkpoint, save_checkpoint
from fastcar.reference.files.int8_checkpoint import load_int8_checkpoint
from fastcar.reference.video.model import load_video_model
from tests.checkpoint_files import CONFIG, make_tensors, write_shards
from tests.fastcar.commands import QUICK, SPEC, check_refused, list_files, run_command
from tests.fastcar.tiny_video_model import save_tiny_video_model

Capture = pytest.CaptureFixture[str]


def test_a_sharded_checkpoint_becomes_int8(capsys: Capture, tmp_path: Path) -> None:
    write_shards(tmp_path / "float", make_tensors(CONFIG, ("BF16",)))
    out = tmp_path / "deep" / "int8"
    outcome = run_command(
        capsys, "quantize", "--checkpoint", tmp_path / "float", "--out", out, "--json"
    )
    assert (outcome.status, outcome.err) == (0, "")
    num_bytes = sum(path.stat().st_size for path in out.glob("[!.]*"))
    assert json.loads(outcome.out) == {"layers": 2, "bytes": num_bytes}
    config, _ = load_int8_checkpoint(out)
    assert config.num_hidden_layers == 2


def test_the_summary_names_the_directory(capsys: Capture, tmp_path: Path) -> None:
    write_shards(tmp_path / "float", make_tensors(CONFIG))
    outcome = run_command(
        capsys, "quantize", "--checkpoint", tmp_path / "float", "--out", tmp_path / "int8"
    )
    assert outcome.out.startswith("2 layers, 0.0 MB; written to ")


def test_a_directory_in_use_is_refused(capsys: Capture, tmp_path: Path) -> None:
    write_shards(tmp_path / "float", make_tensors(CONFIG))
    before = list_files(tmp_path)
    options = ("--checkpoint", tmp_path / "float", "--out", tmp_path / "float")
    check_refused(run_command(capsys, "quantize", *options), ("float", "empty directory"))
    assert list_files(tmp_path) == before


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda shard: shard[:-1], ("model-00001.safetensors", "bytes")),
        (lambda shard: shard[:-4] + b"\0\0\x80\x7f", ("found inf", "finite")),
    ],
)
def test_a_damaged_shard_leaves_nothing(
    capsys: Capture, tmp_path: Path, damage: object, words: tuple[str, ...]
) -> None:
    write_shards(tmp_path / "float", make_tensors(CONFIG))
    path = tmp_path / "float" / "model-00001.safetensors"
    assert callable(damage)
    path.write_bytes(damage(path.read_bytes()))
    before = list_files(tmp_path)
    options = ("--checkpoint", tmp_path / "float", "--out", tmp_path / "int8")
    check_refused(run_command(capsys, "quantize", *options), words)
    assert list_files(tmp_path) == before


@pytest.fixture
def int8_model(capsys: Capture, tmp_path: Path) -> Path:
    """A tiny video model, quantised by the command."""
    source, out = save_tiny_video_model(tmp_path / "model"), tmp_path / "int8"
    outcome = run_command(capsys, "quantize", "--checkpoint", source, "--out", out)
    assert (outcome.status, outcome.err) == (0, "")
    return out


def test_the_other_files_of_a_video_model_are_copied(tmp_path: Path, int8_model: Path) -> None:
    for name in ("video.json", "codebook.safetensors", "clips.safetensors"):
        assert (int8_model / name).read_bytes() == (tmp_path / "model" / name).read_bytes()
    model, source = load_video_model(int8_model), load_video_model(tmp_path / "model")
    assert model.config == source.config
    gap = model.weights.layers[0].up_proj - source.weights.layers[0].up_proj
    assert 0 < np.abs(gap).max() <= np.abs(source.weights.layers[0].up_proj).max() / 127


def test_a_video_model_without_clips_is_one_too(capsys: Capture, tmp_path: Path) -> None:
    source = save_tiny_video_model(tmp_path / "model")
    (source / "clips.safetensors").unlink()
    run_command(capsys, "quantize", "--checkpoint", source, "--out", tmp_path / "int8")
    assert load_video_model(tmp_path / "int8").codec.num_codes == 12
    assert not (tmp_path / "int8" / "clips.safetensors").exists()


@pytest.mark.parametrize("name", ["video.json", "codebook.safetensors", "clips.safetensors"])
def test_a_broken_video_model_is_refused_before_anything_is_written(
    capsys: Capture, tmp_path: Path, name: str
) -> None:
    source = save_tiny_video_model(tmp_path / "model")
    (source / name).write_bytes((source / name).read_bytes()[:-2])
    outcome = run_command(capsys, "quantize", "--checkpoint", source, "--out", tmp_path / "int8")
    check_refused(outcome, (name,))
    assert not (tmp_path / "int8").exists()


def test_quantised_weights_are_not_quantised_again(
    capsys: Capture, tmp_path: Path, int8_model: Path
) -> None:
    again = run_command(capsys, "quantize", "--checkpoint", int8_model, "--out", tmp_path / "again")
    check_refused(again, ("quantization_config", "must be null"))


COMMANDS = (
    ("generate", "--prompt", "3 up", "--tau", "0", *QUICK, "--out"),
    ("generate", "--continue", "held_out:0", "--calibration-clips", "1", *QUICK, "--out"),
    ("prove", "--statement", "P-04", "--instances", "1", "--processes", "1", "--out"),
)


@pytest.mark.parametrize("arguments", COMMANDS)
def test_commands_read_what_was_written(
    capsys: Capture, tmp_path: Path, int8_model: Path, arguments: tuple[str, ...]
) -> None:
    """Those that are dear, cosim, analyze and export, load it by the same function."""
    out = tmp_path / "out.json"
    outcome = run_command(capsys, *arguments, out, "--checkpoint", int8_model)
    assert outcome.status == 0
    assert all(line.startswith("fastcar: warning: the ") for line in outcome.err.splitlines())
    assert out.exists()


def test_a_trace_is_that_of_the_floats_the_integers_stand_for(
    capsys: Capture, tmp_path: Path, int8_model: Path
) -> None:
    config, weights = load_checkpoint(int8_model)
    floats = tmp_path / "floats"
    save_checkpoint(floats, config, weights)
    prompt_ids, forced_ids = np.array([[1, 2]]), np.array([[3, 4, 5, 6, 7]])
    np.savez(tmp_path / "tokens.npz", prompt_ids=prompt_ids, forced_ids=forced_ids)
    options = ("--tokens", tmp_path / "tokens.npz", "--tokens-per-frame", "2", *SPEC)
    for checkpoint, name in ((int8_model, "int8.npz"), (floats, "floats.npz")):
        arguments = ("trace", "--checkpoint", checkpoint, *options, "--out", tmp_path / name)
        assert run_command(capsys, *arguments).status == 0
    with np.load(tmp_path / "int8.npz") as found, np.load(tmp_path / "floats.npz") as wanted:
        assert np.array_equal(found["logits"], wanted["logits"])
