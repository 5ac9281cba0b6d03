"""Records survive their file, and nothing else is taken for one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastcar.generation import run_generation
from fastcar.reference.errors import CheckpointError
from fastcar.reference.video.model import load_video_model
from fastcar.request import GenerationRequest
from fastcar.run_records import KINDS, RunRecords, make_records, read_records
from tests.fastcar.tiny_video_model import save_tiny_video_model


def draw_records(seed: int = 0) -> RunRecords:
    """Two videos of three frames of four tokens, two layers."""
    rng = np.random.default_rng(seed)
    frames = rng.integers(256, size=(3, 2, 3, 8, 8), dtype=np.uint8)
    shape = (11, 2, 2)
    replayed = rng.random(shape) < 0.3
    measures = np.where(replayed, rng.random(shape), np.nan).astype(np.float32)
    chains = np.where(replayed, 1, 0).astype(np.int32)
    return RunRecords(frames[0], frames[1], frames[2, :, :2], measures, replayed, replayed, chains)


@pytest.mark.parametrize("has_truth", [True, False])
def test_records_survive_their_file(tmp_path: Path, has_truth: bool) -> None:
    records = draw_records()
    if not has_truth:
        records = replace(records, truth_frames=None)
    for name in ("a.npz", "b.npz"):
        records.save(tmp_path / name)
    found = read_records(tmp_path / "a.npz")
    for name in KINDS:
        given, wanted = getattr(found, name), getattr(records, name)
        if wanted is None:
            assert given is None
        else:
            np.testing.assert_array_equal(given, wanted, strict=True)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_records_are_those_of_the_run(tmp_path: Path) -> None:
    model = load_video_model(save_tiny_video_model(tmp_path / "model"))
    request = GenerationRequest(clips=("held_out:0-1",), tau=(0.0,), repeats=1, engine="numpy")
    generation = run_generation(model, request)
    records = make_records(generation)
    record = generation.replay.record
    assert records.replayed.any()
    assert (records.replayed == record.replayed).all()
    assert (records.chains == record.chains).all()
    np.testing.assert_allclose(records.measures, record.measures, rtol=1e-6)
    truth = generation.truth_pixels
    assert truth is not None
    assert records.truth_frames is not None
    assert np.abs(records.dense_frames / 255 - generation.dense_pixels).max() <= 0.5 / 255 + 1e-6
    assert np.abs(records.truth_frames / 255 - truth).max() <= 0.5 / 255 + 1e-6


def write_arrays(path: Path, **changes: Any) -> Path:
    """The drawn records with some arrays changed or, where None, left out."""
    arrays: dict[str, Any] = {**vars(draw_records()), **changes}
    kept = {name: array for name, array in arrays.items() if array is not None}
    np.savez_compressed(path, **kept)
    return path


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"measures": None}, ("measures", "found nothing")),
        ({"dense_frames": np.zeros((2, 3, 8, 8))}, ("dense_frames", "float64", "uint8")),
        ({"replayed": np.zeros((11, 4), bool)}, ("replayed", "(11, 4)", "3 dimensions")),
        ({"chains": np.zeros((11, 2, 3), np.int32)}, ("chains", "(11, 2, 3)", "(11, 2, 2)")),
        ({"replay_frames": np.zeros((2, 2, 8, 8), np.uint8)}, ("replay_frames", "(2, 2, 8, 8)")),
        ({"truth_frames": np.zeros((2, 4, 8, 8), np.uint8)}, ("truth_frames", "(2, 3, 8, 8)")),
        ({"eligible": np.array([{}], object)}, ("records.npz", "allow_pickle")),
    ],
)
def test_other_arrays_are_refused(
    tmp_path: Path, changes: dict[str, Any], words: tuple[str, ...]
) -> None:
    path = write_arrays(tmp_path / "records.npz", **changes)
    with pytest.raises(CheckpointError) as refused:
        read_records(path)
    assert "\n" not in str(refused.value)
    for word in words:
        assert word in str(refused.value)


def test_what_is_no_archive_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "records.npz"
    with pytest.raises(CheckpointError, match="No such file"):
        read_records(path)
    path.write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(CheckpointError, match="npz file of arrays"):
        read_records(path)
    draw_records().save(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(CheckpointError, match="npz file of arrays"):
        read_records(path)
    draw_records().save(path)
    monkeypatch.setattr("fastcar.run_records.MAX_ARRAY_BYTES", 100)
    with pytest.raises(CheckpointError, match="must be at most 100 bytes"):
        read_records(path)
