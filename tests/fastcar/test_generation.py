"""A generation computes with the engine that was chosen, and says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastcar.decode_plan import list_decodes
from fastcar.generation import run_generation
from fastcar.reference import engine_choice
from fastcar.reference.engine import NumpyEngine
from fastcar.reference.video.model import load_video_model
from fastcar.request import GenerationRequest
from fastcar.video_sources import get_sources
from tests.fastcar.tiny_video_model import save_tiny_video_model


@pytest.mark.parametrize(
    ("seconds", "name"), [(-1.0, "numba"), (engine_choice.COMPILATION_SECONDS, "numpy")]
)
def test_every_decode_is_computed_by_the_chosen_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, name: str
) -> None:
    """What is asked of the factory; to compile kernels would take a minute here."""
    made: list[str] = []

    def make_engine(asked: str) -> NumpyEngine:
        made.append(asked)
        return NumpyEngine()

    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(engine_choice, "COMPILATION_SECONDS", seconds)
    monkeypatch.setattr("fastcar.request.make_engine", make_engine)
    model = load_video_model(save_tiny_video_model(tmp_path / "model"))
    request = GenerationRequest(
        prompts=("3 up",), frames=2, target_ratio=0.3, closed_loop_runs=0, calibration_clips=1
    )
    done = run_generation(model, request)
    assert made == [name] * len(list_decodes(request, model, get_sources(request, model)))
    assert (done.engine.name, done.request.engine) == (name, "auto")
