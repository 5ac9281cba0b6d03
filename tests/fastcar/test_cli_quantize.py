from __future__ import annotations

import json
from pathlib import Path

import pytest

from fastcar.reference.files.int8_checkpoint import load_int8_checkpoint
from tests.checkpoint_files import CONFIG, make_tensors, write_shards
from tests.fastcar.commands import check_refused, list_files, run_command

Capture = pytest.CaptureFixture[str]


def test_a_sharded_checkpoint_becomes_int8(capsys: Capture, tmp_path: Path) -> None:
    write_shards(tmp_path / "float", make_tensors(CONFIG, ("BF16",)))
    out = tmp_path / "deep" / "int8"
    outcome = run_command(
        capsys, "quantize", "--checkpoint", tmp_path / "float", "--out", out, "--json"
    )
    assert (outcome.status, outcome.err) == (0, "")
    num_bytes = sum(path.stat().st_size for path in out.iterdir())
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
