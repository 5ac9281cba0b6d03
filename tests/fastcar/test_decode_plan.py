"""The decodes that are planned are those that run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fastcar.decode_plan import list_decodes
from fastcar.generation import run_generation
from fastcar.reference.generate import Prompts
from fastcar.reference.video.model import load_video_model
from fastcar.request import GenerationRequest
from fastcar.video_sources import get_sources
from tests.fastcar.tiny_video_model import save_tiny_video_model


@pytest.mark.parametrize(
    "options",
    [
        {"tau": (0.0,), "repeats": 2},
        {"tau": (0.0,), "guidance": 2.0, "batch": 3},
        {"target_ratio": 0.3, "closed_loop_runs": 0, "calibration_clips": 3},
        {"target_ratio": 0.3, "closed_loop_runs": 1, "calibration_clips": 2, "guidance": 2.0},
        {"adaptive": True},
        {"gate": "random"},
        {"gate": "input", "max_error": (1.0,)},
    ],
)
def test_the_plan_is_what_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    model = load_video_model(save_tiny_video_model(tmp_path))
    settings = {"prompts": ("3 up",), "frames": 2, "repeats": 1, "engine": "numpy", **options}
    request = GenerationRequest(**settings)
    planned = list_decodes(request, model, get_sources(request, model))
    rows: list[int] = []
    steps: set[int] = set()
    get_rows = Prompts.get_rows

    def count_rows(prompts: Prompts, guided: bool) -> Any:
        found = get_rows(prompts, guided)
        rows.append(len(found))
        assert {decode.prompt_tokens for decode in planned} == {found.shape[1]}
        return found

    monkeypatch.setattr(Prompts, "get_rows", count_rows)
    run_generation(model, request, lambda stage, done, total: steps.add(total))
    assert sorted(rows) == sorted(decode.rows for decode in planned)
    assert steps == {decode.steps for decode in planned}
